// The learning-rate map: what was measured, words for it, and the chart of the curves of a cell.
import { clamp, h, path, scale } from "./core.js";

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

/** The chosen cell and its rival, as arms of the race. */
export const raceOf = (now) => [now.placement, rivalOf(now.placement)].map((placement) => (
  { placement, lr: RATES[now.rate], warmup: now.warmup, init: now.init }));

// ---- the runs of a cell on their way, the other placements', and the reader's own ----
const FIRST = 80, LOSSES = [1.4, 3.6], LEFT = 34, TOP = 10;

/** Where a step and a loss are in a picture from the left to the right edge, from top to bottom. */
function scalesFor(left, right, top, bottom, last = LAST) {
  return [scale([FIRST, last], [left, right], true), scale(LOSSES, [bottom, top])];
}

/** The runs of a cell up to some step, as one path in a picture of 100 by 100; what is off it is cut. */
export function spark(runs, steps) {
  const [x, y] = scalesFor(0, 100, 0, 100), at = MOMENTS.filter((one) => one <= steps);
  const xs = at.map(x);
  return runs.map((run) => path(xs, at.map((_, i) => (run[i] > LOSSES[1] ? NaN : y(run[i]))))).join("");
}

/** Names at the right end of lines, moved apart where they would lie on each other. */
function endNames(ends, right, bottom) {
  const sorted = ends.sort((a, b) => a.y - b.y), n = sorted.length;
  sorted.forEach((end, i) => (end.y = Math.min(end.y, bottom - 15 * (n - 1 - i))));
  sorted.forEach((end, i) => (end.y = Math.max(end.y, (sorted[i - 1]?.y ?? -99) + 15)));
  return sorted.map(({ y, name, placement }) => h(":text", {
    x: right + 6, y: y + 4, style: `fill: var(--${placement}); font-weight: 600`,
  }, name));
}

export function curveChart() {
  const view = h(":svg", { class: "curves", "aria-hidden": "true" });
  const middle = { "text-anchor": "middle" }, end = { "text-anchor": "end" };

  /** One curve with a dot per moment, from the chart's first step on, cut at its upper edge. */
  function line({ kind, placement, steps, losses, diverged }, x, y) {
    const points = steps.map((step, i) => [step, losses[i]]).filter(([step]) => step >= FIRST);
    const seen = points.map(([step, loss]) => [x(step), loss > LOSSES[1] ? NaN : y(loss)]);
    const drawn = { class: kind, ...(placement ? { style: `--line-color: var(--${placement})` } : {}) };
    const dash = placement ? PLACEMENTS[placement].dash : [];
    const [atX, atY] = [x(points.at(-1)?.[0] ?? FIRST), y(points.at(-1)?.[1] ?? 99)];
    return [
      h(":path", { ...drawn, d: path(...[0, 1].map((i) => seen.map((p) => p[i]))), "stroke-dasharray": dash }),
      ...(kind === "live" ? seen.filter((p) => p[1] === p[1]) : []).map(([cx, cy]) =>
        h(":circle", { ...drawn, cx, cy, r: 3.5 })),
      ...(diverged ? [h(":text", { class: kind + " cross", x: clamp(atX, LEFT + 6, x(1e9)), y: atY + 5, ...middle }, "✕")] : []),
    ];
  }

  /** Curves {kind, placement, steps, losses, diverged}, those in front last; `ends` are their names. */
  function draw(curves, ends, width, tall, steps) {
    const right = width - 76, bottom = tall - 24, last = Math.max(LAST, ...curves.map((one) => one.steps.at(-1)));
    const [x, y] = scalesFor(LEFT, right, TOP, bottom, last);
    const marks = last > 1.5 * LAST ? [...MOMENTS, last] : MOMENTS;
    const level = (loss, name) => [
      h(":line", { class: "level", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
      h(":text", { class: "mute", x: LEFT + 4, y: y(loss) - 4 }, name)];
    view.setAttribute("height", tall);
    view.replaceChildren(
      ...[1.5, 2, 2.5, 3, 3.5].flatMap((loss) => [
        h(":line", { class: "grid-line", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
        h(":text", { class: "mute", x: LEFT - 8, y: y(loss) + 4, ...end }, loss.toFixed(1))]),
      h(":line", { class: "moment", x1: x(steps), x2: x(steps), y1: TOP, y2: bottom }),
      ...marks.map((step) => h(":text", { class: "mute", x: x(step), y: bottom + 18, ...middle }, String(step))),
      ...level(LETTERS, "letters"), ...level(PAIRS, "pairs"),
      ...curves.flatMap((one) => line(one, x, y)),
      ...endNames(ends.map(({ loss, ...one }) => ({ ...one, y: y(loss) })), right, bottom - 2));
    return { left: LEFT, top: TOP, width: right - LEFT, height: bottom - TOP };
  }
  return { view, draw };
}
