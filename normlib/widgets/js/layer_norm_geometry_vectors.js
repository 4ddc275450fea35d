// The geometry of LayerNorm: vectors, norms, the cloud, the eye.
import { fmt, mulberry32 } from "./core.js";
import { normalize } from "./math.js";

export const ROOT3 = Math.sqrt(3);
export const ONES = [1, 1, 1];
export const AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
export const SUBSCRIPTS = ["₁", "₂", "₃"];
export const NAMES = { layer: "LayerNorm", rms: "RMSNorm" };
export const FAR = 5; // the largest component of v

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const times = (a, k) => a.map((x) => x * k);
export const plus = (a, b) => a.map((x, i) => x + b[i]);
export const weighted = (a, gamma) => a.map((x, i) => x * gamma[i]);
export const size = (a) => Math.sqrt(dot(a, a));
export const gap = (a, b) => size(plus(a, times(b, -1)));
/** The point a part of the way from one to another. */
export const between = (a, b, u) => a.map((x, i) => x + (b[i] - x) * u);
export const triples = (flat) => Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
const tidy = (x) => (Math.abs(x) < 0.005 ? 0 : x); // no powers of ten for what is zero here
export const sumOf = (a) => tidy(dot(a, ONES));
export const small = (x) => fmt(x, x < 0.1 ? 4 : 2);
export const written = (a) => `(${a.map((x) => fmt(tidy(x))).join(", ")})`;
export const isPlain = (gamma) => gamma.every((g) => g === 1);

/** A copy of a list with one item replaced. */
export const replaced = (list, i, item) => list.map((old, k) => (k === i ? item : old));

/** A norm of any number of vectors, one after another in a flat list. */
export const normalizeAll = (which, flat, eps) =>
  normalize(flat, [flat.length / 3, 3, 1], { share: "C", center: which === "layer", eps });

/** What a norm does to one vector: its mean, the rest, its divisor, without and with the weight. */
export function normOf(which, v, gamma, eps) {
  const { y: unit, mean: [mean], rstd: [inverse] } = normalizeAll(which, v, eps);
  return { mean, middle: v.map((x) => x - mean), divisor: 1 / inverse, unit, y: weighted(unit, gamma) };
}

// ---- the cloud ------------------------------------------------------------------------------------------
/** 120 vectors of which two features are larger than the third, as seeded normal numbers. */
function cloudOfVectors() {
  const random = mulberry32(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: 120 }, () => [0.7 + normal(), 0.5 + normal(), 0.2 + normal()]).flat();
}
export const CLOUD = cloudOfVectors();
const CLOUD_POINTS = triples(CLOUD), CENTERED = CLOUD_POINTS.map((p) => plus(p, times(ONES, -dot(p, ONES) / 3)));

/** The three places of each point of the cloud under a norm: as it is, centered, and normalized. */
export function waysOf(which, eps) {
  const ends = triples(normalizeAll(which, CLOUD, eps).y);
  return CLOUD_POINTS.map((p, i) => [p, which === "layer" ? CENTERED[i] : p, ends[i]]);
}

/** Where something is on its way: 0 as it is, 1 centered, 2 normalized, and anywhere between. */
export const onItsWay = ([start, middle, end], t) => (t < 1 ? between(start, middle, t) : between(middle, end, t - 1));

// ---- the eye -----------------------------------------------------------------------------
/** Where the eye is: the directions right, up and towards the reader. */
export function eyeAt([yaw, pitch]) {
  const [a, e] = [yaw, pitch].map((degrees) => (degrees * Math.PI) / 180);
  const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
  return { right: [-sa, ca, 0], up: [-se * ca, -se * sa, ce], toward: [ce * ca, ce * sa, se] };
}
