// ε and precision: the same formula in four number formats, by four algorithms.
import { button, clamp, fmt, frame, guess, h, mulberry32, nextId, number, onWidth, oneOf, perFrame, slider, speaker, store, whole } from "./core.js";

const COUNT = 64;
const DTYPES = ["float64", "float32", "bfloat16", "float16"];
const ALGORITHMS = { one: "one pass", two: "two passes", welford: "Welford", shifted: "shifted" };
const OFFSETS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000];
const SPREADS = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];
const EPSILONS = [0, 1e-12, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1];
const SPEC = { // and `stats`, which is only written
  offset: [5000, number(0, 1e5)],
  spread: [1, number(1e-3, 100)],
  dtype: ["float32", oneOf(...DTYPES)],
  algorithm: ["one", oneOf(...Object.keys(ALGORITHMS))],
  eps: [1e-5, number(0, 1)],
  seed: [1, whole(0, 999999)],
};

// ---- number formats -----------------------------------------------------------------------------

const FORMATS = { // significant bits, exponent of the smallest normal number, largest number
  float64: { bits: 53, least: -1022, most: Number.MAX_VALUE },
  float32: { bits: 24, least: -126, most: (2 - 2 ** -23) * 2 ** 127 },
  bfloat16: { bits: 8, least: -126, most: (2 - 2 ** -7) * 2 ** 127 },
  float16: { bits: 11, least: -14, most: 65504 },
};

