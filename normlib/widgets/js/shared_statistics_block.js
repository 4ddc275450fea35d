// Who shares statistics: the numbers as a block of cubes, over which one drags.
import { attr, fmt, h, onWidth, toggle, tween } from "./core.js";
import { AXES, C, GROUPS, N, S, indexOf, placeOf } from "./shared_statistics_setting.js";

const DEEPER = [1.5, -0.75], THICK = [0.32, -0.16]; // to the next slice, and of a slice, in cubes
const WIDE = S + (N - 1) * DEEPER[0] + THICK[0], TALL = C - (N - 1) * DEEPER[1] - THICK[1];
const TOP = -(N - 1) * DEEPER[1] - THICK[1]; // room above the first slice
const EVERY = Array.from({ length: N * C * S }, (_, i) => placeOf(i));
const isSeen = ([n, , s]) => n === 0 || s === S - 1; // the others stand behind the slice before them

/** The visible faces of some cubes of a slice, `c` pixels wide, as SVG paths: top and side, front. */
function faces(cells, c) {
  const [x, y] = THICK.map((part) => part * c), at = ([, row, s]) => `M${(s * c).toFixed(1)} ${(row * c).toFixed(1)}`;
  const behind = cells.map((cell) => `${at(cell)}l${x} ${y}h${c}v${c}l${-x} ${-y}v${-c}zm${c} 0l${x} ${y}`).join("");
  return [behind, cells.map((cell) => `${at(cell)}h${c}v${c}h${-c}z`).join("")];
}

/** The cube under a place of the picture, in cubes from the first slice's corner; the front one counts. */
function cubeAt(x, y) {
  for (let n = 0; n < N; n++) {
    const u = x - n * DEEPER[0], v = y - n * DEEPER[1];
    for (const back of [0, 0.5, 1]) { // its front, or its top and side
      const s = Math.floor(u - back * THICK[0]), row = Math.floor(v - back * THICK[1]);
      if (s >= 0 && s < S && row >= 0 && row < C) return [n, row, s];
    }
  }
  return null;
}

/** What a box from one cube to another shares; part of the channels is a group of them. */
function boxOf(from, to) {
  const [low, high] = [from[1], to[1]].sort((a, b) => a - b);
  const size = GROUPS.find((k) => Math.floor(low / k) === Math.floor(high / k));
  const differs = { N: from[0] !== to[0], C: size > 1, S: from[2] !== to[2] };
  return { share: AXES.filter((axis) => differs[axis]).join(""), groups: size > 1 ? C / size : 1 };
}

/** The nodes of one slice, in the order in which they cover each other. */
function makeSlice(n) {
  const names = ["even behind", "even", "odd behind", "odd", "old behind", "old", "in behind", "in", "marked"];
  const nodes = names.map((name) => h(":path", { class: name }));
  const numbers = EVERY.filter((cell) => cell[0] === n && isSeen(cell)).map((cell) => [cell, h(":text", { "text-anchor": "middle" })]);
  return { box: h(":g", {}, nodes, numbers.map(([, node]) => node)), nodes, numbers, drawn: [] };
}

/** Draw a slice: the sets in two tints by their numbers, the marked one's set as it was and as it is now. */
function drawSlice(slice, n, c, view, old) {
  const cells = EVERY.filter((cell) => cell[0] === n), is = (list) => cells.filter((cell) => list[indexOf(cell)]);
  const tint = (odd) => is(view.together.map((one, i) => !one && (view.tints[i] & 1) === odd));
  const parts = [tint(0), tint(1), is(old), is(view.together)].flatMap((list) => faces(list, c));
  [...parts, faces([view.sel].filter((cell) => cell[0] === n), c)[1]].forEach((d, i) => {
    if (d !== slice.drawn[i]) attr(slice.nodes[i], { d });
    slice.drawn[i] = d;
  });
  const values = view.show === "x" ? view.x : view.result.y;
  for (const [cell, node] of slice.numbers) {
    const i = indexOf(cell), [, row, s] = cell, text = Number.isNaN(values[i]) ? "nan" : fmt(values[i], 1);
    const key = [text, i === view.marked ? "marked" : view.together[i] ? "in" : "", c].join();
    if (key === node.key) continue; // 42 texts are too many to write on every move
    node.key = key;
    node.textContent = text;
    attr(node, { class: "of " + key.split(",")[1], x: (s + 0.5) * c, y: (row + 0.5) * c + 4 });
  }
}

