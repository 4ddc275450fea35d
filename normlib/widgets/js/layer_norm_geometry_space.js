// The geometry of LayerNorm: vectors, norms, and the space in one panel, as one norm sees it.
import { attr, clamp, fmt, h, mulberry32, path } from "./core.js";
import { normalize } from "./math.js";

export const ROOT3 = Math.sqrt(3);
export const ONES = [1, 1, 1];
const AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
export const SUBSCRIPTS = ["₁", "₂", "₃"];
export const NAMES = { layer: "LayerNorm", rms: "RMSNorm" };

// ---- vectors ----------------------------------------------------------------------------------------------
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const times = (a, k) => a.map((x) => x * k);
export const plus = (a, b) => a.map((x, i) => x + b[i]);
const weighted = (a, gamma) => a.map((x, i) => x * gamma[i]);
export const size = (a) => Math.sqrt(dot(a, a));
export const gap = (a, b) => size(plus(a, times(b, -1)));
export const triples = (flat) => Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
const tidy = (x) => (Math.abs(x) < 0.005 ? 0 : x); // no powers of ten for what is zero here
export const small = (x) => fmt(x, x < 0.1 ? 4 : 2);
export const written = (a) => `(${a.map((x) => fmt(tidy(x))).join(", ")})`;

/** A copy of a list with one item replaced. */
export const replaced = (list, i, item) => list.map((old, k) => (k === i ? item : old));

/** A norm of any number of vectors, one after another in a flat list. */
export const normalizeAll = (which, flat, eps) =>
  normalize(flat, [flat.length / 3, 3, 1], { share: "C", center: which === "layer", eps });

/** What a norm does to one vector: its mean, the rest, its divisor, without and with the weight. */
export function normOf(which, v, gamma, eps) {
  const { y: unit, mean: [mean], rstd: [inverse] } = normalizeAll(which, v, eps);
  return { mean, middle: v.map((x) => x - mean), divisor: 1 / inverse, unit, y: weighted(unit, gamma) };
}

/** 120 vectors of which two features are larger than the third, as seeded normal numbers. */
function cloudOfVectors() {
  const random = mulberry32(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: 120 }, () => [0.7 + normal(), 0.5 + normal(), 0.2 + normal()]).flat();
}
export const CLOUD = cloudOfVectors(), CLOUD_POINTS = triples(CLOUD);

/** The circle of radius √3 in the plane at right angles to a direction, as closed list of points. */
function circleAround(normal) {
  const other = Math.abs(normal[0]) < 0.6 ? [1, 0, 0] : [0, 1, 0];
  const cross = (a, b) => [1, 2, 0].map((j, i) => a[j] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[j]);
  const unit = (a) => times(a, 1 / size(a));
  const first = unit(cross(normal, other)), second = unit(cross(normal, first));
  return Array.from({ length: 73 }, (_, i) => {
    const angle = (i * Math.PI) / 36;
    return times(plus(times(first, Math.cos(angle)), times(second, Math.sin(angle))), ROOT3);
  });
}
const CIRCLE = circleAround(ONES), GLOBE = AXES.map(circleAround);
const HEXAGON = [ // in the plane
  [1.9, -1.9, 0], [1.9, 0, -1.9], [0, 1.9, -1.9], [-1.9, 1.9, 0], [-1.9, 0, 1.9], [0, -1.9, 1.9],
];

/** Where the eye is: the directions right, up and towards the reader. */
export function eyeAt([yaw, pitch]) {
  const [a, e] = [yaw, pitch].map((degrees) => (degrees * Math.PI) / 180);
  const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
  return { right: [-sa, ca, 0], up: [-se * ca, -se * sa, ce], toward: [ce * ca, ce * sa, se] };
}

// ---- what is drawn: curves and dots as an eye sees them, `zoom` pixels to the unit -------------------
/** From space to the picture, whose middle is the origin. */
const place = ({ eye, zoom }, p) => [dot(eye.right, p) * zoom, -dot(eye.up, p) * zoom];
const through = (seen, points) => path(...[0, 1].map((k) => points.map((p) => place(seen, p)[k])));

/** Does the surface at the weighted point face the reader? Its normal there is p / gamma. */
function facing({ eye, gamma }, p) {
  const tiny = 1e-9;
  return dot(p, eye.toward.map((x, i) => x / (Math.abs(gamma[i]) < tiny ? tiny : gamma[i]))) >= 0;
}

