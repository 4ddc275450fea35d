// The batch is part of the function: one sample, many batches; training, evaluation and the lag between them.
import { attr, button, clamp, flag, fmt, frame, guess, h, mulberry32, number, oneOf, onWidth, path, perFrame, radios, scale, slider, speaker, store, toggle, whole } from "./core.js";
import { normalize } from "./math.js";

const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const BATCHES = 200, STEPS = 100, SHIFT = 50, EPS = 1e-5;
const SAMPLE = [2, -1, 0.5, 1, 0, -1.5]; // six features; BatchNorm is shown on the first
const X = SAMPLE[0];
const KINDS = { before: { mean: 1, sd: 1 }, after: { mean: 4, sd: 2 } }; // what the first feature is like
const SPEC = { // plus `stats`, which is only written
  m: [8, oneOf(...SIZES)],
  mode: ["train", oneOf("train", "eval")],
  momentum: [0.1, number(0, 1)],
  seed: [1, whole(1, BATCHES)],
  step: [60, whole(0, STEPS)],
  shifted: [true, flag()],
};

// ---- the numbers ------------------------------------------------------------------------------------------
/** Standard normal numbers by Box and Muller, the same as normlib.widgets._random.normals in Python. */
function normals(seed, count) {
  const random = mulberry32(seed), out = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, count);
}

/** Sums of the first 1, 2, 4, … numbers and of their squares, less `missing` of each. */
function sums(numbers, missing) {
  const out = [];
  let sum = 0, squares = 0, size = 0;
  for (let i = 0; i <= numbers.length; i++) {
    if (i === SIZES[size] - missing) {
      out.push([sum, squares]);
      size++;
    }
    sum += numbers[i];
    squares += numbers[i] * numbers[i];
  }
  return out;
}

const last = SIZES[SIZES.length - 1];
let mates, updates; // made once, when the first figure of the page is there
function makeBatches() {
  mates ??= Array.from({ length: BATCHES }, (_, k) => sums(normals(k + 1, last - 1), 1));
  updates ??= Array.from({ length: STEPS }, (_, k) => sums(normals(1001 + k, last), 0));
}

/** What BatchNorm makes of the sample in each of the 200 batches of m. */
function outputsInTraining(data, m) {
  const z = (X - data.mean) / data.sd; // in the unit of the data
  return mates.map((all) => {
    const [sum, squares] = all[SIZES.indexOf(m)];
    const mean = (sum + z) / m, variance = Math.max(0, (squares + z * z) / m - mean * mean);
    return ((z - mean) * data.sd) / Math.sqrt(variance * data.sd ** 2 + EPS);
  });
}

/**
 * The mean and standard deviation of that output over all possible batches of normal data, for any m.
 * With d the distance of the sample from the mean of its n = m − 1 mates and s the sum of their squared
 * deviations, mean and variance of the batch follow; d is normal and s is chi-squared, independently.
 */
function expected(data, m) {
  if (m === 1) return { mean: 0, sd: 0 };
  const n = m - 1, z = (X - data.mean) / data.sd, degrees = n - 1;
  const grid = (from, to, count) =>
    Array.from({ length: count }, (_, i) => from + ((to - from) * (i + 0.5)) / count);
  const ds = grid(z - 6 / Math.sqrt(n), z + 6 / Math.sqrt(n), m === 2 ? 20000 : 100);
  const reach = 7 * Math.sqrt(2 * degrees);
  const least = Math.sqrt(Math.max(0, degrees - reach)), most = Math.sqrt(degrees + reach + 20);
  const roots = degrees ? grid(least, most, 40) : [0];
  const densities = roots.map((r) => // of √s, which is smooth where s is not
    degrees ? Math.exp((degrees - 1) * Math.log(r / Math.sqrt(degrees)) - (r * r - degrees) / 2) : 1);
  let weight = 0, sum = 0, squares = 0;
  for (const d of ds) {
    const density = Math.exp((-(d - z) * (d - z) * n) / 2);
    for (let i = 0; i < roots.length; i++) {
      const variance = (roots[i] * roots[i] + (n / m) * d * d) / m;
      const y = ((n / m) * d * data.sd) / Math.sqrt(variance * data.sd ** 2 + EPS);
      const w = density * densities[i];
      weight += w;
      sum += w * y;
      squares += w * y * y;
    }
  }
  const mean = sum / weight;
  return { mean, sd: Math.sqrt(Math.max(0, squares / weight - mean * mean)) };
}

