// Who shares statistics? One formula, five names: which numbers share a mean and a variance?
import { attr, button, clamp, flag, fmt, frame, h, listOf, nextId, number, onWidth, oneOf, perFrame, radios, slider, speaker, store, toggle, tween, whole } from "./core.js";
import { SHARE, normalize } from "./math.js";

const SHAPE = [4, 6, 4]; // samples, channels, positions; the place of a number is [n, c, s]
const [N, C, S] = SHAPE;
const AXES = ["N", "C", "S"];
const GROUPS = [1, 2, 3, 6];
const MOST = 4; // the numbers lie between -4 and 4
const NAMES = {
  batch: "BatchNorm", layer: "LayerNorm", instance: "InstanceNorm", group: "GroupNorm", rms: "RMSNorm",
};
const WORDS = {
  image: {
    one: { N: "image", C: "channel", S: "pixel" },
    many: { N: "images", C: "channels", S: "pixels" },
    columns: ["↖\uFE0E", "↗\uFE0E", "↙\uFE0E", "↘\uFE0E"], // not as emoji
    places: ["upper left", "upper right", "lower left", "lower right"],
  },
  text: {
    one: { N: "sequence", C: "feature", S: "token" },
    many: { N: "sequences", C: "features", S: "tokens" },
    columns: ["The", "cat", "sat", "."],
    places: ["The", "cat", "sat", "full stop"],
  },
};
const SPEC = { // and `stats`, which is only written
  kind: ["image", oneOf("image", "text")],
  norm: ["layer", oneOf(...Object.keys(NAMES), "custom")],
  share: ["CS", oneOf("", "N", "C", "S", "NC", "NS", "CS", "NCS")],
  groups: [1, oneOf(...GROUPS)],
  center: [true, flag()],
  eps: [1e-5, number(0, 10)],
  sel: [[1, 2, 1], cleanPlace],
  x: [DATA.x, listOf(N * C * S, number(-MOST, MOST))],
  show: ["x", oneOf("x", "y")],
};

function cleanPlace(value, fallback) {
  if (!Array.isArray(value) || value.length !== 3) return fallback;
  return value.map((v, axis) => whole(0, SHAPE[axis] - 1)(v, fallback[axis]));
}

const indexOf = ([n, c, s]) => (n * C + c) * S + s;
const placeOf = (i) => [Math.floor(i / (C * S)), Math.floor(i / S) % C, i % S];

// ---- which set of axes is it, and what is it called? --------------------------------------------

/** The axes, groups and centering that count: a named norm brings its own. */
function settingOf(get) {
  const kind = get("kind"), norm = get("norm");
  if (norm === "custom") {
    const share = get("share");
    return { kind, share, groups: share.includes("C") ? get("groups") : 1, center: get("center") };
  }
  const groups = norm === "group" ? Math.max(2, get("groups")) : 1;
  return { kind, share: SHARE[kind][norm], groups, center: norm !== "rms" };
}

/** As many groups as channels is the same as channels that are not shared. */
function plain({ share, groups, ...rest }) {
  const alone = groups === C;
  return { ...rest, share: alone ? share.replace("C", "") : share, groups: alone ? 1 : groups };
}

/** The norm with this setting: "batch", "layer", …, or "" where there is no common name. */
function nameOf(setting) {
  const { kind, share, groups, center } = plain(setting);
  if (!center) return groups === 1 && share === SHARE[kind].rms ? "rms" : "";
  if (groups > 1) return share === "CS" ? "group" : "";
  return ["batch", "layer", "instance"].find((norm) => SHARE[kind][norm] === share) ?? "";
}

/** "one set per image and group of channels": what is not shared tells the sets apart. */
function setsInWords(setting) {
  const { kind, share, groups } = plain(setting);
  const { one, many } = WORDS[kind];
  const apart = AXES.flatMap((axis) => {
    if (!share.includes(axis)) return one[axis];
    return axis === "C" && groups > 1 ? `group of ${many.C}` : [];
  });
  if (!apart.length) return "one set for everything";
  if (!share) return "every number is its own set";
  return "one set per " + apart.join(", ").replace(/, (?=[^,]*$)/, " and ");
}

