// What the covariate shift shows: a recorded training, or one of this page, and what follows from it.
import { bytes, fmt } from "./core.js";
import { SHIFT_PARTS, shiftArm } from "./covariate_shift_arm.js";
import { startArm } from "./trainer.js";

export const NORMS = {
  none: { name: "No norm", short: "No norm" },
  batch: { name: "Batch norm", short: "Batch" },
  noisy_batch: { name: "Noisy batch norm", short: "Noisy" },
  layer: { name: "LayerNorm", short: "LayerNorm" },
};
export const STEPS = DATA.steps, LAYERS = 8, BINS = DATA.edges.length - 1, LAST = STEPS.at(-1);
const EARLY = STEPS.indexOf(30); // the last moment of the beginning: there the rate moves everything most
const STEPS_IN_ALL = 300;

/** Measures of a moment; `of` gives one number per layer, or one for all. */
export const MEASURES = {
  drift: { name: "drift", told: "the units’ drift", of: (seen) => seen.drift },
  gradient: { name: "gradient change", told: "the change of the gradients", of: (seen) => seen.gradient },
  loss_range: { name: "loss range", told: "the range of the loss", of: (seen) => [seen.loss_range] },
};

/** The recorded run: a list of frames for each network. */
export function recorded() {
  const arms = Object.keys(NORMS).map((norm) => {
    const { histograms, curves, layers } = DATA.norms[norm], counts = bytes(histograms), size = LAYERS * BINS;
    const frames = STEPS.map((_, i) => ({
      histograms: counts.subarray(i * size, (i + 1) * size), loss: curves.test_loss[i], accuracy: curves.test_accuracy[i],
      drift: layers.drift_mean[i], gradient: layers.gradient_shift[i], loss_range: curves.loss_range[i],
    }));
    return { norm, scale: 1, frames };
  });
  return { arms, recorded: true, settings: { compare: "norms", rate: DATA.lr, scale: 1, noise: 1, seed: 0 } };
}

/** Images of mean 0 and standard deviation 1, and their labels. */
let loaded = null;
function digits() {
  if (loaded) return loaded;
  const pixels = Uint8Array.from(DATA.pixels, (letter) => letter.charCodeAt(0) - 65), n = pixels.length;
  const mean = pixels.reduce((a, b) => a + b, 0) / n;
  const sd = Math.sqrt(pixels.reduce((a, b) => a + (b - mean) ** 2, 0) / (n - 1));
  loaded = { images: Float32Array.from(pixels, (p) => (p - mean) / sd), labels: Uint8Array.from(DATA.labels, Number) };
  return loaded;
}

/** The arms that a state asks for: four norms, or one norm with two scales of its weights. */
function armsOf({ compare, norm, scale: c }) {
  if (compare === "norms") return Object.keys(NORMS).map((one) => ({ norm: one, scale: c, share: 1, eps: 1e-5 }));
  return [1, c].map((times) => ({ norm, scale: times, share: times * times, eps: 0 })); // the law holds without eps
}

/** Train what a state asks for; heard() is called after every message. Returns the run, with stop(). */
export function trainRun(state, heard) {
  const { compare, norm, rate, scale: times, noise, seed } = state;
  const run = { recorded: false, settings: { compare, norm, rate, scale: times, noise, seed }, refused: false };
  const plan = {
    ...digits(), rate, noise, seed, frames: STEPS, ahead: DATA.drift_steps, steps: STEPS_IN_ALL, unit: 0,
    binned: { least: DATA.edges[0], wide: DATA.edges[1] - DATA.edges[0], bins: BINS },
  };
  run.arms = armsOf(state).map((arm) => ({ ...arm, frames: [], over: false }));
  const workers = run.arms.map((arm) => {
    const config = { norm: arm.norm, gain: arm.scale, share: arm.share, eps: arm.eps };
    return startArm(SHIFT_PARTS, shiftArm, { plan: { ...plan, config } }, (message) => hear(arm, message));
  });
  function hear(arm, { moment, onPage, over, diverged, fault, ...measured }) {
    if (moment !== undefined) Object.assign((arm.frames[moment] ??= { drift: null }), measured);
    if (onPage) run.refused = true;
    if (over || diverged !== undefined || fault) Object.assign(arm, { over: true, diverged: diverged ?? (fault ? 0 : undefined), fault });
    heard();
  }
  run.pause = (paused) => workers.forEach((worker) => worker.tell({ paused }));
  run.stop = () => workers.forEach((worker) => worker.stop());
  return run;
}

