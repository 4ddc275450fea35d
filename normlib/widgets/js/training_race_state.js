// What the race can be asked for, and what is said of its end: all of it computed from the losses.
import { LETTERS } from "./training_race_charts.js";

export const NORM_NAMES = { layernorm: "LayerNorm", rmsnorm: "RMSNorm", dyt: "DyT" };
export const SIZES = { // as the figures of normlib.gpt's studies, and one for slow machines
  chapter: { width: 64, block: 32, name: "the chapter’s model" },
  small: { width: 32, block: 16, name: "a smaller one" },
};
export const FIRST = 300, TOTAL = 2000; // steps: the first goal, and the last, where the rate has fallen
export const CHOICES = {
  placement: Object.keys(PLACEMENTS),
  norm: Object.keys(NORM_NAMES),
  lr: [0.00025, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032],
  warmup: [0, 50, 100, 200, 400],
  depth: [2, 4, 6, 8, 12],
  init: ["xavier", "gpt2"],
};
const PLAIN = { placement: "pre", norm: "layernorm", lr: 0.002, warmup: 0, depth: 6, init: "xavier" };
export const ARMS = [{ placement: "post" }, { placement: "post", warmup: 100 }, { placement: "pre" }];

/** An arm with all its fields. */
export const wholeArm = (arm) => ({ ...PLAIN, ...arm });
/** An arm of the reader, without the fields that are none; those that are not given are the plain ones. */
const cleanArm = (arm) => Object.fromEntries(Object.entries(arm ?? {}).filter(([name, value]) =>
  Object.hasOwn(CHOICES, name) && CHOICES[name].includes(value)));
/** One to four arms. */
export const cleanArms = (value, fallback) =>
  (Array.isArray(value) && value.length && value.every((arm) => typeof arm === "object") ? value.slice(0, 4).map(cleanArm) : fallback);

/** An arm at its start. */
export const freshArm = (arm) => ({
  losses: [], smooth: [], inside: null, text: "", ms: 0, val: null, reached: 0, depth: wholeArm(arm).depth, diverged: undefined,
});

const MIDDLE = (DATA.letters + DATA.pairs) / 2;
/** Whether a model has not left the letters' frequencies behind: nearer to them than to the pairs. */
export const isStuck = (arm) => arm.diverged !== undefined || arm.val > MIDDLE;

/** What a model knows, by its loss on text that it has not seen. */
function levelOf(arm) {
  if (arm.diverged !== undefined) return arm.fault ?? `diverged at step ${arm.diverged}`;
  if (arm.val > DATA.letters + 0.3) return "knows less than the letters";
  if (arm.val > MIDDLE) return "is still near the letters";
  return arm.val > DATA.pairs ? "is learning pairs of letters" : "knows more than pairs of letters";
}

/** The verdict: each level with its arms, the reader's bet, and what one seed does not show. */
export function verdict(arms, steps, bet) {
  const levels = new Map();
  arms.forEach((arm, i) => {
    const said = levelOf(arm), value = arm.diverged === undefined ? ` (${arm.val.toFixed(2)})` : "";
    levels.set(said, [...(levels.get(said) ?? []), LETTERS[i] + value]);
  });
  const told = [...levels].map(([said, who]) => `${who.join(" and ")} ${who.length > 1 ? plural(said) : said}`);
  return { text: `After ${steps.toLocaleString("en")} steps ${told.join("; ")}.`, bet: betText(arms, bet) };
}
const plural = (said) => said.replace(/^knows/, "know").replace(/^is/, "are");

function betText(arms, bet) {
  if (bet === null) return "";
  const stuck = arms.flatMap((arm, i) => (isStuck(arm) ? [LETTERS[i]] : []));
  const right = bet === "nobody" ? !stuck.length : stuck.includes(bet) && stuck.length === 1;
  return right ? "Your guess was right. " : `You guessed ${bet}; it was ${stuck.join(" and ") || "nobody"}. `;
}
