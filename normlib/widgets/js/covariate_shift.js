// Internal covariate shift on trial: four networks learn digits, and nobody asks the same question.
import { attr, button, bytes, calm, fmt, frame, guess, h, oneOf, path, perFrame, radios, scale, slider, speaker, store, whole } from "./core.js";

const NORMS = {
  none: { name: "No norm", dash: "" },
  batch: { name: "Batch norm", dash: "" },
  noisy_batch: { name: "Noisy batch norm", dash: "7 3" },
  layer: { name: "LayerNorm", dash: "2 3" },
};
const MEASURES = {
  drift: {
    name: "Drift",
    title: "Drift of a unit’s mean in five steps, in standard deviations",
    of: (norm, layer) => norm.layers.drift_mean.map((row) => row[layer]),
    range: [3e-4, 1],
    ticks: [1e-3, 1e-2, 1e-1, 1],
    log: true,
  },
  gradient: {
    name: "Gradient change",
    title: "Change of a layer’s gradient when the layers below step",
    of: (norm, layer) => norm.layers.gradient_shift.map((row) => row[layer]),
    range: [0, 1.8],
    ticks: [0, 0.5, 1, 1.5],
    log: false,
  },
  loss_range: {
    name: "Loss range",
    title: "Range of the loss along the gradient, in nats",
    of: (norm) => norm.curves.loss_range,
    range: [3e-3, 30],
    ticks: [1e-2, 1e-1, 1, 10],
    log: true,
  },
};
const STEPS = DATA.steps;
const LAYERS = 8;
const BINS = DATA.edges.length - 1;
const LAST = STEPS[STEPS.length - 1];
const SPEC = {
  step: [30, whole(0, LAST)],
  layer: [5, whole(1, LAYERS)],
  measure: ["drift", oneOf(...Object.keys(MEASURES))],
};
const QUESTIONS = [
  ["Noise is added after batch norm until its units drift more than without any norm. What becomes of the test accuracy?",
    ["it falls to chance", "it stays about the same", "the network cannot be trained"], 1,
    "Drift comes back, worse than in the network without a norm, and at the end the network is as good as that one. So drift alone does not stop it.",
    { measure: "drift", step: LAST }],
  ["Batch norm makes something smaller besides the drift, noise or not. What?",
    ["the range of the loss along the gradient", "the number of steps it needs at any rate", "the change of the gradient, always"], 0,
    "The landscape along a step is flatter with batch norm. That is what Santurkar et al. (2018) propose instead of drift.",
    { measure: "loss_range", step: 10 }],
  ["How much smaller is the change of a gradient by the layers below, the second reading of the slogan, with batch norm?",
    ["hundreds of times, like the drift", "ten times", "less than twice"], 2,
    "The two readings of “internal covariate shift” do not agree, so the words alone explain nothing.",
    { measure: "gradient", step: 50 }],
];

/** Histograms of a norm as rows of counts: at(moment, layer) → BINS numbers. */
function histograms(norm) {
  const counts = bytes(DATA.norms[norm].histograms);
  return (moment, layer) => {
    const from = (moment * LAYERS + layer) * BINS;
    return counts.subarray(from, from + BINS);
  };
}

/** The value below which a share of the counts lies, even within a bin. */
function percentile(counts, edges, share) {
  let below = share * counts.reduce((a, b) => a + b, 0);
  for (let i = 0; i < counts.length; i++) {
    if (below <= counts[i] && counts[i]) return edges[i] + (below / counts[i]) * (edges[i + 1] - edges[i]);
    below -= counts[i];
  }
  return edges[edges.length - 1];
}

/** The moment, an index into STEPS, that is nearest to a step. */
function momentOf(step) {
  let best = 0;
  for (let i = 1; i < STEPS.length; i++) if (Math.abs(STEPS[i] - step) < Math.abs(STEPS[best] - step)) best = i;
  return best;
}

/** The mean over training, by the trapezoid rule, because moments are denser at first. */
function overTraining(values) {
  let sum = 0;
  for (let i = 1; i < STEPS.length; i++) sum += ((values[i] + values[i - 1]) / 2) * (STEPS[i] - STEPS[i - 1]);
  return sum / LAST;
}