/** How many frames every network has: those that can be shown. A diverged one holds nobody up. */
export const framesOf = (run) => Math.min(...run.arms.map((arm) => (arm.diverged === undefined ? arm.frames.length : STEPS.length)));
export const isOver = (run) => run.recorded || run.arms.every((arm) => arm.over);

/** A measure of an arm at a moment: of a layer, or the mean of all eight where layer is 0. */
export function measureAt(arm, moment, measure, layer) {
  const values = arm.frames[moment] && MEASURES[measure].of(arm.frames[moment]);
  if (!values || values[0] === undefined) return NaN;
  const some = values.length === 1 ? values : layer ? [values[layer - 1]] : values;
  return some.reduce((a, b) => a + b, 0) / some.length;
}

/** The mean of a measure over moments from `from` to `to`, by the trapezoid rule: moments lie denser at first. */
export function meanOver(arm, measure, layer, from, to) {
  let sum = 0;
  for (let i = from + 1; i <= to; i++) {
    sum += ((measureAt(arm, i, measure, layer) + measureAt(arm, i - 1, measure, layer)) / 2) * (STEPS[i] - STEPS[i - 1]);
  }
  return sum / (STEPS[to] - STEPS[from]);
}

/** A measure early and late: over the moments to step 30, and over those after it. */
export const earlyAndLate = (arm, measure, layer) =>
  [meanOver(arm, measure, layer, 0, EARLY), meanOver(arm, measure, layer, EARLY, STEPS.length - 1)];
export const short = (x) => (Number.isNaN(x) ? "–" : x < 0.095 ? x.toPrecision(1) : fmt(x));
export const percent = (x) => (100 * x).toFixed(1) + "\u00a0%";

/** The verdict: noisy against none, early and late; what else is to be said; and what stands below the networks, for the ear. */
export function verdict(run, measure, layer) {
  if (run.settings.compare === "scales") return likeness(run);
  const lost = run.arms.filter((arm) => arm.diverged !== undefined);
  const gone = lost.map((arm) => ` ${NORMS[arm.norm].name} diverged at step ${arm.diverged}.`).join("");
  const [plain, noisy] = ["none", "noisy_batch"].map((norm) => run.arms.find((arm) => arm.norm === norm));
  if (lost.includes(plain) || lost.includes(noisy)) return [gone.trim(), ` Those that are left are right for ${run.arms.filter((arm) => !lost.includes(arm)).map(endOf).join(", ") || "nobody"}.`];
  if (measure === "gradient" && layer === 1) return ["No layer lies below the first, so nothing shifts its gradient.", " Choose a higher one."];
  const [those, these] = [noisy, plain].map((arm) => earlyAndLate(arm, measure, layer));
  const [early, late] = those.map((x, i) => fmt(x / these[i], 1));
  const where = layer && measure !== "loss_range" ? ` in layer ${layer}` : "";
  return [
    `With noise ${MEASURES[measure].told}${where} is ${early} times that without a norm to step ${STEPS[EARLY]}, and ${late} times after.`,
    gone,
    ` At the end ${percent(noisy.frames.at(-1).accuracy)} of the digits are right with the noise, ${percent(plain.frames.at(-1).accuracy)} without a norm.`,
  ];
}
const endOf = (arm) => `${percent(arm.frames.at(-1).accuracy)} (${NORMS[arm.norm].name})`;

/** Two scales of the weights, with rates in the ratio of their squares: the largest difference of any number. */
function likeness(run) {
  const [one, other] = run.arms, broken = run.arms.find((arm) => arm.diverged !== undefined);
  const law = `Weights ${other.scale} times as large, and for them ${other.share} times the rate`;
  if (broken) return [`${law}: `, `the network at scale ${broken.scale} diverged at step ${broken.diverged}.`];
  const numbers = (seen) => [seen.loss, seen.accuracy, ...seen.drift, ...seen.histograms];
  const worst = Math.max(...one.frames.flatMap((seen, i) => {
    const there = numbers(other.frames[i]);
    return numbers(seen).map((x, k) => Math.abs(x - there[k]));
  }));
  return [`${law}: `, worst === 0
    ? "every number that is shown, at every step, is the same to the last digit."
    : `the two part; at the end they are right for ${percent(one.frames.at(-1).accuracy)} and ${percent(other.frames.at(-1).accuracy)}.`];
}
