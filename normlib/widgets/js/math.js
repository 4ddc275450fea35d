// The norms, as normlib has them: float64 and the population variance. Pure functions.

/**
 * The axes over which each norm shares its statistics, for an array [n][c][s]: n are images or
 * sequences, c channels or features, s pixels or tokens.
 */
export const SHARE = {
  image: { batch: "NS", layer: "CS", instance: "S", group: "CS", rms: "CS" },
  text: { batch: "NS", layer: "C", instance: "S", group: "CS", rms: "C" },
};

/**
 * Normalize a flat array of shape [N, C, S]: every set of numbers by its own mean and variance.
 *
 * `share` names the axes that are shared ("", "N", "CS", …). Where C is one of them, `groups` splits
 * the channels. Without `center` the mean is taken to be 0, so that `var` is the mean square.
 *
 * Returns y; `set`, the number of the set that each element belongs to; and for each set `mean`,
 * `var`, `rstd` = 1 / √(var + eps) and `count`. A set without any spread and eps = 0 gives nan.
 */
export function normalize(x, shape, { share, groups = 1, center = true, eps = 1e-5 }) {
  const set = setsOf(shape, share, groups);
  const size = Math.max(...set) + 1;
  const sums = () => new Array(size).fill(0);
  const count = sums(), total = sums(), squares = sums();
  x.forEach((value, i) => {
    count[set[i]] += 1;
    total[set[i]] += value;
  });
  const mean = total.map((sum, k) => (center ? sum / count[k] : 0));
  x.forEach((value, i) => {
    squares[set[i]] += (value - mean[set[i]]) ** 2; // a second pass, never E[x²] − E[x]²
  });
  const variance = squares.map((sum, k) => sum / count[k]);
  const rstd = variance.map((value) => 1 / Math.sqrt(value + eps));
  const y = x.map((value, i) => (value - mean[set[i]]) * rstd[set[i]]);
  return { y, set, mean, var: variance, rstd, count };
}

/** For each element of a flat [N, C, S] array the number of its set, counted from 0. */
function setsOf([N, C, S], share, groups) {
  const channelsPerSet = share.includes("C") ? C / groups : 1;
  const numbers = new Map();
  const set = [];
  for (let n = 0; n < N; n++) {
    for (let c = 0; c < C; c++) {
      for (let s = 0; s < S; s++) {
        const key = [
          share.includes("N") ? 0 : n,
          Math.floor(c / channelsPerSet),
          share.includes("S") ? 0 : s,
        ].join();
        if (!numbers.has(key)) numbers.set(key, numbers.size);
        set.push(numbers.get(key));
      }
    }
  }
  return set;
}
