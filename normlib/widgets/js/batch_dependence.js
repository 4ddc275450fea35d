// The batch is part of the function: one sample, many batches; training, evaluation and the lag between them.
import { button, flag, fmt, folded, frame, guess, h, number, oneOf, onWidth, perFrame, radios, reporter, slider, speaker, store, toggle, whole } from "./core.js";
import { normalize } from "./math.js";
import { BATCHES, EPS, KINDS, SAMPLE, SHIFT, SIZES, STEPS, X, exact, facts, follow, kindAt, makeBatches, normals } from "./batch_dependence_numbers.js";
import { lagChart, noiseChart } from "./batch_dependence_charts.js";
import { makeStage } from "./batch_dependence_stage.js";

const SPEC = { // plus `stats`, which is only written
  m: [8, oneOf(...SIZES)],
  mode: ["train", oneOf("train", "eval")],
  momentum: [0.1, number(0, 1)],
  seed: [1, whole(1, BATCHES)],
  step: [100, whole(0, STEPS)],
  shifted: [false, flag()],
};

// ---- guess first ------------------------------------------------------------------------------------------
function questions() {
  const noise = (m) => facts("before", m).theory, ratio = (a, b) => fmt(noise(a) / noise(b), 1);
  const half = Math.ceil(Math.log(0.5) / Math.log(0.9));
  return [
    ["From batch size 4 to 16: by how much does the noise of the output fall?",
      ["about ÷ 2", "÷ 4", "÷ 16"], 0,
      `The statistics of m values have noise ∝ 1/√m. The output falls from ${fmt(noise(4))} to `
      + `${fmt(noise(16))}, ÷ ${ratio(4, 16)}; from 64 to 256 it falls by ÷ ${ratio(64, 256)}.`,
      { m: 16, mode: "train", shifted: false, step: 30 }],
    ["We evaluate. Now the others in the batch change. The output of our sample …",
      ["changes as in training", "changes a little", "stays the same"], 2,
      "In evaluation the running averages take the place of the batch. The others do not count any more.",
      { mode: "eval", m: 8, shifted: false, step: 60 }],
    ["The data shift. With momentum 0.1, after how many updates has the running mean gone half the way?",
      ["1", `about ${half}`, "about 50"], 1,
      `Each update leaves 0.9 of the distance, and 0.9 to the power of ${half} is ${fmt(0.9 ** half)}.`,
      { m: 256, momentum: 0.1, shifted: true, step: SHIFT + half }],
    ["Training with a batch of 1: what is the output of BatchNorm?", ["the input", "0, or an error", "±1"], 1,
      "One value is its own mean, and its variance is 0. The formula gives 0 for any input, "
      + "so PyTorch refuses.",
      { m: 1, mode: "train" }],
  ];
}
const ERROR = "ValueError: Expected more than 1 value per channel when training, "
  + `got input size torch.Size([1, ${SAMPLE.length}])`;

// ---- controls ---------------------------------------------------------------------------------------------
function makeControls(state) {
  const modes = [["train", "training"], ["eval", "evaluation"]];
  const mode = radios("Mode", modes, (value) => state.set({ mode: value }));
  const powers = { min: 0, max: SIZES.length - 1, step: 1 };
  const size = slider("Batch size m", powers, (i) => state.set({ m: SIZES[i] }));
  const another = button("Draw another batch", () => state.set({ seed: (state.get("seed") % BATCHES) + 1 }));
  const step = slider("Update", { min: 0, max: STEPS, step: 1 }, (value) => state.set({ step: value }));
  const next = button("Next update", () => state.set({ step: Math.min(STEPS, state.get("step") + 1) }));
  const share = { min: 0, max: 1, step: 0.01 };
  const momentum = slider("Momentum", share, (value) => state.set({ momentum: value }));
  const shift = toggle(`Shift the data after step ${SHIFT}`, (shifted) => // far enough to see it
    state.set(shifted ? { shifted, step: Math.max(SHIFT + 10, state.get("step")) } : { shifted }));

  function show(now) {
    mode.pick(now.mode);
    size.show(SIZES.indexOf(now.m), String(now.m));
    step.show(now.step, `${now.step} of ${STEPS}`);
    momentum.show(now.momentum, fmt(now.momentum));
    shift.input.checked = now.shifted;
    next.setAttribute("aria-disabled", now.step === STEPS);
  }
  return { mode, size, another, step, next, momentum, shift, show };
}

