// ε and precision: the numbers that fall onto the grid, what the norm makes of them, and what is folded.
import { clamp, fmt, h, nextId, tween } from "./core.js";
import { ALGORITHMS, COUNT, DTYPES, ROUND, few, spacing } from "./precision_lab_numbers.js";

/** How wrong a variance is, in few letters: 320 %, 1.2·10⁻⁷, or what became of it. */
export function errorInWords({ error, variance, left, stored }) {
  if (!stored.every(Number.isFinite) || !Number.isFinite(variance)) return "overflow";
  if (variance < 0) return "negative";
  if (left === 0) return "all lost";
  return errorText(error);
}

function errorText(error) {
  if (error === 0) return "none";
  if (error < 1e-3) return fmt(error);
  return error < 99.5 ? `${fmt(100 * error, error < 0.1 ? 1 : 0)} %` : `×${few(error)}`;
}

/** good, fair or bad; the words beside it say it too. */
export function grade({ error, variance, left }) {
  if (!(variance >= 0) || left === 0 || !Number.isFinite(error) || error >= 0.1) return "bad";
  return error >= 1e-3 ? "fair" : "good";
}

const DENSE = 4; // pixels between two numbers of a format, below which they are drawn as a band

/** A horizontal axis from `low` to `high` between two edges. */
function makeAxis(low, high, from, to) {
  const at = (v) => from + ((clamp(v, low, high) - low) / (high - low)) * (to - from);
  return { low, high, at, pixels: (distance) => (distance / (high - low)) * (to - from) };
}

/** Ticks at `grid`, or a band where there are too many to draw. */
function drawGrid(group, { low, high, at, pixels }, step, y, grid) {
  const dense = pixels(step) < DENSE;
  const band = { class: "band", x: at(low), width: Math.max(0, at(high) - at(low)), y: y - 5, height: 10 };
  const ticks = () => grid.map((v) => `M${at(v).toFixed(1)} ${y - 6}v12`).join("");
  group.replaceChildren(dense ? h(":rect", band) : h(":path", { class: "ticks", d: ticks() }));
}

// ---- storing: every number falls onto the nearest one that the format has, and they pile up ----
const ABOVE = 26, GROUND = 160, DOT = 6.4;

/** What a picture of this width shows of the numbers: its axis, and what the format has on it. */
function groundFor({ offset, spread, dtype, stored }, width) {
  const step = spacing(Math.abs(offset) + spread / 2, dtype);
  const half = Math.max(3.2 * spread, 1.6 * step);
  const axis = makeAxis(offset - half, offset + half, 6, width - 6), points = [];
  if (stored.some(Number.isFinite) && axis.pixels(step) >= DENSE) {
    for (let v = ROUND[dtype](axis.low); v <= axis.high && points.length < 500; v += spacing(v, dtype)) points.push(v);
  }
  return { axis, step, points: points.filter((v) => v >= axis.low) };
}

/** Where every number ends: on its number of the format, or upon those that came before. */
function pile(stored, at) {
  const piles = new Map();
  for (const v of stored) piles.set(v, (piles.get(v) ?? 0) + 1);
  const rise = Math.min(DOT, (GROUND - ABOVE - 34) / Math.max(...piles.values()));
  const seen = new Map();
  return stored.map((v) => {
    const below = seen.get(v) ?? 0;
    seen.set(v, below + 1);
    return Number.isFinite(v) ? [at(v), GROUND - 7 - below * rise] : [NaN, NaN];
  });
}

