// The learning-rate map: which rates train which placement, without and with warm-up.
import { button, checked, clamp, fmt, frame, guess, h, nextId, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { BEST, DEPTHS, RATES, ROWS, SEEDS, UNIGRAM, WARMUPS, and, areCurves, curveChart, curvesOf, ending, gridOf, lossText, lossesOf, paintCell, ranges, rateText, summary, usable, warmupText } from "./learning_rate_map_parts.js";

const SPEC = { // plus `stats`, which is only written
  placement: ["post", oneOf(...ROWS)],
  rate: [2, whole(0, RATES.length - 1)],
  warmup: [0, oneOf(...WARMUPS)],
  depth: [6, oneOf(...DEPTHS)],
  metric: ["mean", oneOf("mean", "worst")],
  tolerance: [0.3, (value, fallback) => Math.round(number(0.1, 0.9)(value, fallback) * 20) / 20],
  mine: [null, checked(areCurves)],
};
const QUESTIONS = [
  [
    "Post-norm, 6 blocks, no warm-up. Which of these learning rates still trains all three seeds?",
    ["0.001", "0.008", "0.064"], 0,
    "Above it the loss stays where letter frequencies alone would bring it.",
    { placement: "post", rate: 1, warmup: 0, depth: 6 },
  ],
  [
    "Post-norm again, 12 blocks, with 100 steps of warm-up. Which rate is usable?",
    ["0.0003", "0.002", "none of the eight"], 2,
    "In these 200 steps warm-up is not enough for 12 blocks of post-norm.",
    { placement: "post", rate: 0, warmup: 100, depth: 12 },
  ],
  [
    "6 blocks, no warm-up. Which of these accepts the widest range of rates?",
    ["Pre", "Peri", "DeepNorm"], 1,
    "What peri-norm adds to the stream has a fixed size, however large the weights become.",
    { placement: "peri", rate: 7, warmup: 0, depth: 6 },
  ],
];


// ---- the two maps ----
/** Both maps, with one chosen cell that clicks and keys move. */
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
    for (const warmup of WARMUPS) {
      for (const placement of ROWS) {
        const good = usable(now.depth, warmup, placement, now.tolerance);
        grids[warmup].counts[placement].textContent = String(good.length);
        grids[warmup].at[placement].forEach((node, rate) =>
          paintCell(node, cellOf(now, { warmup, placement, rate }, good.includes(rate))));
      }
    }
  }
  return { hint, box, paint };
}

/** What a cell of a map shows, in a state of the figure. */
function cellOf(now, { warmup, placement, rate }, good) {
  const losses = lossesOf(now.depth, warmup, placement, rate);
  const { diverged, ...values } = summary(losses);
  const value = diverged ? NaN : values[now.metric];
  const paired = placement === now.placement && rate === now.rate;
  return {
    text: diverged ? `✕${diverged}` : lossText(value),
    share: diverged ? 0 : clamp((UNIGRAM - value) / (UNIGRAM - BEST[now.depth]), 0, 1),
    diverged, good, selected: paired && warmup === now.warmup, paired,
    label: `${PLACEMENTS[placement].label}, rate ${rateText(rate)}, ${warmupText(warmup)}: `
      + (diverged ? ending(losses) : `loss ${lossText(value)}`) + (good ? ", usable" : ""),
  };
}

// ---- the curves of the chosen cell, of its neighbors, and the reader's own ----
/** The groups of curves, the chosen cell's in front, and the last step. */
function curvesFor(now) {
  const group = (rate, kind) => (rate < 0 || rate >= RATES.length ? [] : [{
    kind, steps: DATA.curve_steps,
    curves: curvesOf(now.depth, now.warmup, now.placement, rate).map((losses, seed) => ({
      losses, diverged: lossesOf(now.depth, now.warmup, now.placement, rate)[seed] === null,
    })),
  }]);
  const mine = (now.mine ?? []).map((one) => (
    { kind: "mine", steps: one.steps, curves: [{ losses: one.loss, diverged: one.diverged === true }] }));
  const last = Math.max(DATA.steps, ...(now.mine ?? []).map((one) => one.steps.at(-1)));
  const beside = [...group(now.rate - 1, "lower"), ...group(now.rate + 1, "higher")];
  return [[...beside, ...mine, ...group(now.rate, "live")], last];
}

function legendFor(now) {
  const stroke = (kind) => h(":svg", { class: "stroke", viewBox: "0 0 26 8", "aria-hidden": "true" },
    h(":path", { class: kind, d: "M0 4H26" }));
  const key = (kind, text) => [stroke(kind), text];
  return [
    ...key("live", ` rate ${rateText(now.rate)}, ${SEEDS} seeds `),
    ...(now.rate > 0 ? key("lower", ` ${rateText(now.rate - 1)} `) : []),
    ...(now.rate < RATES.length - 1 ? key("higher", ` ${rateText(now.rate + 1)} `) : []),
    ...(now.mine ? key("mine", " yours ") : []),
    ...key("level", ` letter frequencies alone: ${fmt(UNIGRAM)}`), "\u2003✕ diverged",
  ];
}