/** What else there is to say of a setting, or "". */
function remarkOn(setting) {
  const { kind, share, groups, center } = plain(setting);
  const name = nameOf(setting), text = kind === "text", whose = center ? "LayerNorm" : "RMSNorm";
  const split = setting.groups === C && setting.share.includes("C");
  if (split && name === "instance") return `GroupNorm with one ${WORDS[kind].one.C} per group.`;
  if (name === "layer") return text ? "As in a GPT." : "In a GPT it is another set: choose Text.";
  if (name === "rms" && text) return "As in Llama.";
  if (name) return "";
  if (share === "C" && groups > 1) return text ? "QK-norm has it, with one group per head." : "";
  if (share === "C") return `${whose} at every pixel${center ? ", as in ConvNeXt" : ""}.`; // text has a name
  if (share === "CS" && groups === 1) return `${whose} over a whole sequence.`; // images have a name
  if (share === "N") return `BatchNorm with every position apart${center ? "" : ", without the mean"}.`;
  const centered = center ? "" : nameOf({ ...setting, center: true });
  return centered ? `${NAMES[centered]} without the mean.` : "";
}

/** All that is drawn and said, from the state. */
function viewOf(get) {
  const setting = settingOf(get);
  const x = get("x"), sel = get("sel"), marked = indexOf(sel);
  const result = normalize(x, SHAPE, { ...setting, eps: get("eps") });
  const set = result.set[marked], variance = result.var[set];
  return {
    ...setting, x, sel, marked, result,
    words: WORDS[setting.kind], name: nameOf(setting), show: get("show"), eps: get("eps"),
    together: result.set.map((k) => k === set), // true for the numbers of the marked set
    sets: result.count.length,
    count: result.count[set],
    mean: result.mean[set],
    variance,
    sigma: Math.sqrt(variance),
    spread: Math.sqrt(variance) * result.rstd[set], // σ / √(σ² + ε), of the set afterwards
    y: result.y[marked],
  };
}

// ---- the numbers as a block of cubes --------------------------------------------------------------

const CUBE = 15, DEEPER = [27, -20]; // the size of a cube, and how far behind the next sheet lies
const FACES = { top: "l6 -4h15l-6 4z", side: "m15 0l6 -4v15l-6 4z", front: "h15v15h-15z" };
const LABELS = { S: [30, 106, 0], C: [-6, 45, -90], N: [106, 78, -36.5] }; // x, y, angle

/** {name: an SVG path of this class}, for every name. */
const paths = (...names) => Object.fromEntries(names.map((name) => [name, h(":path", { class: name })]));
const cubes = (cells, face) => cells.map(([, c, s]) => `M${s * CUBE} ${c * CUBE}${face}`).join("");

function makeBlock() {
  const node = h(":svg", { class: "block", viewBox: "-16 -66 172 178", "aria-hidden": "true" });
  const every = Array.from({ length: N * C * S }, (_, i) => placeOf(i));
  const inSheet = (cells, n) => cells.filter((cell) => cell[0] === n);
  const sheets = [];
  for (let n = N - 1; n >= 0; n--) { // from the back to the front
    const grid = h(":path", { class: "ghost", d: cubes(inSheet(every, n), FACES.front) });
    sheets[n] = paths(...Object.keys(FACES), "marked");
    const move = `translate(${n * DEEPER[0]} ${n * DEEPER[1]})`;
    node.append(h(":g", { transform: move }, grid, Object.values(sheets[n])));
  }
  const labels = Object.fromEntries(AXES.map((axis) => {
    const [x, y, angle] = LABELS[axis];
    const transform = `translate(${x} ${y}) rotate(${angle})`;
    return [axis, h(":text", { transform, "text-anchor": "middle" })];
  }));
  node.append(...Object.values(labels));
  let drawn = "";
  function draw(view, secret) {
    const key = [view.kind, view.share, view.groups, view.marked, secret].join();
    if (key === drawn) return;
    drawn = key;
    const together = secret ? [] : every.filter((_, i) => view.together[i]);
    sheets.forEach((parts, n) => {
      for (const face in FACES) parts[face].setAttribute("d", cubes(inSheet(together, n), FACES[face]));
      parts.marked.setAttribute("d", cubes(inSheet([view.sel], n), FACES.front));
    });
    for (const axis of AXES) {
      labels[axis].textContent = view.words.many[axis];
      labels[axis].setAttribute("class", view.share.includes(axis) && !secret ? "shared" : "mute");
    }
  }
  return { node, draw };
}

