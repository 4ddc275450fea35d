// The learning-rate map: which rates train which placement, after how many steps.
import { button, checked, clamp, flag, fmt, folded, frame, guess, h, nextId, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { gridOf, growth, paintCells } from "./learning_rate_map_cells.js";
import { FAR, INITS, LAST, LETTERS, MOMENTS, PAIRS, RATES, ROWS, WARMUPS, aheadOf, and, areCurves, best, cellAt, curveChart, ownBest, raceOf, ranges, rateText, rivalOf, runsOf, spark, stepsText, usable, warmupText } from "./learning_rate_map_parts.js";

const SPEC = { // plus `stats`, which is only written
  placement: ["post", oneOf(...ROWS)],
  rate: [1, whole(0, RATES.length - 1)],
  warmup: [100, oneOf(...WARMUPS)],
  steps: [LAST, oneOf(...MOMENTS)],
  init: ["xavier", oneOf(...INITS)],
  opened: [false, flag()],
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


// ---- the map, and the cell that opens ----
/** The map, with one chosen cell that clicks and keys move; open() and close() say what to do with it. */
function makeMap(st) {
  const hint = h("p", { class: "nl-sr", id: nextId() },
    "Arrow keys move to another placement or rate, Page Up and Page Down to another warm-up, Enter opens the cell.");
  const { box, at } = gridOf((placement, rate) => st.set({ placement, rate, opened: true }));
  box.setAttribute("aria-describedby", hint.id);
  box.addEventListener("keydown", keys);
  const cell = () => at[st.get("placement")][st.get("rate")].node;
  const focus = () => cell().focus({ preventScroll: true });

  function keys(event) {
    const row = ROWS.indexOf(st.get("placement")), map = WARMUPS.indexOf(st.get("warmup"));
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return st.set({ opened: true });
    }
    const [down, right, next] = {
      ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
      PageUp: [0, 0, -1], PageDown: [0, 0, 1], Home: [0, -99, 0], End: [0, 99, 0],
    }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    st.set({
      placement: ROWS[clamp(row + down, 0, ROWS.length - 1)],
      rate: clamp(st.get("rate") + right, 0, RATES.length - 1),
      warmup: WARMUPS[clamp(map + next, 0, WARMUPS.length - 1)],
    });
    focus();
  }

  function paint(now) {
    const top = best(now);
    box.setAttribute("aria-label", `Validation loss after ${stepsText(now.steps)} steps, ${warmupText(now.warmup)}`);
    paintCells(at, now, Object.fromEntries(ROWS.map((one) => [one, usable(now, now.warmup, one, top)])), top, FAR);
  }
  return { hint, box, cell, focus, paint };
}

/** A cell that is open: its curves beside those of the others, and the way to the race. */
function makeOpen(close, inPage) {
  const title = h("b"), chart = curveChart(), turn = h("p", { class: "turn" }), own = h("p", { class: "mine-says" });
  const back = button("Back", close), race = h("a", { class: "nl-btn on race", hidden: !inPage }, "Train this");
  const box = h("div", { class: "open nl-answer", role: "group", "aria-label": "The runs of a cell", hidden: true,
    onkeydown: (event) => event.key === "Escape" && close() },
    h("p", { class: "nl-bar" }, title, back, race), chart.view, turn, own);
  function show(now) {
    title.textContent = `${PLACEMENTS[now.placement].label}, rate ${rateText(now.rate)}`;
    turn.replaceChildren(...turnInWords(now));
    own.hidden = !now.mine;
    own.textContent = mineInWords(now.mine);
    const place = document.querySelector('.normlib-figure[data-figure="TrainingRace"]') ? "" : "figures.html";
    race.href = `${place}#TrainingRace?arms=${encodeURIComponent(JSON.stringify(raceOf(now)))}&size=chapter`;
  }
  /** Draw the chart; tells where in the box its picture is. */
  function draw(now, width) {
    const ends = ROWS.map((placement) => ({ placement, name: PLACEMENTS[placement].label, loss: cellAt({ ...now, placement, steps: LAST }).median }));
    const inside = chart.draw(curvesFor(now), ends, width, width < 480 ? 230 : 268, now.steps);
    return { ...inside, top: inside.top + chart.view.getBoundingClientRect().top - box.getBoundingClientRect().top };
  }
  return { box, back, show, draw, spoken: () => `${turn.textContent} ${own.textContent}`.trim() };
}

// ---- the runs of the chosen cell, those of the other placements, and the reader's own ----
function curvesFor(now) {
  const others = ROWS.filter((placement) => placement !== now.placement);
  const drawn = (placement, kind) => runsOf({ ...now, placement }).map((losses) => (
    { kind, placement, steps: MOMENTS, losses }));
  const mine = (now.mine ?? []).map(({ steps, loss, diverged }) => (
    { kind: "mine", steps, losses: loss, diverged: diverged === true }));
  return [...others.flatMap((one) => drawn(one, "other")), ...mine, ...drawn(now.placement, "live")];
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
    h("b", {}, `Lower than ${rival}`), ` in ${ahead[0]} of ${pairs} ${pairs === 1 ? "seed" : "seeds"} after ${MOMENTS[0]} steps, `
      + `${told.slice(1).join(", ")}.`,
  ];
}

