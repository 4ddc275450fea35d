// A network of the covariate shift while it trains: what it sees, and the measures of Chapter 5.
import { chance, createNumbers } from "./engine.js";
import { DIGITS_PARTS, createDigits, drawNoise, drawUnits } from "./digits_network.js";

/** For each layer the mean and the standard deviation of what each unit's ReLU saw in a pass of n images. */
export function unitsOf({ F, width, seen }, n) {
  return seen().map((z) => {
    const mean = new Float64Array(width), sd = new Float64Array(width);
    for (let i = 0; i < n * width; i++) mean[i % width] += F[z + i] / n;
    for (let i = 0; i < n * width; i++) sd[i % width] += (F[z + i] - mean[i % width]) ** 2 / n;
    return { mean, sd: sd.map(Math.sqrt) };
  });
}

/** Drift: how far the units' means have moved, in standard deviations: Σ|μ′ − μ| / Σσ, per layer. */
export function driftOf(before, after) {
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  return before.map(({ mean, sd }, l) => sum(mean.map((m, u) => Math.abs(after[l].mean[u] - m))) / sum(sd));
}

/** Gradient shift: ‖G − G′‖ / ‖G‖ of each layer's weight after the layers before it took their step. */
export function gradientShift(model, images, labels, rate) {
  const { F, first, size, weights, gradient, move } = model, kept = F.slice(first, first + 2 * size);
  return weights.map(({ at, grad, n }, l) => {
    if (l === 0) return 0; // no layer lies below the first one
    move(rate, l);
    gradient(images, labels);
    let change = 0, own = 0;
    for (let i = 0; i < n; i++) {
      const g = kept[grad - first + i];
      change += (F[grad + i] - g) ** 2;
      own += g * g;
    }
    F.set(kept, first);
    return Math.sqrt(change / own);
  });
}

/** Loss range: the largest minus the smallest loss at six strides along the gradient, in nats. */
export function lossRange(model, images, labels) {
  const { F, first, size, gradient, move } = model, kept = F.slice(first, first + 2 * size), losses = [];
  for (let k = 0; k < 6; k++) {
    move(0.005 * 80 ** (k / 5));
    losses.push(gradient(images, labels));
    F.set(kept, first);
  }
  return Math.max(...losses) - Math.min(...losses);
}

/** How often a unit of each layer saw what: counts of n images in bins of a width, the outer ones open. */
export function histogramsOf({ F, width, seen }, n, unit, { least, wide, bins }) {
  const counts = new Uint8Array(seen().length * bins);
  seen().forEach((z, l) => {
    for (let i = 0; i < n; i++) {
      const bin = Math.floor((F[z + i * width + unit] - least) / wide);
      counts[l * bins + Math.min(bins - 1, Math.max(0, bin))]++;
    }
  });
  return counts;
}

/** Images and labels of some rows of the digits. */
export function takeRows({ images, labels }, rows) {
  const taken = new Float32Array(rows.length * 64);
  rows.forEach((row, i) => taken.set(images.subarray(row * 64, row * 64 + 64), i * 64));
  return { images: taken, labels: Uint8Array.from(rows, (row) => labels[row]) };
}

/**
 * The arm. It hears {plan} once, then {paused}. It says a {moment} before each step in `frames`, its drift
 * `ahead` steps later, and at the end {over} or {diverged}.
 */
export function shiftArm(say) {
  const PROBES = 250, TRAIN = 1200, BATCH = 64;
  let model, plan, train, test, probes, chances, at = 0, paused = false, over = false;
  const waiting = new Map(); // step → the moment whose drift it completes, and its units

  function start(given) {
    plan = given;
    const order = Array.from(plan.labels, (_, i) => i), mix = chance(10000 + plan.seed);
    for (let i = order.length - 1; i > 0; i--) {
      const j = mix.below(i + 1);
      [order[i], order[j]] = [order[j], order[i]];
    }
    train = takeRows(plan, order.slice(0, TRAIN));
    test = takeRows(plan, order.slice(TRAIN));
    probes = train.images.subarray(0, PROBES * 64);
    model = createDigits(createNumbers({ megabytes: 32 }), { ...plan.config, rows: TRAIN }, plan.seed);
    const [batches, units, batch, probing] = [20000, 30000, 40000, 50000].map((stream) => chance(stream + plan.seed));
    chances = { batches, units, batch, probing };
  }

  function hear(message) {
    if (message.plan) start(message.plan);
    paused = message.paused ?? paused;
  }

  /** What the probe images make the units see now, with noise of their own where there is noise. */
  function look(units) {
    drawNoise(model, units, PROBES, chances.probing, plan.noise);
    model.forward(probes, true);
    return unitsOf(model, PROBES);
  }

  /** The moment of this step: what the units see, and how good the network is; and the drift of an older one. */
  function watch(units) {
    const moment = plan.frames.indexOf(at), told = waiting.get(at);
    if (moment < 0 && !told) return null;
    const seen = look(units);
    if (told) say({ moment: told.moment, drift: driftOf(told.seen, seen) });
    if (moment < 0) return null;
    waiting.set(at + plan.ahead, { moment, seen });
    const histograms = histogramsOf(model, PROBES, plan.unit, plan.binned);
    return { moment, histograms, ...model.evaluate(train, test) };
  }

  function step() {
    const rows = Array.from({ length: BATCH }, () => chances.batches.below(TRAIN)), { images, labels } = takeRows(train, rows);
    const units = drawUnits(chances.units, model.depth * model.width), seen = watch(units);
    drawNoise(model, units, BATCH, chances.batch, plan.noise);
    const loss = model.gradient(images, labels);
    if (seen) { // both measures look at this batch with this noise, and leave everything as it was
      const gradient = gradientShift(model, images, labels, plan.rate);
      say({ ...seen, gradient, loss_range: lossRange(model, images, labels) });
    }
    if (!Number.isFinite(loss)) {
      over = true;
      say({ diverged: at });
      return;
    }
    model.move(plan.rate);
    at++;
  }

  return {
    hear,
    work(milliseconds) {
      if (!model || paused || over) return false;
      const begin = performance.now();
      while (!over && at < plan.steps && performance.now() - begin < milliseconds) step();
      if (!over && at === plan.steps) {
        watch(drawUnits(chances.units, model.depth * model.width)); // the last drift is known now
        over = true;
        say({ over: true });
      }
      return !over;
    },
  };
}

/** All that a worker needs to be such an arm. */
export const SHIFT_PARTS = [...DIGITS_PARTS, unitsOf, driftOf, gradientShift, lossRange, histogramsOf, takeRows];
