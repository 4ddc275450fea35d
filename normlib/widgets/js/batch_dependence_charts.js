// The batch is part of the function: what stands under "More", each with `lines(width)` and `draw(…)`.
import { attr, h, path, scale } from "./core.js";
import { KINDS, SHIFT, SIZES, STEPS, facts } from "./batch_dependence_numbers.js";

const tick = (x, y, text) => h(":text", { class: "mute", x, y, "text-anchor": "middle" }, String(text));
/** Lines across a chart at some values, with their names on the left. */
const levels = (values, inY, w) => values.flatMap((v) => [
  h(":line", { x1: 34, x2: w - 8, y1: inY(v), y2: inY(v) }),
  h(":text", { class: "mute", x: 28, y: inY(v) + 4, "text-anchor": "end" }, String(v)),
]);

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
