// LayerNorm: onto the plane, then onto the sphere. RMSNorm: only onto the sphere. In three dimensions.
import { button, clamp, fmt, frame, guess, h, listOf, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, toggle } from "./core.js";
import { CLOUD, CLOUD_POINTS, NAMES, ONES, ROOT3, SUBSCRIPTS, eyeAt, gap, normOf, normalizeAll, panel, plus, replaced, size, small, times, triples, written } from "./layer_norm_geometry_space.js";

const FAR = 5; // the largest component of v
const STILL = 0.0005; // what moved less has not moved
const WEIGHT = [1.6, 1, 0.4]; // what the toggle puts on
const SPEC = { // plus `stats`, which is only written
  v: [[1.8, 1.2, 0], listOf(3, number(-FAR, FAR))],
  gamma: [ONES, listOf(3, number(-2, 2))],
  eps: [1e-5, number(1e-12, 1)],
  view: [[-28, 22], (value, fallback) => {
    if (!Array.isArray(value) || value.length !== 2) return fallback;
    return [number(-180, 180)(value[0], fallback[0]), number(-90, 90)(value[1], fallback[1])];
  }],
  which: ["both", oneOf("both", "layer", "rms")],
};

const QUESTIONS = [
  ["v = (5, 5, 5). Where does LayerNorm send it?", ["to (1, 1, 1)", "to 0", "somewhere on the circle"], 1,
    "All features equal their mean, and without the mean nothing is left: 0 / √ε is 0. "
    + "RMSNorm keeps the mean and sends v to (1, 1, 1).", { v: [5, 5, 5] }],
  ["We add 1 to every feature of v = (1.8, 1.2, 0). Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 1,
    "The mean grows by 1 too, and LayerNorm takes it away. RMSNorm does not.",
    { v: [2.8, 2.2, 1], before: [1.8, 1.2, 0], words: "v + (1, 1, 1)" }],
  ["We double v = (2, 1, −1). Which output moves?", ["LayerNorm's", "RMSNorm's", "both", "neither"], 3,
    "The divisor doubles too. Only the direction counts, as long as ε is small beside the spread.",
    { v: [4, 2, -2], before: [2, 1, -1], words: "2 v" }],
  ["We turn v = (1.8, 1.2, 0) into −v. Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 2,
    "The divisor of −v is that of v, so only the sign changes: both jump to the opposite side.",
    { v: [-1.8, -1.2, 0], before: [1.8, 1.2, 0], words: "−v" }],
];
const ACTIONS = [
  ["v + (1, 1, 1)", (x) => x + 1], ["v − (1, 1, 1)", (x) => x - 1],
  ["2 v", (x) => 2 * x], ["½ v", (x) => x / 2], ["−v", (x) => -x],
];

// ---- the pointer ----------------------------------------------------------------------------------------
/** Follow a pointer from here until it is let go; `moved` gets how far it went. */
function follow(event, moved) {
  if (event.button) return;
  event.preventDefault();
  const target = event.currentTarget, { clientX, clientY, pointerId } = event;
  target.setPointerCapture(pointerId);
  const move = (now) => {
    if (now.pointerId === pointerId) moved(now.clientX - clientX, now.clientY - clientY);
  };
  const stop = () => target.removeEventListener("pointermove", move);
  target.addEventListener("pointermove", move);
  target.addEventListener("lostpointercapture", stop, { once: true });
}

/** What dragging does: v follows in the plane that the reader looks at, the ground turns the space. */
const draggingOn = (state) => ({
  pull(event, zoom) {
    const from = state.get("v"), { right, up } = eyeAt(state.get("view"));
    follow(event, (dx, dy) => {
      const v = plus(plus(from, times(right, dx / zoom)), times(up, -dy / zoom));
      state.set({ v: v.map((x) => Math.round(100 * clamp(x, -FAR, FAR)) / 100) });
    });
  },
  turn(event) {
    const [yaw, pitch] = state.get("view");
    follow(event, (dx, dy) => {
      const around = ((((yaw - dx / 2 + 180) % 360) + 360) % 360) - 180;
      state.set({ view: [Math.round(around), Math.round(clamp(pitch + dy / 2, -90, 90))] });
    });
  },
});