// ---- sentences, all of them computed ----
/** How the chosen cell ended, with its warm-up and with the other one. */
function cellInWords(now) {
  const other = WARMUPS.find((warmup) => warmup !== now.warmup);
  const end = (warmup) => ending(lossesOf(now.depth, warmup, now.placement, now.rate));
  const name = PLACEMENTS[now.placement].label;
  return [
    h("b", {}, `${name}, rate ${rateText(now.rate)}, ${warmupText(now.warmup)}`),
    `: ${end(now.warmup)}. With ${warmupText(other)} ${end(other)}. `
      + `Letter frequencies alone give ${fmt(UNIGRAM)}, the best cell ${lossText(BEST[now.depth])}.`,
  ];
}

/** How many rates its placement can use, and which placements can use most. */
function rangeInWords(now) {
  const counts = WARMUPS.flatMap((warmup, i) => {
    const good = usable(now.depth, warmup, now.placement, now.tolerance);
    const which = good.length ? ` (${ranges(good)})` : "";
    const count = h("b", {}, `${good.length} of ${RATES.length}`);
    return [i ? ", " : "", count, ` with ${warmupText(warmup)}${which}`];
  });
  const sizes = ROWS.map((row) => usable(now.depth, now.warmup, row, now.tolerance).length);
  const most = Math.max(...sizes);
  const widest = and(ROWS.filter((_, i) => sizes[i] === most).map((row) => PLACEMENTS[row].label));
  return [
    `Usable rates for ${PLACEMENTS[now.placement].label}, ${now.depth} blocks: `, ...counts, ". ",
    most ? `Most with ${warmupText(now.warmup)}: ${widest} (${most}).` : "",
  ];
}

function mineInWords(mine) {
  return (mine ?? []).map((one) => {
    const end = one.diverged === true ? "diverged" : `ended at a loss of ${lossText(one.loss.at(-1))}`;
    return `${String(one.label || "Yours").slice(0, 40)}: ${end}, step ${one.steps.at(-1)}.`;
  }).join(" ");
}

/** The numbers behind the sentences, for Python. */
function stats(now) {
  const losses = lossesOf(now.depth, now.warmup, now.placement, now.rate);
  return {
    losses, ...summary(losses), best: BEST[now.depth],
    usable: Object.fromEntries(ROWS.map((placement) => [placement, WARMUPS.map((warmup) =>
      usable(now.depth, warmup, placement, now.tolerance).map((rate) => RATES[rate]))])),
  };
}

// ---- the figure ----
const keyToCells = () => h("p", { class: "nl-note key" },
  "Numbers: validation loss after ", String(DATA.steps), " steps, less is better. ",
  h("i", { class: "cell usable swatch" }), " usable ",
  h("i", { class: "cell diverged swatch" }), ` ✕2 means that 2 of ${SEEDS} seeds diverged`);
const ORIGIN = `Measured with normlib.gpt: width ${DATA.width}, Xavier start, Adam, ${SEEDS} seeds. `
  + `With ${warmupText(WARMUPS.at(-1))} the rate is below its value for as many of the `
  + `${DATA.steps} steps.`;

function render({ model, el }) {
  const [root, unframe] = frame(el, "rates", CSS, "Learning-rate map: which rates train which placement");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let width = 0, drawn = "";

  const set = (name) => (value) => st.set({ [name]: value });
  const depth = radios("Blocks", DEPTHS.map((n) => [n, String(n)]), set("depth"));
  const metric = radios("Cells show", [["mean", "mean"], ["worst", "worst seed"]], set("metric"));
  const tolerance = slider("Usable: every seed within", { min: 0.1, max: 0.9, step: 0.05 }, set("tolerance"));
  const maps = makeMaps(st), chart = curveChart();
  const here = h("p", { class: "here" }), range = h("p", {});
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
    h("div", { class: "nl-bar" }, depth, metric, tolerance),
    quiz.box, maps.box, keyToCells(),
    h("div", { class: "nl-says" }, here, range), legend, chart.view, own,
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
    depth.pick(now.depth);
    metric.pick(now.metric);
    tolerance.show(now.tolerance, `${fmt(now.tolerance)} of best`);
    maps.paint(now);
    here.replaceChildren(...cellInWords(now));
    range.replaceChildren(...rangeInWords(now));
    own.hidden = !now.mine;
    own.textContent = mineInWords(now.mine);
    const key = JSON.stringify([now.placement, now.rate, now.warmup, now.depth, now.mine, width]);
    if (width && key !== drawn) {
      const [groups, last] = curvesFor(now);
      chart.draw(groups, width, last);
      legend.replaceChildren(...legendFor(now));
      drawn = key;
    }
    report(stats(now));
    say([here, range, own].map((node) => node.textContent).join(" ").trim());
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

export default { render, address: ["placement", "rate", "warmup", "depth", "metric", "tolerance"] };
