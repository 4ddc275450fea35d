// The learning-rate map: what was measured, words for it, the grid of a map and the chart of curves.
import { bytes, clamp, fmt, h, nextId, path, scale } from "./core.js";

// ---- what was measured ----
export const { rates: RATES, depths: DEPTHS, warmups: WARMUPS, placements: ROWS } = DATA;
export const { seeds: SEEDS, unigram: UNIGRAM } = DATA;
const MOST_CURVES = 12, MOST_POINTS = 500;

/** The losses of a cell, one per seed; null where the run diverged. */
export const lossesOf = (depth, warmup, placement, rate) =>
  DATA.loss[DEPTHS.indexOf(depth)][WARMUPS.indexOf(warmup)][ROWS.indexOf(placement)][rate];

const CODES = bytes(DATA.curves), POINTS = DATA.curve_steps.length;
/** The curves of a cell, one per seed: NaN where the run had ended, Infinity above the range. */
export function curvesOf(depth, warmup, placement, rate) {
  const where = [DEPTHS.indexOf(depth), WARMUPS.indexOf(warmup), ROWS.indexOf(placement), rate];
  const sizes = [DEPTHS.length, WARMUPS.length, ROWS.length, RATES.length];
  const cell = where.reduce((at, index, i) => at * sizes[i] + index, 0);
  const [low, high] = DATA.curve_range;
  const inside = (code) => low * (high / low) ** (code / 253);
  const value = (code) => (code === 255 ? NaN : code === 254 ? Infinity : inside(code));
  return Array.from({ length: SEEDS }, (_, seed) => {
    const first = (cell * SEEDS + seed) * POINTS;
    return Array.from(CODES.subarray(first, first + POINTS), value);
  });
}

/** Mean and worst of the runs that did not diverge, and how many did. */
export function summary(losses) {
  const left = losses.filter((x) => x !== null);
  const diverged = losses.length - left.length;
  const mean = left.length ? left.reduce((a, b) => a + b, 0) / left.length : NaN;
  return { diverged, mean, worst: diverged ? NaN : Math.max(...left) };
}

const cells = (depth, warmup, placement) =>
  RATES.map((_, rate) => summary(lossesOf(depth, warmup, placement, rate)));

/** The lowest mean of a depth, over everything: what the tolerance counts from. */
const bestOf = (depth) => Math.min(...WARMUPS.flatMap((warmup) => ROWS.flatMap((placement) =>
  cells(depth, warmup, placement).filter((cell) => !cell.diverged).map((cell) => cell.mean))));
export const BEST = Object.fromEntries(DEPTHS.map((depth) => [depth, bestOf(depth)]));

/** Which rates are usable: no seed diverged, and the worst is within the tolerance of the best. */
export const usable = (depth, warmup, placement, tolerance) => cells(depth, warmup, placement)
  .flatMap((cell, rate) => (cell.worst <= BEST[depth] + tolerance ? [rate] : []));

/** Curves of the reader, as Python sends them. */
export function areCurves(value) {
  const good = (one) => typeof one === "object" && Array.isArray(one?.loss) && Array.isArray(one.steps)
    && one.loss.length > 0 && one.loss.length === one.steps.length && one.loss.length <= MOST_POINTS
    && one.loss.every((x) => typeof x === "number" && Math.abs(x) < 1e300)
    && one.steps.every((x, i) => typeof x === "number" && x >= (one.steps[i - 1] ?? 0) && x < 1e9);
  return Array.isArray(value) && value.length > 0 && value.length <= MOST_CURVES && value.every(good);
}

// ---- words ----
export const rateText = (rate) => String(RATES[rate]);
export const lossText = (x) => fmt(x, x < 10 ? 2 : 0);
export const warmupText = (warmup) => (warmup ? `${warmup} steps of warm-up` : "no warm-up");
export const and = (list) => [list.slice(0, -1).join(", "), ...list.slice(-1)].filter(Boolean).join(" and ");

/** Neighboring rates as ranges: "0.001 to 0.016 and 0.064". */
export function ranges(list) {
  const runs = [];
  for (const rate of list) {
    if (runs.length && runs.at(-1)[1] === rate - 1) runs.at(-1)[1] = rate;
    else runs.push([rate, rate]);
  }
  return and(runs.map(([a, b]) => (a === b ? rateText(a) : `${rateText(a)} to ${rateText(b)}`)));
}

/** How the runs of a cell ended. */
export function ending(losses) {
  const { diverged } = summary(losses);
  const left = losses.filter((x) => x !== null).map(lossText);
  if (!left.length) return `all ${SEEDS} runs diverged`;
  const others = left.length === 1 ? "the other" : "the others";
  if (diverged) return `${diverged} of ${SEEDS} runs diverged, ${others} ended at ${and(left)}`;
  return `the ${SEEDS} seeds ended at ${and(left)}`;
}

