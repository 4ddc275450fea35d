// The batch is part of the function: three drawings, each with `lines(width)` and `draw(…)`.
import { attr, clamp, fmt, h, path, scale } from "./core.js";
import { BATCHES, KINDS, SHIFT, SIZES, STEPS, X, exact, facts, spread } from "./batch_dependence_numbers.js";

const tick = (x, y, text) => h(":text", { class: "mute", x, y, "text-anchor": "middle" }, String(text));
/** Lines across a chart at some values, with their names on the left. */
const levels = (values, inY, w) => values.flatMap((v) => [
  h(":line", { x1: 34, x2: w - 8, y1: inY(v), y2: inY(v) }),
  h(":text", { class: "mute", x: 28, y: inY(v) + 4, "text-anchor": "end" }, String(v)),
]);

const ROOM = { left: 92, right: 66 }; // beside the strips: names, spreads
const RANGE = { x: [-3, 10], y: [-3, 3] };
const STRIPS = { batch: 58, batchnorm: 190, layer: 246, group: 302, bottom: 306 };

/** What stands still on the strips: names, lines and ticks. */
function fixedOfStrips(ends, inX, outX) {
  const name = (text, y) => h(":text", { class: "name", x: 0, y }, text);
  const note = (text, y) => h(":text", { class: "mute", x: 0, y }, text);
  const axis = (y) => h(":line", { x1: ends[0], x2: ends[1], y1: y, y2: y });
  return [
    name("The batch", STRIPS.batch - 26), note("x, feature 1", STRIPS.batch - 10),
    axis(STRIPS.batch), ...[-2, 0, 2, 4, 6, 8, 10].map((v) => tick(inX(v), STRIPS.batch + 16, fmt(v, 0))),
    note(`Output of x = ${fmt(X, 0)} in each of ${BATCHES} batches`, 102),
    name("BatchNorm", STRIPS.batchnorm - 6), axis(STRIPS.batchnorm),
    name("LayerNorm", STRIPS.layer - 6), axis(STRIPS.layer),
    name("GroupNorm", STRIPS.group - 6), axis(STRIPS.group),
    ...[-3, -2, -1, 0, 1, 2, 3].map((v) => tick(outX(v), STRIPS.group + 18, fmt(v, 0))),
  ];
}

/** A histogram of bins 1/8 wide on a base line. */
function histogram(values, base, height, outX) {
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

/** The strips: the batch the sample is in, and its output in 200 batches under three norms. */
export function strips() {
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
    grid.replaceChildren(...fixedOfStrips(ends, inX, outX));
    for (const [key, y] of [["bn", STRIPS.batchnorm], ["ln", STRIPS.layer], ["gn", STRIPS.group]])
      attr(texts[key], { x: w, y: y - 6, "text-anchor": "end" });
  }

  /** `fixed` are the outputs of the other norms. */
  function draw({ batch, own, training, outputs, output, fact, ...buffers }, fixed) {
    const mean = training ? own.mean[0] : buffers.mean;
    const sd = Math.sqrt(training ? own.var[0] : buffers.variance);
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
      histogram(outputs, STRIPS.batchnorm, 62, outX), histogram(fixed.layer, STRIPS.layer, 34, outX),
      histogram(fixed.group, STRIPS.group, 34, outX),
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

/** How the noise falls with the size of the batch: theory as a line, 200 batches as dots. */
export function noiseChart() {
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
export function lagChart() {
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
