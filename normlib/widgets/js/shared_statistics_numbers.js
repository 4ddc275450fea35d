// Who shares statistics: the numbers as sheets, and on two lines.
import { attr, clamp, fmt, h, nextId, onWidth, pursue, tween } from "./core.js";
import { C, N, S, SHAPE, indexOf, placeOf, short } from "./shared_statistics_setting.js";

// ---- the numbers as sheets ----------------------------------------------------------------------

const MOVES = {
  ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
  PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
};
const STEPS = { "+": 0.1, "=": 0.1, "-": -0.1, "_": -0.1 };

/** The sheets of cells with their names, which are written later; `go(place)` on a click. */
function buildSheets(about, go) {
  const cells = [], captions = [], columns = [], channels = [];
  const node = h("div", { class: "sheets", role: "group", "aria-label": "Values", ...about });
  const span = (list) => list[list.push(h("span", {})) - 1];
  const spans = (list, length) => Array.from({ length }, () => span(list));
  function makeCell(at) {
    const cell = h("div", { class: "cell", role: "gridcell", tabindex: -1, onclick: () => go(at) });
    cells.push(cell);
    return cell;
  }
  for (let n = 0; n < N; n++) {
    if (n % 2 === 0) {
      const side = { class: n ? "names second" : "names", "aria-hidden": "true" }; // second: if narrow
      const corner = [h("div", { class: "caption" }), h("div", { class: "columns" })];
      node.append(h("div", side, corner, spans(channels, C)));
    }
    captions[n] = h("div", { class: "caption", "aria-hidden": "true" });
    const top = h("div", { class: "line columns", "aria-hidden": "true" }, spans(columns, S));
    const rows = Array.from({ length: C }, (_, c) => h("div", { class: "line", role: "row" },
      Array.from({ length: S }, (_, s) => makeCell([n, c, s]))));
    node.append(h("div", { class: "sheet", role: "grid" }, captions[n], top, rows));
  }
  return { node, cells, captions, columns, channels };
}

/** `where` tells the marked place now, which may not be drawn yet. */
export function makeSheets(where, choose, nudge) {
  const hint = h("p", { class: "nl-sr", id: nextId() }, "Arrow keys move inside a sheet, Page Up and "
    + "Page Down change the sheet, plus and minus change the value.");
  const about = { "aria-describedby": hint.id, onkeydown };
  const { node, cells, captions, columns, channels } = buildSheets(about, go);
  let drawn = []; // what each cell shows, because 96 cells are too many to write on every move
  let words = null;

  function go(at) {
    choose(at);
    cells[indexOf(at)].focus({ preventScroll: true });
  }
  function onkeydown(event) {
    const move = MOVES[event.key], step = STEPS[event.key];
    if (move) go(where().map((v, axis) => clamp(v + move[axis], 0, SHAPE[axis] - 1)));
    else if (step) nudge(step);
    else return;
    event.preventDefault();
  }

  function name() {
    captions.forEach((caption, n) => {
      caption.textContent = `${words.one.N} ${n + 1}`;
      caption.parentNode.setAttribute("aria-label", caption.textContent);
    });
    channels.forEach((node, i) => (node.textContent = words.one.C[0] + ((i % C) + 1)));
    columns.forEach((node, i) => (node.textContent = words.columns[i % S]));
    drawn = [];
  }
  function placeInWords(i) {
    const [n, c, s] = placeOf(i), { one, places } = words;
    return `${one.N} ${n + 1}, ${one.C} ${c + 1}, ${one.S} ${places[s]}`;
  }
  /** `touched` are the numbers whose result the last edit changed. */
  function draw(view, secret, touched) {
    if (words !== view.words) {
      words = view.words;
      name();
    }
    const numbers = view.show === "x" ? view.x : view.result.y;
    cells.forEach((cell, i) => {
      const inside = view.together[i] && !secret, hit = touched[i], marked = i === view.marked;
      const text = Number.isNaN(numbers[i]) ? "nan" : fmt(numbers[i], 1);
      const now = `${text}|${inside}|${hit}|${marked}|${view.show}`;
      if (drawn[i] === now) return;
      drawn[i] = now;
      const more = (inside ? ", same set" : "") + (hit ? ", its result changed" : "");
      const when = view.show === "x" ? "" : "after, ";
      cell.setAttribute("aria-label", `${placeInWords(i)}: ${when}${text}${more}`);
      cell.className = "cell" + (inside ? " in" : "") + (hit ? " hit" : "") + (marked ? " sel" : "");
      cell.tabIndex = marked ? 0 : -1;
      cell.textContent = text;
    });
  }
  return { node, hint, draw };
}

/** {name: an SVG path of this class}, for every name. */
const paths = (...names) => Object.fromEntries(names.map((name) => [name, h(":path", { class: name })]));

// ---- every number on a line, before and after -----------------------------------------------------

const HEIGHT = 178, BEFORE = 46, AFTER = 134; // of the map and of its two lines
const REACH = 4.1; // they go from -REACH to REACH
const LEFT = 52, RIGHT = 12; // room for the names of the lines, and for the last number

/** Where a value stands on a map of this width. */
const spots = (width) => (v) =>
  LEFT + ((clamp(v, -REACH, REACH) + REACH) / (2 * REACH)) * (width - LEFT - RIGHT);