/** Cut a closed curve on the sphere into its near and its far part, both under the weight. */
function halves(seen, curve) {
  const near = curve.map((p) => facing(seen, p));
  const part = (wanted) => through(seen, curve.map((p, i) => {
    const inside = near[i] === wanted || near[i - 1] === wanted || near[i + 1] === wanted;
    return inside ? weighted(p, seen.gamma) : [NaN, NaN, NaN];
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
  const points = Array.from({ length: 73 }, (_, i) => {
    const x = long * Math.cos((i * Math.PI) / 36), y = short * Math.sin((i * Math.PI) / 36);
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

/** A label beside a place, in a direction from it; it stays inside the picture. */
function write({ width, height }, node, text, [x, y], [dx, dy] = [0, 0]) {
  node.textContent = text;
  const half = text.length * 3.7 + 4; // about half of the text's width
  const middle = x + dx * (half + 10);
  attr(node, {
    x: clamp(middle, half - width / 2, width / 2 - half).toFixed(1),
    y: clamp(y + dy * 19 + 4, 14 - height / 2, height / 2 - 6).toFixed(1),
    "text-anchor": "middle",
  });
}

/** The direction of an arrow on the picture; another one if the arrow has no length. */
function along([dx, dy], otherwise) {
  const long = Math.hypot(dx, dy);
  return long > 1 ? [dx / long, dy / long] : otherwise;
}

// ---- one panel ----------------------------------------------------------------------------------------
/** All nodes of a panel's picture by their names, in the order in which they cover each other. */
function makePieces() {
  const svg = h(":svg", { class: "space", "aria-hidden": "true" });
  const piece = (name, kind = ":path") => svg.appendChild(h(kind, { class: name }));
  const all = (kind, ...names) => Object.fromEntries(names.map((name) => [name, piece(name, kind)]));
  const ground = attr(piece("ground", ":rect"), { "data-drag": "" });
  const nodes = {
    svg, ground, ...all(":path", "plane", "ball", "back", "line", "cloud"),
    afterBack: piece("after far"), ...all(":path", "front", "after"),
    marks: AXES.map(() => piece("mute", ":text")), equal: piece("mute", ":text"),
    ...all(":path", "arrow", "drop", "reach", "weigh"),
    ...all(":circle", "middle", "unit", "end"),
    endName: piece("a", ":text"), tipName: piece("tip", ":text"),
    ...all(":circle", "ghost", "knob", "hold"),
  };
  const radii = { ghost: 8, middle: 4.5, unit: 4.5, end: 6.5, knob: 8, hold: 22 };
  for (const name in radii) attr(nodes[name], { r: radii[name] });
  attr(nodes.hold, { "data-drag": "" });
  return nodes;
}

/** What does not depend on v: plane, sphere, axes and the cloud before and after. */
function drawScene(which, nodes, seen, clouds) {
  const { width, height, gamma } = seen;
  attr(nodes.svg, { viewBox: `${-width / 2} ${-height / 2} ${width} ${height}`, height });
  attr(nodes.ground, { x: -width / 2, y: -height / 2, width, height, rx: 10 });
  const curves = (which === "layer" ? [CIRCLE] : GLOBE).map((curve) => halves(seen, curve));
  attr(nodes.plane, { d: which === "layer" ? through(seen, HEXAGON) + "Z" : "" });
  attr(nodes.ball, { d: outline(seen) });
  attr(nodes.front, { d: curves.map(([near]) => near).join("") });
  attr(nodes.back, { d: curves.map(([, far]) => far).join("") });
  const lines = [[times(ONES, -1.75), times(ONES, 1.75)], ...AXES.map((a) => [[0, 0, 0], times(a, 2.25)])];
  attr(nodes.line, { d: lines.map((ends) => through(seen, ends)).join("") });
  attr(nodes.cloud, { d: dots(seen, clouds.before) });
  const sides = [true, false].map((side) => clouds.unit.filter((p) => facing(seen, p) === side));
  const [near, far] = sides.map((points) => dots(seen, points.map((p) => weighted(p, gamma))));
  attr(nodes.after, { d: near });
  attr(nodes.afterBack, { d: far });
  AXES.forEach((axis, i) =>
    write(seen, nodes.marks[i], "x" + SUBSCRIPTS[i], place(seen, times(axis, 2.45))));
  write(seen, nodes.equal, "x₁ = x₂ = x₃", place(seen, times(ONES, 2)));
}

const isPlain = (gamma) => gamma.every((g) => g === 1);

/** What follows v: the lines and dots from it to its result; `before` is where the result was. */
function drawVector(which, nodes, seen, v, result, before) {
  const plain = isPlain(seen.gamma), at = (p) => place(seen, p);
  const put = (node, [x, y]) => attr(node, { cx: x.toFixed(1), cy: y.toFixed(1) });
  const join = (node, a, b) => attr(node, { d: through(seen, [a, b]) });
  join(nodes.arrow, [0, 0, 0], v);
  join(nodes.drop, v, result.middle);
  join(nodes.reach, result.middle, result.unit);
  join(nodes.weigh, result.unit, result.y);
  put(nodes.middle, at(result.middle));
  put(nodes.unit, at(result.unit));
  put(nodes.end, at(result.y));
  if (before) put(nodes.ghost, at(before));
  nodes.middle.style.display = which === "layer" ? "" : "none";
  nodes.unit.style.display = nodes.weigh.style.display = plain ? "none" : "";
  nodes.ghost.style.display = before ? "" : "none";

  const [x, y] = at(v); // the dot can always be reached: beyond the edge it waits at the edge
  const half = [seen.width / 2 - 14, seen.height / 2 - 14];
  const inside = Math.min(1, half[0] / Math.abs(x), half[1] / Math.abs(y));
  const tip = [x * inside, y * inside];
  put(nodes.knob, tip);
  put(nodes.hold, tip);
  drawNames(which, nodes, seen, v, result, tip, inside < 1);
}

/** The names stand at right angles to the lines, on different sides of them. */
function drawNames(which, nodes, seen, v, result, tip, beyond) {
  const [x, y] = place(seen, v), [ex, ey] = place(seen, result.y);
  const [fromX, fromY] = which === "layer" ? place(seen, result.middle) : [0, 0];
  let side = along([fromY - ey, ex - fromX], [0, 1]);
  const away = side[0] * (ex - x) + side[1] * (ey - y);
  if (Math.abs(away) < 1 ? side[1] < 0 : away < 0) side = [-side[0], -side[1]];
  if (!isPlain(seen.gamma)) {
    const [ux, uy] = place(seen, result.unit);
    side = along([ex - ux, ey - uy], side);
  }
  const outward = size(result.y) < size(v) ? along([x, y], [0, -1]) : [0, side[1] > 0 ? -1 : 1];
  const nothing = size(result.y) < 0.005;
  write(seen, nodes.endName, NAMES[which] + (nothing ? "(v) = 0" : "(v)"), [ex, ey],
    nothing ? [0, 1.1] : side);
  write(seen, nodes.tipName, beyond ? "v, beyond the edge" : "v", tip,
    beyond ? [0, y > 0 ? -1 : 1] : outward);
}

/** Is the result on the sphere, short of it because of eps, or nothing? */
function lengthInWords({ unit }) {
  const length = size(unit);
  if (length < 0.005) return "length 0";
  return `length ${fmt(length)}` + (Math.abs(length - ROOT3) < 0.005 ? " = √3" : ", short of √3");
}

/** The steps from v to the result, as items of a list. */
function stepsInWords(which, result, gamma) {
  const plain = isPlain(gamma), centered = which === "layer";
  const divided = `÷ ${small(result.divisor)} (${centered ? "sd" : "RMS"}): ${written(result.unit)}`;
  const lines = [
    centered
      ? ["○", `− mean ${fmt(result.mean)}: ${written(result.middle)}`]
      : ["", "nothing is subtracted"],
    [plain ? "●" : "○", divided],
    ["", `${lengthInWords(result)}, sum ${fmt(tidy(dot(result.unit, ONES)))}`],
  ];
  if (!plain) lines.push(["●", `× γ: ${written(result.y)}, length ${fmt(size(result.y))}`]);
  return lines.map(([sign, text], i) => {
    const color = sign === "●" || (sign && i === 1) ? "a" : "";
    return h("li", {}, h("i", { "aria-hidden": "true", class: color }, sign), text);
  });
}

/** The space as one norm sees it. `listeners` hear the pointer on the ground and on the dot of v. */
export function panel(which, listeners) {
  const nodes = makePieces(), list = h("ul", { class: "steps" });
  const title = h("p", { class: "title" }, NAMES[which]);
  const box = h("div", { class: "panel " + which }, title, nodes.svg, list);
  const room = { width: 340, height: 300, zoom: 40 };
  nodes.ground.addEventListener("pointerdown", (event) => listeners.turn(event));
  nodes.hold.addEventListener("pointerdown", (event) => listeners.pull(event, room.zoom));
  return {
    box, svg: nodes.svg,
    scene: (eye, gamma, clouds) => drawScene(which, nodes, { ...room, eye, gamma }, clouds),
    vector(eye, gamma, v, result, before) {
      drawVector(which, nodes, { ...room, eye, gamma }, v, result, before);
      list.replaceChildren(...stepsInWords(which, result, gamma));
    },
    resize(width) {
      const height = Math.min(310, Math.max(256, width * 0.88));
      Object.assign(room, { width, height, zoom: height / 6.4 });
    },
  };
}
