// Who shares statistics: settings, what they are called, and what becomes of the numbers.
import { fmt } from "./core.js";
import { SHARE, normalize } from "./math.js";

export const SHAPE = [4, 6, 4]; // samples, channels, positions; the place of a number is [n, c, s]
export const [N, C, S] = SHAPE;
export const AXES = ["N", "C", "S"];
export const GROUPS = [1, 2, 3, 6];
export const MOST = 4; // the numbers lie between -4 and 4
export const NAMES = {
  batch: "BatchNorm", layer: "LayerNorm", instance: "InstanceNorm", group: "GroupNorm", rms: "RMSNorm",
};
export const WORDS = {
  image: {
    one: { N: "image", C: "channel", S: "pixel" },
    many: { N: "images", C: "channels", S: "pixels" },
    columns: ["↖\uFE0E", "↗\uFE0E", "↙\uFE0E", "↘\uFE0E"], // not as emoji
    places: ["upper left", "upper right", "lower left", "lower right"],
  },
  text: {
    one: { N: "sequence", C: "feature", S: "token" },
    many: { N: "sequences", C: "features", S: "tokens" },
    columns: ["The", "cat", "sat", "."],
    places: ["The", "cat", "sat", "full stop"],
  },
};

export const indexOf = ([n, c, s]) => (n * C + c) * S + s;
export const placeOf = (i) => [Math.floor(i / (C * S)), Math.floor(i / S) % C, i % S];

// ---- which set of axes is it, and what is it called? --------------------------------------------

/** The axes, groups and centering that count: a named norm brings its own. */
export function settingOf(get) {
  const kind = get("kind"), norm = get("norm");
  if (norm === "custom") {
    const share = get("share");
    return { kind, share, groups: share.includes("C") ? get("groups") : 1, center: get("center") };
  }
  const groups = norm === "group" ? Math.max(2, get("groups")) : 1;
  return { kind, share: SHARE[kind][norm], groups, center: norm !== "rms" };
}

/** As many groups as channels is the same as channels that are not shared. */
function plain({ share, groups, ...rest }) {
  const alone = groups === C;
  return { ...rest, share: alone ? share.replace("C", "") : share, groups: alone ? 1 : groups };
}

/** The norm with this setting: "batch", "layer", …, or "" where there is no common name. */
export function nameOf(setting) {
  const { kind, share, groups, center } = plain(setting);
  if (!center) return groups === 1 && share === SHARE[kind].rms ? "rms" : "";
  if (groups > 1) return share === "CS" ? "group" : "";
  return ["batch", "layer", "instance"].find((norm) => SHARE[kind][norm] === share) ?? "";
}

/** "one set per image and group of channels": what is not shared tells the sets apart. */
export function setsInWords(setting) {
  const { kind, share, groups } = plain(setting);
  const { one, many } = WORDS[kind];
  const apart = AXES.flatMap((axis) => {
    if (!share.includes(axis)) return one[axis];
    return axis === "C" && groups > 1 ? `group of ${many.C}` : [];
  });
  if (!apart.length) return "one set for everything";
  if (!share) return "every number is its own set";
  return "one set per " + apart.join(", ").replace(/, (?=[^,]*$)/, " and ");
}

/** For each number whether it is in the set of the marked one. */
export function setOf(sel, { share, groups }) {
  const size = share.includes("C") ? C / groups : 1;
  return Array.from({ length: N * C * S }, (_, i) => {
    const [n, c, s] = placeOf(i), same = Math.floor(c / size) === Math.floor(sel[1] / size);
    return (share.includes("N") || n === sel[0]) && same && (share.includes("S") || s === sel[2]);
  });
}

/** What else there is to say of a setting, or "". */
export function remarkOn(setting) {
  const { kind, share, groups, center } = plain(setting);
  const name = nameOf(setting), text = kind === "text", whose = center ? "LayerNorm" : "RMSNorm";
  const split = setting.groups === C && setting.share.includes("C");
  if (split && name === "instance") return `GroupNorm with one ${WORDS[kind].one.C} per group.`;
  if (name === "layer") return text ? "As in a GPT." : "In a GPT it is another set: choose Text.";
  if (name === "rms" && text) return "As in Llama.";
  if (name) return "";
  if (share === "C" && groups > 1) return text ? "QK-norm has it, with one group per head." : "";
  if (share === "C") return `${whose} at every pixel${center ? ", as in ConvNeXt" : ""}.`; // text has a name
  if (share === "CS" && groups === 1) return `${whose} over a whole sequence.`; // images have a name
  if (share === "N") return `BatchNorm with every position apart${center ? "" : ", without the mean"}.`;
  const centered = center ? "" : nameOf({ ...setting, center: true });
  return centered ? `${NAMES[centered]} without the mean.` : "";
}

/** All that is drawn and said, from the state. */
export function viewOf(get) {
  const setting = settingOf(get);
  const x = get("x"), sel = get("sel"), marked = indexOf(sel);
  const result = normalize(x, SHAPE, { ...setting, eps: get("eps") });
  const set = result.set[marked], variance = result.var[set];
  return {
    ...setting, x, sel, marked, result,
    words: WORDS[setting.kind], name: nameOf(setting), show: get("show"), eps: get("eps"),
    together: result.set.map((k) => k === set), // true for the numbers of the marked set
    sets: result.count.length,
    count: result.count[set],
    mean: result.mean[set],
    variance,
    sigma: Math.sqrt(variance),
    spread: Math.sqrt(variance) * result.rstd[set], // σ / √(σ² + ε), of the set afterwards
    y: result.y[marked],
  };
}

/** At most two decimals, and none where there is nothing behind the point. */
export const short = (x) => fmt(x).replace(/\.00$/, "");
