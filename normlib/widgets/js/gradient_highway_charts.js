// The gradient highway's tower and charts: all three share the vertical axis, up is towards the loss.
import { attr, clamp, fmt, h, nextId, path, tween } from "./core.js";
import { quantity } from "./gradient_highway_parts.js";

const TALL = 356, TOP = 44, BOTTOM = 318;
const levelY = (level, levels) => BOTTOM - (level / levels) * (BOTTOM - TOP);

/** Round numbers for a logarithmic axis between two powers, few enough to be read. */
function ticksOf([from, to], room) {
  const step = Math.max(1, Math.ceil((to - from) / room));
  const marks = (digits) => {
    const found = [];
    for (let power = Math.floor(from / step) * step; power <= to; power += step)
      for (const digit of digits) {
        const at = power + Math.log10(digit);
        if (at >= from && at <= to) found.push(at);
      }
    return found;
  };
  for (const digits of [[1], [1, 3], [1, 2, 5]]) if (marks(digits).length > 1) return marks(digits);
  return marks([1, 2, 3, 4, 5, 6, 7, 8, 9]).filter((_, i) => i % 2 === 0);
}
const tickText = (power) => {
  const value = 10 ** power;
  return value > 0.0015 && value < 9e3 ? String(+value.toPrecision(1)) : fmt(value);
};

/** From the least to the largest of some logarithms, with air; flat curves get a decade and more. */
function span(lists) {
  const all = lists.flat().filter(Number.isFinite);
  if (!all.length) return [-1, 1];
  const least = Math.min(...all), most = Math.max(...all);
  const air = Math.max(0.12, (1.3 - (most - least)) / 2);
  return [least - air, most + air];
}

/** A list read at a share of its length, between neighbors in proportion. */
function readAt(list, share) {
  const x = share * (list.length - 1), i = Math.min(list.length - 2, Math.floor(x));
  return list.length < 2 ? list[0] : list[i] + (list[i + 1] - list[i]) * (x - i);
}
const between = (from, to, share) => to.map((v, i) => {
  const began = readAt(from, to.length > 1 ? i / (to.length - 1) : 0);
  return Number.isFinite(began) ? began + (v - began) * share : v;
});
const log10 = (list) => list.map((x) => (x > 0 ? Math.log10(x) : NaN)); // null: float32 overflowed

/** Where things are on a picture of this width: the tower, and both charts with their scales. */
function roomFor({ metric, profile, before, mine, others }, width) {
  const small = width < 420, wide = small ? 76 : 128, gap = small ? 22 : 34;
  const across = (width - wide - 2 * gap) / 2;
  const lefts = [wide + gap, wide + 2 * gap + across], keys = ["rms", metric];
  const tame = others.filter(({ name }) => name !== "none").map((other) => other.profile);
  const logs = (key) => [profile, before, mine, ...tame].map((one) => log10(one?.[key] ?? []));
  const domains = keys.map((key) => span(logs(key)));
  // Not clamped: "none" runs off the chart, and is cut there.
  const scales = domains.map(([a, b], i) => (v) => lefts[i] + ((v - a) / (b - a)) * across);
  return { small, wide, across, lefts, keys, domains, scales };
}

/** Titles, axes and their numbers. */
function axes({ small, wide, across, lefts, keys, domains, scales }) {
  const weight = keys[1] === "weight";
  const titles = across < 145
    ? ["Stream RMS", weight ? "Grad. weights" : "Gradient"]
    : ["Size of the stream", weight ? "Gradient, last weight" : "Gradient, stream"];
  const middle = { x: wide / 2, "text-anchor": "middle" };
  return [
    h(":text", { class: "head", y: 16, ...middle }, small ? "Highway" : "The highway"),
    h(":text", { class: "mute", y: 35, ...middle }, "loss"),
    h(":text", { class: "mute", y: BOTTOM + 20, ...middle }, "embeddings"),
    ...domains.flatMap((domain, i) => [
      h(":text", { class: "head", x: lefts[i], y: 16 }, titles[i]),
      h(":line", { class: "grid", x1: lefts[i], x2: lefts[i] + across, y1: BOTTOM, y2: BOTTOM }),
      ...ticksOf(domain, across < 150 ? 2.5 : 4).flatMap((power) => {
        const x = scales[i](power);
        return [
          h(":line", { class: "grid", x1: x, x2: x, y1: TOP, y2: BOTTOM + 4 }),
          h(":text", { class: "mute", x, y: BOTTOM + 20, "text-anchor": "middle" }, tickText(power)),
        ];
      }),
    ]),
  ];
}

/** A measured list as a curve of chart i; the weights have one point in the middle of each block. */
function curve({ keys, scales }, values, i) {
  const blocks = keys[i] === "weight", levels = blocks ? values.length : values.length - 1;
  const ys = values.map((_, level) => levelY(level + (blocks ? 0.5 : 0), levels));
  return path(values.map(scales[i]), ys);
}

/** The curves of a chart that stand still: other placements, before training, the reader's own. */
function stillCurves({ before, mine, others }, room, i, clip) {
  const still = (one, kind, more = {}) => {
    const values = one?.[room.keys[i]];
    return values
      ? [h(":path", { class: kind, d: curve(room, log10(values), i), "clip-path": clip, ...more })] : [];
  };
  return [
    ...others.flatMap(({ name, profile }) => still(profile, "ghost",
      { style: `stroke:var(--${name})`, "stroke-dasharray": PLACEMENTS[name].dash })),
    ...still(before, "before"),
    ...still(mine, "mine"),
  ];
}