/** Where the switches of the axes stand: along the edges of the block. */
const SPOTS = (c) => ({
  S: [S / 2 * c + 30, (TOP + C) * c + 6], C: [-4, (TOP + C / 2) * c],
  N: [(S + (N - 1) * DEEPER[0] / 2 + 0.5) * c + 36, (TOP + C + (N - 1) * DEEPER[1] / 2) * c - 2],
});

/**
 * The block with a switch at each axis. `where()` is the marked cube; acts.choose(place) marks another,
 * acts.share(place, {share, groups}) is a box that is dragged, acts.done() its end, acts.tick() a switch.
 */
export function makeBlock(where, acts) {
  const slices = Array.from({ length: N }, (_, n) => makeSlice(n));
  const hold = h(":rect", { class: "hold", "data-drag": "" });
  const svg = h(":svg", { class: "block", "aria-hidden": "true" }, slices.map((slice) => slice.box).reverse(), hold);
  const ticks = Object.fromEntries(AXES.map((axis) => [axis, toggle("", acts.tick)]));
  for (const axis of AXES) ticks[axis].className = "axis axis-" + axis;
  const node = h("fieldset", { class: "nl-seg stage" }, h("legend", { class: "nl-sr" }, "Share statistics across"), svg, Object.values(ticks));
  let c = 42, now = null, old = [], halt = () => {};

  function drag(event) {
    const box = svg.getBoundingClientRect(), target = event.currentTarget, over = new AbortController();
    const under = ({ clientX, clientY }) => cubeAt((clientX - box.left) / c, (clientY - box.top) / c - TOP);
    const start = target === hold ? where() : under(event);
    if (event.button || !start) return;
    event.preventDefault();
    target.setPointerCapture(event.pointerId);
    const first = start.join();
    let last = first;
    const listen = (name, f) => target.addEventListener(name, f, { signal: over.signal });
    if (target === hold || event.pointerType !== "touch") listen("pointermove", (move) => { // a swipe belongs to the page
      const at = under(move);
      if (!at || at.join() === last) return;
      last = at.join();
      acts.share(start, boxOf(start, at));
    });
    listen("pointerup", (up) => (last === first ? under(up)?.join() === first && acts.choose(start) : acts.done()));
    listen("lostpointercapture", () => over.abort());
  }
  svg.addEventListener("pointerdown", (event) => event.target !== hold && drag(event));
  hold.addEventListener("pointerdown", drag);

  /** `smooth` where the set changed, so that one sees what joins it. */
  function draw(view, secret, smooth) {
    halt();
    old = smooth && now ? now.together : view.together;
    now = view;
    const [n, row, s] = view.sel;
    attr(hold, { x: (s + n * DEEPER[0]) * c - 4, y: (row + n * DEEPER[1] + TOP) * c - 4, width: c + 8, height: c + 8 });
    for (const axis of AXES) ticks[axis].lastChild.textContent = view.words.many[axis];
    slices.forEach((slice, n) => drawSlice(slice, n, c, now, old));
    node.classList.toggle("secret", secret);
    if (!smooth) return svg.style.setProperty("--fresh", 1);
    halt = tween(450, (u) => svg.style.setProperty("--fresh", u.toFixed(3)));
  }
  const unwatch = onWidth(node, (width) => {
    c = Math.max(20, Math.min(46, Math.floor((width - 32) / WIDE)));
    attr(svg, { width: WIDE * c + 2, height: TALL * c + 2, viewBox: `-1 -1 ${WIDE * c + 2} ${TALL * c + 2}` });
    slices.forEach((slice, n) => attr(slice.box, { transform: `translate(${n * DEEPER[0] * c} ${(TOP + n * DEEPER[1]) * c})` }));
    for (const [axis, [left, top]] of Object.entries(SPOTS(c))) Object.assign(ticks[axis].style, { left: left + "px", top: top + "px" });
    if (now) draw(now, node.classList.contains("secret"), false);
  });
  return { node, ticks, draw, stop: () => (halt(), unwatch()) };
}
