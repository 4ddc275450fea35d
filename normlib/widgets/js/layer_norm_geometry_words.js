// The geometry of LayerNorm: what is asked, and what is said of a state or a move. All numbers are measured.
import { fmt } from "./core.js";
import { NAMES, ROOT3, isPlain, size, sumOf } from "./layer_norm_geometry_vectors.js";
import { stays } from "./layer_norm_geometry_hand.js";

export const QUESTIONS = [
  ["v = (5, 5, 5). Where does LayerNorm send it?", ["to (1, 1, 1)", "to 0", "somewhere on the circle"], 1,
    "All features equal their mean, and without the mean nothing is left: 0 / √ε is 0. "
    + "RMSNorm keeps the mean and sends v to (1, 1, 1).", { v: [5, 5, 5] }],
  ["We add 1 to every feature of v = (1.8, 1.2, 0). Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 1,
    "The mean grows by 1 too, and LayerNorm takes it away. RMSNorm does not.",
    { v: [2.8, 2.2, 1], from: [1.8, 1.2, 0] }],
  ["We double v = (2, 1, −1). Which output moves?", ["LayerNorm's", "RMSNorm's", "both", "neither"], 3,
    "The divisor doubles too. Only the direction counts, as long as ε is small beside the spread.",
    { v: [4, 2, -2], from: [2, 1, -1] }],
  ["We turn v = (1.8, 1.2, 0) into −v. Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 2,
    "The divisor of −v is that of v, so only the sign changes: both jump to the opposite side.",
    { v: [-1.8, -1.2, 0], from: [1.8, 1.2, 0] }],
];

/** How many of the normalized points lie on the sphere, and how many of them on the circle. */
function counted(ways) {
  const ends = ways.map((way) => way[2]), onSphere = ends.filter((p) => Math.abs(size(p) - ROOT3) < 0.01);
  return { all: ends.length, sphere: onSphere.length, circle: onSphere.filter((p) => sumOf(p) === 0).length };
}
const many = (count, all) => (count === all ? `All ${all}` : `${count} of ${all}`);

/** What is to be seen of the cloud: [headline, what else]. */
export function cloudInWords({ which, stage, eps, gamma }, ways) {
  const { all } = counted(ways.layer ?? ways.rms);
  if (stage === "before") return [`${all} vectors of three features, and v, which is yours.`, ""];
  const flat = which !== "rms" && ways.layer.every((way) => sumOf(way[1]) === 0);
  if (stage === "centered" && flat) return [`Without their means all ${all} lie in one plane:`, "their features sum to 0."];
  if (stage === "centered") return ["RMSNorm subtracts nothing.", ""];
  const short = eps > 1e-3 ? "ε is not small here, so outputs fall short." : "";
  const said = which === "both"
    ? `LayerNorm sends ${counted(ways.layer).circle} of ${all} to the circle, RMSNorm ${counted(ways.rms).circle}.`
    : which === "layer" ? `${many(counted(ways.layer).circle, all)} points land on one circle.`
      : `${many(counted(ways.rms).sphere, all)} points land on the sphere.`;
  return [said, short || (isPlain(gamma) ? "" : "γ then scales each axis.")];
}

const TASKS = {
  layer: "Drag v so that LayerNorm(v) stays. There are two ways.",
  rms: "Drag v so that RMSNorm(v) stays. There is one way.",
  both: "Drag v so that only one output stays.",
};
const HINTS = { // after three moves in vain
  layer: { mean: "Try along x₁ = x₂ = x₃.", length: "Try straight away from the origin." },
  rms: { length: "Try straight away from the origin." },
  both: { mean: "Try along x₁ = x₂ = x₃." },
};
const FOUND = {
  layer: { mean: "LayerNorm forgets the mean.", length: "LayerNorm forgets the length." },
  rms: { length: "RMSNorm forgets the length, never the mean." },
  both: { mean: "LayerNorm forgets the mean, RMSNorm keeps it." },
};
export const WANTED = { layer: ["mean", "length"], rms: ["length"], both: ["mean"] };

/** What a move of v did, and what is left to find: [headline, what else]. */
export function moveInWords(which, move, known) {
  const names = which === "both" ? ["layer", "rms"] : [which];
  const outputs = names.map((name) => `${NAMES[name]}(v) ${stays(move[name]) ? "stayed" : `moved ${fmt(move[name])}`}`);
  const missing = WANTED[which].filter((way) => !known.includes(way));
  const found = WANTED[which].filter((way) => known.includes(way)).map((way) => FOUND[which][way]);
  const next = !missing.length ? "" : found.length ? "Find the other way." : move.tries < 3 ? "Try another way." : "";
  const all = which === "layer" && !missing.length ? ["LayerNorm forgets mean and length: the whole half-plane lands on one point."] : found;
  return [`v moved ${fmt(move.by)}, ${outputs.join(", ")}.`, [...all, next || (missing.length ? HINTS[which][missing[0]] : "")].join(" ").trim()];
}

export const taskInWords = (which) => TASKS[which];

/** Why an output is nothing, or "". */
export function nothingInWords(which, results) {
  if (which !== "rms" && size(results.layer.unit) < 0.005) {
    return `LayerNorm gives 0: all features equal their mean ${fmt(results.layer.mean)}, and 0 / √ε = 0.`;
  }
  return which !== "layer" && size(results.rms.unit) < 0.005 ? "RMSNorm gives 0: v is 0, and 0 / √ε = 0." : "";
}