// ---- the numbers as sheets ----------------------------------------------------------------------

const MOVES = {
  ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
  PageUp: [-1, 0, 0], PageDown: [1, 0, 0],
};
const STEPS = { "+": 0.1, "=": 0.1, "-": -0.1, "_": -0.1 };

/** `where` tells the marked place now, which may not be drawn yet. */
function makeSheets(where, choose, nudge) {
  const cells = [], captions = [], columns = [], channels = [];
  let drawn = []; // what each cell shows, because 96 cells are too many to write on every move
  let words = null;

  const hint = h("p", { class: "nl-sr", id: nextId() }, "Arrow keys move inside a sheet, Page Up and "
    + "Page Down change the sheet, plus and minus change the value.");
  const about = { role: "group", "aria-label": "Values", "aria-describedby": hint.id };
  const node = h("div", { class: "sheets", ...about, onkeydown });
  const span = (list) => list[list.push(h("span", {})) - 1];
  const spans = (list, length) => Array.from({ length }, () => span(list));
  for (let n = 0; n < N; n++) {
    if (n % 2 === 0) {
      const side = { class: n ? "names second" : "names", "aria-hidden": "true" }; // second: if narrow
      const corner = [h("div", { class: "caption" }), h("div", { class: "columns" })];
      node.append(h("div", side, corner, spans(channels, C)));
    }
    captions[n] = h("div", { class: "caption", "aria-hidden": "true" });
    const top = h("div", { class: "line columns", "aria-hidden": "true" }, spans(columns, S));
    const rows = Array.from({ length: C }, (_, c) => h("div", { class: "line", role: "row" },
      Array.from({ length: S }, (_, s) => makeCell([n, c, s]))));
    node.append(h("div", { class: "sheet", role: "grid" }, captions[n], top, rows));
  }

  function makeCell(at) {
    const cell = h("div", { class: "cell", role: "gridcell", tabindex: -1, onclick: () => go(at) });
    cells.push(cell);
    return cell;
  }
  function go(at) {
    choose(at);
    cells[indexOf(at)].focus({ preventScroll: true });
  }
  function onkeydown(event) {
    const move = MOVES[event.key], step = STEPS[event.key];
    if (move) go(where().map((v, axis) => clamp(v + move[axis], 0, SHAPE[axis] - 1)));
    else if (step) nudge(step);
    else return;
    event.preventDefault();
  }

  function name() {
    captions.forEach((caption, n) => {
      caption.textContent = `${words.one.N} ${n + 1}`;
      caption.parentNode.setAttribute("aria-label", caption.textContent);
    });
    channels.forEach((node, i) => (node.textContent = words.one.C[0] + ((i % C) + 1)));
    columns.forEach((node, i) => (node.textContent = words.columns[i % S]));
    drawn = [];
  }
  function placeInWords(i) {
    const [n, c, s] = placeOf(i), { one, places } = words;
    return `${one.N} ${n + 1}, ${one.C} ${c + 1}, ${one.S} ${places[s]}`;
  }
  /** `touched` are the numbers whose result the last edit changed. */
  function draw(view, secret, touched) {
    if (words !== view.words) {
      words = view.words;
      name();
    }
    const numbers = view.show === "x" ? view.x : view.result.y;
    cells.forEach((cell, i) => {
      const inside = view.together[i] && !secret, hit = touched[i], marked = i === view.marked;
      const text = Number.isNaN(numbers[i]) ? "nan" : fmt(numbers[i], 1);
      const now = `${text}|${inside}|${hit}|${marked}|${view.show}`;
      if (drawn[i] === now) return;
      drawn[i] = now;
      const more = (inside ? ", same set" : "") + (hit ? ", its result changed" : "");
      const when = view.show === "x" ? "" : "after, ";
      cell.setAttribute("aria-label", `${placeInWords(i)}: ${when}${text}${more}`);
      cell.className = "cell" + (inside ? " in" : "") + (hit ? " hit" : "") + (marked ? " sel" : "");
      cell.tabIndex = marked ? 0 : -1;
      cell.textContent = text;
      cell.style.setProperty("--hue", numbers[i] < 0 ? "var(--neg)" : "var(--pos)");
      cell.style.setProperty("--w", clamp(Math.abs(numbers[i] || 0) / 3, 0, 1).toFixed(2));
    });
  }
  return { node, hint, draw };
}