/** The picture of storing. `moved(steps)` when it is dragged to a side, at most once per 26 pixels. */
export function makeStorage(moved) {
  const node = h(":svg", { class: "storage", height: GROUND + 26, "aria-hidden": "true", "data-drag": true });
  const fixed = h(":g"), grid = h(":g"), [falls, above, dots] = ["move", "dots exact", "dots kept"].map((name) => h(":path", { class: name }));
  const count = h(":text", { class: "count", y: ABOVE + 34 }), bad = h(":text", { class: "bad", y: GROUND - 8, "text-anchor": "middle" });
  node.append(grid, fixed, above, h(":g", { class: "nl-answer" }, falls, dots, count, bad));
  let now = null, stop = () => {}, from = 0;
  node.addEventListener("pointerdown", (event) => {
    from = event.clientX;
    node.setPointerCapture(event.pointerId);
  });
  node.addEventListener("pointermove", (event) => {
    const steps = event.buttons ? Math.trunc((event.clientX - from) / 26) : 0; // none once a swipe scrolls
    if (!steps) return;
    from += 26 * steps;
    moved(steps);
  });

  function place(spots) {
    now = spots;
    dots.setAttribute("d", spots.map(([x, y]) => (Number.isFinite(y) ? `M${x.toFixed(1)} ${y.toFixed(1)}h0` : "")).join(""));
  }

  /** Draw a state; the numbers fall from where they are. */
  function draw(view, width, moving) {
    stop();
    const { axis, step, points } = groundFor(view, width), { at } = axis, lost = view.stored.filter((v) => !Number.isFinite(v)).length;
    drawGrid(grid, axis, step, GROUND, points);
    const named = axis.pixels(step) >= 40 ? points : [view.offset];
    fixed.replaceChildren(
      h(":line", { class: "axis", x1: at(axis.low), x2: at(axis.high), y1: GROUND, y2: GROUND }),
      ...named.map((v) => h(":text", { class: "mute", x: at(v), y: GROUND + 20, "text-anchor": "middle" }, few(v))));
    const ends = pile(view.stored, at), begin = view.x.map((v, i) => [at(v), ABOVE + ((i * 7) % 5) * 3 - 6]);
    above.setAttribute("d", begin.map(([x, y]) => `M${x.toFixed(1)} ${y}h0`).join(""));
    falls.setAttribute("d", begin.map(([x, y], i) => (lost ? "" : `M${x.toFixed(1)} ${y}L${ends[i][0].toFixed(1)} ${GROUND}`)).join(""));
    count.textContent = `${COUNT} → ${view.kept}`;
    bad.textContent = lost ? `${lost} stored as ∞` : "";
    bad.setAttribute("x", width / 2);
    const start = now?.every(([, y], i) => Number.isFinite(y + ends[i][1])) ? now : null;
    if (!moving || !start) return place(ends);
    stop = tween(450, (share) => place(ends.map((end, i) => end.map((v, k) => start[i][k] + share * (v - start[i][k])))));
  }
  return { node, draw, stop: () => stop() };
}

// ---- after the norm: a row for each algorithm, the right results pale behind the computed ones ----
const REACH = 2.9;

export function makeRows(picked) {
  const name = nextId(), rows = {};
  const strip = (label, row, tail, more = {}) => h("label", { class: "after", ...more }, label,
    h(":svg", { height: 20, "aria-hidden": "true" }, row), tail);
  for (const way in ALGORITHMS) {
    const input = h("input", { type: "radio", name, value: way, onchange: () => picked(way) });
    const parts = { input, right: h(":path", { class: "right" }), dots: h(":path", { class: "dots" }),
      bad: h(":text", { class: "bad", y: 15, "text-anchor": "middle" }), error: h("output", {}) };
    rows[way] = { ...parts, box: strip([input, h("span", { class: "way" }, ALGORITHMS[way])],
      [parts.right, h(":g", { class: "nl-answer" }, parts.dots, parts.bad)], parts.error) };
    parts.error.className = "nl-answer";
  }
  const head = h("p", { class: "after head", "aria-hidden": "true" }, h("span", {}, "after the norm"), h("span", {}), h("span", {}, "error of σ²"));
  const node = h("fieldset", { class: "rows" }, h("legend", { class: "nl-sr" }, "Algorithm"), head, Object.values(rows).map((row) => row.box));
  function draw(view, width) {
    const wide = Math.max(60, width - (width < 480 ? 150 : 190)), { at } = makeAxis(-REACH, REACH, 3, wide - 3);
    const spots = (list) => list.map((v) => (Number.isFinite(v) ? `M${at(v).toFixed(1)} 10h0` : "")).join("");
    const right = view.ideal.map((v) => `M${at(v).toFixed(1)} 2v16`).join("");
    for (const way in rows) {
      const row = rows[way], found = view.rows[way], words = errorInWords(found);
      row.input.checked = way === view.algorithm;
      row.right.setAttribute("d", right);
      row.dots.setAttribute("d", spots(found.y));
      row.bad.textContent = found.y.some(Number.isFinite) ? "" : "not a number";
      row.bad.setAttribute("x", wide / 2);
      row.error.textContent = words;
      row.error.dataset.grade = grade(found);
    }
  }
  return { node, draw };
}