// ---- what BatchNorm makes of our sample -------------------------------------------------------------------
/** All that is drawn and said of a state; `running` is the trajectory of the buffers. */
function viewOf({ m, mode, seed, step, shifted }, running, fixed) {
  const kind = kindAt(step, shifted), data = KINDS[kind], fact = facts(kind, m);
  const training = mode === "train";
  const batch = [X, ...Array.from(normals(seed, m - 1), (z) => data.mean + data.sd * z)];
  const own = normalize(batch, [m, 1, 1], { share: "N", eps: EPS });
  const { mean, variance } = running[step];
  const evaluated = (X - mean) / Math.sqrt(variance + EPS);
  const columns = { train: m === 1 ? [] : fact.outputs, eval: Array(BATCHES).fill(evaluated), layer: fixed.layer };
  const view = {
    m, seed, at: step, shifted, kind, fact, training, batch, own, mean, variance, columns, truth: data.mean, sdOf: data.sd,
  };
  if (!training) {
    const outputs = Array(BATCHES).fill(evaluated);
    return { ...view, output: evaluated, outputs, sd: 0, theory: 0 };
  }
  if (m === 1) return { ...view, output: null, outputs: [], sd: null, theory: null };
  return { ...view, output: own.y[0], outputs: fact.outputs, sd: fact.sd, theory: fact.theory };
}

/** What the other norms make of our sample in every batch: its batch does not enter. */
function fixedOutputs() {
  const alone = (groups) =>
    normalize(SAMPLE, [1, SAMPLE.length, 1], { share: "C", groups, eps: EPS }).y[0];
  return { layer: Array(BATCHES).fill(alone(1)), group: Array(BATCHES).fill(alone(2)) };
}

// ---- the figure -------------------------------------------------------------------------------------------
/** What stands under "More": how the noise falls, the running mean, and all numbers in words. */
function makeMore({ step, next, momentum, shift }) {
  const noise = noiseChart(), lag = lagChart(), says = h("div", { class: "numbers" });
  const title = (text) => h("p", { class: "title" }, text);
  const features = SAMPLE.map((x) => fmt(x, 1)).join(", ");
  const box = folded(says,
    h("div", { class: "views" },
      h("div", {}, title("What evaluation uses: the running mean"), lag.svg),
      h("div", {}, title("Noise of the output in training"), noise.svg,
        h("p", { class: "nl-note" }, `Line: theory. Dots: sd over ${BATCHES} batches.`))),
    h("div", { class: "nl-bar" }, step, next, momentum, h("fieldset", { class: "nl-seg" }, shift)),
    h("p", { class: "nl-note" }, `Our sample stays: ${features}. The others are drawn.`));
  let drawn = "";
  function draw(view, trajectory, lines, secret) {
    if (!box.open) return; // what nobody sees is drawn when it is opened
    for (const node of box.children) node.hidden = secret && node.tagName !== "SUMMARY"; // all of it would answer
    if (drawn !== view.kind + view.m) noise.draw(view.kind, view.m);
    drawn = view.kind + view.m;
    lag.draw(trajectory, view.at, view.shifted, view.m);
    says.replaceChildren(...lines.map(([plain, bold, rest]) => h("p", {}, plain, h("b", {}, bold), rest)));
  }
  function resize() {
    drawn = "";
    for (const { svg, lines } of [noise, lag]) lines(svg.clientWidth || 330);
  }
  return { box, draw, resize };
}

function render({ model, el }) {
  makeBatches();
  const [root, unframe] = frame(el, "batch", CSS, "The batch is part of the function");
  const say = speaker(root), report = reporter(model);
  const state = store(model, SPEC, perFrame(() => update(say, true)));
  let lag = "", trajectory;

  const controls = makeControls(state), fixed = fixedOutputs(), first = state.get("m");
  const quiz = guess(questions(), (wanted) => state.set(wanted), () => update(say, true));
  const reset = button("Reset", () => {
    quiz.stop();
    state.reset();
  });
  const stage = makeStage((m) => m !== state.get("m") && state.set({ m }), controls.mode), fold = makeMore(controls);
  const says = h("p", { class: "nl-says" });
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, controls.size), quiz.box, says, stage.box,
    h("div", { class: "nl-bar end" }, button("Let it rain", stage.rain, { class: "nl-btn on" }), controls.another,
      quiz.button, reset, fold.box)));

  function update(tell = () => {}, smooth = false) { // tells nothing when it is first drawn or only resized
    const now = state.all(), { m, shifted } = now, secret = quiz.asking();
    if (lag !== [m, now.momentum, shifted].join()) {
      lag = [m, now.momentum, shifted].join();
      trajectory = follow(m, now.momentum, shifted);
    }
    const view = viewOf(now, trajectory.running, fixed);
    root.classList.toggle("evaluates", !view.training);
    root.classList.toggle("secret", secret);
    stage.draw(view, smooth && !secret);
    controls.show(now);
    const lines = [
      ...outputInWords(view),
      ["LayerNorm and GroupNorm, in every batch: ", `${fmt(fixed.layer[0])} and ${fmt(fixed.group[0])}`, "."],
      lagInWords(view),
    ];
    fold.draw(view, trajectory, lines, secret);
    const [head, rest] = headline(view, first);
    says.hidden = secret;
    says.replaceChildren(h("b", {}, head), " ", h("span", {}, rest));
    tell(secret ? quiz.text() : `Batch size ${m}. ${head} ${rest} ${lines.map((line) => line.join("")).join(" ")}`);
    const { output, sd, theory, mean, variance } = view;
    report({ output, sd, theory, running_mean: mean, running_var: variance });
  }

  const unwatch = onWidth(stage.box, (width) => {
    stage.resize(width);
    fold.resize();
    update();
  });
  fold.box.addEventListener("toggle", () => {
    fold.resize(); // it has a width now
    update();
  });
  fold.resize();
  update();
  return () => {
    stage.stop();
    report.stop();
    unwatch();
    state.off();
    unframe();
  };
}

