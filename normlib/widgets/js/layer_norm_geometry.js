// LayerNorm: onto the plane, then onto the sphere. RMSNorm: only onto the sphere. In three dimensions.
import { button, calm, fmt, folded, frame, guess, h, listOf, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, toggle, tween } from "./core.js";
import { FAR, NAMES, ONES, SUBSCRIPTS, eyeAt, normOf, replaced, size, waysOf, written } from "./layer_norm_geometry_vectors.js";
import { draggingOn, makeMemory } from "./layer_norm_geometry_hand.js";
import { makeSpace, stepsInWords } from "./layer_norm_geometry_space.js";
import { QUESTIONS, cloudInWords, moveInWords, nothingInWords, taskInWords } from "./layer_norm_geometry_words.js";

const WEIGHT = [1.6, 1, 0.4]; // what the toggle puts on
const STAGES = ["before", "centered", "after"];
const SPEC = { // plus `stats`, which is only written
  v: [[1.8, 1.2, 0], listOf(3, number(-FAR, FAR))],
  gamma: [ONES, listOf(3, number(-2, 2))],
  eps: [1e-5, number(1e-12, 1)],
  view: [[-28, 22], (value, fallback) => {
    if (!Array.isArray(value) || value.length !== 2) return fallback;
    return [number(-180, 180)(value[0], fallback[0]), number(-90, 90)(value[1], fallback[1])];
  }],
  which: ["layer", oneOf("layer", "rms", "both")],
  stage: ["after", oneOf(...STAGES)],
};
const ACTIONS = [
  ["v + (1, 1, 1)", (x) => x + 1], ["v − (1, 1, 1)", (x) => x - 1],
  ["2 v", (x) => 2 * x], ["½ v", (x) => x / 2], ["−v", (x) => -x],
];
const normsOf = (which) => (which === "both" ? ["layer", "rms"] : [which]);

// ---- controls -------------------------------------------------------------------------------------------
/** What stands under "More"; `act(f)` hears of a button that changes v. */
function makeMore(state, act) {
  let weighing = false; // the weight's sliders are open
  const item = (trait, i) => (x) => state.set({ [trait]: replaced(state.get(trait), i, x) });
  const three = (trait, name, most) => SUBSCRIPTS.map((mark, i) =>
    slider(name + mark, { min: -most, max: most, step: 0.1 }, item(trait, i)));
  const parts = three("v", "v", FAR), weights = three("gamma", "γ", 2);
  const weight = toggle("Weight γ", (on) => {
    weighing = on;
    state.set({ gamma: on ? WEIGHT : ONES });
  });
  const weightRow = h("div", { class: "three" }, weights);
  const turns = [["Turn", 180], ["Tilt", 90]].map(([name, most], i) =>
    slider(name, { min: -most, max: most, step: 1 }, item("view", i)));
  const actions = ACTIONS.map(([words, f]) => button(words, () => act(f)));
  const limit = h("span", { class: "nl-note" }), lists = h("div", { class: "numbers" });
  const box = folded(lists,
    h("div", { class: "nl-bar change" }, h("span", { class: "nl-note" }, "Change v to"), actions, limit),
    h("div", { class: "three" }, parts), h("fieldset", { class: "nl-seg" }, weight), weightRow,
    h("div", { class: "three" }, turns));

  function show(now, results, secret) {
    parts.forEach((part, i) => part.show(now.v[i], fmt(now.v[i])));
    weights.forEach((part, i) => part.show(now.gamma[i], fmt(now.gamma[i])));
    turns.forEach((part, i) => part.show(now.view[i], fmt(now.view[i], 0) + "°"));
    weight.input.checked = weighing || now.gamma.some((g) => g !== 1);
    weightRow.hidden = !weight.input.checked;
    const tooFar = ACTIONS.map(([, f]) => now.v.some((x) => Math.abs(f(x)) > FAR));
    actions.forEach((node, i) => node.setAttribute("aria-disabled", tooFar[i]));
    limit.textContent = tooFar.includes(true) ? `Pale: beyond ±${FAR}.` : "";
    lists.hidden = secret;
    lists.replaceChildren(...normsOf(now.which).map((name) =>
      h("div", {}, h("p", {}, `${NAMES[name]}(v)`), h("ul", {}, stepsInWords(name, results[name], now.gamma)))));
  }
  return { box, show, close: () => (weighing = false) };
}

/** The norm, and how far all is on its way: as it is, centered, normalized. */
function makeTimeline(state, play) {
  const which = radios("Norm", [...Object.entries(NAMES), ["both", "both"]], (to) => state.set({ which: to }));
  const stage = radios("The points", [["before", "as they are"], ["centered", "centered"], ["after", "on the circle"]],
    (to) => state.set({ stage: to }));
  const labels = stage.querySelectorAll("label"), end = labels[2].querySelector("span");
  const box = h("div", { class: "nl-bar timeline" }, button("Play", play, { class: "nl-btn on" }), stage);
  function show(now) {
    which.pick(now.which);
    stage.pick(now.which === "rms" && now.stage === "centered" ? "before" : now.stage);
    labels[1].hidden = now.which === "rms";
    end.textContent = { layer: "on the circle", rms: "on the sphere", both: "normalized" }[now.which];
  }
  return { which, box, show };
}

