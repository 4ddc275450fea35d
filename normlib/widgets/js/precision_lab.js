// ε and precision: the same formula in four number formats, by four algorithms.
import { button, clamp, fmt, folded, frame, guess, h, number, onWidth, oneOf, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { ALGORITHMS, COUNT, DTYPES, FORMATS, ROUND, few, spacing, viewOf } from "./precision_lab_numbers.js";
import { makeRows, makeStorage, makeTable, makeVariance } from "./precision_lab_drawings.js";

const OFFSETS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
const SPREADS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
const EPSILONS = [0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1];
const SPEC = { // and `stats`, which is only written
  offset: [200, number(0, 1e5)],
  spread: [1, number(1e-3, 100)],
  dtype: ["bfloat16", oneOf(...DTYPES)],
  algorithm: ["one", oneOf(...Object.keys(ALGORITHMS))],
  eps: [1e-5, number(0, 1)],
  seed: [1, whole(0, 999999)],
};

// ---- words --------------------------------------------------------------------------------------

/** How many of the numbers are left. */
function keptInWords({ stored, kept }) {
  if (!stored.every(Number.isFinite)) return "";
  return kept === 1 ? `All ${COUNT} numbers have become one. ` : `${kept} different numbers of ${COUNT} are left. `;
}

/** What storing does to the numbers. */
function storingInWords({ stored, dtype, offset, truth, left }) {
  if (!stored.every(Number.isFinite)) return "";
  const place = offset || 1, step = few(spacing(place, dtype));
  const moves = Math.abs(left - truth) > 0.01 * truth ? ` Storing alone moves the variance from ${few(truth)} to ${few(left)}.` : "";
  return `Near ${few(place)} the numbers of ${dtype} are ${step} apart.${moves} `;
}

/** What comes out of the algorithm, beside the variance of the numbers before they were stored. */
function varianceInWords({ stored, algorithm, dtype, variance, left, truth, error }) {
  const lost = stored.filter((value) => !Number.isFinite(value)).length;
  if (lost) return `The largest number of ${dtype} is ${FORMATS[dtype].most}: ${lost} of ${COUNT} are stored as ∞. `;
  const gives = GIVES[algorithm], most = FORMATS[dtype].most;
  const over = `${gives} ${fmt(variance)}: a sum or a square is larger than ${most}. `;
  if (!Number.isFinite(variance)) return over;
  if (variance < 0) return `${gives} σ² = ${few(variance)}, less than 0, instead of ${few(truth)}. `;
  if (left === 0) {
    const made = "rounded sums make a variance out of nothing";
    const end = variance === 0 ? "no algorithm can bring the spread back" : made;
    return `${gives} σ² = ${few(variance)} instead of ${few(truth)}: ${end}. `;
  }
  if (error === 0) return `${gives} σ² = ${few(variance)}, to the last digit. `;
  const digits = Math.floor(-Math.log10(error));
  const some = `about ${digits} digit${digits > 1 ? "s are" : " is"} right`;
  const verdict = digits < 1 ? "no digit is right" : some;
  return `${gives} σ² = ${few(variance)} instead of ${few(truth)}: ${verdict}. `;
}
const GIVES = {
  one: "One pass gives", two: "Two passes give", welford: "Welford gives", shifted: "Shifted gives",
};

/** Where one pass loses its digits. */
function reasonInWords({ algorithm, dtype, size, error }) {
  if (algorithm !== "one" || !(size > 0 && size < Infinity) || !(error > 1e-3)) return "";
  const step = few(spacing(size, dtype));
  return `It subtracts two numbers near ${few(size)}, where the numbers of ${dtype} are ${step} apart. `;
}

/** What the norm then returns. */
function resultInWords({ variance, eps, rstd, dtype, output, wanted, truth, stored }) {
  if (Number.isNaN(rstd) && variance < 0) {
    return "√ of a negative number: torch.rsqrt returns nan, and every result of the norm is nan.";
  }
  if (!Number.isFinite(output)) return "Results of the norm are not numbers.";
  const zero = eps > 0 && ROUND[dtype](eps) === 0;
  const gone = zero ? ` ε = ${few(eps)} itself is stored as 0 in ${dtype}.` : "";
  const large = wanted < 0.99 ? ` ε is not small beside σ² = ${few(truth)}.` : "";
  const should = stored.every(Number.isFinite) ? `; σ / √(σ² + ε) would be ${few(wanted)}` : "";
  return `The norm's output has spread ${few(output)}${should}.${large}${gone}`;
}

// ---- the figure ---------------------------------------------------------------------------------

const START = { spread: 1, eps: 1e-5, seed: 1 }; // of the questions
const QUESTIONS = [
  ["Offset 5000, spread 1, float32, one pass, E[x²] − E[x]²: how many digits of the variance survive?",
    ["all seven", "about three", "none"], 2,
    "The squares are near 25 million, where float32 has only every second number; the variance is about 1.",
    { ...START, offset: 5000, dtype: "float32", algorithm: "one" }],
  ["The same numbers in bfloat16: how many different ones are left of the 64?",
    ["64", "about 10", "1"], 2,
    "Near 5000 its numbers are 32 apart. What storing has lost, no algorithm brings back.",
    { ...START, offset: 5000, dtype: "bfloat16", algorithm: "two" }],
  ["float16, numbers around 500 with spread 1, one pass: what goes wrong?",
    ["nothing", "rounding", "the squares overflow"], 2,
    "500² = 250000 is larger than 65504, the largest number of float16.",
    { ...START, offset: 500, dtype: "float16", algorithm: "one" }],
  ["Spread 0.001, offset 0 and ε = 10⁻⁵: is the output's spread 1, as the norm promises?",
    ["yes, about 1", "no, about 0.3", "no, about 300"], 1,
    "σ² = 10⁻⁶ is smaller than ε, so ε decides: σ / √(σ² + ε) is about 0.3.",
    { ...START, offset: 0, spread: 0.001, dtype: "float32", algorithm: "two" }],
];

const indexOf = (values, v) => {
  const away = (i) => Math.abs(values[i] - v);
  return values.reduce((best, _, i) => (away(i) < away(best) ? i : best), 0);
};

/** A slider over a list of good values; what lies between them can be set from Python. */
function listSlider(label, values, picked) {
  const box = slider(label, { min: 0, max: values.length - 1, step: 1 }, (i) => picked(values[i]));
  const show = box.show;
  box.show = (value) => show(indexOf(values, value), few(value));
  return box;
}

const NOTE = "Pale strokes are the right results of the norm, dots the computed ones. "
  + "Sums run in the chosen format, from the first number to the last.";

/** Everything that is drawn, and where it stands. */
function makeParts(state, quiz, reset) {
  const push = (steps) => state.set({
    offset: OFFSETS[clamp(indexOf(OFFSETS, state.get("offset")) + steps, 0, OFFSETS.length - 1)],
  });
  const set = (name) => (value) => state.set({ [name]: value });
  const offset = listSlider("Offset", OFFSETS, set("offset")), spread = listSlider("Spread", SPREADS, set("spread"));
  const eps = listSlider("ε", EPSILONS, set("eps")), dtype = radios("Format", DTYPES.map((type) => [type, type]), set("dtype"));
  const storage = makeStorage(push), rows = makeRows(set("algorithm")), variance = makeVariance(), table = makeTable();
  const says = h("p", { class: "nl-says nl-answer" }), about = h("p", {});
  const other = button("Other numbers", () => state.set({ seed: (state.get("seed") + 1) % 1e6 }));
  const more = folded(h("div", { class: "nl-bar" }, spread, eps, other),
    h("div", { class: "nl-answer" }, variance.node, about, table.node), h("p", { class: "nl-note" }, NOTE));
  const box = h("div", { class: "nl-box" },
    h("p", { class: "lead" }, h("b", {}, "Push the numbers away from 0.")),
    dtype, quiz.box, h("div", { class: "stored" }, storage.node),
    h("div", { class: "nl-bar" }, offset), rows.node, says,
    h("div", { class: "nl-bar" }, quiz.button, reset), more);
  return { offset, spread, eps, dtype, storage, rows, variance, table, says, about, box };
}

function render({ model, el }) {
  const label = "The variance in four number formats, by four algorithms";
  const [root, unframe] = frame(el, "precision", CSS, label);
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let width = 600, drawn = null, asked = "";

  const quiz = guess(QUESTIONS, (answer) => state.set(answer), (question) => {
    asked = question;
    update();
  });
  const reset = button("Reset", () => {
    quiz.stop();
    state.reset();
  });
  const { box, storage, rows, variance, table, says, about, ...controls } = makeParts(state, quiz, reset);
  root.append(box);

  function draw(moving) {
    storage.draw(drawn, width, moving);
    rows.draw(drawn, width);
    variance.draw(drawn, width);
  }
  function update() {
    const view = viewOf(state.all()), moving = drawn !== null;
    drawn = view;
    for (const name of ["offset", "spread", "eps"]) controls[name].show(view[name]);
    controls.dtype.pick(view.dtype);
    draw(moving);
    table.draw(view);
    says.textContent = varianceInWords(view);
    about.textContent = [keptInWords, storingInWords, reasonInWords, resultInWords].map((f) => f(view)).join("");
    say(asked || `${view.dtype}, ${ALGORITHMS[view.algorithm]}. ${says.textContent}${about.textContent}`);
    const { mean, rstd, error, output } = view;
    report({ mean, var: view.variance, rstd, error, output });
  }

  const unwatch = onWidth(storage.node.parentNode, (wide) => {
    width = wide;
    if (drawn) draw(false);
  });
  update();
  return () => {
    storage.stop();
    report.stop();
    unwatch();
    state.off();
    unframe();
  };
}

export default { render, address: ["offset", "spread", "dtype", "algorithm", "eps", "seed"] };