/** The conclusion: every placement where it is best in this map, the best first. */
function leadInWords(now) {
  const ends = ROWS.map((placement) => ({ placement, low: Math.min(...RATES.map((_, rate) =>
    cellAt({ ...now, placement, rate })[now.metric])) })).sort((a, b) => a.low - b.low);
  return `Best: ${ends.map(({ placement, low }) => `${PLACEMENTS[placement].label}\u00a0${fmt(low)}`).join(", ")}.`;
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
  "Numbers: validation loss; in a cell its runs on their way. A ring: the best of its row; bold: the lowest of its column; ",
  h("i", { class: "cell usable swatch" }), " usable; ", h("i", { class: "cell split swatch" }),
  ` seeds more than ${FAR} apart: there an outcome is chance, and for post-norm even rounding decides it.`);
const ORIGIN = `Measured with normlib.gpt: ${DATA.n_layer} blocks, width ${DATA.width}, Adam, a rate that falls `
  + `along a cosine over ${stepsText(LAST)} steps. Fewer steps are the same runs on their way, not runs of their own.`;

/** All controls, and how they show a state. */
function makeControls(st) {
  const set = (name) => (value) => st.set({ [name]: value });
  const steps = slider("Steps", { min: 0, max: MOMENTS.length - 1, step: 1 }, (i) => st.set({ steps: MOMENTS[i] }));
  const warmup = radios("Warm-up", WARMUPS.map((n) => [n, String(n)]), (value) => st.set({ warmup: +value }));
  const init = radios("Start", INITS.map((name) => [name, INIT_NAMES[name]]), set("init"));
  const metric = radios("Cells show", [["median", "median"], ["worst", "worst seed"]], set("metric"));
  const tolerance = slider("Usable: every seed within", { min: 0.05, max: 0.5, step: 0.05 }, set("tolerance"));
  function show(now) {
    steps.show(MOMENTS.indexOf(now.steps), stepsText(now.steps));
    for (const [name, box] of Object.entries({ warmup, init, metric })) box.pick(now[name]);
    tolerance.show(now.tolerance, `${fmt(now.tolerance)} of best`);
  }
  return { steps, warmup, init, metric, tolerance, show };
}

/** Everything in its place. */
const layOut = ({ controls, map, open, grow, says, told, quiz, reset }) => h("div", { class: "nl-box" },
  h("p", { class: "lead" }, h("b", {}, "Drag the steps; click a cell.")),
  h("div", { class: "nl-bar" }, controls.steps, controls.warmup),
  quiz.box, h("div", { class: "map" }, map.box, open.box, grow.box), says,
  h("div", { class: "nl-bar" }, quiz.button, reset),
  folded(h("div", { class: "nl-bar" }, controls.init, controls.metric, controls.tolerance),
    h("div", { class: "nl-answer" }, told), keyToCells(), h("p", { class: "nl-note" }, ORIGIN)));

function render({ model, el }) {
  const [root, unframe] = frame(el, "rates", CSS, "Learning-rate map: which rates train which placement, after how many steps");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let width = 0, shown = false, wasOpen = false, asked = "";

  const controls = makeControls(st), map = makeMap(st), grow = growth();
  const open = makeOpen(() => st.set({ opened: false }), "figure" in el.dataset);
  const says = h("p", { class: "nl-says nl-answer" });
  const details = { cell: cellInWords, best: bestInWords, range: rangeInWords };
  const told = Object.keys(details).map((name) => h("p", { class: "says-" + name }));
  const quiz = guess(QUESTIONS, (state) => st.set({ ...state, opened: false }), (question) => {
    asked = question;
    map.box.inert = open.box.inert = question !== "";
    update();
  });
  const reset = button("Reset", () => {
    quiz.stop();
    st.reset();
  });
  root.append(map.hint, layOut({ controls, map, open, grow, says, told, quiz, reset }));

  /** Let the chosen cell become its chart, or the chart the cell; what opens with the page does not move. */
  function morph(now, moving) {
    const cell = map.cell(), at = root.querySelector(".map").getBoundingClientRect(), from = cell.getBoundingClientRect();
    const small = { left: from.left - at.left, top: from.top - at.top, width: from.width, height: from.height };
    const held = root.getRootNode().activeElement;
    open.box.hidden = false; // to know where its chart will be
    const large = open.draw(now, width), line = spark(runsOf(now), LAST);
    open.box.hidden = !now.opened;
    map.box.inert = now.opened;
    const done = () => {
      root.classList.remove("growing");
      map.box.classList.toggle("behind", now.opened);
      if (map.box.contains(held) && now.opened) open.back.focus({ preventScroll: true });
      if (open.box.contains(held) && !now.opened) map.focus();
    };
    if (!moving) return done();
    root.classList.add("growing");
    map.box.classList.remove("behind");
    grow.go(...(now.opened ? [small, large] : [large, small]), line, now.placement, done);
  }

  function update() {
    const now = st.all();
    controls.show(now);
    map.paint(now);
    says.textContent = leadInWords(now);
    Object.values(details).forEach((words, i) => told[i].replaceChildren(...words(now)));
    open.show(now);
    if (width && wasOpen !== now.opened) {
      wasOpen = now.opened;
      morph(now, shown);
    } else if (width && now.opened) open.draw(now, width);
    shown = width > 0;
    report(stats(now));
    say(asked || `${said()} ${says.textContent} ${open.spoken()}`);
  }
  const said = () => told.map((node) => node.textContent).join(" ");

  const unwatch = onWidth(map.box.parentNode, (to) => {
    width = to;
    update();
  });
  update();
  return () => {
    grow.stop();
    report.stop();
    unwatch();
    st.off();
    unframe();
  };
}

export default { render, address: ["placement", "rate", "warmup", "steps", "opened", "init", "metric", "tolerance"] };
