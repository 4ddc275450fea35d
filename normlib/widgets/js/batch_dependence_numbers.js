// The batch is part of the function: the numbers, drawn and expected.
import { fmt, mulberry32 } from "./core.js";
import { normalize } from "./math.js";

export const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256];
export const BATCHES = 200, STEPS = 100, SHIFT = 50, EPS = 1e-5;
export const SAMPLE = [2, -1, 0.5, 1, 0, -1.5]; // six features; BatchNorm is shown on the first
export const X = SAMPLE[0];
export const KINDS = { before: { mean: 1, sd: 1 }, after: { mean: 4, sd: 2 } }; // what the first feature is like

/** Standard normal numbers by Box and Muller, the same as normlib.widgets._random.normals in Python. */
export function normals(seed, count) {
  const random = mulberry32(seed), out = new Float64Array(count + 1);
  for (let i = 0; i < count; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, count);
}

/** Sums of the first 1, 2, 4, … numbers and of their squares, less `missing` of each. */
function sums(numbers, missing) {
  const out = [];
  let sum = 0, squares = 0, size = 0;
  for (let i = 0; i <= numbers.length; i++) {
    if (i === SIZES[size] - missing) {
      out.push([sum, squares]);
      size++;
    }
    sum += numbers[i];
    squares += numbers[i] * numbers[i];
  }
  return out;
}

const last = SIZES[SIZES.length - 1];
let mates, updates; // made once, when the first figure of the page is there
export function makeBatches() {
  mates ??= Array.from({ length: BATCHES }, (_, k) => sums(normals(k + 1, last - 1), 1));
  updates ??= Array.from({ length: STEPS }, (_, k) => sums(normals(1001 + k, last), 0));
}

/** The mean of each of the 200 batches of m, the sample among them. */
const meansOf = (data, m) => mates.map((all) => (X + (m - 1) * data.mean + data.sd * all[SIZES.indexOf(m)][0]) / m);

/** What BatchNorm makes of the sample in each of the 200 batches of m. */
function outputsInTraining(data, m) {
  const z = (X - data.mean) / data.sd; // in the unit of the data
  return mates.map((all) => {
    const [sum, squares] = all[SIZES.indexOf(m)];
    const mean = (sum + z) / m, variance = Math.max(0, (squares + z * z) / m - mean * mean);
    return ((z - mean) * data.sd) / Math.sqrt(variance * data.sd ** 2 + EPS);
  });
}

/**
 * The mean and standard deviation of that output over all possible batches of normal data, for any m.
 * With d the distance of the sample from the mean of its n = m − 1 mates and s the sum of their squared
 * deviations, mean and variance of the batch follow; d is normal and s is chi-squared, independently.
 */
function expected(data, m) {
  if (m === 1) return { mean: 0, sd: 0 };
  const n = m - 1, z = (X - data.mean) / data.sd, degrees = n - 1;
  const grid = (from, to, count) =>
    Array.from({ length: count }, (_, i) => from + ((to - from) * (i + 0.5)) / count);
  const ds = grid(z - 6 / Math.sqrt(n), z + 6 / Math.sqrt(n), m === 2 ? 20000 : 100);
  const reach = 7 * Math.sqrt(2 * degrees);
  const least = Math.sqrt(Math.max(0, degrees - reach)), most = Math.sqrt(degrees + reach + 20);
  const roots = degrees ? grid(least, most, 40) : [0];
  const densities = roots.map((r) => // of √s, which is smooth where s is not
    degrees ? Math.exp((degrees - 1) * Math.log(r / Math.sqrt(degrees)) - (r * r - degrees) / 2) : 1);
  let weight = 0, sum = 0, squares = 0;
  for (const d of ds) {
    const density = Math.exp((-(d - z) * (d - z) * n) / 2);
    for (let i = 0; i < roots.length; i++) {
      const variance = (roots[i] * roots[i] + (n / m) * d * d) / m;
      const y = ((n / m) * d * data.sd) / Math.sqrt(variance * data.sd ** 2 + EPS);
      const w = density * densities[i];
      weight += w;
      sum += w * y;
      squares += w * y * y;
    }
  }
  const mean = sum / weight;
  return { mean, sd: Math.sqrt(Math.max(0, squares / weight - mean * mean)) };
}

/** The sd of a list, over all of it. */
export const spread = (list) => Math.sqrt(normalize(list, [list.length, 1, 1], { share: "N", eps: 0 }).var[0]);

const kept = {};
/** All that there is to say of one size of batch and one kind of data; computed once. */
export function facts(name, m) {
  if (!kept[name + m]) {
    const outputs = outputsInTraining(KINDS[name], m), { mean, sd } = expected(KINDS[name], m);
    const data = KINDS[name], means = meansOf(data, m);
    kept[name + m] = {
      outputs, sd: spread(outputs), expectedMean: mean, theory: sd,
      means, meanSd: spread(means), // and as expected, with one sample that never changes:
      middle: (X + (m - 1) * data.mean) / m, meanTheory: (data.sd * Math.sqrt(m - 1)) / m,
    };
  }
  return kept[name + m];
}

/** The running mean and variance after each of the 100 updates, and the means of their batches. */
export function follow(m, momentum, shifted) {
  const running = [{ mean: 0, variance: 1 }], means = [];
  for (let step = 1; step <= STEPS; step++) {
    const { mean, sd } = KINDS[kindAt(step, shifted)], old = running[step - 1];
    const [sum, squares] = updates[step - 1][SIZES.indexOf(m)];
    const observed = mean + (sd * sum) / m;
    means.push(observed);
    if (m === 1) running.push(old); // an error, and no update
    else {
      const unbiased = (sd * sd * (squares - (sum * sum) / m)) / (m - 1);
      running.push({
        mean: (1 - momentum) * old.mean + momentum * observed,
        variance: (1 - momentum) * old.variance + momentum * unbiased,
      });
    }
  }
  return { running, means };
}
export const kindAt = (step, shifted) => (shifted && step > SHIFT ? "after" : "before");
export const exact = (x) => (x < 1e-9 ? "0" : fmt(x, x < 0.1 ? 3 : 2));
