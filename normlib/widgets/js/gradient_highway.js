// The gradient highway: put norms on the wire, see how stream and gradient change from level to level.
import { attr, button, checked, clamp, fmt, frame, guess, h, nextId, number, oneOf, onWidth, path, perFrame, radios, slider, speaker, store, tween, whole } from "./core.js";

const PLACEMENT_NAMES = Object.keys(PLACEMENTS);
const SERIES = { residual_rms: "rms", stream_grad_norm: "gradient", grad_norm: "weight" }; // mine → ours
const MOST_LEVELS = 300;
const DEPTHS = { start: DATA.start.depths, trained: DATA.trained.depths };
const ALL_DEPTHS = [...new Set([...DEPTHS.start, ...DEPTHS.trained])].sort((a, b) => a - b);
const SPEC = { // plus `stats`, which is only written
  placement: ["pre", oneOf(...PLACEMENT_NAMES)],
  depth: [16, (value, fallback) => nearest(ALL_DEPTHS, number(1, 1e6)(value, fallback))],
  init: ["xavier", oneOf("xavier", "gpt2")],
  moment: ["start", oneOf("start", "trained")],
  level: [8, whole(0, 32)],
  metric: ["stream", oneOf("stream", "weights")],
  mine: [null, checked(isProfile)],
};
const QUESTIONS = [
  [
    "Xavier start, 16 blocks, no norm anywhere. How much larger is the gradient at the embeddings?",
    ["the same", "about 100 times", "over a million times"], 2,
    "Every sublayer makes it a little larger, and 32 sublayers multiply. Here is the measurement.",
    { placement: "none", depth: 16, init: "xavier", moment: "start", metric: "stream", level: 0 },
  ],
  [
    "Peri-norm adds 64 normalized vectors in 32 blocks. How large is the stream at the top?",
    ["about 1", "about 8", "about 64"], 1,
    "Vectors that point in unrelated directions add like the sides of a right angle: √64 = 8.",
    { placement: "peri", depth: 32, init: "xavier", moment: "start", metric: "stream", level: 32 },
  ],
  [
    "Pre-norm, 32 blocks, Xavier start. Which block's last weight gets the largest gradient?",
    ["one of the first blocks", "all get the same", "one of the last blocks"], 0,
    "The stream grows on its way up, so what a late block adds counts for less.",
    { placement: "pre", depth: 32, init: "xavier", moment: "start", metric: "weights", level: 1 },
  ],
  [
    "Post-norm, 24 blocks, after 120 steps of training. What reaches the embeddings?",
    ["a gradient as large as at the top", "a much larger one", "almost nothing"], 2,
    "Before training the gradient was even. Training closed the highway, and the loss shows it.",
    { placement: "post", depth: 24, moment: "trained", metric: "stream", level: 0 },
  ],
];

const apart = (a, b) => Math.abs(Math.log(a / b));
const nearest = (list, x) => list.reduce((a, b) => (apart(b, x) < apart(a, x) ? b : a));
const log10 = (list) => list.map((x) => (x > 0 ? Math.log10(x) : NaN)); // null: float32 overflowed
const positive = (list, n) =>
  Array.isArray(list) && list.length === n && list.every((x) => typeof x === "number" && x > 0 && x < 1e300);

/** What `measure` in Python returns: positive numbers, one more for the stream than blocks. */
function isProfile(value) {
  if (typeof value !== "object" || !Array.isArray(value?.residual_rms)) return false;
  const levels = value.residual_rms.length;
  return levels >= 2 && levels <= MOST_LEVELS && positive(value.residual_rms, levels)
    && positive(value.stream_grad_norm, levels)
    && (value.grad_norm == null || positive(value.grad_norm, levels - 1));
}

/** The named placement with exactly these norms, or undefined: nobody measured the others. */
export function placementOf(norms, alpha) {
  return PLACEMENT_NAMES.find((name) => {
    const one = PLACEMENTS[name];
    const same = one.norms.length === norms.length && one.norms.every((n) => norms.includes(n));
    return same && !!one.alpha === alpha;
  });
}

/** The placement after a click on one place of the wire, or undefined. */
export function afterClick(placement, place) {
  const { norms, alpha = false } = PLACEMENTS[placement];
  if (place === "alpha") return norms.includes("sum") ? placementOf(norms, !alpha) : undefined;
  const rest = norms.filter((n) => n !== place);
  const next = rest.length < norms.length ? rest : [...norms, place];
  return placementOf(next, alpha && next.includes("sum"));
}

