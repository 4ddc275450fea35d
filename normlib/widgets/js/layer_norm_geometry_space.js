// The geometry of LayerNorm: the space as an eye sees it, `zoom` pixels to the unit.
import { attr, clamp, fmt, h, nextId, path } from "./core.js";
import { AXES, NAMES, ONES, ROOT3, SUBSCRIPTS, dot, isPlain, normOf, onItsWay, plus, size, small, times, weighted, written } from "./layer_norm_geometry_vectors.js";

const cross = (a, b) => [1, 2, 0].map((j, i) => a[j] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[j]);
const unit = (a) => times(a, 1 / size(a));
const TURNS = Array.from({ length: 73 }, (_, i) => (i * Math.PI) / 36);

/** A circle around the origin at right angles to a direction, as a closed list of points. */
function circleAround(normal, radius) {
  const first = unit(cross(normal, Math.abs(normal[0]) < 0.6 ? AXES[0] : AXES[1])), second = unit(cross(normal, first));
  return TURNS.map((a) => times(plus(times(first, Math.cos(a)), times(second, Math.sin(a))), radius));
}
const CIRCLE = circleAround(ONES, ROOT3), GLOBE = AXES.map((axis) => circleAround(axis, ROOT3));
const DISC = circleAround(ONES, 2.6);

// ---- from space to the picture, whose middle is the origin ----------------------------------------------
const place = ({ eye, zoom }, p) => [dot(eye.right, p) * zoom, -dot(eye.up, p) * zoom];
const through = (seen, points) => path(...[0, 1].map((k) => points.map((p) => place(seen, p)[k])));
const GAP = [NaN, NaN, NaN];

/** Does the surface at the weighted point face the reader? Its normal there is p / gamma. */
function facing({ eye, gamma }, p) {
  const tiny = 1e-9;
  return dot(p, eye.toward.map((x, i) => x / (Math.abs(gamma[i]) < tiny ? tiny : gamma[i]))) >= 0;
}

/** Cut a curve on the sphere into its near and its far part, both under the weight. */
function halves(seen, curve) {
  const near = curve.map((p) => facing(seen, p));
  const part = (wanted) => through(seen, curve.map((p, i) => {
    const inside = near[i] === wanted || near[i - 1] === wanted || near[i + 1] === wanted;
    return inside ? weighted(p, seen.gamma) : GAP;
  }));
  return [part(true), part(false)];
}

