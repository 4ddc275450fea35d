// The gradient highway: drag norms along the wire, see what flows up through all blocks, and down.
import { attr, button, checked, fmt, folded, frame, guess, h, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, whole } from "./core.js";
import { PLACEMENT_NAMES, apart, change, equation, factor, factors, nearest, quantity, times } from "./gradient_highway_parts.js";
import { charts } from "./gradient_highway_charts.js";
import { rivers } from "./gradient_highway_rivers.js";
import { wiring } from "./gradient_highway_wire.js";

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

/** Reader's numbers under our names, and the label cut to what fits. */
function ours(mine) {
  if (!mine) return null;
  const profile = { label: String(mine.label || "Your model").slice(0, 40) };
  for (const name in SERIES) if (mine[name]) profile[SERIES[name]] = mine[name];
  return profile;
}

/** What was measured for a state: the profile drawn, the one before training, and the counts. */
function lookUp(get) {
  const moment = get("moment"), depth = nearest(DEPTHS[moment], get("depth"));
  function at(placement) {
    if (moment === "start") {
      return { profile: DATA.start.measured[get("init")][placement][depth], diverged: 0, before: null };
    }
    const { before, after, diverged, loss } = DATA.trained.measured[placement][depth];
    return { profile: after, before, diverged, loss };
  }
  const metric = moment === "start" && get("metric") === "weights" ? "weight" : "gradient";
  const now = get("placement");
  return { moment, depth, metric, now, at, ...at(now) };
}

// ---- sentences, all of them computed ----
const bold = ([words, size]) => [words, size && h("b", {}, size)];

/** The conclusion: what becomes of the stream on its way up, and of the gradient on its way down. */
function verdict(found) {
  const { moment, profile, diverged, loss } = found;
  if (!profile) return [h("b", {}, `✕ All ${DATA.trained.seeds} runs diverged.`)];
  const { gradient, stream } = factors(profile);
  const parts = ["Up, the stream ", ...bold(change(stream)), "; down, the gradient ", ...bold(change(gradient)), ". "];
  if (moment === "start" && found.now !== "none") {
    parts.push(`Without any norm it ${change(factors(found.at("none").profile).gradient).join("")}.`);
  }
  if (diverged) parts.unshift(h("b", {}, `✕ ${diverged} of ${DATA.trained.seeds} runs diverged; the rest: `));
  if (moment === "trained") {
    const level = loss > DATA.trained.unigram - 0.05 ? ", no better than letter frequencies" : "";
    parts.push("Loss ", h("b", {}, quantity(loss)), `${level}.`);
  }
  return parts;
}