const sqrtScale = (from, to) => (step) => from + Math.sqrt(step / LAST) * (to - from);

/** One network: percentiles over training, and on the same axis the distribution now. */
function panel(norm) {
  const read = histograms(norm);
  const W = 166, H = 150, left = 22, right = 118, top = 6, bottom = 126;
  const x = sqrtScale(left, right);
  const y = scale([-6, 6], [bottom, top]);
  const svg = h(":svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true" });
  for (const value of [-4, 0, 4]) {
    svg.append(
      h(":line", { class: "grid", x1: left, x2: W - 4, y1: y(value), y2: y(value) }),
      h(":text", { class: "mute", x: left - 4, y: y(value) + 4, "text-anchor": "end" }, fmt(value, 0)));
  }
  for (const step of [0, 100, LAST]) {
    svg.append(h(":text", { class: "mute", x: x(step), y: H - 8, "text-anchor": "middle" }, String(step)));
  }
  svg.append(h(":text", { class: "mute", x: (right + W) / 2 + 4, y: H - 8, "text-anchor": "middle" }, "now"));
  const band = h(":path", { class: "band" }), middle = h(":path", { class: "line" });
  const cursor = h(":line", { class: "cursor", y1: top, y2: bottom });
  const now = h(":path", { class: "now" }), still = h(":path", { class: "start" });
  svg.append(band, middle, still, now, cursor);
  const box = h("div", { class: "panel " + norm }, h("p", {}, swatch(norm), NORMS[norm].name), svg);

  /** Outline of a histogram, bars to the right. */
  function outline(counts) {
    const size = 38 / 125; // half of the images in one bin fill the width
    let d = `M${right + 6} ${y(DATA.edges[0])}`;
    for (let i = 0; i < BINS; i++) {
      const reach = (right + 6 + Math.min(counts[i] * size, 40)).toFixed(1);
      d += `H${reach}V${y(DATA.edges[i + 1]).toFixed(1)}`;
    }
    return d + `H${right + 6}`;
  }
  return {
    box,
    drawLayer(layer) {
      const rows = STEPS.map((_, moment) => [0.15, 0.5, 0.85].map((p) => percentile(read(moment, layer), DATA.edges, p)));
      const xs = STEPS.map(x);
      const [low, mid, high] = [0, 1, 2].map((k) => rows.map((row) => y(row[k])));
      attr(band, { d: path([...xs, ...xs.toReversed()], [...low, ...high.toReversed()]) + "Z" });
      attr(middle, { d: path(xs, mid) });
      attr(still, { d: outline(read(0, layer)) });
    },
    drawMoment(moment, layer) {
      attr(cursor, { x1: x(STEPS[moment]), x2: x(STEPS[moment]) });
      attr(now, { d: outline(read(moment, layer)) });
    },
    middleOf: (moment, layer) => percentile(read(moment, layer), DATA.edges, 0.5),
  };
}

