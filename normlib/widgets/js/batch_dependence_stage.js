// The batch is part of the function: a batch rains from its population, and 200 batches pile up.
import { attr, clamp, fmt, h, path, pursue, tween } from "./core.js";
import { BATCHES, KINDS, SIZES, X, facts, normals } from "./batch_dependence_numbers.js";

const RANGES = { before: { x: [-2.4, 4.6], y: [-1.8, 2.8] }, after: { x: [-3, 10.4], y: [-3, 2.2] } };
const DOT = 5; // the width of a column of dots
const COLUMNS = ["train", "eval", "layer"], BEYOND = 9; // the grips stand beyond the ends of the bracket
const bell = (v, mean, sd) => Math.exp(-0.5 * ((v - mean) / sd) ** 2);
const mix = (a, b, u) => a + (b - a) * u;
const dots = (places) => places.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");

/** Heights of the columns in which values pile up: [column, level] of each, and the highest level. */
function pileUp(values) {
  const levels = {};
  let most = 1;
  const places = values.map((v) => {
    const column = Math.round(v / DOT), level = (levels[column] = (levels[column] ?? -1) + 1);
    most = Math.max(most, level + 1);
    return [column * DOT, level];
  });
  return { places, most };
}

/** Where everything is for a width: scales, heights, and the middles of the columns of outputs. */
function roomFor(width, kind) {
  const narrow = width < 520, left = narrow ? width : width * 0.6, { x, y } = RANGES[kind];
  const top = narrow ? 300 : 30, height = narrow ? 112 : 262, from = narrow ? 26 : left + 42;
  const inX = (v) => mix(14, left - 14, (v - x[0]) / (x[1] - x[0]));
  return {
    width, narrow, left, x, tall: narrow ? 464 : 372, inX,
    curve: narrow ? 68 : 88, line: narrow ? 84 : 106, base: narrow ? 226 : 316, high: narrow ? 98 : 150, hill: narrow ? 58 : 76,
    outY: (v) => mix(top + height, top + 14, (clamp(v, ...y) - y[0]) / (y[1] - y[0])), top, height, y,
    middles: COLUMNS.map((_, i) => mix(from, width, (i + 0.5) / 3)), wide: (width - from) / 3,
  };
}

/** The places of all dots: means in a pile, outputs in a swarm around the middle of their column. */
function placesOf(room, view) {
  const { places, most } = pileUp(view.fact.means.map(room.inX)), step = Math.min(DOT, room.high / most);
  const pile = places.map(([x, level]) => [x, room.base - (level + 0.5) * step]);
  const outs = COLUMNS.map((name, i) => {
    const { places: at, most: widest } = pileUp(view.columns[name].map(room.outY)), apart = Math.min(4, (room.wide - 14) / widest);
    return at.map(([y, level]) => [room.middles[i] + (level % 2 ? 1 : -1) * Math.ceil(level / 2) * apart, y]);
  });
  return [pile, ...outs];
}

/** What stands still: the population, the lines, and their names. */
function fixedParts(room, { kind, m }) {
  const { inX, curve, hill, line, base, left, middles, top, height, outY, y } = room, { mean, sd } = KINDS[kind];
  const values = Array.from({ length: 61 }, (_, i) => mean + sd * (i / 10 - 3));
  const rule = (x1, x2, y1, y2 = y1) => h(":line", { x1, x2, y1, y2 });
  const text = (words, x, at, name, anchor = "middle") => h(":text", { class: name, x, y: at, "text-anchor": anchor }, words);
  const ticks = (range) => Array.from({ length: Math.floor(range[1]) - Math.ceil(range[0]) + 1 }, (_, i) => Math.ceil(range[0]) + i);
  return [
    h(":path", { class: "bell", d: path(values.map(inX), values.map((v) => curve - hill * bell(v, mean, sd))) + "Z" }),
    rule(10, left - 10, line), rule(10, left - 10, base),
    ...ticks(room.x).filter((v) => v % 2 === 0).map((v) => text(fmt(v, 0), inX(v), base + 34, "mute")),
    text(`one batch of ${m}`, 10, line + 18, "mute", "start"), text(`means of ${BATCHES} batches`, 10, room.base - room.high - 4, "mute", "start"),
    text(`what becomes of x = ${X}`, room.narrow ? 10 : middles[1], room.narrow ? top - 4 : 16, "mute", room.narrow ? "start" : "middle"),
    text("LayerNorm", middles[2], top + height + 25, "title"), // the others are buttons
    ...ticks(y).map((v) => text(fmt(v, 0), middles[0] - room.wide / 2 - 8, outY(v) + 4, "mute")),
    rule(middles[0] - room.wide / 2, room.width - 4, outY(0)),
  ];
}

/** All nodes of the stage by their names. */
function makePieces() {
  const svg = h(":svg", { class: "stage", "aria-hidden": "true" });
  const piece = (name, kind = ":path", more = {}) => svg.appendChild(h(kind, { class: name, ...more }));
  const middle = { "text-anchor": "middle" };
  return {
    svg, still: piece("still", ":g"), mates: piece("mates"), fall: piece("fall"),
    clouds: ["pile", ...COLUMNS.map((name) => "outs " + name)].map((name) => piece(name)),
    now: piece("now"), sample: piece("sample", ":circle", { r: 7 }), bracket: piece("bracket"),
    spread: piece("spread", ":text", middle), widths: COLUMNS.map((name) => piece("width " + name, ":text", middle)),
    grips: [-1, 1].map(() => piece("grip", ":circle", { r: 15, "data-drag": "" })), knobs: [-1, 1].map(() => piece("knob", ":circle", { r: 7 })),
  };
}