/** The sd of a list, over all of it. */
const spread = (list) => Math.sqrt(normalize(list, [list.length, 1, 1], { share: "N", eps: 0 }).var[0]);

const kept = {};
/** All that there is to say of one size of batch and one kind of data; computed once. */
function facts(name, m) {
  if (!kept[name + m]) {
    const outputs = outputsInTraining(KINDS[name], m), { mean, sd } = expected(KINDS[name], m);
    kept[name + m] = { outputs, sd: spread(outputs), expectedMean: mean, theory: sd };
  }
  return kept[name + m];
}

/** The running mean and variance after each of the 100 updates, and the means of their batches. */
function follow(m, momentum, shifted) {
  const running = [{ mean: 0, variance: 1 }], means = [];
  for (let step = 1; step <= STEPS; step++) {
    const { mean, sd } = KINDS[kindAt(step, shifted)], old = running[step - 1];
    const [sum, squares] = updates[step - 1][SIZES.indexOf(m)];
    const observed = mean + (sd * sum) / m;
    means.push(observed);
    if (m === 1) running.push(old); // an error, and no update
    else {
      const unbiased = (sd * sd * (squares - (sum * sum) / m)) / (m - 1);
      running.push({
        mean: (1 - momentum) * old.mean + momentum * observed,
        variance: (1 - momentum) * old.variance + momentum * unbiased,
      });
    }
  }
  return { running, means };
}
const kindAt = (step, shifted) => (shifted && step > SHIFT ? "after" : "before");

const ROOM = { left: 92, right: 66 }; // beside the strips: names, spreads
const RANGE = { x: [-3, 10], y: [-3, 3] };
const STRIPS = { batch: 58, batchnorm: 190, layer: 246, group: 302, bottom: 306 };