// ---- sentences, with every number from the state ------------------------------------------------------------
/** [what is to be seen, what else]; `first` is the size that the figure began with. */
function headline({ m, training, fact, output, outputs, kind }, first) {
  if (!training) return [`Evaluation turns x = ${fmt(X, 0)} into ${fmt(output)}, whatever the batch.`, "It no longer looks at it."];
  if (m === 1) return ["A batch of one has no variance, and PyTorch refuses to train.", ""];
  const low = fmt(Math.min(...outputs)), high = fmt(Math.max(...outputs));
  if (m === first || first === 1) {
    return [`In training x = ${fmt(X, 0)} becomes anything from ${low} to ${high}.`, "Drag the bracket’s ends: how large a batch halves the spread?"];
  }
  const before = facts(kind, first).meanSd, expectedOf = (size) => facts(kind, size).meanTheory, [large, small] = [m, first].sort((a, b) => b - a);
  const [most, least] = [before, fact.meanSd].sort((a, b) => b - a);
  return [`${large} in a batch instead of ${small}: the means spread by ${fmt(least)} instead of ${fmt(most)}, ÷ ${fmt(most / least, 1)}.`,
    `Expected is ÷ ${fmt(expectedOf(small) / expectedOf(large), 1)}; if our sample were drawn too, 1/√m: ÷ ${fmt(Math.sqrt(large / small), 1)}.`];
}

/** All that there is, as plain, bold, plain. */
function outputInWords({ m, training, own, mean, variance, output, outputs, sd, theory, fact }) {
  const x = fmt(X, 0);
  if (!training) {
    const hope = `; in training, ${fmt(fact.expectedMean)} ± ${exact(fact.theory)} is expected.`;
    return [
      [`Evaluation: running mean ${fmt(mean)} and variance ${fmt(variance)} turn x = ${x} into `,
        fmt(output), "."],
      ["", `All ${BATCHES} batches give the same`, m === 1 ? "." : hope],
    ];
  }
  if (m === 1) {
    const why = "One value is its own mean, its variance is 0, and any input would become 0.";
    return [["", ERROR, ""], [why, "", ""]];
  }
  const low = fmt(Math.min(...outputs)), high = fmt(Math.max(...outputs));
  const statistics = `the mean ${fmt(own.mean[0])} and sd ${fmt(Math.sqrt(own.var[0]))} of this batch`;
  return [
    [`Training: ${statistics} turn x = ${x} into `, fmt(output), "."],
    [`In ${BATCHES} batches of ${m}: from ${low} to ${high}; `,
      `sd ${exact(sd)} measured, ${exact(theory)} in theory`, "."],
  ];
}

function lagInWords({ m, at, shifted, mean, truth }) {
  if (m === 1) return ["Running mean: no batch of 1 can update it, so it stays at ", fmt(mean), "."];
  const since = shifted && at > SHIFT ? ` ${at - SHIFT} updates after the shift` : ` after ${at} updates`;
  const off = Math.abs(mean - truth);
  const apart = `${fmt(off < 0.005 ? 0 : off)} apart`;
  return [`Running mean ${fmt(mean)}, true mean ${fmt(truth)}: `, apart, `${since}.`];
}

export default { render, address: ["m", "mode", "momentum", "seed", "step", "shifted"] };
