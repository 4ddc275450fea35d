// The gradient highway: one sublayer as a wire, and the norms that are dragged along it.
import { clamp, fmt, h } from "./core.js";
import { afterClick, placementOf } from "./gradient_highway_parts.js";

// Drawn in 150 × 330: the highway, and the branch that leaves and joins it.
const WIDE = 150, HIGH = 330, ROAD = 36, BRANCH = 112, LEAVES = 268, JOINS = 96;
const PLACES = {
  in: { x: BRANCH, y: 238, says: "Norm before the sublayer" },
  out: { x: BRANCH, y: 122, says: "Norm after the sublayer, on the branch" },
  sum: { x: ROAD, y: 54, says: "Norm on the highway, after the sum" },
  alpha: { x: ROAD, y: 182, says: "Weight α on the highway, before the sum" },
};
const OFF = { x: BRANCH, y: 306 }; // where norms lie that are not on the wire
const PIECES = [
  [ROAD, HIGH - 14, ROAD, 18], [ROAD, LEAVES, BRANCH, LEAVES],
  [BRANCH, LEAVES, BRANCH, JOINS], [BRANCH, JOINS, ROAD, JOINS],
];
const REACH = 30; // pixels from the wire at which a norm comes off it

/** The point of the wire that is nearest to another, and how far that is. */
function onWire(x, y) {
  const feet = PIECES.map(([x1, y1, x2, y2]) => {
    const [dx, dy] = [x2 - x1, y2 - y1];
    const share = clamp(((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy), 0, 1);
    const foot = { x: x1 + share * dx, y: y1 + share * dy };
    return { ...foot, away: Math.hypot(x - foot.x, y - foot.y) };
  });
  return feet.reduce((a, b) => (b.away < a.away ? b : a));
}

/** Where a norm is held, and which placement that makes of the rest; what nobody measured is passed by. */
function holdAt(x, y, rest, alpha) {
  const foot = onWire(x, y), off = foot.away > REACH;
  const made = (place) => placementOf(place === "off" ? rest : [...rest, place], alpha && place === "sum");
  const open = off ? ["off"] : ["in", "out", "sum"].filter((place) => !rest.includes(place) && made(place));
  const far = (place) => Math.hypot(PLACES[place].x - foot.x, PLACES[place].y - foot.y);
  const place = open.length > 1 ? open.reduce((a, b) => (far(b) < far(a) ? b : a)) : open[0];
  return { at: off ? { x, y } : foot, placement: place && made(place) };
}

function drawing() {
  const middle = { "text-anchor": "middle" };
  const turn = `M${ROAD} ${LEAVES}H${BRANCH - 10}q10 0 10 -10V${JOINS + 10}q0 -10 -10 -10H${ROAD + 13}`;
  const flow = (kind, x) => h(":line", { class: "flow " + kind, x1: x, x2: x, y1: HIGH - 14, y2: 18 });
  return h(":svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" },
    h(":line", { class: "road", x1: ROAD, x2: ROAD, y1: HIGH - 14, y2: 18 }),
    flow("up", ROAD - 4), flow("down", ROAD + 4),
    h(":path", { class: "branch", d: turn }), h(":path", { class: "flow up thin", d: turn }),
    h(":circle", { class: "sum", cx: ROAD, cy: JOINS, r: 12 }),
    h(":path", { class: "plus", d: `M${ROAD - 6} ${JOINS}h12M${ROAD} ${JOINS - 6}v12` }),
    h(":rect", { class: "sublayer", x: BRANCH - 37, y: 156, width: 74, height: 48, rx: 10 }),
    h(":text", { x: BRANCH, y: 177, "font-weight": 600, ...middle }, "Attention"),
    h(":text", { class: "mute", x: BRANCH, y: 194, ...middle }, "or MLP"));
}

/**
 * One sublayer. A norm is dragged along the wire, on to it or off it: moved(placement) on the way.
 * A click on a place puts a norm there or takes it away.
 */
export function wiring(moved) {
  const held = h("div", { class: "chip held", hidden: true, "aria-hidden": "true" }, "Norm");
  const spare = h("div", { class: "chip spare", "data-drag": true, "aria-hidden": "true", ...placed(OFF) }, "Norm");
  const box = h("div", { class: "wire", role: "group", "aria-label": "One sublayer: where the norms stand" },
    drawing(), spare);
  const slots = {};
  let shown, dragged = false;
  for (const [name, place] of Object.entries(PLACES)) {
    slots[name] = h("button", { class: "slot", type: "button", "aria-label": place.says, ...placed(place), onclick() {
      const next = afterClick(shown, name);
      if (next && !dragged) moved(next);
      dragged = false;
    } });
    if (name !== "alpha") draggable(slots[name], name);
    box.append(slots[name]);
  }
  draggable(spare, null);
  box.append(held);

  /** Let a norm be dragged from its place, or from those that are off the wire. */
  function draggable(node, from) {
    let rest = null, start;
    const end = () => {
      rest = null;
      held.hidden = true;
      box.classList.remove("moving");
    };
    node.addEventListener("pointerdown", (event) => {
      const { norms } = PLACEMENTS[shown];
      dragged = false;
      if (from && !norms.includes(from)) return;
      rest = norms.filter((name) => name !== from);
      start = event;
      node.setPointerCapture(event.pointerId);
    });
    node.addEventListener("pointermove", (event) => {
      if (!rest || (!dragged && Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) < 4)) return;
      dragged = true;
      const { left, top } = box.getBoundingClientRect();
      const { at, placement } = holdAt(event.clientX - left, event.clientY - top, rest, !!PLACEMENTS[shown].alpha);
      held.hidden = false;
      held.setAttribute("style", placed(at).style);
      box.classList.add("moving");
      if (placement && placement !== shown) moved(placement);
    });
    node.addEventListener("pointerup", end);
    node.addEventListener("pointercancel", end);
  }

  /** Which norms are on the wire, and which clicks lead to a placement that was measured. */
  function show(placement, alpha) {
    const one = PLACEMENTS[placement];
    shown = placement;
    for (const name in slots) {
      const slot = slots[name], on = name === "alpha" ? !!one.alpha : one.norms.includes(name);
      const text = name === "alpha" ? (on ? `× ${fmt(alpha)}` : "× α") : on ? "Norm" : "+";
      const open = afterClick(placement, name) !== undefined;
      slot.disabled = !open && !on;
      slot.hidden = name === "alpha" && !open;
      slot.textContent = open || on ? text : "";
      slot.setAttribute("aria-pressed", on);
      slot.title = open ? "" : "Not measured together with the norm that is there";
    }
  }
  return { box, show };
}

const placed = ({ x, y }) => ({ style: `left:${x.toFixed(1)}px;top:${y.toFixed(1)}px` });