const swatch = (norm) => h(":svg", { class: "swatch " + norm, viewBox: "0 0 22 8", "aria-hidden": "true" },
  h(":line", { x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": NORMS[norm].dash }));

/** Four curves over training on one pair of axes, with a cursor. */
function chart() {
  const W = 350, H = 190, left = 40, right = 342, top = 8, bottom = 150;
  const x = sqrtScale(left, right);
  const svg = h(":svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true" });
  const axes = h(":g"), cursor = h(":line", { class: "cursor", y1: top, y2: bottom });
  const lines = {};
  svg.append(axes);
  for (const norm in NORMS) svg.append((lines[norm] = h(":path", { class: "line " + norm, "stroke-dasharray": NORMS[norm].dash })));
  svg.append(cursor);
  const title = h("p", { class: "title" });
  return {
    box: h("div", {}, title, svg),
    draw(heading, { range, ticks, log }, curves) {
      const y = scale(range, [bottom, top], log);
      title.textContent = heading;
      axes.replaceChildren(
        ...ticks.flatMap((tick) => [
          h(":line", { class: "grid", x1: left, x2: right, y1: y(tick), y2: y(tick) }),
          h(":text", { class: "mute", x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, tick < 1 ? String(tick) : fmt(tick, tick % 1 ? 1 : 0))]),
        ...[0, 10, 50, 100, 200, LAST].map((step) =>
          h(":text", { class: "mute", x: x(step), y: bottom + 18, "text-anchor": "middle" }, String(step))),
        h(":text", { class: "mute", x: right, y: bottom + 35, "text-anchor": "end" }, "step of training"));
      for (const norm in NORMS) {
        const ys = curves[norm].map((value) => (value == null || (log && value <= 0) ? NaN : y(value)));
        attr(lines[norm], { d: path(STEPS.map(x), ys) });
      }
    },
    move: (moment) => attr(cursor, { x1: x(STEPS[moment]), x2: x(STEPS[moment]) }),
  };
}

/** All measures of one moment, one row per network; also what a screen reader reads. */
function table() {
  const columns = ["test loss", "test accuracy", "drift", "gradient change", "loss range"];
  const cells = {};
  const rows = Object.keys(NORMS).map((norm) => {
    cells[norm] = columns.map(() => h("td"));
    return h("tr", { class: norm }, h("th", { scope: "row" }, swatch(norm), NORMS[norm].name), cells[norm]);
  });
  const heads = columns.map((column) => h("th", { scope: "col" }, column));
  const caption = h("caption");
  const box = h("table", {}, caption, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "network"), heads)), h("tbody", {}, rows));
  return {
    box,
    show(text, stats, measure) {
      caption.textContent = text;
      heads.forEach((head, i) => head.classList.toggle("on", i === 2 + Object.keys(MEASURES).indexOf(measure)));
      for (const norm in NORMS) {
        const { loss, accuracy, drift, gradient, loss_range } = stats[norm];
        const texts = [fmt(loss), (100 * accuracy).toFixed(1) + "\u00a0%", short(drift), fmt(gradient), short(loss_range)];
        texts.forEach((value, i) => {
          if (cells[norm][i].textContent !== value) cells[norm][i].textContent = value;
        });
      }
    },
  };
}
const short = (value) => (value < 0.1 ? value.toPrecision(1) : fmt(value));