// ---- folded: the variance on the numbers that it is picked from, and all formats ----
/** The variance that came out and the one that should have, on the numbers it is picked from. */
export function makeVariance() {
  const LINE = 46, LEFT = 24, RIGHT = 10;
  const node = h(":svg", { class: "variance", height: 92, "aria-hidden": "true" });
  const fixed = h(":g"), grid = h(":g"), marks = h(":g");
  node.append(fixed, grid, marks);
  function draw({ truth, variance, size, dtype, algorithm }, width) {
    const known = Number.isFinite(variance);
    const step = known && Number.isFinite(size) ? spacing(Math.abs(size), dtype) : 0;
    const far = Math.max(truth, known ? Math.abs(variance) : 0);
    const reach = 1.35 * Math.max(far, Math.min(step, 2 * truth));
    const low = known && variance < 0 ? -reach : -0.2 * reach;
    const axis = makeAxis(low, reach, LEFT, width - RIGHT), { at } = axis, points = [];
    if (axis.pixels(step) >= DENSE) for (let k = Math.ceil(low / step); k * step <= reach; k++) points.push(k * step);
    if (step > 0) drawGrid(grid, axis, step, LINE, points);
    else grid.replaceChildren();
    const named = (axis.pixels(step) >= 44 ? points : [0]).filter((v) => Math.abs(at(v) - at(truth)) > 18);
    fixed.replaceChildren(
      h(":line", { class: "axis", x1: at(low), x2: at(reach), y1: LINE, y2: LINE }),
      h(":text", { x: 0, y: LINE + 4, "font-weight": 600 }, "σ²"),
      h(":line", { class: "zero", x1: at(0), x2: at(0), y1: LINE - 8, y2: LINE + 14 }),
      ...named.map((v) =>
        h(":text", { class: "mute", x: at(v), y: LINE - 12, "text-anchor": "middle" }, few(v))));
    const mark = (name, v, side, text) => {
      const y = LINE - 7 * side, x = at(v), half = text.length * 3.4;
      const tip = h(":path", { class: name, d: `M${x} ${y}l-7 ${-12 * side}h14z` });
      const spot = { class: name, x: clamp(x, half, width - half), y: side > 0 ? 16 : LINE + 38, "text-anchor": "middle" };
      return [tip, h(":text", spot, text)];
    };
    const result = `${dtype}, ${ALGORITHMS[algorithm]}: ${few(variance)}`;
    marks.replaceChildren(...mark("right", truth, 1, `should be ${few(truth)}`),
      ...(known ? mark("got", variance, -1, result) : [h(":text", { class: "bad", x: at(0) + 8, y: LINE + 32 }, result)]));
  }
  return { node, draw };
}

/** The whole error of every algorithm in every format, and of storing alone. */
export function makeTable() {
  const body = h("tbody");
  const node = h("table", {},
    h("caption", {}, "Error of the variance, storing included."),
    h("thead", {}, h("tr", {}, h("td"), DTYPES.map((type) => h("th", { scope: "col" }, type)))), body);
  function draw({ table, truth, dtype, algorithm }) {
    const row = (name, cell) => h("tr", {}, h("th", { scope: "row" }, name), DTYPES.map(cell));
    const alone = ({ stored, left }) => errorInWords({ stored, left, variance: left, error: Math.abs(left - truth) / truth });
    body.replaceChildren(
      row("storing alone", (type) => h("td", { class: "alone" }, alone(table[type + "one"]))),
      ...Object.keys(ALGORITHMS).map((way) => row(ALGORITHMS[way], (type) => h("td", {
        "data-grade": grade(table[type + way]), class: type === dtype && way === algorithm ? "now" : null,
      }, errorInWords(table[type + way])))));
  }
  return { node, draw };
}