// ---- words for factors ----
/** A large number with two digits that count: 97,000, 3.8 million, 2.5×10¹⁶. */
function inWords(x) {
  const two = (y) => (+y.toPrecision(2)).toLocaleString("en-US");
  if (x < 1e6) return two(x);
  return x < 1e9 ? `${two(x / 1e6)} million` : x < 1e12 ? `${two(x / 1e9)} billion` : fmt(x);
}

/** A factor as people say it: ×1.8, ÷370, ×3.8 million. */
function times(factor) {
  const size = factor < 1 ? 1 / factor : factor;
  const text = size < 9.95 ? size.toFixed(1) : inWords(size);
  return (factor < 1 && text !== "1.0" ? "÷" : "×") + text;
}

/** What happens along the way, in words that follow from the factor. */
function change(ratio) {
  if (Number.isNaN(ratio)) return ["is too large for float32", ""];
  if (ratio >= 100) return ["explodes: ", times(ratio)];
  if (ratio <= 0.01) return ["vanishes: ", times(ratio)];
  if (apart(ratio, 1) < Math.log(1.2)) return ["hardly changes: ", times(ratio)];
  return [ratio > 1 ? "grows " : "shrinks ", times(ratio)];
}

/** From one level to another, as a factor. NaN where float32 overflowed. */
const factor = (list, from, to) => (list[from] > 0 && list[to] > 0 ? list[to] / list[from] : NaN);

/** The factors of a profile: gradient on the way down, stream on the way up, first to last block. */
function factors(profile) {
  const last = profile.rms.length - 1;
  return {
    gradient: factor(profile.gradient, last, 0),
    stream: factor(profile.rms, 0, last),
    weight: profile.weight ? factor(profile.weight, last - 1, 0) : NaN,
  };
}

/** Reader's numbers under our names, and the label cut to what fits. */
function ours(mine) {
  if (!mine) return null;
  const profile = { label: String(mine.label || "Your model").slice(0, 40) };
  for (const name in SERIES) if (mine[name]) profile[SERIES[name]] = mine[name];
  return profile;
}

/** What was measured for a state: the profile drawn, the one before training, and the counts. */
export function lookUp(get) {
  const moment = get("moment"), depth = nearest(DEPTHS[moment], get("depth"));
  function at(placement) {
    if (moment === "start") {
      return { profile: DATA.start.measured[get("init")][placement][depth], diverged: 0, before: null };
    }
    const { before, after, diverged, loss } = DATA.trained.measured[placement][depth];
    return { profile: after, before, diverged, loss };
  }
  const metric = moment === "start" && get("metric") === "weights" ? "weight" : "gradient";
  return { moment, depth, metric, at, ...at(get("placement")) };
}

// ---- the block: one sublayer as a wire, drawn in 196 × 330 ----
const ROAD = 50, BRANCH = 146;
const PLACES = {
  in: { x: BRANCH - 42, y: 236, says: "Norm before the sublayer" },
  out: { x: BRANCH - 42, y: 122, says: "Norm after the sublayer, on the branch" },
  sum: { x: ROAD - 42, y: 40, says: "Norm on the highway, after the sum" },
  alpha: { x: ROAD - 42, y: 176, says: "Weight α on the highway, before the sum" },
};

