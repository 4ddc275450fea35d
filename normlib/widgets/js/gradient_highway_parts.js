// The gradient highway: factors and words for them, and the placements that were measured.
import { fmt, h } from "./core.js";

export const apart = (a, b) => Math.abs(Math.log(a / b));
export const nearest = (list, x) => list.reduce((a, b) => (apart(b, x) < apart(a, x) ? b : a));

// ---- words for factors ----
/** A large number with two digits that count: 97,000, 3.8 million, 2.5·10¹⁶. */
function inWords(x) {
  const two = (y) => (+y.toPrecision(2)).toLocaleString("en-US");
  if (x < 1e6) return two(x);
  return x < 1e9 ? `${two(x / 1e6)} million` : x < 1e12 ? `${two(x / 1e9)} billion` : fmt(x);
}

/** A factor as people say it: ×1.8, ÷370, ×3.8 million. */
export function times(factor) {
  const size = factor < 1 ? 1 / factor : factor;
  const text = size < 9.95 ? size.toFixed(1) : inWords(size);
  return (factor < 1 && text !== "1.0" ? "÷" : "×") + text;
}

/** What happens along the way, in words that follow from the factor. */
export function change(ratio) {
  if (Number.isNaN(ratio)) return ["is too large for float32", ""];
  if (ratio >= 100) return ["explodes: ", times(ratio)];
  if (ratio <= 0.01) return ["vanishes: ", times(ratio)];
  if (apart(ratio, 1) < Math.log(1.2)) return ["hardly changes: ", times(ratio)];
  return [ratio > 1 ? "grows " : "shrinks ", times(ratio)];
}

/** From one level to another, as a factor. NaN where float32 overflowed. */
export const factor = (list, from, to) => (list[from] > 0 && list[to] > 0 ? list[to] / list[from] : NaN);

/** The factors of a profile: gradient on the way down, stream on the way up, first to last block. */
export function factors(profile) {
  const last = profile.rms.length - 1;
  return {
    gradient: factor(profile.gradient, last, 0),
    stream: factor(profile.rms, 0, last),
    weight: profile.weight ? factor(profile.weight, last - 1, 0) : NaN,
  };
}

/** A measured number, with as many digits as seeds agree on. */
export const quantity = (x) => fmt(x, x < 0.1 ? 3 : x < 10 ? 2 : x < 100 ? 1 : 0);

// ---- placements ----
export const PLACEMENT_NAMES = Object.keys(PLACEMENTS);

/** The named placement with exactly these norms, or undefined: nobody measured the others. */
export function placementOf(norms, alpha) {
  return PLACEMENT_NAMES.find((name) => {
    const one = PLACEMENTS[name];
    const same = one.norms.length === norms.length && one.norms.every((n) => norms.includes(n));
    return same && !!one.alpha === alpha;
  });
}

/** The placement after a click on one place of the wire, or undefined. */
export function afterClick(placement, place) {
  const { norms, alpha = false } = PLACEMENTS[placement];
  if (place === "alpha") return norms.includes("sum") ? placementOf(norms, !alpha) : undefined;
  const rest = norms.filter((n) => n !== place);
  const next = rest.length < norms.length ? rest : [...norms, place];
  return placementOf(next, alpha && next.includes("sum"));
}

/** The equation of one sublayer, its norms marked. */
export function equation(placement) {
  const { norms, alpha } = PLACEMENTS[placement];
  const N = (parts) => [h("b", {}, "N"), "(", ...parts, ")"];
  const inner = ["F(", ...(norms.includes("in") ? N(["x"]) : ["x"]), ")"];
  const branch = norms.includes("out") ? N(inner) : inner;
  const sum = [...(alpha ? [h("b", {}, "α"), " "] : []), "x + ", ...branch];
  return ["x ← ", ...(norms.includes("sum") ? N(sum) : sum)];
}
