// The learning-rate map: which rates train which placement, after how many steps.
import { button, checked, clamp, fmt, frame, guess, h, nextId, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { FAR, INITS, LAST, LETTERS, MOMENTS, PAIRS, RATES, ROWS, WARMUPS, aheadOf, and, areCurves, best, cellAt, curveChart, gridOf, ownBest, paintCell, ranges, rateText, rivalOf, runsOf, stepsText, usable, warmupText } from "./learning_rate_map_parts.js";

const SPEC = { // plus `stats`, which is only written
  placement: ["post", oneOf(...ROWS)],
  rate: [1, whole(0, RATES.length - 1)],
  warmup: [100, oneOf(...WARMUPS)],
  steps: [LAST, oneOf(...MOMENTS)],
  init: ["xavier", oneOf(...INITS)],
  metric: ["median", oneOf("median", "worst")],
  tolerance: [0.2, (value, fallback) => Math.round(number(0.05, 0.5)(value, fallback) * 20) / 20],
  mine: [null, checked(areCurves)],
};
const INIT_NAMES = { xavier: "Xavier", gpt2: "GPT-2" };
const QUESTIONS = [
  [
    "Rate 0.001, 100 steps of warm-up. Post-norm is behind pre-norm in every seed after 200 steps. And after 2,000?",
    ["behind", "even", "ahead"], 2,
    "Both learn, and at so small a rate post-norm ends a little lower. Choose fewer steps to see the order turn.",
    { placement: "post", rate: 1, warmup: 100, steps: 2000, init: "xavier" },
  ],
  [
    "Each placement at its own best rate, after 2,000 steps from Xavier's weights. Who is ahead?",
    ["Post", "Pre", "nobody"], 1,
    "Pre-norm bears a larger rate than post-norm, and the larger rate is what wins. Now choose the other start: there post-norm wins.",
    { placement: "pre", rate: 3, warmup: 100, steps: 2000, init: "xavier" },
  ],
  [
    "Post-norm, rate 0.008, no warm-up, 2,000 steps. Does it leave the level of letter frequencies?",
    ["in every seed", "in some seeds", "in none"], 2,
    "Ten times the steps of most demonstrations do not free it.",
    { placement: "post", rate: 4, warmup: 0, steps: 2000, init: "xavier" },
  ],
];


// ---- the maps ----
/** A map for each warm-up, with one chosen cell that clicks and keys move. */
function makeMaps(st) {
  const hint = h("p", { class: "nl-sr", id: nextId() },
    "Arrow keys move to another placement or rate, Page Up and Page Down to the other map.");
  const grids = Object.fromEntries(WARMUPS.map((warmup) => [warmup,
    gridOf(warmup, (placement, rate) => choose({ placement, rate, warmup }))]));
  const box = h("div", {
    class: "maps", role: "group", "aria-label": "Final validation loss", "aria-describedby": hint.id,
    onkeydown: keys,
  }, WARMUPS.map((warmup) => grids[warmup].box));

  function choose(patch) {
    st.set(patch);
    const cell = grids[st.get("warmup")].at[st.get("placement")][st.get("rate")];
    cell.focus({ preventScroll: true });
  }

  function keys(event) {
    const row = ROWS.indexOf(st.get("placement")), map = WARMUPS.indexOf(st.get("warmup"));
    const [down, right, next] = {
      ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
      PageUp: [0, 0, -1], PageDown: [0, 0, 1], Home: [0, -99, 0], End: [0, 99, 0],
    }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    choose({
      placement: ROWS[clamp(row + down, 0, ROWS.length - 1)],
      rate: clamp(st.get("rate") + right, 0, RATES.length - 1),
      warmup: WARMUPS[clamp(map + next, 0, WARMUPS.length - 1)],
    });
  }

  function paint(now) {
    const top = best(now);
    for (const warmup of WARMUPS) {
      for (const placement of ROWS) {
        const good = usable(now, warmup, placement, top);
        grids[warmup].counts[placement].textContent = String(good.length);
        grids[warmup].at[placement].forEach((node, rate) =>
          paintCell(node, faceOf(now, { warmup, placement, rate }, good.includes(rate), top)));
      }
    }
  }
  return { hint, box, paint };
}

/** What a cell of a map shows, in a state of the figure. */
function faceOf(now, { warmup, placement, rate }, good, top) {
  const cell = cellAt({ ...now, warmup, placement, rate }), value = cell[now.metric];
  const paired = placement === now.placement && rate === now.rate, split = cell.apart > FAR;
  return {
    text: fmt(value), share: clamp(1 - (value - top) / WORST, 0, 1),
    split, good, selected: paired && warmup === now.warmup, paired,
    label: `${PLACEMENTS[placement].label}, rate ${rateText(rate)}, ${warmupText(warmup)}: `
      + `loss ${fmt(value)}${good ? ", usable" : ""}${split ? ", seeds far apart" : ""}`,
  };
}
const WORST = 0.7; // nats above the best, where a cell has no color left

// ---- the runs of the chosen cell, those of the other placements, and the reader's own ----
function curvesFor(now) {
  const others = ROWS.filter((placement) => placement !== now.placement);
  const drawn = (placement, kind) => runsOf({ ...now, placement }).map((losses) => (
    { kind, placement, steps: MOMENTS, losses }));
  const mine = (now.mine ?? []).map(({ steps, loss, diverged }) => (
    { kind: "mine", steps, losses: loss, diverged: diverged === true }));
  return [...others.flatMap((one) => drawn(one, "other")), ...mine, ...drawn(now.placement, "live")];
}

function legendFor(now) {
  const stroke = (kind, placement) => h(":svg", { class: "stroke", viewBox: "0 0 26 8", "aria-hidden": "true" },
    h(":path", {
      class: kind, d: "M0 4H26", "stroke-dasharray": placement ? PLACEMENTS[placement].dash : [],
      style: placement && `--line-color: var(--${placement})`,
    }));
  const key = (kind, text, placement) => [stroke(kind, placement), ` ${text} `];
  return [
    `At rate ${rateText(now.rate)}, ${warmupText(now.warmup)}, a line for each seed: `,
    ...ROWS.flatMap((one) => key(one === now.placement ? "live" : "other", PLACEMENTS[one].label, one)),
    ...(now.mine ? key("mine", "yours, ✕ diverged") : []),
  ];
}

// ---- sentences, all of them computed ----
/** The losses of the chosen cell beside what letters, pairs and the best cell give. */
function cellInWords(now) {
  const losses = cellAt(now).losses.map((x) => fmt(x)), { label } = PLACEMENTS[now.placement];
  const seeds = losses.length > 1 ? `the ${losses.length} seeds are at ${and(losses)}` : `its seed is at ${losses}`;
  return [
    h("b", {}, `${label}, rate ${rateText(now.rate)}, ${warmupText(now.warmup)}`),
    `: after ${stepsText(now.steps)} steps ${seeds}. Letter frequencies alone give ${fmt(LETTERS)}, `
      + `pairs of letters ${fmt(PAIRS)}, the best cell ${fmt(best(now))}.`,
  ];
}

/** In how many seeds it is ahead of its rival, at each moment: where the order turns. */
function turnInWords(now) {
  const { ahead, pairs } = aheadOf(now), rival = PLACEMENTS[rivalOf(now.placement)].label;
  const told = MOMENTS.map((steps, i) => `${ahead[i]} after ${stepsText(steps)}`);
  return [
    h("b", {}, `Lower than ${rival}`), ` at this rate and warm-up: in ${told[0]} steps, `
      + `${told.slice(1).join(", ")}; of ${pairs} ${pairs === 1 ? "seed" : "seeds"}.`,
  ];
}

/** Every placement where it is best, the best first. */
function bestInWords(now) {
  const found = ROWS.map((placement) => ({ placement, ...ownBest(now, placement) }));
  const told = found.sort((a, b) => a.median - b.median).map(({ placement, median, rate, warmup }) =>
    `${PLACEMENTS[placement].label} ${fmt(median)} (rate ${rateText(rate)}, ${warmupText(warmup)})`);
  return [h("b", {}, "Each at its own best"), ` after ${stepsText(now.steps)} steps, medians: ${told.join(", ")}.`];
}

/** How many rates its placement can use. */
function rangeInWords(now) {
  const counts = WARMUPS.flatMap((warmup, i) => {
    const good = usable(now, warmup, now.placement);
    const which = good.length ? ` (${ranges(good)})` : "";
    const count = h("b", {}, `${good.length} of ${RATES.length}`);
    return [i ? ", " : "", count, ` with ${warmupText(warmup)}${which}`];
  });
  return [`Usable rates for ${PLACEMENTS[now.placement].label}: `, ...counts, "."];
}

function mineInWords(mine) {
  return (mine ?? []).map((one) => {
    const end = one.diverged === true ? "diverged" : `ended at a loss of ${fmt(one.loss.at(-1))}`;
    return `${String(one.label || "Yours").slice(0, 40)}: ${end}, step ${one.steps.at(-1)}.`;
  }).join(" ");
}

/** The numbers behind the sentences, for Python. */
function stats(now) {
  const { losses, median, worst } = cellAt(now), top = best(now);
  return {
    losses, median, worst, best: top, ...aheadOf(now),
    own_best: Object.fromEntries(ROWS.map((placement) => {
      const found = ownBest(now, placement);
      return [placement, { ...found, rate: RATES[found.rate] }];
    })),
    usable: Object.fromEntries(ROWS.map((placement) => [placement, WARMUPS.map((warmup) =>
      usable(now, warmup, placement, top).map((rate) => RATES[rate]))])),
  };
}

// ---- the figure ----
const keyToCells = () => h("p", { class: "nl-note key" },
  "Numbers: validation loss, less is better. ",
  h("i", { class: "cell usable swatch" }), " usable; ✓ how many of a row are ",
  h("i", { class: "cell split swatch" }),
  ` seeds more than ${FAR} apart: there an outcome is chance, and for post-norm even rounding decides it`);
const ORIGIN = `Measured with normlib.gpt: ${DATA.n_layer} blocks, width ${DATA.width}, Adam, a rate that falls `
  + `along a cosine over ${stepsText(LAST)} steps. Fewer steps are the same runs on their way, not runs of their own.`;

function render({ model, el }) {
  const [root, unframe] = frame(el, "rates", CSS, "Learning-rate map: which rates train which placement, after how many steps");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let width = 0, drawn = "";

  const set = (name) => (value) => st.set({ [name]: value });
  const steps = radios("Steps", MOMENTS.map((n) => [n, stepsText(n)]), set("steps"));
  const init = radios("Start", INITS.map((name) => [name, INIT_NAMES[name]]), set("init"));
  const metric = radios("Cells show", [["median", "median"], ["worst", "worst seed"]], set("metric"));
  const tolerance = slider("Usable: every seed within", { min: 0.05, max: 0.5, step: 0.05 }, set("tolerance"));
  const maps = makeMaps(st), chart = curveChart();
  const says = { cell: cellInWords, turn: turnInWords, best: bestInWords, range: rangeInWords };
  const told = Object.keys(says).map((name) => h("p", { class: "says-" + name }));
  const legend = h("p", { class: "nl-note legend" }), own = h("p", { class: "nl-note mine-says" });
  const quiz = guess(QUESTIONS, (state) => {
    st.set(state);
    cover();
  });
  const reset = button("Reset", () => {
    quiz.stop();
    cover();
    st.reset();
  });
  quiz.button.addEventListener("click", cover); // after the quiz's own listener
  root.append(maps.hint, h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, steps, init, metric, tolerance),
    quiz.box, maps.box, keyToCells(),
    h("div", { class: "nl-says" }, told), legend, chart.view, own,
    h("p", { class: "nl-note" }, ORIGIN),
    h("div", { class: "nl-bar" }, quiz.button, reset,
      h("span", { class: "nl-note" }, "Click a cell or use the arrow keys."))));

  /** While a question is open the maps do not give the answer away. */
  function cover() {
    const asking = quiz.button.textContent === "Stop guessing";
    root.classList.toggle("asking", asking);
    maps.box.inert = asking;
  }

  function update() {
    const now = st.all();
    steps.pick(now.steps);
    init.pick(now.init);
    metric.pick(now.metric);
    tolerance.show(now.tolerance, `${fmt(now.tolerance)} of best`);
    maps.paint(now);
    Object.values(says).forEach((words, i) => told[i].replaceChildren(...words(now)));
    own.hidden = !now.mine;
    own.textContent = mineInWords(now.mine);
    const key = JSON.stringify([now.placement, now.rate, now.warmup, now.steps, now.init, now.mine, width]);
    if (width && key !== drawn) {
      chart.draw(curvesFor(now), width, now.steps);
      legend.replaceChildren(...legendFor(now));
      drawn = key;
    }
    report(stats(now));
    say([...told, own].map((node) => node.textContent).join(" ").trim());
  }

  const unwatch = onWidth(chart.view, (to) => {
    width = to;
    update();
  });
  update();
  return () => {
    report.stop();
    unwatch();
    st.off();
    unframe();
  };
}

export default { render, address: ["placement", "rate", "warmup", "steps", "init", "metric", "tolerance"] };