/** How far all is on its way, `t`; go() goes on to where it should be, one step after the other. */
function makeTravel(goal, straight, paint) {
  let t = goal(), halt = () => {};
  function go() {
    halt();
    if (straight() && t < 1 && goal() === 2) t = 1; // nothing is subtracted
    const from = t, to = goal() > t ? Math.min(goal(), Math.floor(t) + 1) : Math.max(goal(), Math.ceil(t) - 1);
    if (to === from) return;
    halt = tween(550, (u) => {
      t = from + (to - from) * u;
      paint();
      if (u === 1) go();
    });
  }
  return { at: () => t, rewind: () => (t = 0), go: () => t !== goal() && go(), stop: () => halt() };
}

// ---- the figure -----------------------------------------------------------------------------------------
function render({ model, el }) {
  const [root, unframe] = frame(el, "geometry", CSS, "The plane and the sphere: LayerNorm and RMSNorm");
  const say = speaker(root), report = reporter(model), memory = makeMemory();
  const state = store(model, SPEC, perFrame(() => update(say)));
  let clouds = {};

  const fold = makeMore(state, (f) => {
    const from = state.get("v"), v = from.map(f);
    if (v.some((x) => Math.abs(x) > FAR)) return; // the button is marked as disabled, with the reason
    memory.line(from, v, state.get("eps"));
    state.set({ v });
  });
  const quiz = guess(QUESTIONS, ({ v, from }) => {
    fold.close();
    if (from) memory.line(from, v, 1e-5);
    else memory.forget();
    state.set({ v, gamma: ONES, eps: 1e-5, which: "both", stage: "after" });
  }, () => update(say));
  const reset = button("Reset", () => {
    quiz.stop();
    memory.forget();
    fold.close();
    state.reset();
  });
  const timeline = makeTimeline(state, () => {
    if (calm()) return state.set({ stage: STAGES[(STAGES.indexOf(state.get("stage")) + 1) % 3] });
    travel.rewind();
    state.set({ stage: "after" });
  });
  const travel = makeTravel(() => (quiz.asking() ? 0 : STAGES.indexOf(state.get("stage"))),
    () => state.get("which") === "rms", paint);
  const space = makeSpace(draggingOn(state, memory)), says = h("p", { class: "nl-says" });
  root.append(h("div", { class: "nl-box" }, timeline.which, quiz.box, says, space.svg, timeline.box,
    h("div", { class: "nl-bar end" }, quiz.button, reset, fold.box)));

  function paint() {
    const { v, gamma, eps, view, which } = state.all();
    if (clouds.eps !== eps) clouds = { eps, layer: waysOf("layer", eps), rms: waysOf("rms", eps) };
    space.draw(eyeAt(view), gamma, normsOf(which), clouds,
      { v, eps, known: memory.known(which), trail: memory.trail(), hidden: quiz.asking() }, travel.at());
  }
  function update(tell = () => {}) { // tells nothing when it is first drawn or only resized
    const now = state.all(), { v, gamma, eps, which } = now, secret = quiz.asking();
    const results = Object.fromEntries(["layer", "rms"].map((name) => [name, normOf(name, v, gamma, eps)]));
    const move = memory.look(now);
    travel.go();
    paint();
    timeline.show(now);
    fold.show(now, results, secret);
    says.hidden = secret;
    const [head, rest] = saysOf(now, results, move, memory.known(which), clouds);
    says.replaceChildren(h("b", {}, head), " ", h("span", {}, rest));
    const gives = normsOf(which).map((name) => `${NAMES[name]} gives ${written(results[name].y)}`);
    tell(secret ? quiz.text() : `v = ${written(v)}. ${gives.join(". ")}. ${head} ${rest}`);
    report({ mean: results.layer.mean, layer: results.layer.y, rms: results.rms.y, length: size(v) });
  }

  const unwatch = onWidth(space.svg.parentNode, () => {
    space.resize(space.svg.clientWidth || 640);
    update();
  });
  update();
  return () => {
    travel.stop();
    report.stop();
    unwatch();
    state.off();
    unframe();
  };
}

/** [headline, what else], of a move, of an output that is nothing, or of the cloud with the task. */
function saysOf(now, results, move, known, clouds) {
  const { which, stage } = now, nothing = nothingInWords(which, results);
  if (stage !== "after") return cloudInWords(now, clouds);
  if (nothing) return [nothing, ""];
  if (move) return moveInWords(which, move, known);
  const [head, rest] = cloudInWords(now, clouds);
  return [head, rest || taskInWords(which)];
}

export default { render, address: ["v", "gamma", "eps", "view", "which", "stage"] };