// ---- controls -------------------------------------------------------------------------------------------
/** All controls but the quiz; `act(words, f)` is told which button changes v. */
function makeControls(state, act) {
  let weighing = false; // the weight's sliders are open
  const choices = [["both", "both"], ...Object.entries(NAMES)];
  const which = radios("Show", choices, (which) => state.set({ which }));
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
  const actions = ACTIONS.map(([words, f]) => button(words, () => act(words, f)));
  const limit = h("span", { class: "nl-note" });

  function show(now) {
    which.pick(now.which);
    parts.forEach((part, i) => part.show(now.v[i], fmt(now.v[i])));
    weights.forEach((part, i) => part.show(now.gamma[i], fmt(now.gamma[i])));
    turns.forEach((part, i) => part.show(now.view[i], fmt(now.view[i], 0) + "°"));
    weight.input.checked = weighing || now.gamma.some((g) => g !== 1);
    weightRow.hidden = !weight.input.checked;
    const tooFar = ACTIONS.map(([, f]) => now.v.some((x) => Math.abs(f(x)) > FAR));
    actions.forEach((node, i) => node.setAttribute("aria-disabled", tooFar[i]));
    limit.textContent = tooFar.includes(true) ? `Pale: beyond ±${FAR}.` : "";
  }
  const close = () => (weighing = false);
  return { which, parts, weight, weightRow, turns, actions, limit, show, close };
}

// ---- the two panels -------------------------------------------------------------------------------------
/** Both panels; only what changed is drawn. `measure` gives those that are seen the room there is. */
function makePanels(state) {
  const dragging = draggingOn(state), after = {}; // the cloud after each norm
  const panels = { layer: panel("layer", dragging), rms: panel("rms", dragging) };
  const box = h("div", { class: "panels" }, panels.layer.box, panels.rms.box);
  let measured = "", drawn = "";
  function measure(which) {
    measured = which;
    drawn = "";
    box.classList.toggle("one", which !== "both");
    for (const name in panels) panels[name].box.hidden = which !== "both" && which !== name;
    for (const name in panels) panels[name].resize(panels[name].svg.clientWidth || 340);
  }
  function draw({ v, gamma, eps, view, which }, seen, results, origins) {
    if (which !== measured) measure(which);
    const eye = eyeAt(view), key = JSON.stringify([gamma, eps, view, which]);
    for (const name of seen) {
      if (key !== drawn) {
        if (after[name]?.eps !== eps) {
          after[name] = Object.assign(triples(normalizeAll(name, CLOUD, eps).y), { eps });
        }
        panels[name].scene(eye, gamma, { before: CLOUD_POINTS, unit: after[name] });
      }
      panels[name].vector(eye, gamma, v, results[name], origins[name]);
    }
    drawn = key;
  }
  return { box, after, draw, forget: () => (measured = "") };
}

