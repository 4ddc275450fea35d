// ε and precision: four number formats, and four algorithms that round as these would.
import { fmt, mulberry32 } from "./core.js";

export const COUNT = 64;
export const DTYPES = ["float64", "float32", "bfloat16", "float16"];
export const ALGORITHMS = { one: "one pass", two: "two passes", welford: "Welford", shifted: "shifted" };

// ---- number formats -----------------------------------------------------------------------------

export const FORMATS = { // significant bits, exponent of the smallest normal number, largest number
  float64: { bits: 53, least: -1022, most: Number.MAX_VALUE },
  float32: { bits: 24, least: -126, most: (2 - 2 ** -23) * 2 ** 127 },
  bfloat16: { bits: 8, least: -126, most: (2 - 2 ** -7) * 2 ** 127 },
  float16: { bits: 11, least: -14, most: 65504 },
};

const parts = new DataView(new ArrayBuffer(8));
/** The e of 2^e ≤ |x| < 2^(e+1), read from the bits of x. */
function exponent(x) {
  parts.setFloat64(0, x);
  return ((parts.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** The distance of x to the next number that a format can hold. */
export function spacing(x, dtype) {
  const { bits, least } = FORMATS[dtype];
  return 2 ** (Math.max(exponent(x), least) - bits + 1);
}

/** Round to the nearest number that a format of 16 bits can hold, ties to even. */
function roundShort(x, dtype) {
  const single = Math.fround(x); // as hardware does: the operation in float32, then the rounding
  if (!Number.isFinite(single)) return single;
  const step = spacing(single, dtype), q = single / step;
  let steps = Math.floor(q);
  const rest = q - steps;
  if (rest > 0.5 || (rest === 0.5 && steps % 2 !== 0)) steps += 1;
  const value = steps * step;
  return Math.abs(value) > FORMATS[dtype].most ? Math.sign(value) * Infinity : value;
}

export const ROUND = {
  float64: (x) => x,
  float32: Math.fround,
  bfloat16: (x) => roundShort(x, "bfloat16"),
  float16: (x) => roundShort(x, "float16"),
};

// ---- four algorithms; r rounds after every operation, as the format would -----------------------

const RUN = {
  one(x, r) {
    let total = 0, squares = 0;
    for (const value of x) {
      total = r(total + value);
      squares = r(squares + r(value * value));
    }
    const mean = r(total / x.length), square = r(squares / x.length);
    return { mean, variance: r(square - r(mean * mean)), size: square };
  },
  two(x, r) {
    let total = 0, squares = 0;
    for (const value of x) total = r(total + value);
    const mean = r(total / x.length);
    for (const value of x) {
      const away = r(value - mean);
      squares = r(squares + r(away * away));
    }
    const variance = r(squares / x.length);
    return { mean, variance, size: variance };
  },
  welford(x, r) {
    let mean = 0, squares = 0;
    x.forEach((value, k) => {
      const away = r(value - mean);
      mean = r(mean + r(away / (k + 1)));
      squares = r(squares + r(away * r(value - mean)));
    });
    const variance = r(squares / x.length);
    return { mean, variance, size: variance };
  },
  shifted(x, r) {
    const { mean, variance, size } = RUN.one(x.map((value) => r(value - x[0])), r);
    return { mean: r(x[0] + mean), variance, size };
  },
};

/** 64 numbers with mean `offset` and standard deviation about `spread`: sums of three uniform ones. */
function numbers(seed, offset, spread) {
  const draw = mulberry32(seed);
  return Array.from({ length: COUNT }, () => offset + spread * (2 * (draw() + draw() + draw()) - 3));
}

/** Mean and variance in float64 by two passes: what every algorithm should come close to. */
const exact = (x) => RUN.two(x, ROUND.float64);

function relativeError(variance, right) {
  if (!Number.isFinite(variance) || !Number.isFinite(right)) return NaN;
  if (right === 0) return variance === 0 ? 0 : Infinity;
  return Math.abs(variance - right) / right;
}

/** What the norm makes of the stored numbers with a computed mean and variance; every step rounded. */
function normOf({ stored, mean, variance }, eps, r) {
  const rstd = r(1 / r(Math.sqrt(r(variance + r(eps)))));
  return { rstd, y: stored.map((value) => r(r(value - mean) * rstd)) };
}

/**
 * All that is drawn and said, from the state. An error is the whole one: of the variance that came out,
 * relative to that of the numbers before they were stored.
 */
export function viewOf(state) {
  const { dtype, algorithm, eps } = state, r = ROUND[dtype];
  const x = numbers(state.seed, state.offset, state.spread), { mean: middle, variance: truth } = exact(x);
  const table = {};
  for (const type of DTYPES) {
    const stored = x.map(ROUND[type]), left = exact(stored).variance;
    for (const way in ALGORITHMS) {
      const { mean, variance, size } = RUN[way](stored, ROUND[type]);
      table[type + way] = { stored, left, mean, variance, size, error: relativeError(variance, truth) };
    }
  }
  const rows = Object.fromEntries(Object.keys(ALGORITHMS).map((way) =>
    [way, { ...table[dtype + way], ...normOf(table[dtype + way], eps, r) }]));
  const own = rows[algorithm];
  return {
    ...state, ...own, x, table, rows, truth,
    kept: new Set(own.stored).size,
    ideal: x.map((value) => (value - middle) / Math.sqrt(truth + eps)),
    output: Math.sqrt(exact(own.y).variance), // the spread of what the norm returns
    wanted: Math.sqrt(truth / (truth + eps)), // and what it should be: σ / √(σ² + ε)
  };
}

/** A number with about three digits: 4, 0.943, −2, 2.5·10⁷. */
export function few(x) {
  const size = Math.abs(x);
  if (!Number.isFinite(x) || (size && (size < 1e-3 || size > 1e5))) return fmt(x);
  const text = fmt(x, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
  if (size >= 1e4) return String(Math.round(x)).replace("-", "−"); // 50000, not 5.0·10⁴
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
