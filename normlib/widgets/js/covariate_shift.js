// Internal covariate shift on trial: four networks learn digits, and nobody asks the same question.
import { button, calm, fmt, frame, guess, h, oneOf, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { LAST, LAYERS, NORMS, STEPS, chart, forEachNorm, panel, swatch } from "./covariate_shift_charts.js";

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
  const at = forEachNorm((norm) => overTraining(MEASURES[measure].of(DATA.norms[norm], layer)));
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

// ---- the figure ----
/** A button that lets the training run, and a slider of its steps. */
function makePlayer(state, root) {
  let timer = 0;
  const play = button("Play", () => (timer ? stop() : start()));
  const scrub = slider("Step", { min: 0, max: STEPS.length - 1, step: 1 }, (v) => {
    stop();
    state.set({ step: STEPS[v] });
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
  function off() {
    stop();
    document.removeEventListener("visibilitychange", hidden);
    visible.disconnect();
  }
  return { play, scrub, stop, off, playing: () => timer !== 0 };
}

/** The numbers of a moment in a layer (counted from 0), for each network. */
const statsAt = (moment, layer, panels) => forEachNorm((norm) => {
  const { curves, layers } = DATA.norms[norm];
  return {
    loss: curves.test_loss[moment],
    accuracy: curves.test_accuracy[moment],
    drift: layers.drift_mean[moment][layer],
    gradient: layers.gradient_shift[moment][layer],
    loss_range: curves.loss_range[moment],
    median: panels[norm].middleOf(moment, layer),
  };
});

const LOSS = {
  title: "Loss on the test digits, in nats", range: [0.08, 4], ticks: [0.1, 0.3, 1, 3], log: true,
};
const NOTE = `Digits, ${LAYERS} hidden layers of 64 units, gradient descent with rate ${DATA.lr}. `
  + `Curves: means of ${DATA.seeds} seeds. Distributions: what one unit of seed 0 sees for ${DATA.images} images, `
  + "the middle 70 % and the median; dashed: before training. The noise acts in training only.";

function render({ model, el }) {
  const [root, unframe] = frame(el, "shift", CSS, "Internal covariate shift: four networks while they learn digits");
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  const panels = forEachNorm(panel);
  const losses = chart(), measures = chart(), numbers = table();
  const says = h("p", { class: "nl-says" });
  let drawn = {};

  const layer = slider("Layer", { min: 1, max: LAYERS, step: 1 }, (v) => state.set({ layer: v }));
  const measure = radios("Measure", Object.entries(MEASURES).map(([key, m]) => [key, m.name]), (v) => state.set({ measure: v }));
  const player = makePlayer(state, root);
  const quiz = guess(QUESTIONS, (shown) => {
    player.stop();
    state.set(shown);
  });
  const reset = button("Reset", () => {
    player.stop();
    quiz.stop();
    state.reset();
  });
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, layer, measure),
    quiz.box,
    h("div", { class: "panels" }, Object.values(panels).map((p) => p.box)),
    h("div", { class: "nl-bar" }, player.play, player.scrub),
    h("div", { class: "charts" }, losses.box, measures.box),
    says,
    h("div", { class: "table" }, numbers.box),
    h("p", { class: "nl-note" }, NOTE),
    h("div", { class: "nl-bar" }, quiz.button, reset)));

  function update() {
    const moment = momentOf(state.get("step")), level = state.get("layer") - 1, name = state.get("measure");
    if (drawn.level !== level) for (const norm in NORMS) panels[norm].drawLayer(level);
    if (drawn.level !== level || drawn.name !== name) {
      measures.draw(MEASURES[name], forEachNorm((norm) => MEASURES[name].of(DATA.norms[norm], level)));
      says.replaceChildren(...verdict(name, level));
      measure.pick(name);
      layer.show(level + 1, `${level + 1} of ${LAYERS}`);
    }
    for (const norm in NORMS) panels[norm].drawMoment(moment, level);
    losses.move(moment);
    measures.move(moment);
    player.scrub.show(moment, String(STEPS[moment]));
    const place = `Step ${STEPS[moment]}, layer ${level + 1}`, stats = statsAt(moment, level, panels);
    numbers.show(place, stats, name);
    drawn = { level, name };
    if (!player.playing()) say(`${place}. ${says.textContent}`);
    report({ step: STEPS[moment], layer: level + 1, networks: stats });
  }

  losses.draw(LOSS, forEachNorm((norm) => DATA.norms[norm].curves.test_loss));
  update();
  return () => {
    player.off();
    report.stop();
    state.off();
    unframe();
  };
}

export default { render };