// ---- every number on a line, before and after -----------------------------------------------------

const HEIGHT = 178, BEFORE = 46, AFTER = 134; // of the map and of its two lines
const REACH = 4.1; // they go from -REACH to REACH
const LEFT = 52, RIGHT = 12; // room for the names of the lines, and for the last number

function makeMap(edit) {
  let width = 600, now = null, ends = null, halt = () => {};
  const at = (v) => LEFT + ((clamp(v, -REACH, REACH) + REACH) / (2 * REACH)) * (width - LEFT - RIGHT);
  const lines = h(":g"), set = h(":g", { class: "set" });
  const box = () => h(":rect", { class: "sigma", height: 18, rx: 4 });
  const mark = (y) => h(":line", { class: "mean", y1: y - 14, y2: y + 14 });
  const words = (y) => h(":text", { class: "shared", y, "text-anchor": "middle" });
  const before = { box: box(), mark: mark(BEFORE), words: words(14) };
  const after = { box: box(), mark: mark(AFTER), words: words(HEIGHT - 2) };
  set.append(...Object.values(before), ...Object.values(after));
  const ink = paths("every", "in", "every dots", "in dots", "sel");
  const knob = h(":circle", { class: "knob", r: 9, cy: BEFORE });
  const grip = h(":circle", { class: "grip", r: 14, cy: BEFORE, "data-drag": "", onpointerdown: grab });
  const node = h(":svg", { class: "map", height: HEIGHT, "aria-hidden": "true" });
  node.append(lines, set, ...Object.values(ink), knob, grip);

  function grab(event) {
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    const left = node.getBoundingClientRect().left;
    const drag = ({ clientX }) => {
      const along = (clientX - left - LEFT) / (width - LEFT - RIGHT);
      edit(along * 2 * REACH - REACH);
    };
    grip.addEventListener("pointermove", drag);
    const end = () => grip.removeEventListener("pointermove", drag);
    grip.addEventListener("lostpointercapture", end, { once: true });
  }

  function drawLines() {
    const tick = (v, y) => h(":text", { class: "mute", x: at(v), y, "text-anchor": "middle" }, fmt(v, 0));
    const line = (y) => h(":line", { class: "axis", x1: at(-REACH), x2: at(REACH), y1: y, y2: y });
    const name = (text, y) => h(":text", { x: 0, y: y + 4, "font-weight": 600 }, text);
    lines.replaceChildren(
      line(BEFORE), name("before", BEFORE), ...[-4, -2, 2, 4].map((v) => tick(v, BEFORE - 14)),
      line(AFTER), name("after", AFTER), ...[-4, -2, 0, 2, 4].map((v) => tick(v, AFTER + 22)),
      h(":line", { class: "zero", x1: at(0), x2: at(0), y1: BEFORE - 8, y2: AFTER + 8 }));
  }

  /** The marked set's mean and spread, on both lines. */
  function drawSet(view) {
    const { center, mean, sigma, spread } = view;
    const put = (part, middle, half, y, text) => {
      attr(part.box, { x: at(middle - half), width: at(middle + half) - at(middle - half), y: y - 9 });
      attr(part.mark, { x1: at(middle), x2: at(middle) });
      part.words.textContent = text;
      attr(part.words, { x: clamp(at(middle), LEFT + 50, width - 84) });
    };
    const text = center ? `μ = ${fmt(mean)}, σ = ${fmt(sigma)}` : `root mean square = ${fmt(sigma)}`;
    put(before, mean, sigma, BEFORE, text);
    put(after, 0, spread || 0, AFTER, afterwards(view));
  }
  function afterwards({ center, count, spread }) {
    if (Number.isNaN(spread)) return "0 / 0: not a number";
    if (center && spread === 0) return count === 1 ? "always 0" : "all 0";
    return center ? `mean 0, spread ${short(spread)}` : `root mean square ${short(spread)}`;
  }

  /** The lines from the numbers to where they end, `to`. */
  function drawNumbers(view, secret, to) {
    const from = view.x.map((v) => at(v).toFixed(1));
    const end = to.map((v) => at(v).toFixed(1));
    const some = [...to.keys()].filter((i) => !Number.isNaN(to[i]));
    const inside = secret ? [] : some.filter((i) => view.together[i]);
    const across = (list) => list.map((i) => `M${from[i]} ${BEFORE}L${end[i]} ${AFTER}`).join("");
    const dots = (list) => list.map((i) => `M${from[i]} ${BEFORE}h0M${end[i]} ${AFTER}h0`).join("");
    const marked = some.filter((i) => i === view.marked);
    const shapes = [across(some), across(inside), dots(some), dots(inside), across(marked)];
    Object.values(ink).forEach((path, i) => path.setAttribute("d", shapes[i]));
    for (const circle of [knob, grip]) circle.setAttribute("cx", at(view.x[view.marked]));
    ends = to;
  }

  /** `smooth` where the setting changed, so that one sees the numbers move to their new places. */
  function draw(view, secret, smooth) {
    now = [view, secret];
    halt();
    set.setAttribute("visibility", secret ? "hidden" : "visible");
    drawSet(view);
    const old = ends, aim = view.result.y;
    const between = (u) => aim.map((v, i) => (Number.isNaN(old[i]) ? v : old[i] + (v - old[i]) * u));
    if (smooth && old) halt = tween(420, (u) => drawNumbers(view, secret, u < 1 ? between(u) : aim));
    else drawNumbers(view, secret, aim);
  }
  const unwatch = onWidth(node, (wide) => {
    width = wide;
    drawLines();
    if (now) draw(...now, false);
  });
  drawLines();
  return { node, draw, stop: () => (halt(), unwatch()) };
}

