// ε and precision: the numbers on an axis, the variance on an axis, and the table of errors.
import { clamp, fmt, h, nextId } from "./core.js";
import { ALGORITHMS, DTYPES, ROUND, few, spacing } from "./precision_lab_numbers.js";

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
export function makeStorage() {
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
    paths.forEach((node, i) => node.setAttribute("d", shapes[i].join("")));
  }
  return { node, draw };
}

/** The variance that came out and the one that should have, on the numbers it is picked from. */
export function makeVariance() {
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
export function makeTable(picked) {
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