/** The two lines, their names and their ticks. */
function linesOfMap(at) {
  const tick = (v, y) => h(":text", { class: "mute", x: at(v), y, "text-anchor": "middle" }, fmt(v, 0));
  const line = (y) => h(":line", { class: "axis", x1: at(-REACH), x2: at(REACH), y1: y, y2: y });
  const name = (text, y) => h(":text", { x: 0, y: y + 4, "font-weight": 600 }, text);
  return [
    line(BEFORE), name("before", BEFORE), ...[-4, -2, 2, 4].map((v) => tick(v, BEFORE - 14)),
    line(AFTER), name("after", AFTER), ...[-4, -2, 0, 2, 4].map((v) => tick(v, AFTER + 22)),
    h(":line", { class: "zero", x1: at(0), x2: at(0), y1: BEFORE - 8, y2: AFTER + 8 }),
  ];
}

/** The marked set's mean and spread, on both lines: its nodes, and how to draw them. */
function makeSpread() {
  const box = () => h(":rect", { class: "sigma", height: 18, rx: 4 });
  const mark = (y) => h(":line", { class: "mean", y1: y - 14, y2: y + 14 });
  const words = (y) => h(":text", { class: "shared", y, "text-anchor": "middle" });
  const before = { box: box(), mark: mark(BEFORE), words: words(14) };
  const after = { box: box(), mark: mark(AFTER), words: words(HEIGHT - 2) };
  const set = h(":g", { class: "set" }, Object.values(before), Object.values(after));

  function draw(view, at, width) {
    const { center, mean, sigma, spread } = view;
    const put = (part, middle, half, y, text) => {
      attr(part.box, { x: at(middle - half), width: at(middle + half) - at(middle - half), y: y - 9 });
      attr(part.mark, { x1: at(middle), x2: at(middle) });
      part.words.textContent = text;
      attr(part.words, { x: clamp(at(middle), LEFT + 50, width - 84) });
    };
    const text = center ? `μ = ${fmt(mean)}, σ = ${fmt(sigma)}` : `root mean square = ${fmt(sigma)}`;
    put(before, mean, sigma, BEFORE, text);
    put(after, 0, spread || 0, AFTER, afterwards(view));
  }
  return { set, draw };
}

function afterwards({ center, count, spread }) {
  if (Number.isNaN(spread)) return "0 / 0: not a number";
  if (center && spread === 0) return count === 1 ? "always 0" : "all 0";
  return center ? `mean 0, spread ${short(spread)}` : `root mean square ${short(spread)}`;
}

/** The paths from the numbers to where they end, `to`: all, those of the set, their dots, the marked. */
function shapesOfMap(view, secret, at, to) {
  const from = view.x.map((v) => at(v).toFixed(1));
  const end = to.map((v) => at(v).toFixed(1));
  const some = [...to.keys()].filter((i) => !Number.isNaN(to[i]));
  const inside = secret ? [] : some.filter((i) => view.together[i]);
  const across = (list) => list.map((i) => `M${from[i]} ${BEFORE}L${end[i]} ${AFTER}`).join("");
  const dots = (list) => list.map((i) => `M${from[i]} ${BEFORE}h0M${end[i]} ${AFTER}h0`).join("");
  const marked = some.filter((i) => i === view.marked);
  return [across(some), across(inside), dots(some), dots(inside), across(marked)];
}

export function makeMap(edit) {
  let width = 600, at = spots(width), now = null, ends = null, halt = () => {};
  const lines = h(":g"), spread = makeSpread();
  const ink = paths("every", "in", "every dots", "in dots", "sel");
  const knob = h(":circle", { class: "knob", r: 9, cy: BEFORE });
  const grip = h(":circle", { class: "grip", r: 14, cy: BEFORE, "data-drag": "", onpointerdown: grab });
  const node = h(":svg", { class: "map", height: HEIGHT, "aria-hidden": "true" });
  node.append(lines, spread.set, ...Object.values(ink), knob, grip);

  function grab(event) {
    const from = event.clientX - node.getBoundingClientRect().left - LEFT;
    pursue(event, (dx) => edit(((from + dx) / (width - LEFT - RIGHT)) * 2 * REACH - REACH));
  }

  function drawNumbers(view, secret, to) {
    const shapes = shapesOfMap(view, secret, at, to);
    Object.values(ink).forEach((node, i) => node.setAttribute("d", shapes[i]));
    for (const circle of [knob, grip]) circle.setAttribute("cx", at(view.x[view.marked]));
    ends = to;
  }

  /** `smooth` where the setting changed, so that one sees the numbers move to their new places. */
  function draw(view, secret, smooth) {
    now = [view, secret];
    halt();
    spread.set.setAttribute("visibility", secret ? "hidden" : "visible");
    spread.draw(view, at, width);
    const old = ends, aim = view.result.y;
    const between = (u) => aim.map((v, i) => (Number.isNaN(old[i]) ? v : old[i] + (v - old[i]) * u));
    if (smooth && old) halt = tween(420, (u) => drawNumbers(view, secret, u < 1 ? between(u) : aim));
    else drawNumbers(view, secret, aim);
  }
  const unwatch = onWidth(node, (wide) => {
    width = wide;
    at = spots(width);
    lines.replaceChildren(...linesOfMap(at));
    if (now) draw(...now, false);
  });
  lines.replaceChildren(...linesOfMap(at));
  return { node, draw, stop: () => (halt(), unwatch()) };
}