function wiring(clicked) {
  const middle = { "text-anchor": "middle" };
  const turn = `M${ROAD} 286H${BRANCH - 10}q10 0 10 -10V112q0 -10 -10 -10H${ROAD + 13}`;
  const drawing = h(":svg", { viewBox: "0 0 196 330", "aria-hidden": "true" },
    h(":line", { class: "road", x1: ROAD, x2: ROAD, y1: 312, y2: 18 }),
    h(":line", { class: "flow", x1: ROAD, x2: ROAD, y1: 312, y2: 18 }),
    h(":path", { class: "branch", d: turn }),
    h(":circle", { class: "sum", cx: ROAD, cy: 102, r: 12 }),
    h(":path", { class: "plus", d: `M${ROAD - 6} 102h12M${ROAD} 96v12` }),
    h(":rect", { class: "sublayer", x: BRANCH - 48, y: 168, width: 96, height: 50, rx: 10 }),
    h(":text", { x: BRANCH, y: 190, "font-weight": 600, ...middle }, "Attention"),
    h(":text", { class: "mute", x: BRANCH, y: 207, ...middle }, "or MLP"),
    h(":text", { class: "mute", x: ROAD + 16, y: 318 }, "x in"),
    h(":text", { class: "mute", x: ROAD + 16, y: 22 }, "x out"),
    h(":text", { class: "mute", transform: `translate(${ROAD - 16} 278) rotate(-90)` }, "← gradient"));
  const slots = {};
  const name = "One sublayer: where the norms stand";
  const box = h("div", { class: "wire", role: "group", "aria-label": name }, drawing);
  for (const [name, { x, y, says }] of Object.entries(PLACES)) {
    slots[name] = h("button", {
      class: "slot", type: "button", "aria-label": says, style: `left:${x}px;top:${y}px`,
      onclick: () => clicked(name),
    });
    box.append(slots[name]);
  }
  /** Which norms are on the wire, and which clicks lead to a placement that was measured. */
  function show(placement, alpha) {
    const one = PLACEMENTS[placement];
    for (const name in slots) {
      const slot = slots[name], on = name === "alpha" ? !!one.alpha : one.norms.includes(name);
      const text = name === "alpha" ? (on ? `× α = ${fmt(alpha)}` : "× α") : on ? "Norm" : "+";
      const open = afterClick(placement, name) !== undefined;
      slot.disabled = !open;
      slot.hidden = name === "alpha" && !open;
      slot.textContent = open ? text : "";
      slot.setAttribute("aria-pressed", on);
      slot.title = open ? "" : "Not measured together with the norm that is there";
    }
  }
  return { box, show };
}

/** The equation of one sublayer, its norms marked. */
function equation(placement) {
  const { norms, alpha } = PLACEMENTS[placement];
  const N = (parts) => [h("b", {}, "N"), "(", ...parts, ")"];
  const inner = ["F(", ...(norms.includes("in") ? N(["x"]) : ["x"]), ")"];
  const branch = norms.includes("out") ? N(inner) : inner;
  const sum = [...(alpha ? [h("b", {}, "α"), " "] : []), "x + ", ...branch];
  return ["x ← ", ...(norms.includes("sum") ? N(sum) : sum)];
}

// ---- tower and charts: all three share the vertical axis, up is towards the loss ----
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
/** A measured number, with as many digits as seeds agree on. */
const quantity = (x) => fmt(x, x < 0.1 ? 3 : x < 10 ? 2 : x < 100 ? 1 : 0);
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