/** The point, said with the means over training. */
function verdict(measure, layer) {
  const at = Object.fromEntries(Object.keys(NORMS).map((norm) => [norm, overTraining(MEASURES[measure].of(DATA.norms[norm], layer))]));
  const compare = (norm) => {
    const ratio = at[norm] / at.none;
    if (ratio > 0.95 && ratio < 1.05) return "about the same";
    const factor = ratio < 1 ? 1 / ratio : ratio;
    const digits = factor < 10 ? 1 : 0;
    return `${factor.toFixed(digits)} times ${ratio < 1 ? "smaller" : "larger"}`;
  };
  const end = (norm) => (100 * DATA.norms[norm].curves.test_accuracy[STEPS.length - 1]).toFixed(1) + "\u00a0%";
  const which = { drift: "The drift", gradient: "The change of the gradient", loss_range: "The range of the loss" }[measure];
  const where = measure === "loss_range" ? "" : ` in layer ${layer + 1}`;
  if (measure === "gradient" && layer === 0) {
    return [h("b", {}, "No layer lies below the first one, so nothing can shift its gradient: 0 for every network. "), "Choose a higher layer."];
  }
  return [
    h("b", {}, `${which}${where} is ${compare("batch")} with batch norm than without a norm, and ${compare("noisy_batch")} with noise after it`),
    ` (means over training). At the end ${end("none")} of the test digits are right without a norm, ${end("batch")} with batch norm, ${end("noisy_batch")} with the noise.`,
  ];
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "shift", CSS, "Internal covariate shift: four networks while they learn digits");
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root);
  const panels = Object.fromEntries(Object.keys(NORMS).map((norm) => [norm, panel(norm)]));
  const losses = chart(), measures = chart(), numbers = table();
  const says = h("p", { class: "nl-says" });
  let drawn = {}, timer = 0, reporting;

  // ---- controls ----
  const layer = slider("Layer", { min: 1, max: LAYERS, step: 1 }, (v) => state.set({ layer: v }));
  const measure = radios("Measure", Object.entries(MEASURES).map(([key, m]) => [key, m.name]), (v) => state.set({ measure: v }));
  const scrub = slider("Step", { min: 0, max: STEPS.length - 1, step: 1 }, (v) => {
    stop();
    state.set({ step: STEPS[v] });
  });
  const play = button("Play", () => (timer ? stop() : start()));
  const quiz = guess(QUESTIONS, (shown) => {
    stop();
    state.set(shown);
  });
  const reset = button("Reset", () => {
    stop();
    quiz.stop();
    state.reset();
  });

  function start() {
    if (momentOf(state.get("step")) === STEPS.length - 1) state.set({ step: 0 });
    play.textContent = "Pause";
    const [every, stride] = calm() ? [700, 4] : [140, 1]; // less motion: a few jumps
    timer = setInterval(() => {
      const moment = Math.min(momentOf(state.get("step")) + stride, STEPS.length - 1);
      state.set({ step: STEPS[moment] });
      if (moment === STEPS.length - 1) stop();
    }, every);
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }
  const hidden = () => document.hidden && stop();
  document.addEventListener("visibilitychange", hidden);
  const visible = new IntersectionObserver(([entry]) => entry.isIntersecting || stop());
  visible.observe(root);

  const note = `Digits, ${LAYERS} hidden layers of 64 units, gradient descent with rate ${DATA.lr}. ` +
    `Curves: means of ${DATA.seeds} seeds. Distributions: what one unit of seed 0 sees for ${DATA.images} images, ` +
    "the middle 70 % and the median; dashed: before training. The noise acts in training only.";
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, layer, measure),
    quiz.box,
    h("div", { class: "panels" }, Object.values(panels).map((p) => p.box)),
    h("div", { class: "nl-bar" }, play, scrub),
    h("div", { class: "charts" }, losses.box, measures.box),
    says,
    h("div", { class: "table" }, numbers.box),
    h("p", { class: "nl-note" }, note),
    h("div", { class: "nl-bar" }, quiz.button, reset)));

  function statsAt(moment, level) {
    return Object.fromEntries(Object.entries(DATA.norms).map(([norm, of]) => [norm, {
      loss: of.curves.test_loss[moment],
      accuracy: of.curves.test_accuracy[moment],
      drift: of.layers.drift_mean[moment][level],
      gradient: of.layers.gradient_shift[moment][level],
      loss_range: of.curves.loss_range[moment],
      median: panels[norm].middleOf(moment, level),
    }]));
  }

  function update() {
    const moment = momentOf(state.get("step")), level = state.get("layer") - 1, name = state.get("measure");
    if (drawn.level !== level) for (const norm in NORMS) panels[norm].drawLayer(level);
    if (drawn.level !== level || drawn.name !== name) {
      const curves = Object.fromEntries(Object.keys(NORMS).map((norm) => [norm, MEASURES[name].of(DATA.norms[norm], level)]));
      measures.draw(MEASURES[name].title, MEASURES[name], curves);
      says.replaceChildren(...verdict(name, level));
      measure.pick(name);
      layer.show(level + 1, `${level + 1} of ${LAYERS}`);
    }
    for (const norm in NORMS) panels[norm].drawMoment(moment, level);
    losses.move(moment);
    measures.move(moment);
    scrub.show(moment, String(STEPS[moment]));
    const stats = statsAt(moment, level);
    numbers.show(`Step ${STEPS[moment]}, layer ${level + 1}`, stats, name);
    drawn = { level, name };
    if (!timer) say(`Step ${STEPS[moment]}, layer ${level + 1}. ${says.textContent}`);
    clearTimeout(reporting);
    reporting = setTimeout(() => {
      model.set("stats", { step: STEPS[moment], layer: level + 1, networks: stats });
      model.save_changes();
    }, 150);
  }

  const lossCurves = Object.fromEntries(Object.keys(NORMS).map((norm) => [norm, DATA.norms[norm].curves.test_loss]));
  losses.draw("Loss on the test digits, in nats", { range: [0.08, 4], ticks: [0.1, 0.3, 1, 3], log: true }, lossCurves);
  update();
  return () => {
    stop();
    clearTimeout(reporting);
    document.removeEventListener("visibilitychange", hidden);
    visible.disconnect();
    state.off();
    unframe();
  };
}

export default { render };