/** The strips: the batch the sample is in, and its output in 200 batches under three norms. */
function strips() {
  const svg = h(":svg", { class: "strips", height: 328, "aria-hidden": "true" });
  const piece = (name, kind = ":path") => svg.appendChild(h(kind, { class: name }));
  const grid = svg.appendChild(h(":g"));
  const [band, others, center] = ["band", "others", "center"].map((name) => piece(name));
  const [bars, expectedBar, now] = ["bars", "theory", "now"].map((name) => piece(name));
  const sample = attr(piece("sample", ":circle"), { r: 7, cy: STRIPS.batch - 24 });
  const texts = {};
  for (const name of ["stat", "mark", "bn", "ln", "gn", "hope"]) texts[name] = piece(name, ":text");
  let inX, outX, width;

  function lines(w) {
    width = w;
    attr(svg, { viewBox: `0 0 ${w} 328` });
    const ends = [ROOM.left, w - ROOM.right];
    inX = scale(RANGE.x, ends);
    outX = scale(RANGE.y, ends);
    const name = (text, y) => h(":text", { class: "name", x: 0, y }, text);
    const note = (text, y) => h(":text", { class: "mute", x: 0, y }, text);
    const axis = (y) => h(":line", { x1: ends[0], x2: ends[1], y1: y, y2: y });
    grid.replaceChildren(
      name("The batch", STRIPS.batch - 26), note("x, feature 1", STRIPS.batch - 10),
      axis(STRIPS.batch), ...[-2, 0, 2, 4, 6, 8, 10].map((v) => tick(inX(v), STRIPS.batch + 16, fmt(v, 0))),
      note(`Output of x = ${fmt(X, 0)} in each of ${BATCHES} batches`, 102),
      name("BatchNorm", STRIPS.batchnorm - 6), axis(STRIPS.batchnorm),
      name("LayerNorm", STRIPS.layer - 6), axis(STRIPS.layer),
      name("GroupNorm", STRIPS.group - 6), axis(STRIPS.group),
      ...[-3, -2, -1, 0, 1, 2, 3].map((v) => tick(outX(v), STRIPS.group + 18, fmt(v, 0))),
    );
    for (const [key, y] of [["bn", STRIPS.batchnorm], ["ln", STRIPS.layer], ["gn", STRIPS.group]])
      attr(texts[key], { x: w, y: y - 6, "text-anchor": "end" });
  }

  /** A histogram of bins 1/8 wide on a base line. */
  function histogram(values, base, height) {
    const counts = {};
    for (const v of values) {
      const bin = Math.floor(clamp(v, -3, 2.999) * 8);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    const most = Math.max(...Object.values(counts), 1);
    return Object.entries(counts).map(([bin, count]) => {
      const left = outX(bin / 8), right = outX((+bin + 1) / 8), top = base - (height * count) / most;
      return `M${(left + 0.5).toFixed(1)} ${base}V${top.toFixed(1)}H${(right - 0.5).toFixed(1)}V${base}Z`;
    }).join("");
  }

  function draw({ batch, mean, sd, training, outputs, output, fact, fixed }) {
    const mid = STRIPS.batch - 24; // the others are spread around the line, so that each is seen
    const point = (v, k) => `M${inX(v).toFixed(1)} ${(mid + (((k * 7) % 13) - 6) * 1.6).toFixed(1)}h0`;
    attr(others, { d: batch.slice(1).map(point).join("") });
    attr(sample, { cx: inX(X) });
    const a = inX(mean - sd), b = inX(mean + sd);
    attr(band, { d: `M${a} ${mid - 16}H${b}V${mid + 16}H${a}Z` });
    attr(band, { "stroke-dasharray": training ? "none" : "4 3" });
    attr(center, { d: `M${inX(mean)} ${mid - 18}V${mid + 18}` });
    texts.stat.textContent = `${training ? "batch" : "running"} mean ${fmt(mean)}, sd ${fmt(sd)}`;
    attr(texts.stat, { x: clamp(inX(mean), ROOM.left + 70, width - 84), y: 12, "text-anchor": "middle" });
    attr(bars, { d: [
      histogram(outputs, STRIPS.batchnorm, 62), histogram(fixed.layer, STRIPS.layer, 34),
      histogram(fixed.group, STRIPS.group, 34),
    ].join("") });
    const y = STRIPS.batchnorm - 72;
    const [from, to] = [-1, 1].map((side) => outX(fact.expectedMean + side * fact.theory));
    const show = training && outputs.length;
    attr(expectedBar, { d: show ? `M${from} ${y - 4}v8M${from} ${y}H${to}M${to} ${y - 4}v8` : "" });
    texts.hope.textContent = show ? "theory" : "";
    attr(texts.hope, { x: to + 6, y: y + 4 });
    attr(now, { d: output == null ? "" : `M${outX(output)} ${STRIPS.batchnorm + 2}l-6 10h12Z` });
    texts.mark.textContent = output == null ? "no output: an error" : `this batch: ${fmt(output)}`;
    const at = output == null ? width / 2 : clamp(outX(output), ROOM.left + 50, width - ROOM.right - 50);
    attr(texts.mark, { x: at, y: STRIPS.batchnorm + (output == null ? -20 : 25), "text-anchor": "middle" });
    for (const [key, values] of [["bn", outputs], ["ln", fixed.layer], ["gn", fixed.group]])
      texts[key].textContent = values.length ? `sd ${exact(spread(values))}` : "";
  }
  return { svg, lines, draw };
}

const exact = (x) => (x < 1e-9 ? "0" : fmt(x, x < 0.1 ? 3 : 2));
const tick = (x, y, text) => h(":text", { class: "mute", x, y, "text-anchor": "middle" }, String(text));
/** Lines across a chart at some values, with their names on the left. */
const levels = (values, inY, w) => values.flatMap((v) => [
  h(":line", { x1: 34, x2: w - 8, y1: inY(v), y2: inY(v) }),
  h(":text", { class: "mute", x: 28, y: inY(v) + 4, "text-anchor": "end" }, String(v)),
]);

/** How the noise falls with the size of the batch: theory as a line, 200 batches as dots. */
function noiseChart() {
  const svg = h(":svg", { class: "noise", height: 236, "aria-hidden": "true" });
  const grid = svg.appendChild(h(":g"));
  const piece = (name) => svg.appendChild(h(":path", { class: name }));
  const [guide, line, dots, here] = ["guide", "curve", "dots", "here"].map(piece);
  const label = svg.appendChild(h(":text", { class: "mute" }));
  let inX, inY;
  function lines(w) {
    attr(svg, { viewBox: `0 0 ${w} 236` });
    inX = scale([2, 256], [34, w - 14], true);
    inY = scale([0.05, 1.2], [200, 10], true);
    grid.replaceChildren(
      ...levels([0.1, 0.3, 1], inY, w), ...[2, 8, 32, 128].map((m) => tick(inX(m), 218, m)),
      h(":text", { class: "mute", x: w - 8, y: 234, "text-anchor": "end" }, "batch size"),
    );
  }
  function draw(kind, m) {
    const sizes = SIZES.slice(1), all = sizes.map((size) => facts(kind, size));
    const xs = sizes.map((size) => inX(size));
    attr(line, { d: path(xs, all.map((fact) => inY(fact.theory))) });
    attr(dots, { d: all.map((fact, i) => `M${xs[i]} ${inY(fact.sd)}h0`).join("") });
    const end = all[all.length - 1].theory; // the slope −½ through the largest batch
    attr(guide, { d: path(xs, sizes.map((size) => inY(end * Math.sqrt(256 / size)))) });
    attr(label, { x: inX(3.2), y: inY(end * Math.sqrt(256 / 4)) - 12 });
    label.textContent = "∝ 1/√m";
    const y = m > 1 ? inY(facts(kind, m).sd) : 0;
    attr(here, { d: m > 1 ? `M${inX(m) - 8} ${y}a8 8 0 1 0 16 0a8 8 0 1 0 -16 0` : "" });
  }
  return { svg, lines, draw };
}

/** The true mean of the data, the means of the batches, and the running mean that lags behind. */
function lagChart() {
  const svg = h(":svg", { class: "lag", height: 168, "aria-hidden": "true" });
  const grid = svg.appendChild(h(":g"));
  const piece = (name) => svg.appendChild(h(":path", { class: name }));
  const [means, truth, future, past] = ["means", "truth", "future", "past"].map(piece);
  const [cursor, dot] = ["cursor", "dot"].map(piece);
  const words = ["true", "running"].map((name) => svg.appendChild(h(":text", { class: name })));
  let inX, inY, width;
  function lines(w) {
    width = w;
    attr(svg, { viewBox: `0 0 ${w} 168` });
    inX = scale([0, STEPS], [34, w - 14]);
    inY = scale([-1, 6], [140, 10]);
    grid.replaceChildren(
      ...levels([0, 2, 4], inY, w), ...[0, 25, 50, 75, 100].map((v) => tick(inX(v), 158, v)),
    );
  }
  function draw({ running, means: observed }, step, shifted, m) {
    const all = running.map((_, k) => inX(k)), ys = running.map((r) => inY(r.mean));
    const point = (v, k) => `M${all[k + 1].toFixed(1)} ${inY(v).toFixed(1)}h0`;
    attr(means, { d: observed.slice(0, step).map(point).join("") });
    const middle = inX(SHIFT), end = inX(STEPS), [a, b] = [KINDS.before.mean, KINDS.after.mean].map(inY);
    attr(truth, { d: `M${inX(0)} ${a}H${shifted ? `${middle}V${b}H${end}` : end}` });
    attr(past, { d: path(all.slice(0, step + 1), ys.slice(0, step + 1)) });
    attr(future, { d: path(all.slice(step), ys.slice(step)) });
    attr(cursor, { d: `M${all[step]} 6V142` });
    attr(dot, { d: `M${all[step]} ${ys[step]}h0` });
    words[0].textContent = "true mean";
    attr(words[0], { x: shifted ? middle - 8 : end, y: (shifted ? b : a) - 6, "text-anchor": "end" });
    const left = all[step] > width * 0.72;
    words[1].textContent = m === 1 ? "running mean: no update" : "running mean";
    attr(words[1], { x: all[step] + (left ? -12 : 12), y: ys[step] + 18 });
    attr(words[1], { "text-anchor": left ? "end" : "start" });
  }
  return { svg, lines, draw };
}

// ---- guess first ------------------------------------------------------------------------------------------
function questions() {
  const noise = (m) => facts("before", m).theory, ratio = (a, b) => fmt(noise(a) / noise(b), 1);
  const half = Math.ceil(Math.log(0.5) / Math.log(0.9));
  return [
    ["From batch size 4 to 16: by how much does the noise of the output fall?",
      ["about ÷ 2", "÷ 4", "÷ 16"], 0,
      `The statistics of m values have noise ∝ 1/√m. The output falls from ${fmt(noise(4))} to `
      + `${fmt(noise(16))}, ÷ ${ratio(4, 16)}; from 64 to 256 it falls by ÷ ${ratio(64, 256)}.`,
      { m: 16, mode: "train", shifted: false, step: 30 }],
    ["We evaluate. Now the others in the batch change. The output of our sample …",
      ["changes as in training", "changes a little", "stays the same"], 2,
      "In evaluation the running averages take the place of the batch. The others do not count any more.",
      { mode: "eval", m: 8, shifted: false, step: 60 }],
    ["The data shift. With momentum 0.1, after how many updates has the running mean gone half the way?",
      ["1", `about ${half}`, "about 50"], 1,
      `Each update leaves 0.9 of the distance, and 0.9 to the power of ${half} is ${fmt(0.9 ** half)}.`,
      { m: 256, momentum: 0.1, shifted: true, step: SHIFT + half }],
    ["Training with a batch of 1: what is the output of BatchNorm?", ["the input", "0, or an error", "±1"], 1,
      "One value is its own mean, and its variance is 0. The formula gives 0 for any input, "
      + "so PyTorch refuses.",
      { m: 1, mode: "train" }],
  ];
}
const ERROR = "ValueError: Expected more than 1 value per channel when training, "
  + `got input size torch.Size([1, ${SAMPLE.length}])`;

function render({ model, el }) {
  makeBatches();
  const [root, unframe] = frame(el, "batch", CSS, "The batch is part of the function");
  const say = speaker(root);
  const state = store(model, SPEC, perFrame(() => update(say)));
  let late = 0, told = "", drawn = "", lag = "";

  // ---- controls -------------------------------------------------------------------------------------------
  const modes = [["train", "training"], ["eval", "evaluation"]];
  const mode = radios("Mode", modes, (value) => state.set({ mode: value }));
  const powers = { min: 0, max: SIZES.length - 1, step: 1 };
  const size = slider("Batch size m", powers, (i) => state.set({ m: SIZES[i] }));
  const another = button("Draw another batch", () => state.set({ seed: (state.get("seed") % BATCHES) + 1 }));
  const step = slider("Update", { min: 0, max: STEPS, step: 1 }, (value) => state.set({ step: value }));
  const next = button("Next update", () => state.set({ step: Math.min(STEPS, state.get("step") + 1) }));
  const share = { min: 0, max: 1, step: 0.01 };
  const momentum = slider("Momentum", share, (value) => state.set({ momentum: value }));
  const shift = toggle(`Shift the data after step ${SHIFT}`, (shifted) => // far enough to see it
    state.set(shifted ? { shifted, step: Math.max(SHIFT + 10, state.get("step")) } : { shifted }));
  const quiz = guess(questions(), (wanted) => state.set(wanted));
  const reset = button("Reset", () => {
    quiz.stop();
    state.reset();
  });

  const top = strips(), noise = noiseChart(), bottom = lagChart();
  const says = h("div", { class: "nl-says" });
  const features = SAMPLE.map((x) => fmt(x, 1)).join(", ");
  const title = (text) => h("p", { class: "title" }, text);
  const views = h("div", { class: "views" },
    h("div", {}, top.svg),
    h("div", {}, title("Noise of the output in training"), noise.svg,
      h("p", { class: "nl-note" }, "Line: theory. Dots: sd over 200 batches.")));
  const under = h("div", { class: "under" }, title("What evaluation will use: the running mean"), bottom.svg);
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, mode, size, another),
    quiz.box, views, says, under,
    h("div", { class: "nl-bar" }, step, next, momentum, h("fieldset", { class: "nl-seg" }, shift)),
    h("div", { class: "nl-bar end" }, quiz.button, reset,
      h("span", { class: "nl-note" }, `Our sample stays: ${features}. The others are drawn.`))));

  // What the other norms make of our sample: its batch does not enter.
  const alone = (groups) =>
    normalize(SAMPLE, [1, SAMPLE.length, 1], { share: "C", groups, eps: EPS }).y[0];
  const fixed = { layer: Array(BATCHES).fill(alone(1)), group: Array(BATCHES).fill(alone(2)) };

  function update(tell = () => {}) { // tells nothing when it is first drawn or only resized
    const now = Object.fromEntries(Object.keys(SPEC).map((name) => [name, state.get(name)]));
    const { m, seed, shifted, step: at } = now, training = now.mode === "train";
    const kind = kindAt(at, shifted), data = KINDS[kind], fact = facts(kind, m);
    const batch = [X, ...Array.from(normals(seed, m - 1), (z) => data.mean + data.sd * z)];
    const own = normalize(batch, [m, 1, 1], { share: "N", eps: EPS });
    if (lag !== [m, now.momentum, shifted].join()) {
      lag = [m, now.momentum, shifted].join();
      trajectory = follow(m, now.momentum, shifted);
    }
    const { mean, variance } = trajectory.running[at];
    const evaluated = (X - mean) / Math.sqrt(variance + EPS);
    const output = training ? (m === 1 ? null : own.y[0]) : evaluated;
    const outputs = !training ? Array(BATCHES).fill(evaluated) : m === 1 ? [] : fact.outputs;
    const [sd, theory] = !training ? [0, 0] : m === 1 ? [null, null] : [fact.sd, fact.theory];

    top.draw({
      batch, training, outputs, output, fact, fixed,
      mean: training ? own.mean[0] : mean, sd: Math.sqrt(training ? own.var[0] : variance),
    });
    if (drawn !== kind + m) noise.draw(kind, m);
    drawn = kind + m;
    bottom.draw(trajectory, at, shifted, m);

    mode.pick(now.mode);
    size.show(SIZES.indexOf(m), String(m));
    step.show(at, `${at} of ${STEPS}`);
    momentum.show(now.momentum, fmt(now.momentum));
    shift.input.checked = shifted;
    next.setAttribute("aria-disabled", at === STEPS);
    const lines = [...outputInWords({ m, training, own, mean, variance, output, outputs, sd, theory, fact })];
    const others = `${fmt(fixed.layer[0])} and ${fmt(fixed.group[0])}`;
    lines.push(["LayerNorm and GroupNorm, in every batch: ", others, "."]);
    lines.push(lagInWords({ m, at, shifted, mean, truth: data.mean }));
    says.replaceChildren(...lines.map(([plain, bold, more]) => h("p", {}, plain, h("b", {}, bold), more)));
    tell(`Batch size ${m}. ${lines.map((line) => line.join("")).join(" ")}`);
    report({ output, sd, theory, running_mean: mean, running_var: variance });
  }
  let trajectory;

  /** Tell Python, when the reader rests. */
  function report(stats) {
    const text = JSON.stringify(stats);
    clearTimeout(late);
    if (text !== told) {
      late = setTimeout(() => {
        told = text;
        model.set("stats", stats);
        model.save_changes();
      }, 150);
    }
  }

  const unwatch = onWidth(views, () => {
    for (const { svg, lines } of [top, noise, bottom]) lines(svg.clientWidth || 330);
    drawn = "";
    update();
  });
  for (const { lines } of [top, noise, bottom]) lines(330);
  update();
  return () => {
    clearTimeout(late);
    unwatch();
    state.off();
    unframe();
  };
}