function charts(moved) {
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

  const read = (event) => {
    const y = event.clientY - view.getBoundingClientRect().top;
    moved((BOTTOM - y) / (BOTTOM - TOP));
  };
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") view.setPointerCapture(event.pointerId); // a finger may scroll
    read(event);
  });
  view.addEventListener("pointermove", (event) => event.buttons && read(event));

  let room; // where things are: {wide, across, lefts, scales, keys}
  let shown = null; // the logarithms that are drawn now, also half-way
  let stop = () => {};

  /** A measured list as a curve of chart i; the weights have one point in the middle of each block. */
  function curve(values, i) {
    const blocks = room.keys[i] === "weight", levels = blocks ? values.length : values.length - 1;
    const ys = values.map((_, level) => levelY(level + (blocks ? 0.5 : 0), levels));
    return path(values.map(room.scales[i]), ys);
  }

  /** Axes and the curves that stand still. */
  function drawBack({ metric, profile, before, mine, others }, width) {
    const small = width < 420, wide = small ? 76 : 128, gap = small ? 22 : 34;
    const across = (width - wide - 2 * gap) / 2;
    const lefts = [wide + gap, wide + 2 * gap + across], keys = ["rms", metric];
    const tame = others.filter(({ name }) => name !== "none").map((other) => other.profile);
    const logs = (key) => [profile, before, mine, ...tame].map((one) => log10(one?.[key] ?? []));
    const domains = keys.map((key) => span(logs(key)));
    // Not clamped: "none" runs off the chart, and is cut there.
    const scales = domains.map(([a, b], i) => (v) => lefts[i] + ((v - a) / (b - a)) * across);
    room = { wide, across, lefts, scales, keys };
    windows.forEach((rect, i) => attr(rect, { x: lefts[i] - 4, width: across + 8 }));
    const titles = across < 145
      ? ["Stream RMS", metric === "weight" ? "Grad. weights" : "Gradient"]
      : ["Size of the stream", metric === "weight" ? "Gradient, last weight" : "Gradient, stream"];
    const middle = { x: wide / 2, "text-anchor": "middle" };
    back.replaceChildren(
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
      ]));
    const still = (one, i, kind, more = {}) => (one?.[keys[i]]
      ? [h(":path", { class: kind, d: curve(log10(one[keys[i]]), i), "clip-path": clips[i], ...more })] : []);
    ghosts.replaceChildren(...[0, 1].flatMap((i) => [
      ...others.flatMap((other) => still(other.profile, i, "ghost",
        { style: `stroke:var(--${other.name})`, "stroke-dasharray": PLACEMENTS[other.name].dash })),
      ...still(before, i, "before"),
      ...still(mine, i, "mine"),
    ]));
    lost.textContent = profile ? "" : "✕ all runs diverged";
    attr(lost, { x: (lefts[0] + lefts[1] + across) / 2, y: (TOP + BOTTOM) / 2 });
    attr(cross, { x2: width });
  }

  /** What moves from one state to the next: the two live curves and the tower. */
  function drawLive(now) {
    shown = now;
    lines.forEach((line, i) => line.setAttribute("d", now ? curve(now[i ? "chosen" : "rms"], i) : ""));
    if (!now) return tower.replaceChildren();
    const levels = now.rms.length - 1, x = room.wide / 2, gap = levels < 20 ? 1 : 0.4;
    while (tower.children.length > levels) tower.lastChild.remove();
    while (tower.children.length < levels) tower.append(h(":path"));
    const half = (power) => clamp(6 + (room.wide < 100 ? 13 : 21) * Math.log10(1 + 10 ** power), 0, x);
    for (let i = 0; i < levels; i++) {
      const low = levelY(i, levels) - gap, high = levelY(i + 1, levels) + gap;
      const below = half(now.rms[i]), above = half(now.rms[i + 1]);
      const tint = (now.gradient[i] + now.gradient[i + 1]) / 2 - now.gradient[levels];
      const share = Number.isFinite(tint) ? clamp(Math.abs(tint) / 2, 0, 1) * 88 + 4 : 92;
      const color = tint < 0 ? "--neg" : "--pos"; // overflow is NaN: strong
      attr(tower.children[i], {
        d: `M${x - below} ${low}H${x + below}L${x + above} ${high}H${x - above}z`,
        style: `fill:color-mix(in oklab, var(${color}) ${share.toFixed(0)}%, var(--line))`,
      });
    }
  }

  /** Draw a state for a width; the live curves move there from where they are. */
  function draw(state, width, moving) {
    stop();
    drawBack(state, width);
    const { profile, metric } = state;
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

// ---- sentences, all of them computed ----
/** What happens to gradient and stream, and which end of the network gets more. */
function story(profile, start = "From") {
  const { gradient, stream, weight } = factors(profile);
  const bold = ([words, size]) => [words, size && h("b", {}, size)];
  const parts = [start, " the loss down to the embeddings the gradient ", ...bold(change(gradient))];
  if (Number.isNaN(gradient)) {
    const level = profile.gradient.findIndex((x) => x > 0);
    parts.push(` below level ${level}`);
  }
  parts.push(". On the way up the stream ", ...bold(change(stream)), ". ");
  if (apart(weight, 1) < Math.log(1.2)) {
    parts.push("The last weights of the first and the last block get about the same gradient.");
  } else if (weight > 0) {
    const [most, least] = weight > 1 ? ["first", "last"] : ["last", "first"];
    const more = h("b", {}, times(Math.max(weight, 1 / weight)));
    parts.push(`The ${most} block's last weight gets `, more, ` the gradient of the ${least} block's.`);
  }
  return parts;
}

function verdict(get, found) {
  const placement = get("placement"), { moment, profile, before, diverged, loss } = found;
  const parts = [PLACEMENTS[placement].where, " "];
  const all = DATA.trained.seeds;
  if (moment === "trained") {
    if (!profile) {
      const lost = h("b", {}, `✕ All ${all} runs diverged`);
      parts.push(lost, " and are not drawn. Before training: ", ...story(before));
    } else {
      const lost = h("b", {}, `✕ ${diverged} of ${all} runs diverged`);
      if (diverged) parts.push(lost, "; what is drawn is the rest. ");
      parts.push(`After ${DATA.trained.steps} steps, `, ...story(profile, "from"));
      const was = change(factors(before).gradient).join("");
      parts.push(`Before training the gradient ${was}. Validation loss `,
        h("b", {}, quantity(loss)), loss > DATA.trained.unigram - 0.05
          ? `: no better than letter frequencies alone (${fmt(DATA.trained.unigram)}).`
          : `; letter frequencies alone give ${fmt(DATA.trained.unigram)}.`);
    }
  } else {
    parts.push(...story(profile));
    if (placement !== "none") {
      const bare = change(factors(found.at("none").profile).gradient).join("");
      parts.push(` Without any norm the gradient ${bare}.`);
    }
  }
  return parts;
}

function origin(get, found) {
  const { moment, profile, before } = found, source = DATA[moment];
  const start = moment === "trained" || get("init") === "xavier" ? "Xavier" : "GPT-2";
  const when = moment === "start" ? "before any training"
    : `after ${source.steps} steps with learning rate ${source.lr} and ${source.warmup} steps of warm-up`;
  const spread = (profile ?? before).spread;
  return `Measured with normlib.gpt: width ${source.width}, ${start} start, ${when}. Geometric mean of `
    + `${source.seeds} seeds, which differ by up to ${times(spread)}.`
    + (moment === "trained" ? " Thin line: the same models before training." : "");
}

function levelWords({ depth, profile, metric }, level) {
  const place = `Level ${level} of ${depth}`;
  const name = level === 0 ? "Embeddings" : level === depth ? `${place}, the top` : place;
  if (!profile) return `${name}: nothing to read, since all runs diverged.`;
  const block = Math.max(level, 1) - 1;
  const said = (x) => (x > 0 ? quantity(x) : "too large for float32");
  const share = factor(profile.gradient, depth, level);
  const relative = share > 0 && level < depth ? ` (the top's ${times(share)})` : "";
  const weight = metric === "weight"
    ? `, gradient of block ${block + 1}'s last weight ${said(profile.weight[block])}` : "";
  return `${name}: stream ${said(profile.rms[level])}, `
    + `gradient of the stream ${said(profile.gradient[level])}${relative}${weight}.`;
}

function mineWords(mine) {
  const { gradient, stream } = factors(mine);
  const blocks = mine.rms.length - 1;
  return `${mine.label} (the line in the color of the text): ${blocks} blocks, the gradient `
    + `${change(gradient).join("")}, the stream ${change(stream).join("")}.`;
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "highway", CSS, "The gradient highway: where the norms stand in a block");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root);
  let width = 0, drawn = "";

  const set = (name) => (value) => st.set({ [name]: value });
  const swatch = (name) => h(
    ":svg", { class: "swatch", viewBox: "0 0 20 8", "aria-hidden": "true", style: `color:var(--${name})` },
    h(":line", { x1: 0, x2: 20, y1: 4, y2: 4, "stroke-dasharray": PLACEMENTS[name].dash }));
  const names = PLACEMENT_NAMES.map((name) => [name, PLACEMENTS[name].label, swatch(name)]);
  const placement = radios("Norm", names, set("placement"));
  placement.classList.add("placements");
  const moment = radios("Measured", [["start", "at the start"], ["trained", "after training"]],
    (value) => turn({ moment: value }));
  const depth = slider("Blocks", { min: 0, max: 1, step: 1 },
    (i) => turn({ depth: DEPTHS[st.get("moment")][i] }));
  const init = radios("Init", [["xavier", "Xavier"], ["gpt2", "GPT-2"]], set("init"));
  const metric = radios("Gradient of", [["stream", "stream"], ["weights", "weights"]], set("metric"));
  const level = slider("Level", { min: 0, max: 16, step: 1 }, set("level"));
  const wire = wiring((place) => {
    const next = afterClick(st.get("placement"), place);
    if (next) st.set({ placement: next });
  });
  const formula = h("p", { class: "formula" });
  const chart = charts((share) => {
    st.set({ level: Math.round(clamp(share, 0, 1) * lookUp(st.get).depth) });
  });
  const reading = h("p", { class: "reading" }), says = h("div", { class: "nl-says" });
  const own = h("p", { class: "nl-note mine-says" }), source = h("p", { class: "nl-note" });
  const quiz = guess(QUESTIONS, (state) => st.set(state));
  const reset = button("Reset", () => {
    quiz.stop();
    st.reset();
  });
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, placement),
    h("div", { class: "nl-bar" }, moment, init, depth),
    quiz.box,
    h("div", { class: "main" },
      h("div", {}, wire.box, formula),
      h("div", {}, chart.view, h("div", { class: "nl-bar" }, level, metric))),
    reading, says, own, source,
    h("p", { class: "nl-note" }, "Tower: its width is the size of the stream, its color the gradient, ",
      h("i", { class: "key weak" }), " weaker or ", h("i", { class: "key strong" }),
      " stronger than at the top. ",
      "Click a place on the wire to put a norm there or to take it away."),
    h("div", { class: "nl-bar" }, quiz.button, reset)));

  /** Another depth keeps the place of the cursor between embeddings and loss. */
  function turn(patch) {
    const before = lookUp(st.get);
    const get = (name) => patch[name] ?? st.get(name);
    const after = lookUp(get).depth;
    const place = Math.min(st.get("level"), before.depth) / before.depth;
    st.set({ ...patch, depth: after, level: Math.round(place * after) });
  }

  // Python sees the numbers behind the sentence in `stats`, at most every 150 ms.
  let late;
  const report = (stats) => {
    clearTimeout(late);
    late = setTimeout(() => {
      model.set("stats", stats);
      model.save_changes();
    }, 150);
  };

  function update() {
    const found = lookUp(st.get), now = st.get("placement"), mine = ours(st.get("mine"));
    const at = Math.min(st.get("level"), found.depth), depths = DEPTHS[found.moment];
    const others = PLACEMENT_NAMES.filter((name) => name !== now)
      .map((name) => ({ name, profile: found.at(name).profile })).filter((other) => other.profile);
    const state = { ...found, mine, others };
    const key = JSON.stringify([now, found.moment, found.depth, found.metric, st.get("init"), mine]);
    if (key !== drawn) {
      placement.pick(now);
      moment.pick(found.moment);
      init.pick(found.moment === "trained" ? "xavier" : st.get("init"));
      metric.pick(found.metric === "weight" ? "weights" : "stream");
      init.disabled = metric.disabled = found.moment === "trained"; // not measured there
      attr(depth.input, { max: depths.length - 1 });
      depth.show(depths.indexOf(found.depth), String(found.depth));
      attr(level.input, { max: found.depth });
      root.style.setProperty("--now", `var(--${now})`);
      const alpha = (2 * found.depth) ** 0.25;
      wire.show(now, alpha);
      formula.replaceChildren(...equation(now), ...(now === "deepnorm" ? [`, α = ${fmt(alpha)}`] : []));
      says.replaceChildren(...verdict(st.get, found));
      source.textContent = origin(st.get, found);
      own.hidden = !mine;
      own.textContent = mine ? mineWords(mine) : "";
      if (width) chart.draw(state, width, drawn !== "");
      drawn = key;
    }
    level.show(at, at ? `${at} of ${found.depth}` : "input");
    reading.textContent = levelWords(found, at);
    if (width) chart.mark(state, at);
    report(stats(found, at));
    const rest = [says, reading, own].map((node) => node.textContent).join(" ").trim();
    say(`${PLACEMENTS[now].label}, ${found.depth} blocks. ${rest}`);
  }

  const unwatch = onWidth(chart.view, (to) => {
    width = to;
    drawn = "";
    update();
  });
  update();
  return () => {
    chart.stop();
    clearTimeout(late);
    unwatch();
    st.off();
    unframe();
  };
}

/** Full precision for Python: the factors of the sentence, and the level that is read. */
function stats({ moment, depth, profile, diverged }, level) {
  const known = (x) => (Number.isFinite(x) ? x : null);
  const whole = profile ? factors(profile) : {};
  return {
    moment, depth, level, diverged,
    gradient_factor: known(whole.gradient),
    stream_factor: known(whole.stream),
    weight_factor: known(whole.weight),
    residual_rms: profile?.rms[level] ?? null,
    stream_grad_norm: profile?.gradient[level] ?? null,
    grad_norm: profile?.weight?.[Math.max(level, 1) - 1] ?? null,
  };
}

export default { render, address: ["placement", "depth", "init", "moment", "level", "metric"] };
