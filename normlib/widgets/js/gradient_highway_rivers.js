// The gradient highway: the stream that goes up through all blocks, and the gradient that comes down.
import { attr, clamp, h, nextId, tween } from "./core.js";
import { between, log10, readAt } from "./gradient_highway_charts.js";
import { quantity, times } from "./gradient_highway_parts.js";

const TALL = 330, TOP = 34, BOTTOM = 296, PER_DECADE = 1.7;
const levelY = (level, levels) => BOTTOM - (level / levels) * (BOTTOM - TOP);
/** How wide a river is, by the logarithm of its size: 1 at its source, a third at a hundredth. */
const breadth = (power) => (power > 0 ? 1 + PER_DECADE * power : 1 / (1 - PER_DECADE * power));
const SPOTS = 13; // places at which the color of the gradient is given

/** Where things are on a picture of this width. */
function placesFor(width) {
  const small = width < 300, column = small ? 26 : 48, across = (width - column) / 2;
  return {
    small, width, middles: [0, 1].map((i) => column + across * (i + 0.5)),
    source: small ? 8 : 14, most: across / 2 - 4, rail: small ? 7 : 9, loop: small ? 12 : 26,
  };
}

/** The outline of a river: `sizes` are logarithms, relative to its source. What is not finite is as wide as may be. */
function outline(sizes, middle, { source, most }) {
  const levels = sizes.length - 1;
  const half = sizes.map((power) => clamp(Number.isFinite(power) ? source * breadth(power) : most, 0.8, most));
  const side = (sign) => half.map((w, i) => `${(middle + sign * w).toFixed(1)} ${levelY(i, levels).toFixed(1)}`);
  return `M${side(-1).join("L")}L${side(1).reverse().join("L")}z`;
}

/** Logarithms of a profile's stream and gradient, each relative to where it comes from. */
function flows({ rms, gradient }) {
  const relative = (list, source) => log10(list).map((x) => x - Math.log10(list[source]));
  return [relative(rms, 0), relative(gradient, gradient.length - 1)];
}

/** Lines of drops as close as the river is wide, cut to its outline; each third is elsewhere on its way. */
const rain = (middle, most, third) => {
  let d = "";
  for (let k = -Math.floor(most / 9); k <= most / 9; k++)
    if ((((k * 7) % 3) + 3) % 3 === third) d += `M${(middle + 9 * k).toFixed(1)} ${BOTTOM}V${TOP}`;
  return d;
};

/** All blocks as small ones: the loops of their sublayers, and the places of their norms. */
function smallBlocks(blocks, { rail, loop }) {
  const high = (BOTTOM - TOP) / blocks;
  const at = (block, share) => (BOTTOM - (block + share) * high).toFixed(1);
  const loops = Array.from({ length: blocks }, (_, i) =>
    `M${rail} ${at(i, 0.12)}h${loop}V${at(i, 0.72)}h${-loop}`).join("");
  const norm = { in: [loop, 0.25], out: [loop, 0.6], sum: [0, 0.9] };
  const dots = (norms) => norms.flatMap((name) => Array.from({ length: blocks }, (_, i) =>
    `M${rail + norm[name][0]} ${at(i, norm[name][1])}h0`)).join("");
  return { loops, dots, size: clamp(high * 0.42, 3, 9) };
}

/** The color of the gradient: weaker than at the loss, as there, or stronger. */
function tint(power) {
  const share = Number.isFinite(power) ? clamp(Math.abs(power) / 0.8, 0, 1) : 1;
  return `stop-color:color-mix(in oklab, var(${power < 0 ? "--neg" : "--pos"}) ${(100 * share).toFixed(0)}%, var(--mute))`;
}

/**
 * A pointer on the picture reads a level: `moved` gets its share of the height, `passed` where a mouse
 * only passes, and undefined when it leaves. A swipe scrolls and reads nothing.
 */
function readOff(view, moved, passed) {
  const shareAt = (event) => clamp((BOTTOM - event.clientY + view.getBoundingClientRect().top) / (BOTTOM - TOP), 0, 1);
  const read = (event) => moved(shareAt(event));
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") return;
    view.setPointerCapture(event.pointerId);
    read(event);
  });
  view.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") (event.buttons ? moved : passed)(shareAt(event));
  });
  view.addEventListener("pointerleave", () => passed());
  view.addEventListener("click", read); // of a finger, too
}

