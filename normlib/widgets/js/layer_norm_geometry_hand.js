// The geometry of LayerNorm: the hand on v and on the space, and what its moves have shown.
import { clamp, pursue } from "./core.js";
import { FAR, ONES, between, dot, eyeAt, gap, normOf, plus, size, times } from "./layer_norm_geometry_vectors.js";

const STILL = 0.005; // an output that moved less stayed
const LONG = 0.5; // a move of v that shows something
export const stays = (distance) => distance < STILL;

const rounded = (x) => Math.round(100 * x) / 100;
/** As far from a place as the room allows. */
function within(from, step) {
  const shares = step.map((d, i) => (d ? (Math.sign(d) * FAR - from[i]) / d : 1));
  return plus(from, times(step, clamp(Math.min(...shares), 0, 1))).map((x) => Math.round(1e6 * x) / 1e6);
}

/**
 * Where a hand takes v, that goes so far to the right and up: in the plane that the reader looks at; but
 * nearly along the line of equal features, or to and from the origin, it is held on that line. A flat hand
 * could not keep to a line in space, and these two are the ones that LayerNorm forgets.
 */
export function dragged(from, eye, [dx, dy]) {
  const free = plus(times(eye.right, dx), times(eye.up, dy)), far = Math.hypot(dx, dy);
  let best = { hold: 0 };
  for (const line of [ONES, from]) {
    const [px, py] = [dot(line, eye.right), dot(line, eye.up)], long = Math.hypot(px, py);
    if (long < 0.3 * size(line) || !long || !far) continue; // it points at the reader
    const along = (dx * px + dy * py) / long;
    const angle = (Math.acos(clamp(Math.abs(along) / far, 0, 1)) * 180) / Math.PI;
    const hold = clamp((20 - angle) / 10, 0, 1);
    if (hold > best.hold) best = { hold, step: times(line, rounded(along / long)) };
  }
  if (best.hold === 1) return within(from, best.step);
  return within(from, best.hold ? between(free, best.step, best.hold) : free).map(rounded);
}

// ---- a move of v ----------------------------------------------------------------------------------------
/** How far v and each output went, and what that shows a norm to forget: the mean, or the length of the rest. */
export function moveOf(from, v, gamma, eps) {
  const move = { by: gap(from, v), forgets: { layer: [], rms: [], both: [] } };
  for (const which of ["layer", "rms"]) {
    const [a, b] = [from, v].map((x) => normOf(which, x, gamma, eps));
    move[which] = gap(a.y, b.y);
    if (move[which] >= STILL || move.by < LONG || size(a.middle) < STILL || size(b.middle) < STILL) continue;
    const [old, now] = which === "layer" ? [a.middle, b.middle] : [from, v];
    const grown = size(now) / size(old), shift = b.mean - grown * a.mean;
    if (which === "layer" && Math.abs(shift) > 0.1) move.forgets.layer.push("mean");
    if (Math.abs(grown - 1) > 0.1) move.forgets[which].push("length");
  }
  if (move.forgets.layer.includes("mean") && move.rms > STILL) move.forgets.both.push("mean");
  return move;
}

/** Where v and its outputs have been since a gesture began, and what the gestures have shown. */
export function makeMemory() {
  let from = null, trail, known, tries, counted = false, last = "";
  const empty = () => (trail = { v: [], layer: [], rms: [] });
  const forget = () => ([from, known, tries] = [null, { layer: [], rms: [], both: [] }, 0, empty()]);
  function to(v, eps) {
    trail.v.push(v);
    for (const name of ["layer", "rms"]) {
      const { unit } = normOf(name, v, ONES, eps), before = trail[name].at(-1);
      if (before && gap(unit, before) > 1) trail[name].push(null); // it has jumped
      trail[name].push(unit);
    }
    last = v.join();
  }
  function begin(v, eps) {
    [from, counted] = [v, false];
    empty();
    to(v, eps);
  }
  /** As if a hand had moved v along a line. */
  function line(start, v, eps) {
    begin(start, eps);
    for (let i = 1; i <= 40; i++) to(i < 40 ? between(start, v, i / 40) : v, eps);
  }
  /** The move since the gesture began, and what is known by now; null where somebody else has moved v. */
  function look({ v, which, gamma, eps }) {
    if (v.join() !== last) {
      from = null;
      empty();
    }
    if (!from || gap(from, v) < 0.05) return null;
    const move = moveOf(from, v, gamma, eps), found = move.forgets[which];
    for (const way of found) if (!known[which].includes(way)) known[which].push(way);
    if (move.by > LONG && !found.length && !counted) [tries, counted] = [tries + 1, true];
    return { ...move, tries };
  }
  forget();
  return { begin, to, line, look, forget, known: (which) => known[which], trail: () => trail };
}

// ---- the pointer ----------------------------------------------------------------------------------------
/** What dragging does: v follows the hand, the ground turns the space. */
export const draggingOn = (state, memory) => ({
  pull(event, zoom) {
    const from = state.get("v"), eye = eyeAt(state.get("view")), eps = state.get("eps");
    memory.begin(from, eps);
    pursue(event, (dx, dy) => {
      if (Math.hypot(dx, dy) < 5) return; // no direction yet
      const v = dragged(from, eye, [dx / zoom, -dy / zoom]);
      memory.to(v, eps);
      state.set({ v });
    });
  },
  turn(event) {
    const view = state.get("view"), [yaw, pitch] = view;
    const finger = event.pointerType === "touch"; // up and down it scrolls the page
    pursue(event, (dx, dy) => {
      const around = ((((yaw - dx / 2 + 180) % 360) + 360) % 360) - 180;
      state.set({ view: [Math.round(around), finger ? pitch : Math.round(clamp(pitch + dy / 2, -90, 90))] });
    }, () => state.set({ view }));
  },
});