// ---- the formula and the verdicts --------------------------------------------------------------------

/** At most two decimals, and none where there is nothing behind the point. */
const short = (x) => fmt(x).replace(/\.00$/, "");
const epsText = (eps) => (eps === 0 || eps >= 1e-3 ? String(+eps.toFixed(4)) : fmt(eps));

/** x̂ = (2.9 − 0.57) / √(2.27 + 10⁻⁵) = 1.55, with what must be guessed as question marks. */
function formula(view, secret) {
  const { center, mean, variance, y, eps } = view;
  const number = fmt(view.x[view.marked], 1);
  const value = (v) => h("b", {}, secret ? "?" : fmt(v));
  const minus = mean < 0 && !secret ? [" + ", value(-mean)] : [" − ", value(mean)]; // not "− −0.57"
  const above = center ? ["(", number, ...minus, ")"] : [number];
  return ["x̂ = ", ...above, " / √(", value(variance), ` + ${epsText(eps)}) = `, value(y)];
}

/** [good or bad, headline, sentence] for each verdict on the marked set. */
function verdicts(view) {
  const batch = view.share.includes("N"), { one, many } = view.words;
  const alone = batch
    ? ["bad", "✕ Needs the batch", `other ${many.N} change this result`
      + (view.name === "batch" ? "; at test time running averages stand in" : "")]
    : ["good", "✓ Works alone", `the same result for 1 ${one.N} or 1,000`];
  return [sizeVerdict(view), alone, view.kind === "text" ? futureVerdict(view) : scaleVerdict(view)];
}