// ---- sentences, with every number from the state: plain, bold, plain --------------------------------------
function outputInWords({ m, training, own, mean, variance, output, outputs, sd, theory, fact }) {
  const x = fmt(X, 0);
  if (!training) {
    const hope = `; in training, ${fmt(fact.expectedMean)} ± ${exact(fact.theory)} is expected.`;
    return [
      [`Evaluation: running mean ${fmt(mean)} and variance ${fmt(variance)} turn x = ${x} into `,
        fmt(output), "."],
      ["", `All ${BATCHES} batches give the same`, m === 1 ? "." : hope],
    ];
  }
  if (m === 1) {
    const why = "One value is its own mean, its variance is 0, and any input would become 0.";
    return [["", ERROR, ""], [why, "", ""]];
  }
  const low = fmt(Math.min(...outputs)), high = fmt(Math.max(...outputs));
  const statistics = `the mean ${fmt(own.mean[0])} and sd ${fmt(Math.sqrt(own.var[0]))} of this batch`;
  return [
    [`Training: ${statistics} turn x = ${x} into `, fmt(output), "."],
    [`In ${BATCHES} batches of ${m}: from ${low} to ${high}; `,
      `sd ${exact(sd)} measured, ${exact(theory)} in theory`, "."],
  ];
}

function lagInWords({ m, at, shifted, mean, truth }) {
  if (m === 1) return ["Running mean: no batch of 1 can update it, so it stays at ", fmt(mean), "."];
  const since = shifted && at > SHIFT ? ` ${at - SHIFT} updates after the shift` : ` after ${at} updates`;
  const off = Math.abs(mean - truth);
  const apart = `${fmt(off < 0.005 ? 0 : off)} apart`;
  return [`Running mean ${fmt(mean)}, true mean ${fmt(truth)}: `, apart, `${since}.`];
}

export default { render, address: ["m", "mode", "momentum", "seed", "step", "shifted"] };
