// The gradient highway's charts: all placements to compare, level by level; up is towards the loss.
import { attr, fmt, h, nextId, path } from "./core.js";
import { quantity } from "./gradient_highway_parts.js";

const CHART_TALL = 300, CHART_TOP = 28, CHART_BOTTOM = 272;
const heightOf = (level, levels) => CHART_BOTTOM - (level / levels) * (CHART_BOTTOM - CHART_TOP);

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
export function readAt(list, share) {
  const x = share * (list.length - 1), i = Math.min(list.length - 2, Math.floor(x));
  return list.length < 2 ? list[0] : list[i] + (list[i + 1] - list[i]) * (x - i);
}
export const between = (from, to, share) => to.map((v, i) => {
  const began = readAt(from, to.length > 1 ? i / (to.length - 1) : 0);
  return Number.isFinite(began) ? began + (v - began) * share : v;
});
export const log10 = (list) => list.map((x) => (x > 0 ? Math.log10(x) : NaN)); // null: float32 overflowed

/** Where both charts are on a picture of this width, and their scales. */
function roomFor({ metric, profile, before, mine, others }, width) {
  const gap = width < 420 ? 22 : 40, across = (width - 2 * gap) / 2;
  const lefts = [gap / 2, 1.5 * gap + across], keys = ["rms", metric];
  const tame = others.filter(({ name }) => name !== "none").map((other) => other.profile);
  const logs = (key) => [profile, before, mine, ...tame].map((one) => log10(one?.[key] ?? []));
  const domains = keys.map((key) => span(logs(key)));
  // Not clamped: "none" runs off the chart, and is cut there.
  const scales = domains.map(([a, b], i) => (v) => lefts[i] + ((v - a) / (b - a)) * across);
  return { across, lefts, keys, domains, scales };
}

/** Titles, axes and their numbers. */
function axes({ across, lefts, keys, domains, scales }) {
  const weight = keys[1] === "weight";
  const titles = across < 145
    ? ["Stream RMS", weight ? "Grad. weights" : "Gradient"]
    : ["Size of the stream", weight ? "Gradient, last weight" : "Gradient, stream"];
  return domains.flatMap((domain, i) => [
    h(":text", { class: "head", x: lefts[i], y: 16 }, titles[i]),
    h(":line", { class: "grid", x1: lefts[i], x2: lefts[i] + across, y1: CHART_BOTTOM, y2: CHART_BOTTOM }),
    ...ticksOf(domain, across < 150 ? 2.5 : 4).flatMap((power) => {
      const x = scales[i](power);
      return [
        h(":line", { class: "grid", x1: x, x2: x, y1: CHART_TOP, y2: CHART_BOTTOM + 4 }),
        h(":text", { class: "mute", x, y: CHART_BOTTOM + 20, "text-anchor": "middle" }, tickText(power)),
      ];
    }),
  ]);
}

/** A measured list as a curve of chart i; the weights have one point in the middle of each block. */
function curve({ keys, scales }, values, i) {
  const blocks = keys[i] === "weight", levels = blocks ? values.length : values.length - 1;
  const ys = values.map((_, level) => heightOf(level + (blocks ? 0.5 : 0), levels));
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

export function charts() {
  const view = h(":svg", { class: "views", height: CHART_TALL, "aria-hidden": "true" });
  const inside = [nextId(), nextId()]; // what runs off a chart is cut there
  const clips = inside.map((id) => `url(#${id})`);
  const windows = inside.map(() => h(":rect", { y: CHART_TOP - 2, height: CHART_BOTTOM - CHART_TOP + 4 }));
  const back = h(":g"), ghosts = h(":g");
  const lines = clips.map((clip) => h(":path", { class: "live", "clip-path": clip }));
  const cross = h(":line", { class: "cross", x1: 0 });
  const dots = clips.map(() => h(":circle", { class: "dot", r: 5.5 }));
  const tags = clips.map(() => h(":text", { class: "tag" }));
  const lost = h(":text", { class: "lost", "text-anchor": "middle" });
  view.append(h(":defs", {}, windows.map((rect, i) => h(":clipPath", { id: inside[i] }, rect))),
    back, ghosts, ...lines, cross, ...dots, ...tags, lost);
  let room; // where things are

  function draw(state, width) {
    const { profile } = state;
    room = roomFor(state, width);
    const { lefts, across } = room;
    windows.forEach((rect, i) => attr(rect, { x: lefts[i] - 4, width: across + 8 }));
    back.replaceChildren(...axes(room));
    ghosts.replaceChildren(...clips.flatMap((clip, i) => stillCurves(state, room, i, clip)));
    lines.forEach((line, i) => line.setAttribute("d", profile ? curve(room, log10(profile[room.keys[i]]), i) : ""));
    lost.textContent = profile ? "" : "✕ all runs diverged";
    attr(lost, { x: (lefts[0] + lefts[1] + across) / 2, y: (CHART_TOP + CHART_BOTTOM) / 2 });
    attr(cross, { x2: width });
  }

  /** The level that is read, with its two numbers. */
  function mark({ depth, metric, profile }, level) {
    const y = heightOf(level, depth), block = Math.max(level, 1) - 1;
    attr(cross, { y1: y, y2: y });
    const weight = metric === "weight";
    const second = weight ? profile?.weight[block] : profile?.gradient[level];
    [profile?.rms[level], second].forEach((value, i) => {
      const known = value > 0;
      dots[i].style.display = tags[i].style.display = known ? "" : "none";
      if (!known) return;
      const x = room.scales[i](Math.log10(value)), at = i && weight ? heightOf(block + 0.5, depth) : y;
      const flip = x + 58 > room.lefts[i] + room.across; // no room on the right
      attr(dots[i], { cx: x, cy: at });
      const anchor = { x: x + (flip ? -11 : 11), "text-anchor": flip ? "end" : "start" };
      attr(tags[i], { y: Math.max(at - 7, CHART_TOP + 8), ...anchor });
      tags[i].textContent = quantity(value);
    });
  }
  return { view, draw, mark };
}