/** The outline of the ellipsoid: a 2×3 matrix M maps a sphere to an ellipse, found from M Mᵀ. */
function outline({ eye, gamma, zoom }) {
  const r = weighted(eye.right, gamma), u = weighted(eye.up, gamma);
  const a = dot(r, r), b = -dot(r, u), d = dot(u, u); // M Mᵀ = [[a, b], [b, d]]
  const half = Math.hypot((a - d) / 2, b), turn = Math.atan2(2 * b, a - d) / 2;
  const axis = (x) => Math.sqrt(Math.max((a + d) / 2 + x, 0)) * ROOT3 * zoom;
  const long = axis(half), short = axis(-half);
  const points = TURNS.map((angle) => {
    const x = long * Math.cos(angle), y = short * Math.sin(angle);
    return [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
  });
  return path(points.map(([x]) => x), points.map(([, y]) => y));
}

/** Points as dots, those within the picture. */
const dots = (seen, points) => points.map((p) => {
  const [x, y] = place(seen, p);
  const inside = Math.abs(x) < seen.width / 2 && Math.abs(y) < seen.height / 2;
  return inside ? `M${x.toFixed(1)} ${y.toFixed(1)}h0` : "";
}).join("");

// ---- names, which nothing may hide ------------------------------------------------------------------------
const half = (node) => node.textContent.length * 3.5 + 4; // about half of a text's width

/** How near a text's middle comes to the segments, as if it were as wide as high. */
function nearest([x, y], wide, segments) {
  return Math.min(...segments.map(([[ax, ay], [bx, by]]) => {
    const squeeze = 12 / wide, sx = (v) => (v - x) * squeeze;
    const [px, py, qx, qy] = [sx(ax), ay - y, sx(bx), by - y];
    const long = (qx - px) ** 2 + (qy - py) ** 2;
    const u = long ? clamp(-(px * (qx - px) + py * (qy - py)) / long, 0, 1) : 0;
    return Math.hypot(px + u * (qx - px), py + u * (qy - py));
  }));
}

/** Put a text at the first of some places where nothing runs through it, else where most room is. */
function settle({ width, height }, node, places, segments) {
  const wide = half(node);
  const inside = places.map(([x, y]) => [clamp(x, wide - width / 2, width / 2 - wide), clamp(y, 14 - height / 2, height / 2 - 10)]);
  const free = inside.map((at) => nearest(at, wide, segments));
  const first = free.findIndex((room) => room > 15);
  const [x, y] = inside[first < 0 ? free.indexOf(Math.max(...free)) : first];
  attr(node, { x: x.toFixed(1), y: (y + 4).toFixed(1) });
  segments.push([[x - wide + 8, y], [x + wide - 8, y]]); // nor may the next text
}

/** Places around a point that leave room for half a text, then higher and lower ones; near `toward` first. */
function around([x, y], wide, [tx, ty]) {
  const start = Math.atan2(ty, tx);
  return [22, 38].flatMap((high) => Array.from({ length: 16 }, (_, i) => {
    const angle = start + (i % 2 ? 1 : -1) * Math.ceil(i / 2) * (Math.PI / 8);
    return [x + Math.cos(angle) * (wide + 11), y + Math.sin(angle) * high];
  }));
}

// ---- the picture --------------------------------------------------------------------------------------------
/** All nodes by their names, in the order in which they cover each other. */
function makePieces() {
  const shade = nextId();
  const svg = h(":svg", { class: "space", "aria-hidden": "true" },
    h(":radialGradient", { id: shade, cx: 0.38, cy: 0.3, r: 0.75 },
      h(":stop", { class: "lit", offset: 0 }), h(":stop", { class: "shade", offset: 1 })));
  const piece = (name, kind = ":path") => svg.appendChild(h(kind, { class: name }));
  const all = (kind, names) => Object.fromEntries(names.map((name) => [name.replace(" ", ""), piece(name, kind)]));
  const ground = attr(piece("ground", ":rect"), { "data-drag": "" });
  const nodes = {
    svg, ground,
    ...all(":path", ["plane", "fiber", "ball", "back", "globe", "line", "cloud", "rain", "layer far", "rms far", "front",
      "layer near", "rms near", "past", "arc layer", "arc rms", "arrow", "drop layer", "drop rms", "reach layer", "reach rms"]),
    ...all(":circle", ["middle", "end layer"]), endrms: piece("end rms", ":rect"), knob: piece("knob", ":circle"),
    marks: AXES.map((_, i) => attr(piece("mute", ":text"), { "text-anchor": "middle" }).appendChild(document.createTextNode("x" + SUBSCRIPTS[i])).parentNode),
    ...all(":text", ["mute equal", "tip", "name layer", "name rms"]), hold: piece("hold", ":circle"),
  };
  nodes.muteequal.textContent = "x₁ = x₂ = x₃";
  for (const name of ["muteequal", "tip", "namelayer", "namerms"]) attr(nodes[name], { "text-anchor": "middle" });
  for (const [name, r] of Object.entries({ middle: 4.5, endlayer: 7.5, knob: 9, hold: 24 })) attr(nodes[name], { r });
  attr(nodes.endrms, { x: -6, y: -6, width: 12, height: 12 });
  attr(nodes.hold, { "data-drag": "" });
  attr(nodes.ball, { fill: `url(#${shade})` });
  return nodes;
}

/** What depends on the eye, the norm and the weight alone. */
function drawScene(nodes, seen, norms) {
  const { width, height } = seen, layer = norms.includes("layer"), rms = norms.includes("rms");
  attr(nodes.svg, { viewBox: `${-width / 2} ${-height / 2} ${width} ${height}`, height });
  attr(nodes.ground, { x: -width / 2, y: -height / 2, width, height, rx: 12 });
  const [near, far] = layer ? halves(seen, CIRCLE) : ["", ""], globe = rms ? GLOBE.map((curve) => halves(seen, curve)) : [];
  attr(nodes.plane, { d: layer ? through(seen, DISC) + "Z" : "" });
  attr(nodes.ball, { d: outline(seen) });
  attr(nodes.front, { d: near });
  attr(nodes.globe, { d: globe.map((sides) => sides[0]).join("") });
  attr(nodes.back, { d: [far, ...globe.map((sides) => sides[1])].join("") });
  const lines = [[times(ONES, -1.9), times(ONES, 1.9)], ...AXES.map((a) => [[0, 0, 0], times(a, 2.4)])];
  attr(nodes.line, { d: lines.map((ends) => through(seen, ends)).join("") });
}

/** The cloud on its way: gray where it began, colored where it is; under way, where it comes from. */
function drawCloud(nodes, seen, norms, ways, t) {
  const start = ways[norms[0]].map((way) => way[0]);
  attr(nodes.cloud, { d: t > 0 ? dots(seen, start) : "" });
  const rain = [];
  for (const name of ["layer", "rms"]) {
    const sides = { near: [], far: [] };
    if (norms.includes(name)) {
      for (const way of ways[name]) {
        const end = weighted(way[2], seen.gamma), now = onItsWay([way[0], way[1], end], t);
        sides[(t < 2 ? dot(now, seen.eye.toward) >= 0 : facing(seen, way[2])) ? "near" : "far"].push(now);
        if (t > 0 && t < 2 && name === norms[0]) rain.push(way[0], t < 1 ? now : way[1], GAP);
      }
    }
    for (const side in sides) attr(nodes[name + side], { d: dots(seen, sides[side]) });
  }
  attr(nodes.rain, { d: through(seen, rain), "stroke-opacity": (t <= 1 ? 0.34 : 0.34 * (2 - t)).toFixed(2) });
}

/** What moves have shown to end where v ends: a line, or for LayerNorm, of both, half a plane. */
function fiberOf(norms, v, { mean, middle }, known) {
  if (norms.length > 1 || !known.length || size(middle) < 0.005) return [];
  const out = times(unit(middle), 4), up = times(ONES, 2.2), at = times(ONES, mean);
  if (known.length > 1) return [times(up, -1), up, plus(out, up), plus(out, times(up, -1)), times(up, -1)];
  return known[0] === "length" ? [[0, 0, 0], times(unit(v), 4)] : [-1, 1].map((side) => plus(v, times(plus(up, times(at, -side)), side)));
}

/** v and what becomes of it. `hidden`: a reader guesses, and only v is seen. */
function drawVector(nodes, seen, norms, { v, eps, known, trail, hidden }, t) {
  const at = (p) => place(seen, p), join = (...points) => through(seen, points);
  const put = (node, [x, y]) => attr(node, { cx: x.toFixed(1), cy: y.toFixed(1) });
  const tip = inReach(seen, at(v)), segments = [[[0, 0], at(v)]], ends = {};
  attr(nodes.arrow, { d: join([0, 0, 0], v) });
  attr(nodes.past, { d: through(seen, trail.v) });
  for (const name of ["layer", "rms"]) {
    const shown = norms.includes(name) && !hidden && t > 0;
    for (const part of ["drop", "reach", "end", "arc", "name"]) nodes[part + name].style.display = shown ? "" : "none";
    if (name === "layer") nodes.middle.style.display = shown && t > 1 ? "" : "none";
    if (!shown) continue;
    const result = normOf(name, v, seen.gamma, eps), middle = name === "layer" ? result.middle : v;
    const now = onItsWay([v, middle, result.y], t);
    ends[name] = { now, result };
    attr(nodes["drop" + name], { d: name === "layer" ? join(v, t < 1 ? now : middle) : "" });
    attr(nodes["reach" + name], { d: t > 1 ? join(middle, now) : "" });
    attr(nodes["arc" + name], { d: t === 2 ? through(seen, trail[name].map((p) => (p ? weighted(p, seen.gamma) : GAP))) : "" });
    if (name === "layer") put(nodes.middle, at(middle));
    segments.push([at(v), at(middle)], [at(middle), at(now)]);
  }
  const fiber = ends[norms[0]] && t === 2 ? fiberOf(norms, v, ends[norms[0]].result, known) : [];
  attr(nodes.fiber, { d: through(seen, fiber), class: fiber.length > 2 ? "fiber wide" : "fiber" });
  if (ends.layer) put(nodes.endlayer, at(ends.layer.now));
  if (ends.rms) attr(nodes.endrms, { transform: `translate(${at(ends.rms.now).map((x) => x.toFixed(1))}) rotate(45)` });
  put(nodes.knob, tip);
  put(nodes.hold, tip);
  drawNames(nodes, seen, v, tip, ends, t, segments);
}

/** The dot can always be reached: beyond the edge it waits at the edge. */
function inReach({ width, height }, [x, y]) {
  const inside = Math.min(1, (width / 2 - 14) / Math.abs(x), (height / 2 - 14) / Math.abs(y));
  return [x * inside, y * inside];
}

function drawNames(nodes, seen, v, tip, ends, t, segments) {
  const at = (p) => place(seen, p), box = ([x, y], r) => [[x - r, y], [x + r, y]];
  segments.push(box(tip, 9), ...Object.values(ends).map(({ now }) => box(at(now), 8)));
  const beyond = Math.hypot(tip[0] - at(v)[0], tip[1] - at(v)[1]) > 1;
  const name = (node, text, spot, toward) => {
    node.textContent = text;
    settle(seen, node, around(spot, half(node), toward), segments);
  };
  name(nodes.tip, beyond ? "v, beyond the edge" : `v ${written(v)}`, tip, beyond ? [0, -tip[1]] : [tip[0], tip[1] || 1]);
  for (const which in ends) {
    const { now, result } = ends[which], long = size(result.y);
    const text = t < 2 ? `${NAMES[which]}: ${written(now)}` : `${NAMES[which]}(v) ${long < 0.005 ? "= 0" : written(result.y)}`;
    name(nodes["name" + which], text, at(now), [at(now)[0] - tip[0], at(now)[1] - tip[1] || 1]);
  }
  AXES.forEach((axis, i) => settle(seen, nodes.marks[i], around(at(times(axis, 2.4)), 2, at(axis)), segments));
  settle(seen, nodes.muteequal, [2, -2].flatMap((k) => around(at(times(ONES, k)), 30, at(times(ONES, k)))), segments);
}

/** The space. `listeners` hear the pointer on the ground and on the dot of v. */
export function makeSpace(listeners) {
  const nodes = makePieces(), room = { width: 640, height: 380, zoom: 60 };
  nodes.ground.addEventListener("pointerdown", (event) => listeners.turn(event));
  nodes.hold.addEventListener("pointerdown", (event) => listeners.pull(event, room.zoom));
  let drawn = "";
  return {
    svg: nodes.svg,
    /** `t` tells how far all is on its way: 0 as it is, 1 centered, 2 normalized. */
    draw(eye, gamma, norms, ways, token, t) {
      const seen = { ...room, eye, gamma }, key = JSON.stringify([room, eye, gamma, norms]);
      if (key !== drawn) drawScene(nodes, seen, norms);
      if (key + t !== drawn + this.at || ways !== this.ways) drawCloud(nodes, seen, norms, ways, t);
      drawVector(nodes, seen, norms, token, t);
      [drawn, this.at, this.ways] = [key, t, ways];
    },
    resize(width) {
      const height = clamp(width * 1.02, 280, 390);
      Object.assign(room, { width, height, zoom: Math.min(height / 5.4, width / 5.4) });
    },
  };
}

/** The steps from v to the result, as items of a list. */
export function stepsInWords(which, { mean, middle, divisor, unit: end, y }, gamma) {
  const length = size(end), short = Math.abs(length - ROOT3) < 0.005 ? " = √3" : ", short of √3";
  const lines = [
    which === "layer" ? `− mean ${fmt(mean)}: ${written(middle)}` : "nothing is subtracted",
    `÷ ${small(divisor)} (${which === "layer" ? "sd" : "RMS"}): ${written(end)}`,
    `length ${length < 0.005 ? "0" : fmt(length) + short}, sum ${fmt(Math.abs(dot(end, ONES)) < 0.005 ? 0 : dot(end, ONES))}`,
  ];
  if (!isPlain(gamma)) lines.push(`× γ: ${written(y)}, length ${fmt(size(y))}`);
  return lines.map((text) => h("li", {}, text));
}