/** The tower: as wide as the stream, colored as the gradient is weaker or stronger than at the top. */
function drawTower(tower, { wide }, { rms, gradient }) {
  const levels = rms.length - 1, x = wide / 2, gap = levels < 20 ? 1 : 0.4;
  while (tower.children.length > levels) tower.lastChild.remove();
  while (tower.children.length < levels) tower.append(h(":path"));
  const half = (power) => clamp(6 + (wide < 100 ? 13 : 21) * Math.log10(1 + 10 ** power), 0, x);
  for (let i = 0; i < levels; i++) {
    const low = levelY(i, levels) - gap, high = levelY(i + 1, levels) + gap;
    const below = half(rms[i]), above = half(rms[i + 1]);
    const tint = (gradient[i] + gradient[i + 1]) / 2 - gradient[levels];
    const share = Number.isFinite(tint) ? clamp(Math.abs(tint) / 2, 0, 1) * 88 + 4 : 92;
    const color = tint < 0 ? "--neg" : "--pos"; // overflow is NaN: strong
    attr(tower.children[i], {
      d: `M${x - below} ${low}H${x + below}L${x + above} ${high}H${x - above}z`,
      style: `fill:color-mix(in oklab, var(${color}) ${share.toFixed(0)}%, var(--line))`,
    });
  }
}

/** A pointer on the picture reads a level: `moved` gets its share of the height. */
function readOff(view, moved) {
  const read = (event) => {
    const y = event.clientY - view.getBoundingClientRect().top;
    moved((BOTTOM - y) / (BOTTOM - TOP));
  };
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") view.setPointerCapture(event.pointerId); // a finger may scroll
    read(event);
  });
  view.addEventListener("pointermove", (event) => event.buttons && read(event));
}

export function charts(moved) {
  const view = h(":svg", { class: "views", height: TALL, "aria-hidden": "true", "data-drag": true });
  const inside = [nextId(), nextId()]; // what runs off a chart is cut there
  const clips = inside.map((id) => `url(#${id})`);
  const windows = inside.map(() => h(":rect", { y: TOP - 2, height: BOTTOM - TOP + 4 }));
  const back = h(":g"), tower = h(":g"), ghosts = h(":g");
  const lines = clips.map((clip) => h(":path", { class: "live", "clip-path": clip }));
  const cross = h(":line", { class: "cross", x1: 0 });
  const dots = clips.map(() => h(":circle", { class: "dot", r: 5.5 }));
  const tags = clips.map(() => h(":text", { class: "tag" }));
  const lost = h(":text", { class: "lost", "text-anchor": "middle" });
  view.append(h(":defs", {}, windows.map((rect, i) => h(":clipPath", { id: inside[i] }, rect))),
    back, tower, ghosts, ...lines, cross, ...dots, ...tags, lost);
  readOff(view, moved);
  let room; // where things are
  let shown = null; // the logarithms that are drawn now, also half-way
  let stop = () => {};

  /** What moves from one state to the next: the two live curves and the tower. */
  function drawLive(now) {
    shown = now;
    lines.forEach((line, i) =>
      line.setAttribute("d", now ? curve(room, now[i ? "chosen" : "rms"], i) : ""));
    if (now) drawTower(tower, room, now);
    else tower.replaceChildren();
  }

  /** Draw a state for a width; the live curves move there from where they are. */
  function draw(state, width, moving) {
    stop();
    const { profile, metric } = state;
    room = roomFor(state, width);
    const { lefts, across } = room;
    windows.forEach((rect, i) => attr(rect, { x: lefts[i] - 4, width: across + 8 }));
    back.replaceChildren(...axes(room));
    ghosts.replaceChildren(...clips.flatMap((clip, i) => stillCurves(state, room, i, clip)));
    lost.textContent = profile ? "" : "✕ all runs diverged";
    attr(lost, { x: (lefts[0] + lefts[1] + across) / 2, y: (TOP + BOTTOM) / 2 });
    attr(cross, { x2: width });
    const next = profile
      && { rms: log10(profile.rms), gradient: log10(profile.gradient), chosen: log10(profile[metric]) };
    if (!next || !shown || !moving) return drawLive(next);
    const from = shown;
    stop = tween(350, (share) => drawLive(share === 1 ? next : {
      rms: between(from.rms, next.rms, share),
      gradient: between(from.gradient, next.gradient, share),
      chosen: between(from.chosen, next.chosen, share),
    }));
  }

  /** The level that is read, with its two numbers. */
  function mark({ depth, metric, profile }, level) {
    const y = levelY(level, depth), block = Math.max(level, 1) - 1;
    attr(cross, { y1: y, y2: y });
    const weight = metric === "weight";
    const second = weight ? profile?.weight[block] : profile?.gradient[level];
    [profile?.rms[level], second].forEach((value, i) => {
      const known = value > 0;
      dots[i].style.display = tags[i].style.display = known ? "" : "none";
      if (!known) return;
      const x = room.scales[i](Math.log10(value)), at = i && weight ? levelY(block + 0.5, depth) : y;
      const flip = x + 58 > room.lefts[i] + room.across; // no room on the right
      attr(dots[i], { cx: x, cy: at });
      const anchor = { x: x + (flip ? -11 : 11), "text-anchor": flip ? "end" : "start" };
      attr(tags[i], { y: Math.max(at - 7, TOP + 8), ...anchor });
      tags[i].textContent = quantity(value);
    });
  }
  return { view, draw, mark, stop: () => stop() };
}