function parts() {
  const color = nextId(), ids = [nextId(), nextId()], names = ["stream", "gradient"];
  const stops = Array.from({ length: SPOTS }, (_, i) => h(":stop", { offset: i / (SPOTS - 1) }));
  const clips = ids.map((id) => h(":clipPath", { id }, h(":path")));
  const shapes = names.map((name, i) => h(":path", { class: "river " + name, fill: i ? `url(#${color})` : null }));
  const drops = names.map((name, i) => h(":g", { class: "rain", "clip-path": `url(#${ids[i]})` },
    [0, 1, 2].map((k) => h(":path", { class: `flow ${i ? "down" : "up"} late-${k}` }))));
  const before = names.map(() => h(":path", { class: "was" }));
  const defs = h(":defs", {}, clips,
    h(":linearGradient", { id: color, gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: BOTTOM, y2: TOP }, stops));
  return { defs, stops, clips, shapes, drops, before };
}

export function rivers(moved) {
  const view = h(":svg", { class: "rivers", height: TALL, "aria-hidden": "true", "data-drag": true });
  const { defs, stops, clips, shapes, drops, before } = parts();
  const blocks = h(":path", { class: "loops" }), rail = h(":line", { class: "rail", y1: BOTTOM, y2: TOP });
  const norms = h(":path", { class: "norms" }), words = h(":g", { class: "nl-answer ends" }), fixed = h(":g");
  const cross = h(":line", { class: "cross", x1: 0 }), tags = [0, 1].map(() => h(":text", { class: "tag" }));
  const lost = h(":text", { class: "lost nl-answer", "text-anchor": "middle", y: TALL / 2 });
  view.append(defs, rail, blocks, norms, fixed,
    h(":g", { class: "nl-answer" }, before, shapes, drops, cross, tags), words, lost);
  readOff(view, moved, (share) => read && lookAt(share === undefined ? read.level : Math.round(share * read.depth)));
  let room, now = null, read = null, stop = () => {};

  function drawNow(sizes) {
    now = sizes;
    [...shapes, ...clips.map((clip) => clip.firstChild)].forEach((node, i) =>
      node.setAttribute("d", sizes ? outline(sizes[i % 2], room.middles[i % 2], room) : ""));
    if (sizes) stops.forEach((node, i) => node.setAttribute("style", tint(readAt(sizes[1], i / (SPOTS - 1)))));
  }

  /** What stands still: names at the sources, and at the ends what has become of them. */
  function label({ profile, stream, gradient }) {
    const text = (x, y, kind, said) => h(":text", { x, y, class: kind, "text-anchor": "middle" }, said);
    const [up, down] = room.middles, far = (ratio) => (ratio > 0 ? times(ratio) : "∞");
    fixed.replaceChildren(
      text(up, BOTTOM + 22, "head", "stream ↑"), text(down, TOP - 12, "head", "gradient ↓"),
      text((up + down) / 2, TOP - 12, "mute", room.small ? "" : "loss"),
      text((up + down) / 2, BOTTOM + 22, "mute", room.small ? "" : "embeddings"));
    words.replaceChildren(...(profile
      ? [text(up, TOP - 11, "factor up", far(stream)), text(down, BOTTOM + 24, "factor", far(gradient))] : []));
    lost.textContent = profile ? "" : "✕ all runs diverged";
    attr(lost, { x: (up + down) / 2 });
  }

  /** Draw a state for a width; the rivers move there from where they are, and leave an outline. */
  function draw(state, width, moving) {
    stop();
    room = placesFor(width);
    const { loops, dots, size } = smallBlocks(state.depth, room);
    attr(rail, { x1: room.rail, x2: room.rail });
    attr(blocks, { d: loops });
    attr(norms, { d: dots(PLACEMENTS[state.now].norms), "stroke-width": size.toFixed(1) });
    drops.forEach((group, i) => [...group.children].forEach((node, third) =>
      node.setAttribute("d", rain(room.middles[i], room.most, third))));
    attr(cross, { x2: width });
    label(state);
    const next = state.profile && flows(state.profile), from = now;
    before.forEach((node, i) => node.setAttribute("d", moving && from ? outline(from[i], room.middles[i], room) : ""));
    if (!next || !from || !moving) return drawNow(next);
    stop = tween(500, (share) => drawNow(share === 1 ? next : next.map((list, i) => between(from[i], list, share))));
  }

  /** The level that is read. */
  function mark({ depth, profile }, level) {
    read = { depth, profile, level };
    lookAt(level);
  }
  /** A level with its two numbers on the rivers. */
  function lookAt(level) {
    const { depth, profile } = read, y = levelY(level, depth);
    attr(cross, { y1: y, y2: y });
    cross.style.display = profile ? "" : "none";
    tags.forEach((tag, i) => {
      const value = profile?.[i ? "gradient" : "rms"][level];
      tag.textContent = value > 0 ? quantity(value) : "";
      attr(tag, { x: room.middles[i], y: clamp(y - 5, TOP + 12, BOTTOM), "text-anchor": "middle" });
    });
  }
  return { view, draw, mark, stop: () => stop() };
}
