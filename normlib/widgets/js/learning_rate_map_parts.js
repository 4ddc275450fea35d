// The learning-rate map: what was measured, words for it, the grid of a map and the chart of curves.
import { clamp, fmt, h, nextId, path, scale } from "./core.js";

// ---- what was measured ----
export const { inits: INITS, warmups: WARMUPS, placements: ROWS, rates: RATES, moments: MOMENTS } = DATA;
export const { letters: LETTERS, pairs: PAIRS } = DATA;
export const LAST = MOMENTS.at(-1), FAR = 0.3; // nats between the seeds of a cell that agree
const MOST_CURVES = 12, MOST_POINTS = 500;

/** The runs of a cell: for each seed its losses, one per moment. */
export const runsOf = ({ init, warmup, placement, rate }) =>
  DATA.loss[INITS.indexOf(init)][WARMUPS.indexOf(warmup)][ROWS.indexOf(placement)][rate];

/** The losses of a cell after some steps, one per seed, and what they come to. */
export function cellAt(now) {
  const at = MOMENTS.indexOf(now.steps), losses = runsOf(now).map((run) => run[at]);
  const sorted = [...losses].sort((a, b) => a - b), n = sorted.length;
  const median = (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2;
  return { losses, median, worst: sorted[n - 1], apart: sorted[n - 1] - sorted[0] };
}

const everyCell = (now, placement) => WARMUPS.flatMap((warmup) => RATES.map((_, rate) => (
  { warmup, rate, median: cellAt({ ...now, placement, warmup, rate }).median })));

/** Where a placement's median is lowest, over all rates and warm-ups. */
export const ownBest = (now, placement) =>
  everyCell(now, placement).reduce((a, b) => (b.median < a.median ? b : a));

/** The lowest median of all cells: what the tolerance counts from. */
export const best = (now) => Math.min(...ROWS.map((placement) => ownBest(now, placement).median));

/** Which rates are usable: every seed is within the tolerance of the best. */
export function usable(now, warmup, placement, top = best(now)) {
  const limit = top + now.tolerance;
  return RATES.flatMap((_, rate) => (cellAt({ ...now, warmup, placement, rate }).worst <= limit ? [rate] : []));
}

/** Whom a placement is compared with: pre-norm, and pre-norm with post-norm. */
export const rivalOf = (placement) => (placement === "pre" ? "post" : "pre");

/** In how many seeds the chosen cell's loss is below its rival's, at each moment. */
export function aheadOf(now) {
  const runs = runsOf(now), rival = runsOf({ ...now, placement: rivalOf(now.placement) });
  const ahead = MOMENTS.map((_, i) => runs.filter((run, seed) => run[i] < rival[seed]?.[i]).length);
  return { ahead, pairs: Math.min(runs.length, rival.length) };
}

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
export const stepsText = (steps) => steps.toLocaleString("en");
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

// ---- the maps ----
/** One grid, placements down and rates across. `picked(placement, rate)` on a click. */
export function gridOf(warmup, picked) {
  const words = warmup ? warmupText(warmup) : "Without warm-up";
  const title = h("p", { class: "title", id: nextId() }, words);
  const at = {}, counts = {};
  const head = h("div", { class: "row head", role: "row" },
    h("span", { class: "name", role: "columnheader" }, h("span", { class: "nl-sr" }, "Placement, "), "rate × 1000"),
    RATES.map((rate) => h("span", { role: "columnheader", "aria-label": `rate ${rate}` }, String(+(rate * 1000).toPrecision(3)))),
    h("span", { class: "count", role: "columnheader" },
      h("span", { class: "nl-sr" }, `usable rates, of ${RATES.length}`), h("span", { "aria-hidden": "true" }, "✓")));
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

/** Color, text, border and name of a cell; only what changed is touched. */
export function paintCell(node, { text, share, split, good, label, selected, paired }) {
  const kinds = { split, usable: good, selected, paired };
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

// ---- the runs of a cell on their way, the other placements', and the reader's own ----
const TALL = 232, TOP = 12, BOTTOM = 194, LEFT = 34, LOSSES = [1.4, 3.6], FIRST = 50;

export function curveChart() {
  const view = h(":svg", { class: "curves", height: TALL, "aria-hidden": "true" });
  const y = scale(LOSSES, [BOTTOM, TOP]);
  const middle = { "text-anchor": "middle" }, end = { "text-anchor": "end" };

  /** One curve with a dot per moment, from the chart's first step on, cut at its upper edge. */
  function line({ kind, placement, steps, losses, diverged }, x) {
    const points = steps.map((step, i) => [step, losses[i]]).filter(([step]) => step >= FIRST);
    const seen = points.map(([step, loss]) => [x(step), loss > LOSSES[1] ? NaN : y(loss)]);
    const color = placement ? { style: `--line-color: var(--${placement})` } : {};
    const drawn = { class: kind, ...color };
    const dash = placement ? PLACEMENTS[placement].dash : [];
    const [atX, atY] = [x(points.at(-1)?.[0] ?? FIRST), y(points.at(-1)?.[1] ?? 99)];
    return [
      h(":path", { ...drawn, d: path(...[0, 1].map((i) => seen.map((p) => p[i]))), "stroke-dasharray": dash }),
      ...(kind === "live" ? seen.filter((p) => p[1] === p[1]) : []).map(([cx, cy]) =>
        h(":circle", { ...drawn, cx, cy, r: 3.5 })),
      ...(diverged ? [h(":text", { class: kind + " cross", x: clamp(atX, LEFT + 6, x(1e9)), y: atY + 5, ...middle }, "✕")] : []),
    ];
  }

  /** A line across at a loss, with its name. */
  const level = (loss, name, right) => [
    h(":line", { class: "level", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
    h(":text", { class: "mute", x: right, y: y(loss) - 5, ...end }, name),
  ];

  /** Curves {kind, placement, steps, losses, diverged}, those in front last. */
  function draw(curves, width, steps) {
    const right = width - 8, last = Math.max(LAST, ...curves.map((one) => one.steps.at(-1)));
    const x = scale([FIRST, last], [LEFT, right], true);
    const marks = last > 1.5 * LAST ? [...MOMENTS, last] : MOMENTS;
    view.replaceChildren(
      ...[1.5, 2, 2.5, 3, 3.5].flatMap((loss) => [
        h(":line", { class: "grid-line", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
        h(":text", { class: "mute", x: LEFT - 8, y: y(loss) + 4, ...end }, loss.toFixed(1)),
      ]),
      h(":line", { class: "moment", x1: x(steps), x2: x(steps), y1: TOP, y2: BOTTOM }),
      ...marks.map((step) =>
        h(":text", { class: "mute", x: x(step), y: BOTTOM + 18, ...(step === last ? end : middle) }, String(step))),
      h(":text", { class: "mute", x: right, y: TALL - 3, ...end }, "step, logarithmic"),
      h(":text", { class: "mute", x: 0, y: TALL - 3 }, "validation loss"),
      ...level(LETTERS, `letters ${fmt(LETTERS)}`, right), ...level(PAIRS, `pairs ${fmt(PAIRS)}`, right),
      ...curves.flatMap((one) => line(one, x)));
  }
  return { view, draw };
}
