// The race in pictures: losses over the steps, and from block to block the size of stream and gradient.
import { h, path, scale } from "./core.js";

export const LETTERS = "ABCD";
export const DASHES = ["", "9 4", "3 3", "9 3 2 3"];
const LOSSES = [1, 5];

/** Round a number of steps up to a tick's distance, so that five or six ticks fit. */
const tickOf = (last) => [50, 100, 200, 400, 500].find((step) => last / step <= 6) ?? 1000;

/** A mean that forgets slowly, and is unbiased from the start. */
export function smoothed(losses, keep = 0.94) {
  let mean = 0, weight = 0;
  return losses.map((loss) => {
    mean = keep * mean + (1 - keep) * loss;
    weight = keep * weight + 1 - keep;
    return mean / weight;
  });
}

/** Losses of up to four arms beside three levels; labels stand at the ends of the lines. */
export function lossChart() {
  const svg = h(":svg", { class: "losses", "aria-hidden": "true" });
  function draw(arms, last, width, tall) {
    const narrow = width < 520, left = 26, right = width - (narrow ? 44 : 58), top = 8, bottom = tall - 22;
    const x = scale([0, last], [left, right]), y = scale(LOSSES, [bottom, top]);
    const level = ([loss, name, below]) => [ // where no line goes: the last one is reached late
      h(":line", { class: "level", x1: left, x2: right, y1: y(loss), y2: y(loss) }),
      h(":text", { class: "mute", x: below ? left + 4 : right - 4, y: y(loss) + (below ? 14 : -5), "text-anchor": below ? "start" : "end" }, name),
    ];
    const ticks = Array.from({ length: Math.floor(last / tickOf(last)) + 1 }, (_, i) => i * tickOf(last));
    const ends = arms.map((arm, i) => ({ arm, i, loss: arm.smooth.at(-1) })).filter((end) => end.loss !== undefined);
    svg.setAttribute("height", tall);
    svg.replaceChildren(
      ...[1, 2, 3, 4, 5].map((loss) => h(":text", { class: "mute", x: left - 8, y: y(loss) + 4, "text-anchor": "end" }, String(loss))),
      ...ticks.map((step) => h(":text", { class: "mute", x: x(step), y: tall - 4, "text-anchor": "middle" }, step.toLocaleString("en"))),
      h(":text", { class: "mute", x: width, y: tall - 4, "text-anchor": "end" }, "step"),
      ...[[Math.log(DATA.chars.length), "knows nothing"], [DATA.letters, "knows the letters"], [DATA.pairs, "knows their pairs", true]].flatMap(level),
      ...arms.map((arm, i) => curve(arm, i, x, y)),
      ...spread(ends.map((end) => ({ ...end, y: y(end.loss) })), bottom).flatMap(({ arm, i, loss, y: at }) => [
        h(":circle", { class: "arm-" + i, cx: x(arm.smooth.length - 1), cy: y(loss), r: 4 }),
        h(":text", { class: "end arm-" + i, x: x(arm.smooth.length - 1) + 8, y: at + 4 }, `${LETTERS[i]} ${arm.diverged === undefined ? loss.toFixed(2) : "✕"}`),
      ]));
  }
  return { svg, draw };
}

/** The line of an arm, thinned to three hundred points. */
function curve(arm, i, x, y) {
  const n = arm.smooth.length, every = Math.max(1, Math.floor(n / 300));
  const at = arm.smooth.map((_, step) => step).filter((step) => step % every === 0 || step === n - 1);
  return h(":path", { class: "line arm-" + i, "stroke-dasharray": DASHES[i], d: path(at.map(x), at.map((step) => y(arm.smooth[step]))) });
}

/** Labels that keep 15 pixels from each other, and stay above the bottom. */
function spread(labels, bottom) {
  labels.sort((a, b) => a.y - b.y);
  labels.forEach((label, k) => (label.y = k ? Math.max(label.y, labels[k - 1].y + 15) : label.y));
  for (let k = labels.length - 1, most = bottom; k >= 0; k--, most -= 15) labels[k].y = Math.min(labels[k].y, most);
  return labels;
}

/** One number per block and arm, from the embedding on, over powers of ten. */
export function profileChart(title, of) {
  const svg = h(":svg", { class: "profile", "aria-hidden": "true" });
  function draw(arms, width, tall) {
    const rows = arms.map((arm) => (arm.inside ? of(arm.inside).map((v) => (v > 0 && Number.isFinite(v) ? v : NaN)) : []));
    const powers = rows.flat().filter((v) => v === v).map(Math.log10);
    const low = Math.floor(Math.min(-1, ...powers)), high = Math.ceil(Math.max(1, ...powers));
    const blocks = Math.max(2, ...rows.map((row) => row.length - 1), ...arms.map((arm) => arm.depth));
    const x = scale([0, blocks], [36, width - 8]), y = scale([low, high], [tall - 18, 8]);
    const step = Math.ceil((high - low) / 4);
    const ticks = Array.from({ length: Math.floor((high - low) / step) + 1 }, (_, i) => low + i * step);
    svg.setAttribute("height", tall);
    svg.replaceChildren(
      ...ticks.flatMap((power) => [
        h(":line", { class: "rule", x1: 36, x2: width - 8, y1: y(power), y2: y(power) }),
        h(":text", { class: "mute", x: 30, y: y(power) + 4, "text-anchor": "end" }, powerText(power)),
      ]),
      ...Array.from({ length: blocks + 1 }, (_, l) => l).filter((l) => blocks <= 8 || l % 2 === 0).map((l) =>
        h(":text", { class: "mute", x: x(l), y: tall - 4, "text-anchor": "middle" }, String(l))),
      ...rows.flatMap((row, i) => [
        h(":path", { class: "line arm-" + i, "stroke-dasharray": DASHES[i], d: path(row.map((_, l) => x(l)), row.map((v) => y(Math.log10(v)))) }),
        ...row.flatMap((v, l) => (v === v ? [h(":circle", { class: "arm-" + i, cx: x(l), cy: y(Math.log10(v)), r: 2.5 })] : [])),
      ]));
  }
  return { box: h("div", { class: "profiled" }, h("p", {}, title), svg), svg, draw };
}
const powerText = (power) => ({ 0: "1", 1: "10", 2: "100", [-1]: "0.1", [-2]: "0.01" }[power] ?? "10" + String(power).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻"));