// ---- the maps ----
/** One grid, placements down and rates across. `picked(placement, rate)` on a click. */
export function gridOf(warmup, picked) {
  const words = warmup ? warmupText(warmup) : "Without warm-up";
  const title = h("p", { class: "title", id: nextId() }, words);
  const at = {}, counts = {};
  const head = h("div", { class: "row head", role: "row" },
    h("span", { class: "name", role: "columnheader" }, h("span", { class: "nl-sr" }, "Placement")),
    RATES.map((rate) => h("span", { role: "columnheader" }, shortRate(rate))),
    h("span", { class: "count", role: "columnheader" },
      h("span", { class: "nl-sr" }, "usable rates, "), `of ${RATES.length}`));
  const rows = ROWS.map((placement) => {
    at[placement] = RATES.map((_, rate) => h("div", {
      class: "cell", role: "gridcell", tabindex: -1, onclick: () => picked(placement, rate),
    }));
    counts[placement] = h("span", { class: "count", role: "gridcell" });
    const name = h("span", { class: "name", role: "rowheader" }, PLACEMENTS[placement].label);
    return h("div", { class: "row", role: "row" }, name, at[placement], counts[placement]);
  });
  const grid = h("div", { class: "grid", role: "grid", "aria-labelledby": title.id }, head, rows);
  return { box: h("div", { class: "map" }, title, grid), at, counts };
}
const shortRate = (rate) => String(rate).replace(/^0/, "");

/** Color, text, hatching and name of a cell; only what changed is touched. */
export function paintCell(node, { text, share, diverged, good, label, selected, paired }) {
  const kinds = { diverged, usable: good, selected, paired };
  const name = ["cell", ...Object.keys(kinds).filter((kind) => kinds[kind])].join(" ");
  if (node.className !== name) {
    node.className = name;
    node.tabIndex = selected ? 0 : -1;
    node.setAttribute("aria-selected", !!selected);
  }
  if (node.label === label) return;
  node.label = label;
  node.setAttribute("aria-label", label);
  node.textContent = text;
  node.style.setProperty("--share", share.toFixed(2));
}

// ---- the curves of a cell, of its neighbors, and the reader's own ----
const TALL = 222, TOP = 12, BOTTOM = 184, LEFT = 34, LOSSES = [2, 5];

export function curveChart() {
  const view = h(":svg", { class: "curves", height: TALL, "aria-hidden": "true" });
  const y = scale(LOSSES, [BOTTOM, TOP]);

  /** A curve up to the chart's upper edge, and where it ends. */
  function line(steps, losses, x) {
    const ended = losses.findIndex(Number.isNaN); // after that the run had stopped
    const known = ended < 0 ? losses : losses.slice(0, ended);
    const ys = known.map((loss, i) => (loss > LOSSES[1] && known[i - 1] > LOSSES[1] ? NaN : y(loss)));
    const last = Math.max(0, known.length - 1);
    return { d: path(known.map((_, i) => x(steps[i])), ys), end: [x(steps[last]), y(known[last] ?? 99)] };
  }

  /** A round distance of marks up to a step. */
  function spacing(last) {
    const power = 10 ** Math.floor(Math.log10(last)), size = last / power;
    return size < 2.5 ? power / 2 : size < 5 ? power : 2 * power;
  }

  const seen = (group) => group.curves.some(({ losses }) => losses.some((loss) => loss <= LOSSES[1]));

  /** Groups of curves: [{kind, steps, curves: [{losses, diverged}]}], the one in front last. */
  function draw(groups, width, last) {
    const right = width - 8, every = spacing(last);
    const x = (step) => LEFT + (step / last) * (right - LEFT);
    const marks = Array.from({ length: Math.floor(last / every) + 1 }, (_, i) => i * every);
    const middle = { "text-anchor": "middle" }, end = { "text-anchor": "end" };
    const draw = ({ kind, steps, curves }) => curves.flatMap(({ losses, diverged }) => {
      const { d, end: [atX, atY] } = line(steps, losses, x);
      const place = { x: clamp(atX, LEFT + 6, right), y: atY + 5 };
      const cross = h(":text", { class: kind + " cross", ...place, ...middle }, "✕");
      return [h(":path", { class: kind, d }), ...(diverged ? [cross] : [])];
    });
    view.replaceChildren(
      ...[2, 3, 4, 5].flatMap((loss) => [
        h(":line", { class: "grid-line", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
        h(":text", { class: "mute", x: LEFT - 8, y: y(loss) + 4, ...end }, String(loss)),
      ]),
      ...marks.map((step) =>
        h(":text", { class: "mute", x: x(step), y: BOTTOM + 18, ...middle }, String(step))),
      h(":text", { class: "mute", x: right, y: TALL - 3, ...end }, "step"),
      h(":text", { class: "mute", x: 0, y: TALL - 3 }, "loss of the batch"),
      h(":line", { class: "level", x1: LEFT, x2: right, y1: y(UNIGRAM), y2: y(UNIGRAM) }),
      ...groups.flatMap(draw),
      h(":text", { class: "mute", x: (LEFT + right) / 2, y: y(4) - 8, ...middle },
        seen(groups.at(-1)) ? "" : `This cell's loss is above ${LOSSES[1]}: off the chart`));
  }
  return { view, draw };
}