/** Draw a moment: `u` of the way to the places where all will rest; `count` batches have come so far. */
function drawMoment(nodes, room, view, places, before, u, count = BATCHES) {
  const { batch, seed, fact, m } = view, now = (seed - 1) % BATCHES;
  const way = before ? places.map((list, j) => list.map(([x, y], i) => {
    const [a, b] = before[j][i] ?? [x, y];
    return [mix(a, x, u), mix(b, y, u)];
  })) : places;
  nodes.clouds.forEach((node, j) => attr(node, { d: dots(way[j].slice(0, count)) }));
  const falls = clamp(2 * u, 0, 1), drop = clamp(2 * u - 1, 0, 1); // first the batch, then its mean
  const height = (v, i) => 8 + (room.hill - 12) * ((i * 0.618) % 1) * bell(v, view.truth, view.sdOf); // under the curve
  const spot = (v, i) => [room.inX(v), mix(room.curve - height(v, i), room.line - 7, falls)];
  attr(nodes.mates, { d: dots(batch.slice(1).map(spot)) });
  attr(nodes.sample, { cx: room.inX(X), cy: room.line - 7 });
  const [x, y] = places[0][now], from = room.inX(fact.means[now]);
  attr(nodes.fall, { d: falls === 1 ? `M${from} ${room.line - 16}V${mix(room.line + 6, y, drop)}` : "" });
  attr(nodes.now, { d: dots([[x, y], ...places.slice(1).flatMap((list) => (list[now] ? [list[now]] : []))].filter(() => drop === 1)) });
  const half = fact.meanTheory, at = [-1, 1].map((side) => room.inX(fact.middle + side * half)), under = room.base + 13;
  attr(nodes.bracket, { d: `M${at[0]} ${under - 7}v14m0 -7H${at[1]}m0 -7v14` });
  [...nodes.grips, ...nodes.knobs].forEach((node, i) => attr(node, { cx: (at[i % 2] + (i % 2 ? BEYOND : -BEYOND)).toFixed(1), cy: under }));
  nodes.spread.textContent = `spread ${fmt(fact.meanSd)}`;
  attr(nodes.spread, { x: clamp(room.inX(fact.middle), 60, room.left - 60), y: room.base + 50 });
  nodes.widths.forEach((node, i) => {
    node.textContent = i ? "spread 0" : m === 1 ? "error" : `spread ${fmt(fact.sd)}`;
    attr(node, { x: room.middles[i], y: room.top + room.height + 48 });
  });
}

/** The size of a batch whose means are expected to spread by so much. */
function sizeFor(kind, half) {
  const off = (m) => Math.abs(Math.log(facts(kind, m).meanTheory / Math.max(half, 1e-3)));
  return SIZES.slice(1).reduce((best, m) => (off(m) < off(best) ? m : best));
}

/** The stage, with the choice of the mode under its columns; `pick(m)` hears of a bracket that was dragged. */
export function makeStage(pick, mode) {
  const nodes = makePieces();
  let width = 600, now = null, room, shown = null, key = "", still = "", halt = () => {};

  function drag(event) {
    const side = event.currentTarget === nodes.grips[0] ? -1 : 1, half = now.fact.meanTheory; // as it is taken: the middle moves with m
    pursue(event, (dx) => {
      const wider = (side * dx * (room.x[1] - room.x[0])) / (room.left - 28);
      pick(sizeFor(now.kind, half + wider));
    });
  }
  for (const grip of nodes.grips) grip.addEventListener("pointerdown", drag);

  /** `smooth`: the dots go to their new places, and another batch falls; else they are there. */
  function draw(view, smooth) {
    const before = shown, next = JSON.stringify([view.m, view.kind, view.seed, view.columns.eval[0], width]);
    if (next === key) return;
    [key, now] = [next, view];
    halt();
    room = roomFor(width, view.kind);
    attr(nodes.svg, { viewBox: `0 0 ${width} ${room.tall}`, height: room.tall });
    const stands = [view.kind, view.m, width].join();
    if (stands !== still) nodes.still.replaceChildren(...fixedParts(room, view));
    still = stands;
    Object.assign(mode.style, { left: room.middles[0] - room.wide / 2 + "px", width: 2 * room.wide + "px", top: room.top + room.height + 5 + "px" });
    const places = placesOf(room, view);
    shown = places;
    if (!smooth || !before) return drawMoment(nodes, room, view, places, null, 1);
    halt = tween(540, (u) => drawMoment(nodes, room, view, places, before, u));
  }
  /** One batch after the other; `of(seed)` are the numbers of each. */
  function rain() {
    halt();
    halt = tween(2400, (u) => {
      const count = Math.max(1, Math.round(u * BATCHES)), seed = u < 1 ? count : now.seed;
      const { mean, sd } = KINDS[now.kind];
      const batch = u < 1 ? [X, ...Array.from(normals(seed, now.m - 1), (z) => mean + sd * z)] : now.batch;
      drawMoment(nodes, room, { ...now, seed, batch }, shown, null, 1, count);
    });
  }
  function resize(to) {
    if (to !== width) shown = null;
    width = to;
  }
  return { box: h("div", { class: "field" }, nodes.svg, mode), draw, rain, resize, stop: () => halt() };
}
