// Internal covariate shift on trial: the distributions of a unit in one network, and curves over training.
import { attr, bytes, fmt, h, path, scale } from "./core.js";

export const NORMS = {
  none: { name: "No norm", dash: "" },
  batch: { name: "Batch norm", dash: "" },
  noisy_batch: { name: "Noisy batch norm", dash: "7 3" },
  layer: { name: "LayerNorm", dash: "2 3" },
};
export const STEPS = DATA.steps;
export const LAYERS = 8;
const BINS = DATA.edges.length - 1;
export const LAST = STEPS[STEPS.length - 1];

/** Something for each network. */
export const forEachNorm = (make) =>
  Object.fromEntries(Object.keys(NORMS).map((norm) => [norm, make(norm)]));

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

const sqrtScale = (from, to) => (step) => from + Math.sqrt(step / LAST) * (to - from);

/** One network: percentiles over training, and on the same axis the distribution now. */
export function panel(norm) {
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

export const swatch = (norm) => h(":svg", { class: "swatch " + norm, viewBox: "0 0 22 8", "aria-hidden": "true" },
  h(":line", { x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": NORMS[norm].dash }));

/** Four curves over training on one pair of axes, with a cursor. */
export function chart() {
  const W = 350, H = 190, left = 40, right = 342, top = 8, bottom = 150;
  const x = sqrtScale(left, right);
  const svg = h(":svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true" });
  const axes = h(":g"), cursor = h(":line", { class: "cursor", y1: top, y2: bottom });
  const lines = {};
  svg.append(axes);
  for (const norm in NORMS) svg.append((lines[norm] = h(":path", { class: "line " + norm, "stroke-dasharray": NORMS[norm].dash })));
  svg.append(cursor);
  const heading = h("p", { class: "title" });
  return {
    box: h("div", {}, heading, svg),
    draw({ title, range, ticks, log }, curves) {
      const y = scale(range, [bottom, top], log);
      heading.textContent = title;
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