/** More of it: who has the norm there, what the weights get, and what was before training. */
function details(found) {
  const { moment, profile, before } = found, told = [PLACEMENTS[found.now].where];
  const { weight, gradient } = profile ? factors(profile) : {};
  if (Number.isNaN(gradient)) told.push(`The gradient is too large for float32 below level ${profile.gradient.findIndex((x) => x > 0)}.`);
  if (apart(weight, 1) < Math.log(1.2)) {
    told.push("The last weights of the first and the last block get about the same gradient.");
  } else if (weight > 0) {
    const [most, least] = weight > 1 ? ["first", "last"] : ["last", "first"];
    told.push(`The ${most} block's last weight gets ${times(Math.max(weight, 1 / weight))} the gradient of the ${least} block's.`);
  }
  if (moment === "trained") {
    told.push(`Before training the gradient ${change(factors(before).gradient).join("")}.`,
      `Letter frequencies alone have a loss of ${fmt(DATA.trained.unigram)}.`);
  }
  return told.join(" ");
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

// ---- the figure ----
const swatch = (name) => h(
  ":svg", { class: "swatch", viewBox: "0 0 20 8", "aria-hidden": "true", style: `color:var(--${name})` },
  h(":line", { x1: 0, x2: 20, y1: 4, y2: 4, "stroke-dasharray": PLACEMENTS[name].dash }));

/** All controls, and how they show a state. */
function makeControls(st) {
  const set = (name) => (value) => st.set({ [name]: value });
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

  /** Another depth keeps the place of the cursor between embeddings and loss. */
  function turn(patch) {
    const before = lookUp(st.get);
    const after = lookUp((name) => patch[name] ?? st.get(name)).depth;
    const place = Math.min(st.get("level"), before.depth) / before.depth;
    st.set({ ...patch, depth: after, level: Math.round(place * after) });
  }

  function show(found) {
    const depths = DEPTHS[found.moment], trained = found.moment === "trained";
    placement.pick(st.get("placement"));
    moment.pick(found.moment);
    init.pick(trained ? "xavier" : st.get("init"));
    metric.pick(found.metric === "weight" ? "weights" : "stream");
    init.disabled = metric.disabled = trained; // not measured there
    attr(depth.input, { max: depths.length - 1 });
    depth.show(depths.indexOf(found.depth), String(found.depth));
    attr(level.input, { max: found.depth });
  }
  return { placement, moment, depth, init, metric, level, show };
}

/** The sentences: the conclusion, and what is folded. */
function makeWords(st) {
  const says = h("p", { class: "nl-says nl-answer" }), reading = h("p", { class: "reading" }), about = h("p", {});
  const own = h("p", { class: "mine-says" }), source = h("p", { class: "nl-note" });
  function show(found, mine) {
    says.replaceChildren(...verdict(found));
    about.textContent = details(found);
    source.textContent = origin(st.get, found);
    own.hidden = !mine;
    own.textContent = mine ? mineWords(mine) : "";
  }
  const spoken = () => [says, reading, about, own].map((node) => node.textContent).join(" ").trim();
  return { says, reading, nodes: [reading, about, own, source], show, spoken };
}

const KEY = "Widths are logarithmic and begin alike: the stream below, at the embeddings, the gradient above, at the loss. "
  + "Dashed outlines are what was before the last change; in the charts, the other placements.";

/** What flows rests while nobody sees it. Returns how to stop looking. */
function restUnseen(root) {
  const sight = new IntersectionObserver(([entry]) => root.classList.toggle("unseen", !entry.isIntersecting));
  sight.observe(root);
  return () => sight.disconnect();
}

/** Everything in its place; a model of the reader stands in the charts, so that these are open. */
function layOut({ wire, flow, chart, formula, controls, words, quiz, reset }, opened) {
  const more = folded(h("div", { class: "nl-answer" }, formula,
    h("div", { class: "nl-bar" }, controls.init, controls.metric), chart.view,
    h("div", { class: "nl-bar" }, controls.level), words.nodes, h("p", { class: "nl-note" }, KEY)));
  more.open = opened;
  return h("div", { class: "nl-box" },
    h("p", { class: "lead" }, h("b", {}, "Drag the norm along the wire.")),
    controls.placement, quiz.box,
    h("div", { class: "main" }, wire.box, h("div", {}, flow.view)),
    h("div", { class: "nl-bar settings" }, controls.depth, controls.moment),
    words.says,
    h("div", { class: "nl-bar" }, quiz.button, reset), more);
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "highway", CSS, "The gradient highway: where the norms stand in a block");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let widths = [0, 0], drawn = "", charted = "", asked = "";

  const controls = makeControls(st), words = makeWords(st);
  const wire = wiring((placement) => st.set({ placement }));
  const formula = h("p", { class: "formula" }), chart = charts();
  const flow = rivers((share) => st.set({ level: Math.round(share * lookUp(st.get).depth) }));
  const quiz = guess(QUESTIONS, (state) => st.set(state), (question) => {
    asked = question;
    update();
  });
  const reset = button("Reset", () => {
    quiz.stop();
    st.reset();
  });
  root.append(layOut({ wire, flow, chart, formula, controls, words, quiz, reset }, st.get("mine") !== null));

  /** What does not depend on the level that is read. */
  function drawState(found, mine) {
    const alpha = (2 * found.depth) ** 0.25;
    controls.show(found);
    root.style.setProperty("--now", `var(--${found.now})`);
    wire.show(found.now, alpha);
    formula.replaceChildren(...equation(found.now), ...(found.now === "deepnorm" ? [`, α = ${fmt(alpha)}`] : []));
    words.show(found, mine);
    if (widths[0]) flow.draw({ ...found, ...(found.profile && factors(found.profile)) }, widths[0], drawn !== "");
  }

  /** The charts, which are drawn while they are unfolded. */
  function drawCharts(found, mine, key, at) {
    if (!widths[1]) return;
    const others = PLACEMENT_NAMES.filter((name) => name !== found.now)
      .map((name) => ({ name, profile: found.at(name).profile })).filter((other) => other.profile);
    if (key !== charted) chart.draw({ ...found, mine, others }, widths[1]);
    charted = key;
    chart.mark(found, at);
  }

  function update() {
    const found = lookUp(st.get), mine = ours(st.get("mine")), at = Math.min(st.get("level"), found.depth);
    const key = JSON.stringify([found.now, found.moment, found.depth, found.metric, st.get("init"), mine]);
    if (key !== drawn) drawState(found, mine);
    drawn = key;
    drawCharts(found, mine, key, at);
    controls.level.show(at, at ? `${at} of ${found.depth}` : "input");
    words.reading.textContent = levelWords(found, at);
    if (widths[0]) flow.mark(found, at);
    report(stats(found, at));
    say(asked || `${PLACEMENTS[found.now].label}, ${found.depth} blocks. ${words.spoken()}`);
  }

  const resized = (i) => (to) => {
    widths[i] = to;
    drawn = charted = "";
    update();
  };
  const unwatch = [flow, chart].map((one, i) => onWidth(one.view.parentNode, resized(i)));
  const look = restUnseen(root);
  update();
  return () => {
    flow.stop();
    report.stop();
    look();
    for (const stop of unwatch) stop();
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