const parts = new DataView(new ArrayBuffer(8));
/** The e of 2^e ≤ |x| < 2^(e+1), read from the bits of x. */
function exponent(x) {
  parts.setFloat64(0, x);
  return ((parts.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** The distance of x to the next number that a format can hold. */
function spacing(x, dtype) {
  const { bits, least } = FORMATS[dtype];
  return 2 ** (Math.max(exponent(x), least) - bits + 1);
}

/** Round to the nearest number that a format of 16 bits can hold, ties to even. */
function roundShort(x, dtype) {
  const single = Math.fround(x); // as hardware does: the operation in float32, then the rounding
  if (!Number.isFinite(single)) return single;
  const step = spacing(single, dtype), q = single / step;
  let steps = Math.floor(q);
  const rest = q - steps;
  if (rest > 0.5 || (rest === 0.5 && steps % 2 !== 0)) steps += 1;
  const value = steps * step;
  return Math.abs(value) > FORMATS[dtype].most ? Math.sign(value) * Infinity : value;
}

const ROUND = {
  float64: (x) => x,
  float32: Math.fround,
  bfloat16: (x) => roundShort(x, "bfloat16"),
  float16: (x) => roundShort(x, "float16"),
};

// ---- four algorithms; r rounds after every operation, as the format would -----------------------

const RUN = {
  one(x, r) {
    let total = 0, squares = 0;
    for (const value of x) {
      total = r(total + value);
      squares = r(squares + r(value * value));
    }
    const mean = r(total / x.length), square = r(squares / x.length);
    return { mean, variance: r(square - r(mean * mean)), size: square };
  },
  two(x, r) {
    let total = 0, squares = 0;
    for (const value of x) total = r(total + value);
    const mean = r(total / x.length);
    for (const value of x) {
      const away = r(value - mean);
      squares = r(squares + r(away * away));
    }
    const variance = r(squares / x.length);
    return { mean, variance, size: variance };
  },
  welford(x, r) {
    let mean = 0, squares = 0;
    x.forEach((value, k) => {
      const away = r(value - mean);
      mean = r(mean + r(away / (k + 1)));
      squares = r(squares + r(away * r(value - mean)));
    });
    const variance = r(squares / x.length);
    return { mean, variance, size: variance };
  },
  shifted(x, r) {
    const { mean, variance, size } = RUN.one(x.map((value) => r(value - x[0])), r);
    return { mean: r(x[0] + mean), variance, size };
  },
};

/** 64 numbers with mean `offset` and standard deviation about `spread`: sums of three uniform ones. */
function numbers(seed, offset, spread) {
  const draw = mulberry32(seed);
  return Array.from({ length: COUNT }, () => offset + spread * (2 * (draw() + draw() + draw()) - 3));
}

/** Mean and variance in float64 by two passes: what every algorithm should come close to. */
const exact = (x) => RUN.two(x, ROUND.float64);

function relativeError(variance, right) {
  if (!Number.isFinite(variance) || !Number.isFinite(right)) return NaN;
  if (right === 0) return variance === 0 ? 0 : Infinity;
  return Math.abs(variance - right) / right;
}

/** All that is drawn and said, from the state. */
function viewOf(get) {
  const state = Object.fromEntries(Object.keys(SPEC).map((name) => [name, get(name)]));
  const { dtype, algorithm, eps } = state, r = ROUND[dtype];
  const x = numbers(state.seed, state.offset, state.spread);
  const table = {};
  for (const type of DTYPES) {
    const stored = x.map(ROUND[type]), right = exact(stored).variance;
    for (const way in ALGORITHMS) {
      const { mean, variance, size } = RUN[way](stored, ROUND[type]);
      table[type + way] = { stored, right, mean, variance, size, error: relativeError(variance, right) };
    }
  }
  const own = table[dtype + algorithm];
  const rstd = r(1 / r(Math.sqrt(r(own.variance + r(eps)))));
  const y = own.stored.map((value) => r(r(value - own.mean) * rstd));
  return {
    ...state, ...own, x, table, rstd,
    kept: new Set(own.stored).size,
    truth: exact(x).variance, // of the numbers before they were stored
    output: Math.sqrt(exact(y).variance), // the spread of what the norm returns
    wanted: Math.sqrt(own.right / (own.right + eps)), // and what it should be: σ / √(σ² + ε)
  };
}

// ---- words --------------------------------------------------------------------------------------

/** A number with about three digits: 4, 0.943, −2, 2.5×10⁷. */
function few(x) {
  const size = Math.abs(x);
  if (!Number.isFinite(x) || (size && (size < 1e-3 || size > 1e5))) return fmt(x);
  const text = fmt(x, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  if (size >= 1e4) return String(Math.round(x)).replace("-", "−"); // 50000, not 5.0×10⁴
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** How wrong a variance is, in few letters: 320 %, 1.2×10⁻⁷, or what became of it. */
function errorInWords({ error, variance, right, stored }) {
  if (!stored.every(Number.isFinite) || !Number.isFinite(variance)) return "overflow";
  if (variance < 0) return "negative";
  if (right === 0) return "all lost";
  return errorText(error);
}

function errorText(error) {
  if (error === 0) return "exact";
  if (error < 1e-3) return fmt(error);
  return error < 99.5 ? `${fmt(100 * error, error < 0.1 ? 1 : 0)} %` : `×${few(error)}`;
}

/** good, fair or bad; the words in the cell say it too. */
function grade({ error, variance, right }) {
  if (!(variance >= 0) || right === 0 || !Number.isFinite(error) || error >= 0.1) return "bad";
  return error >= 1e-3 ? "fair" : "good";
}

/** What storing does to the numbers. */
function storingInWords({ stored, dtype, offset, kept, truth, right }) {
  const lost = stored.filter((value) => !Number.isFinite(value)).length;
  const most = FORMATS[dtype].most;
  if (lost) return `The largest number of ${dtype} is ${most}: ${lost} of the ${COUNT} are stored as ∞. `;
  const place = offset || 1, step = few(spacing(place, dtype));
  const near = `Near ${few(place)} the numbers of ${dtype} are ${step} apart`;
  const left = kept === 1 ? `all ${COUNT} become the same` : `${kept} different ones of ${COUNT} are left`;
  const moves = ` Storing alone moves the variance from ${few(truth)} to ${few(right)}.`;
  return `${near}: ${left}.${Math.abs(right - truth) > 0.01 * truth ? moves : ""} `;
}

/** What the algorithm makes of the stored numbers. */
function varianceInWords({ stored, algorithm, dtype, variance, right, error }) {
  if (!stored.every(Number.isFinite)) return "";
  const gives = GIVES[algorithm], most = FORMATS[dtype].most;
  const over = `${gives} ${fmt(variance)}: a sum or a square is larger than ${most}. `;
  if (!Number.isFinite(variance)) return over;
  if (variance < 0) return `${gives} σ² = ${few(variance)}, less than 0, instead of ${few(right)}. `;
  if (right === 0) {
    const made = "Rounded sums make a variance out of nothing.";
    const end = variance === 0 ? "No algorithm can bring the spread back." : made;
    return `${gives} σ² = ${few(variance)}; of the stored numbers it is 0. ${end} `;
  }
  if (error === 0) return `${gives} the variance of the stored numbers exactly, ${few(variance)}. `;
  const digits = Math.floor(-Math.log10(error));
  const some = `about ${digits} digit${digits > 1 ? "s are" : " is"} right`;
  const verdict = digits < 1 ? "no digit is right" : some;
  return `${gives} σ² = ${few(variance)} instead of ${few(right)}: ${verdict}. `;
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
function resultInWords({ variance, eps, rstd, dtype, output, wanted, right, stored }) {
  if (Number.isNaN(rstd) && variance < 0) {
    return "√ of a negative number: torch.rsqrt returns nan, and every result of the norm is nan.";
  }
  if (!Number.isFinite(output)) return "Results of the norm are not numbers.";
  const zero = eps > 0 && ROUND[dtype](eps) === 0;
  const gone = zero ? ` ε = ${few(eps)} itself is stored as 0 in ${dtype}.` : "";
  const large = right > 0 && wanted < 0.99 ? ` ε is not small beside σ² = ${few(right)}.` : "";
  const known = stored.every(Number.isFinite) && Number.isFinite(wanted);
  const should = known ? `; σ / √(σ² + ε) would be ${few(wanted)}` : "";
  return `The norm's output has spread ${few(output)}${should}.${large}${gone}`;
}

// ---- the drawings -------------------------------------------------------------------------------

const LEFT = 54, RIGHT = 10; // room for the names of the lines
const DENSE = 4; // pixels between two numbers of a format, below which they are drawn as a band

/** A horizontal axis from `low` to `high`, and the path of ticks at the numbers between them. */
function makeAxis(width, low, high) {
  const at = (v) => LEFT + ((clamp(v, low, high) - low) / (high - low)) * (width - LEFT - RIGHT);
  return { at, pixels: (distance) => (distance / (high - low)) * (width - LEFT - RIGHT) };
}

/** Ticks at `grid`, or a band where there are too many to draw. */
function drawGrid(group, { at, pixels }, low, high, step, y, grid) {
  const dense = pixels(step) < DENSE;
  const band = { class: "band", x: at(low), width: Math.max(0, at(high) - at(low)), y: y - 5, height: 10 };
  const ticks = () => grid().map((v) => `M${at(v).toFixed(1)} ${y - 6}v12`).join("");
  group.replaceChildren(dense ? h(":rect", band) : h(":path", { class: "ticks", d: ticks() }));
}

/** The numbers before and after they are stored, on the numbers that the format has. */
function makeStorage() {
  const TOP = 30, BOTTOM = 84;
  const node = h(":svg", { class: "storage", height: 108, "aria-hidden": "true" });
  const lines = h(":g"), grid = h(":g"), labels = h(":g");
  const paths = ["move", "dots exact", "dots kept"].map((name) => h(":path", { class: name }));
  node.append(lines, grid, ...paths, labels);
  function draw(view, width) {
    const { offset, spread, dtype, x, stored } = view;
    const step = spacing(Math.abs(offset) + spread / 2, dtype);
    const half = Math.max(3.2 * spread, 1.6 * step), low = offset - half, high = offset + half;
    const axis = makeAxis(width, low, high), { at } = axis;
    const finite = stored.map((_, i) => i).filter((i) => Number.isFinite(stored[i]));
    const points = () => { // every number of the format between low and high
      const list = [];
      for (let v = ROUND[dtype](low); v <= high && list.length < 500; v += spacing(v, dtype)) list.push(v);
      return list.filter((v) => v >= low);
    };
    drawGrid(grid, axis, low, high, step, BOTTOM, finite.length ? points : () => []);
    const line = (y) => h(":line", { class: "axis", x1: at(low), x2: at(high), y1: y, y2: y });
    const name = (text, y) => h(":text", { x: 0, y: y + 4, "font-weight": 600 }, text);
    lines.replaceChildren(line(TOP), name("exact", TOP), line(BOTTOM), name("stored", BOTTOM));
    const reach = half > 3.3 * spread ? step : 2 * spread;
    const label = (v, text, more = { class: "mute", y: TOP - 14 }) =>
      h(":text", { x: at(v), "text-anchor": "middle", ...more }, text);
    labels.replaceChildren(label(offset - reach, "−" + few(reach)), label(offset, few(offset)),
      label(offset + reach, "+" + few(reach)),
      finite.length ? "" : label(offset, "stored as ∞", { class: "bad", y: BOTTOM + 4 }));
    const from = x.map((v) => at(v).toFixed(1)), to = stored.map((v) => at(v).toFixed(1));
    const shapes = [
      finite.map((i) => `M${from[i]} ${TOP}L${to[i]} ${BOTTOM}`),
      from.map((v) => `M${v} ${TOP}h0`),
      finite.map((i) => `M${to[i]} ${BOTTOM}h0`),
    ];
    paths.forEach((path, i) => path.setAttribute("d", shapes[i].join("")));
  }
  return { node, draw };
}

/** The variance that came out and the one that should have, on the numbers it is picked from. */
function makeVariance() {
  const LINE = 46;
  const node = h(":svg", { class: "variance", height: 92, "aria-hidden": "true" });
  const fixed = h(":g"), grid = h(":g"), marks = h(":g");
  node.append(fixed, grid, marks);
  function draw(view, width) {
    const { right, variance, size, dtype } = view;
    const good = Number.isFinite(right), known = Number.isFinite(variance);
    const step = known && Number.isFinite(size) ? spacing(Math.abs(size), dtype) : 0;
    const far = Math.max(good ? right : 0, known ? Math.abs(variance) : 0);
    const reach = 1.35 * Math.max(far, Math.min(step, 2 * (right || 1))) || 1;
    const low = known && variance < 0 ? -reach : -0.2 * reach;
    const axis = makeAxis(width, low, reach), { at } = axis;
    const points = () => {
      const list = [];
      for (let k = Math.ceil(low / step); k * step <= reach; k++) list.push(k * step);
      return list;
    };
    if (step > 0) drawGrid(grid, axis, low, reach, step, LINE, points);
    else grid.replaceChildren();
    const wide = step > 0 && axis.pixels(step) >= 44; // room for a number at every tick
    const named = (wide ? points() : [0]).filter((v) => !good || Math.abs(at(v) - at(right)) > 18);
    fixed.replaceChildren(
      h(":line", { class: "axis", x1: at(low), x2: at(reach), y1: LINE, y2: LINE }),
      h(":text", { x: 0, y: LINE + 4, "font-weight": 600 }, "σ²"),
      h(":line", { class: "zero", x1: at(0), x2: at(0), y1: LINE - 8, y2: LINE + 14 }),
      ...named.map((v) =>
        h(":text", { class: "mute", x: at(v), y: LINE - 12, "text-anchor": "middle" }, few(v))));
    const mark = (name, v, side, text) => {
      const y = LINE - 7 * side, x = at(v), half = text.length * 3.4;
      const tip = h(":path", { class: name, d: `M${x} ${y}l-7 ${-12 * side}h14z` });
      const where = clamp(x, LEFT + half - 40, width - half);
      const spot = { class: name, x: where, y: side > 0 ? 16 : LINE + 38, "text-anchor": "middle" };
      return [tip, h(":text", spot, text)];
    };
    const result = `${dtype}, ${ALGORITHMS[view.algorithm]}: ${few(variance)}`;
    const nowhere = h(":text", { class: "bad", x: at(0) + 8, y: LINE + 32 }, result);
    marks.replaceChildren(
      ...(good ? mark("right", right, 1, `should be ${few(right)}`) : []),
      ...(known ? mark("got", variance, -1, result) : [nowhere]));
  }
  return { node, draw };
}

/** The relative error of all combinations; a cell is a radio button. */
function makeTable(picked) {
  const name = nextId(), cells = {};
  function cell(dtype, algorithm) {
    const input = h("input", { type: "radio", name, onchange: () => picked({ dtype, algorithm }) });
    const bar = h("span", { class: "bar" }), value = h("span", { class: "value" });
    cells[dtype + algorithm] = { input, bar, value, label: `${ALGORITHMS[algorithm]}, ${dtype}` };
    return h("td", {}, h("label", {}, input, bar, value));
  }
  const row = (first, rest) => h("tr", {}, h("th", { scope: "row" }, first), rest);
  const stored = Object.fromEntries(DTYPES.map((dtype) => [dtype, h("td", { class: "stored" })]));
  const node = h("table", {},
    h("caption", {}, "Error of the variance of the stored numbers; bars are powers of ten. Choose a cell."),
    h("thead", {}, h("tr", {}, h("td"), DTYPES.map((dtype) => h("th", { scope: "col" }, dtype)))),
    h("tbody", {}, row("storing alone", Object.values(stored)),
      Object.entries(ALGORITHMS).map(([way, text]) => row(text, DTYPES.map((dtype) => cell(dtype, way))))));
  function draw(view) {
    for (const key in cells) {
      const { input, bar, value, label } = cells[key], entry = view.table[key];
      const words = errorInWords(entry), verdict = grade(entry);
      const powers = (Math.log10(entry.error) + 17) / 20; // from 10⁻¹⁷ to 10³
      const full = entry.right === 0 || !(entry.error < 1e3);
      const share = full ? 1 : clamp(powers, 0, 1);
      input.checked = key === view.dtype + view.algorithm;
      if (value.textContent !== words) {
        value.textContent = words;
        input.setAttribute("aria-label", `${label}: ${words}`);
      }
      bar.style.width = `${(100 * share).toFixed(1)}%`;
      bar.className = "bar " + verdict;
    }
    for (const dtype of DTYPES) {
      const { right } = view.table[dtype + "one"], moved = Math.abs(right - view.truth) / view.truth;
      const words = Number.isFinite(right) ? errorText(moved) : "overflow";
      stored[dtype].textContent = right === 0 ? "all lost" : words;
    }
  }
  return { node, draw };
}

// ---- the figure ---------------------------------------------------------------------------------

const START = { spread: 1, eps: 1e-5, seed: 1 };
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

/** A slider over a list of good values; what lies between them can be set from Python. */
function listSlider(label, values, picked) {
  const box = slider(label, { min: 0, max: values.length - 1, step: 1 }, (i) => picked(values[i]));
  const away = (i, value) => Math.abs(values[i] - value);
  const nearest = (v) => values.reduce((best, _, i) => (away(i, v) < away(best, v) ? i : best), 0);
  const show = box.show;
  box.show = (value) => show(nearest(value), few(value));
  return box;
}

function render({ model, el }) {
  const label = "The variance in four number formats, by four algorithms";
  const [root, unframe] = frame(el, "precision", CSS, label);
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root);
  let width = 600, late, drawn = null;

  const offset = listSlider("Offset", OFFSETS, (value) => state.set({ offset: value }));
  const spread = listSlider("Spread", SPREADS, (value) => state.set({ spread: value }));
  const eps = listSlider("ε", EPSILONS, (value) => state.set({ eps: value }));
  const table = makeTable((choice) => state.set(choice));
  const storage = makeStorage(), variance = makeVariance();
  const words = h("div", { class: "nl-says" });
  const quiz = guess(QUESTIONS, (answer) => state.set(answer));
  const redraw = button("Other numbers", () => state.set({ seed: (state.get("seed") + 1) % 1e6 }));
  const reset = button("Reset", () => {
    quiz.stop();
    state.reset();
  });
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, offset, spread),
    table.node,
    storage.node, variance.node, words,
    h("div", { class: "nl-bar" }, eps, redraw),
    quiz.box,
    h("div", { class: "nl-bar" }, quiz.button, reset, h("span", { class: "nl-note" },
      "Sums run in the chosen format, from the first number to the last."))));

  function update() {
    const view = viewOf(state.get);
    drawn = view;
    offset.show(view.offset);
    spread.show(view.spread);
    eps.show(view.eps);
    table.draw(view);
    storage.draw(view, width);
    variance.draw(view, width);
    const sentences = [storingInWords, varianceInWords, reasonInWords, resultInWords].map((f) => f(view));
    words.replaceChildren(sentences[0], h("b", {}, sentences[1]), ...sentences.slice(2));
    say(`${view.dtype}, ${ALGORITHMS[view.algorithm]}. ${sentences.join("")}`);
    const { mean, rstd, error, output } = view;
    report({ mean, var: view.variance, rstd, error, output });
  }

  /** Python sees the numbers, but not more often than it can follow; JSON knows no nan and no ∞. */
  function report(stats) {
    for (const name in stats) if (!Number.isFinite(stats[name])) stats[name] = null;
    clearTimeout(late);
    late = setTimeout(() => {
      model.set("stats", stats);
      model.save_changes();
    }, 150);
  }

  const unwatch = onWidth(storage.node, (wide) => {
    width = wide;
    if (!drawn) return;
    storage.draw(drawn, width);
    variance.draw(drawn, width);
  });
  update();
  return () => {
    clearTimeout(late);
    unwatch();
    state.off();
    unframe();
  };
}

export default { render, address: ["offset", "spread", "dtype", "algorithm", "eps", "seed"] };