function sizeVerdict({ count, center, sets }) {
  if (count === 1) {
    const lost = "a number minus itself: all information is lost";
    return [center ? "bad" : "", "1 number per set", center ? lost : "each number alone sets its own scale"];
  }
  const each = sets > 1 ? " for each" : "";
  const what = center ? "a mean and a variance" : "one scale";
  return ["", `${count} numbers per set`, `${sets} set${sets > 1 ? "s" : ""}, ${what}${each}`];
}

function futureVerdict({ share }) {
  if (!share.includes("S")) return ["good", "✓ Causal", "a token never depends on the tokens after it"];
  return ["bad", "✕ Sees the future", "later tokens change earlier ones: no use inside a GPT"];
}

function scaleVerdict({ center, mean, sigma, spread }) {
  if (Number.isNaN(spread)) return ["bad", "Not a number", "no spread and ε = 0: zero divided by zero"];
  const size = `${fmt(sigma)} becomes ${short(spread)}`;
  if (!center) return ["", "Scale only", `zero stays zero, root mean square ${size}`];
  if (spread === 0) return ["", "Shift", `the mean ${fmt(mean)} becomes 0; there is no spread to scale`];
  return ["", "Shift and scale", `mean ${fmt(mean)} becomes 0, spread ${size}`];
}

/** The whole figure in two or three sentences, for a screen reader. */
function spoken(view, setting) {
  const { center, count, mean, variance } = view;
  const name = NAMES[view.name] ?? "No common name";
  const share = `${count} numbers share statistics, ${setsInWords(setting)}.`;
  const numbers = count === 1 ? "Every number is its own set." : share;
  const values = `${center ? `Mean ${fmt(mean)}, variance` : "Mean square"} ${fmt(variance)}.`;
  const heads = verdicts(view).slice(1).map(([, head]) => head.replace(/^[✓✕] /, "") + ".").join(" ");
  return `${name}. ${numbers} ${values} ${fmt(view.x[view.marked], 1)} becomes ${fmt(view.y)}. ${heads}`;
}

// ---- guess first: tick what is shared ---------------------------------------------------------------

const QUESTIONS = [ // [norm, kind, marked number]
  ["layer", "text", [1, 2, 1]], ["batch", "image", [2, 3, 2]], ["rms", "text", [0, 5, 3]],
  ["group", "image", [3, 1, 0]], ["instance", "image", [2, 0, 1]], ["batch", "text", [1, 4, 2]],
];

/** Answered with the figure's own boxes: `ask` shows the state of a question, `ticked` reads them. */
function makeQuiz(ask, ticked, redraw, say) {
  let round = 0, question = null, verdict = null;
  const text = h("p", {});
  const check = button("Check", grade, { class: "nl-btn on" });
  const about = { class: "nl-quiz", role: "group", "aria-label": "Guess first", hidden: true };
  const box = h("div", about, text, check);
  const open = button("Guess first", () => (asking() ? stop() : start()));
  const asking = () => question !== null && verdict === null;

  function start() {
    question = QUESTIONS[round++ % QUESTIONS.length];
    verdict = null;
    ask(question);
  }
  function grade() {
    const [norm, kind] = question, right = SHARE[kind][norm], { many } = WORDS[kind];
    const good = ticked() === right;
    const grouped = (axis) => axis === "C" && norm === "group";
    const axes = [...right].map((axis) => (grouped(axis) ? `the ${many.C} of one group` : many[axis]));
    verdict = [h("b", { class: good ? "ok" : "no" }, good ? "Right. " : "Not quite. "),
      `${NAMES[norm]} shares its statistics across ${axes.join(" and ")}.`];
    redraw();
    say(text.textContent);
    open.focus();
  }
  function stop() {
    question = verdict = null;
    redraw();
  }
  function draw() {
    box.hidden = !question;
    check.hidden = !asking();
    open.textContent = asking() ? "Stop guessing" : question ? "Another question" : "Guess first";
    if (!question) return;
    const [norm, kind] = question;
    text.replaceChildren(...(verdict ?? [
      `${NAMES[norm]}${norm === "group" ? " with 2 groups" : ""}, ${kind === "text" ? "text" : "images"}: `
      + "across what does the marked number share its statistics? Tick the boxes, then check. "
      + "Stuck? Move the value: a dot appears on every number whose result changes."]));
  }
  return { box, button: open, asking, stop, draw, text: () => text.textContent, question: () => question };
}