// ---- the figure -----------------------------------------------------------------------------------------
function render({ model, el }) {
  const [root, unframe] = frame(el, "geometry", CSS, "The plane and the sphere: LayerNorm beside RMSNorm");
  const say = speaker(root), report = reporter(model);
  const state = store(model, SPEC, perFrame(() => update(say)));
  let last = null; // the last button: {words, before, v}

  const controls = makeControls(state, (words, f) => {
    const before = state.get("v"), v = before.map(f);
    if (v.some((x) => Math.abs(x) > FAR)) return; // the button is marked as disabled, with the reason
    last = { words, before, v };
    state.set({ v });
  });
  const quiz = guess(QUESTIONS, ({ v, before, words }) => {
    last = before ? { words, before, v } : null;
    controls.close();
    state.set({ v, gamma: ONES, eps: 1e-5, which: "both" });
  });
  const reset = button("Reset", () => {
    quiz.stop();
    last = null;
    controls.close();
    state.reset();
  });
  const panels = makePanels(state), says = h("div", { class: "nl-says" });
  const { which, parts, weight, weightRow, turns, actions, limit } = controls;
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, which, h("fieldset", { class: "nl-seg" }, weight)),
    quiz.box, panels.box, says,
    h("div", { class: "nl-bar change" }, h("span", { class: "nl-note" }, "Change v to"), actions, limit),
    h("div", { class: "three" }, parts), weightRow, h("div", { class: "three" }, turns),
    h("div", { class: "nl-bar end" }, quiz.button, reset,
      h("span", { class: "nl-note" }, "Drag the dark dot to move v, or the ground to turn the space."))));

  function update(tell = () => {}) { // tells nothing when it is first drawn or only resized
    const now = state.all(), { v, gamma, eps } = now;
    const seen = now.which === "both" ? ["layer", "rms"] : [now.which];
    if (last && last.v.some((x, i) => x !== v[i])) last = null;
    const results = {}, moved = {}, origins = {};
    for (const name of ["layer", "rms"]) {
      results[name] = normOf(name, v, gamma, eps);
      if (!last) continue;
      const origin = normOf(name, last.before, gamma, eps).y;
      moved[name] = gap(results[name].y, origin);
      if (moved[name] > STILL) origins[name] = origin;
    }
    panels.draw(now, seen, results, origins);
    controls.show(now);
    says.replaceChildren(...(last
      ? changeInWords(last.words, moved, seen)
      : stateInWords(results, gamma, seen, panels.after)));
    const gives = seen.map((name) => `${NAMES[name]} gives ${written(results[name].y)}`);
    const lines = [...says.children].map((line) => line.textContent);
    tell(`v = ${written(v)}. ${[...gives, ...lines].join(". ")}`.replaceAll("..", "."));
    report({ mean: results.layer.mean, layer: results.layer.y, rms: results.rms.y, length: size(v) });
  }

  const unwatch = onWidth(panels.box, () => {
    panels.forget();
    update();
  });
  update();
  return () => {
    report.stop();
    unwatch();
    state.off();
    unframe();
  };
}

// ---- sentences, with every number from the state --------------------------------------------------------
function changeInWords(words, moved, seen) {
  const still = (name) => moved[name] < STILL;
  const line = (name) => h("p", {}, h("b", {}, `${NAMES[name]} ${still(name) ? "stays" : "moves"}`),
    ` (by ${fmt(still(name) ? 0 : moved[name], 3)})`);
  const ring = seen.every(still) ? "" : " A dashed ring marks where an output was.";
  return [h("p", {}, `v became ${words}.${ring}`), ...seen.map(line)];
}

function stateInWords(results, gamma, seen, cloudAfter) {
  const lines = seen.map((name) => {
    const { unit, mean, divisor } = results[name], layer = name === "layer";
    const where = layer ? "the circle where plane and sphere meet" : "the sphere";
    const title = layer ? "LayerNorm: the plane, then the sphere. " : "RMSNorm: only the sphere. ";
    if (size(unit) < 0.005) {
      const left = `All features equal their mean ${fmt(mean)}; without it nothing is left, and `;
      const why = layer ? left : "v is 0, and ";
      return h("p", {}, h("b", {}, `${NAMES[name]} gives 0. `), why, "0 / √ε = 0.");
    }
    const what = layer ? `The mean ${fmt(mean)} goes, the rest` : "v";
    const how = `${what} is divided by ${small(divisor)}. `;
    const short = ROOT3 - size(unit) < 0.005 ? "" : "ε is not small here, so the output falls short. ";
    const all = cloudAfter[name];
    const there = all.filter((p) => Math.abs(size(p) - ROOT3) < 0.01).length;
    const points = there === all.length ? `All ${there}` : `${there} of ${all.length}`;
    return h("p", {}, h("b", {}, title), how, short, `${points} gray points land on ${where}.`);
  });
  if (gamma.some((g) => g !== 1)) {
    const [a, b] = seen.length > 1 ? ["circle and sphere", "ellipse and ellipsoid"]
      : seen[0] === "layer" ? ["the circle", "an ellipse"] : ["the sphere", "an ellipsoid"];
    const becomes = seen.length > 1 ? "become" : "becomes";
    lines.push(h("p", {}, h("b", {}, "γ "), `then scales each axis: ${a} ${becomes} ${b}.`));
  }
  return lines;
}

export default { render, address: ["v", "gamma", "eps", "view", "which"] };