// ---- the figure -----------------------------------------------------------------------------------------

function render({ model, el }) {
  const [root, unframe] = frame(el, "stats", CSS, "Which numbers share a mean and a variance?");
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root);
  let last = null, lastKey = "", lastQuestion = null; // what was drawn last
  let late; // Python sees `stats`, but not more often than it can follow

  const kinds = radios("Data", [["image", "Image"], ["text", "Text"]],
    (kind) => pick(named(state.get("norm"), kind)));
  const norms = radios("Norm", Object.entries(NAMES).map(([norm, name]) => [norm, name.replace("Norm", "")]),
    (norm) => pick(named(norm, state.get("kind"))));
  norms.classList.add("norms");
  const tick = () => quiz.asking() || pick({ share: ticked() });
  const ticks = Object.fromEntries(AXES.map((axis) => [axis, toggle("", tick)]));
  const share = h("fieldset", { class: "nl-seg" },
    h("legend", {}, "Share statistics across"), Object.values(ticks));
  const mean = toggle("Subtract the mean", (center) => pick({ center }));
  const center = h("fieldset", { class: "nl-seg", "aria-label": "Centering" }, mean);
  const groups = slider("Channel groups", { min: 0, max: 3, step: 1 }, (i) => pick({ groups: GROUPS[i] }));
  const value = slider("Change the marked value", { min: -MOST, max: MOST, step: 0.1 }, edit);
  const show = radios("Cells show", [["x", "before"], ["y", "after"]], (which) => state.set({ show: which }));

  const block = makeBlock();
  const sheets = makeSheets(() => state.get("sel"), (sel) => state.set({ sel }), (step) => edit(marked() + step));
  const map = makeMap(edit);
  const quiz = makeQuiz(([norm, kind, sel]) => {
    state.set({ sel, groups: 1 });
    pick(named(norm, kind));
  }, ticked, update, say);
  const built = h("p", { class: "built" }), equation = h("p", { class: "equation" });
  const facts = h("div", { class: "facts" });
  const reset = button("Reset", () => {
    quiz.stop();
    state.reset();
  });
  root.append(sheets.hint, h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, norms, kinds),
    quiz.box,
    h("div", { class: "main" }, h("div", { class: "share" }, share, center), block.node, sheets.node),
    h("div", { class: "nl-bar" }, built, groups),
    map.node, equation,
    h("div", { class: "nl-bar" }, value, show),
    facts,
    h("div", { class: "nl-bar" }, quiz.button, reset, h("span", { class: "nl-note" },
      "Click a number, drag the large dot, or use the arrow keys and + / −."))));

  function marked() {
    return state.get("x")[indexOf(state.get("sel"))];
  }
  function edit(to) {
    const x = state.get("x").slice();
    x[indexOf(state.get("sel"))] = clamp(Math.round(to * 10) / 10, -MOST, MOST);
    state.set({ x });
  }
  function ticked() {
    return AXES.filter((axis) => ticks[axis].input.checked).join("");
  }
  /** What a norm's name means; without a name the axes stay as they are. */
  function named(norm, kind) {
    const old = settingOf(state.get);
    if (norm === "custom") return { kind };
    const many = old.groups > 1 && old.groups < C ? old.groups : 2;
    return { kind, share: SHARE[kind][norm], center: norm !== "rms", groups: norm === "group" ? many : 1 };
  }
  /** Change the setting, and let the norm's name follow. */
  function pick(change) {
    const next = { ...settingOf(state.get), ...change };
    if (!next.share.includes("C")) next.groups = 1;
    const grouped = next.share === "CS" && next.groups === C && next.center; // stays on the groups' slider
    state.set({ ...next, norm: grouped ? "group" : nameOf(next) || "custom" });
  }

  function update() {
    const view = viewOf(state.get), setting = settingOf(state.get);
    const key = JSON.stringify([setting, view.eps]);
    if (quiz.question() && quiz.question() === lastQuestion && key !== lastKey) {
      lastQuestion = null; // somebody else changed what was asked about
      quiz.stop(); // draws again
      return;
    }
    const secret = quiz.asking(), fresh = quiz.question() !== lastQuestion;
    const same = key === lastKey;
    drawControls(view, secret, fresh);
    block.draw(view, secret);
    const edited = same && last.x !== view.x;
    const touched = view.result.y.map((y, i) => edited && Math.abs(y - last.result.y[i]) > 1e-9);
    sheets.draw(view, secret, touched);
    map.draw(view, secret, !same);
    equation.replaceChildren(...formula(view, secret));
    drawName(view, setting, secret);
    const cards = secret ? [] : verdicts(view);
    facts.replaceChildren(...cards.map(([verdict, head, text]) =>
      h("div", { class: "fact " + verdict }, h("b", {}, head), text)));
    quiz.draw();
    if (!secret) report({ mu: view.mean, var: view.variance, y: view.y, count: view.count });
    const changed = touched.filter(Boolean).length;
    say(!secret ? spoken(view, setting) : changed ? `${changed} results changed.` : quiz.text());
    last = view;
    lastKey = key;
    lastQuestion = quiz.question();
  }

  function drawControls(view, secret, fresh) {
    norms.pick(view.name);
    kinds.pick(view.kind);
    show.pick(view.show);
    for (const fieldset of [norms, kinds, center]) fieldset.disabled = secret;
    for (const axis of AXES) {
      ticks[axis].lastChild.textContent = view.words.many[axis];
      if (!secret) ticks[axis].input.checked = view.share.includes(axis);
      else if (fresh) ticks[axis].input.checked = false;
    }
    mean.input.checked = view.center;
    const shared = view.share.includes("C"), size = C / view.groups;
    groups.input.disabled = secret || !shared;
    groups.classList.toggle("off", groups.input.disabled);
    groups.firstChild.textContent = view.kind === "text" ? "Feature groups" : "Channel groups";
    groups.show(GROUPS.indexOf(view.groups), secret || !shared ? "–" : `${view.groups} × ${size}`);
    if (shared) groups.input.setAttribute("aria-valuetext", `${view.groups} of ${size}`);
    value.show(marked(), fmt(marked(), 1));
  }

  function drawName(view, setting, secret) {
    if (secret) {
      built.replaceChildren();
      return;
    }
    const sets = setsInWords(setting), remark = remarkOn(setting);
    const name = view.name ? [h("b", {}, NAMES[view.name]), `, ${sets}`] : [h("b", {}, sets)];
    built.replaceChildren("You built: ", ...name, ". " + remark);
  }

  function report(stats) {
    for (const name in stats) if (Number.isNaN(stats[name])) stats[name] = null; // JSON knows no nan
    clearTimeout(late);
    late = setTimeout(() => {
      model.set("stats", stats);
      model.save_changes();
    }, 150);
  }

  update();
  return () => {
    map.stop();
    clearTimeout(late);
    state.off();
    unframe();
  };
}

export default { render, address: ["kind", "norm", "share", "groups", "center"] };
