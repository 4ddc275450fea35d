// An arm of the race: a GPT that trains and tells its losses, what it writes, and what goes on inside.
import { chance, createNumbers } from "./engine.js";
import { GPT_PARTS, createGPT } from "./gpt_network.js";

/** Learning rate of a step: up along a line, then down along half a cosine, as in normlib.gpt. */
export function learningRate(lr, warmup, total, step) {
  if (step < warmup) return (lr * (step + 1)) / warmup;
  const done = (step - warmup) / Math.max(1, total - warmup);
  return lr * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)));
}

/** Windows of a text, T characters and their followers, into idx and targets; where they begin: starts. */
export function readWindows(ids, starts, T, idx, targets) {
  starts.forEach((at, w) => {
    idx.set(ids.subarray(at, at + T), w * T);
    targets.set(ids.subarray(at + 1, at + T + 1), w * T);
  });
}

/** The next token of a text, drawn at a temperature. */
export function nextToken({ F, T, vocab, forward }, ids, rng, temperature) {
  const window = new Uint8Array(T), p = new Float64Array(vocab), seen = ids.slice(-T);
  window.set(seen);
  const z = forward(window, T) + (seen.length - 1) * vocab; // nothing sees what stands behind it
  const most = F.subarray(z, z + vocab).reduce((a, b) => Math.max(a, b));
  let sum = 0, next = 0;
  for (let v = 0; v < vocab; v++) sum += p[v] = Math.exp((F[z + v] - most) / temperature);
  for (let u = rng.uniform() * sum; next < vocab - 1 && (u -= p[next]) > 0; ) next++;
  return next;
}

/** A hundred letters that go on from the prompt, not counting spaces after spaces, of which a manual has many. */
export function* writeText(model, { prompt, chars }) {
  const drawn = chance(7), ids = [...prompt].map((char) => chars.indexOf(char)), first = ids.length;
  let text = "";
  while (ids.length < 300 && text.length < 100) {
    ids.push(nextToken(model, ids, drawn, 0.7));
    text = ids.slice(first).map((i) => chars[i]).join("").replace(/\s+/g, " ");
    yield;
  }
  return text;
}

/** Mean loss over windows that lie evenly in a text that no step has seen. */
export function* validate({ N, T, loss }, val, idx, targets) {
  const rows = N / T, windows = 256;
  let total = 0;
  for (let w = 0; w < windows; w += rows) {
    const starts = Array.from({ length: rows }, (_, r) => Math.floor(((w + r) * (val.length - T - 1)) / windows));
    readWindows(val, starts, T, idx, targets);
    total += loss(idx, targets) * rows;
    yield;
  }
  return total / windows;
}

/**
 * The arm. It hears {plan} once, then {until} and {paused}. It says {losses, ms, inside} after every
 * slice, {text} now and then, and at `until` {reached, val}; or {diverged}. All that it does is cut into small pieces by `yield`: on the page's own thread a
 * control must not wait for it.
 */
export function raceArm(say) {
  let model, plan, train, val, idx, targets, rng, life, at = 0, until = 0, paused = false;
  let told = 0, written = 0, losses = [], ms = 0, inside = null;

  function start(given) {
    plan = given;
    const known = new Map([...plan.chars].map((char, i) => [char, i]));
    const ids = Uint8Array.from(plan.text, (char) => known.get(char)), cut = Math.floor(plan.share * ids.length);
    [train, val] = [ids.subarray(0, cut), ids.subarray(cut)];
    model = createGPT(createNumbers({ megabytes: 96 }), { ...plan.config, vocab: plan.chars.length }, plan.seed);
    rng = chance(50000 + plan.seed);
    [idx, targets] = [new Uint8Array(model.N), new Uint8Array(model.N)];
    life = live();
  }

  function hear(message) {
    if (message.plan) start(message.plan);
    ({ until = until, paused = paused } = message);
  }

  /** Train to `until`, again and again; write and validate there. "idle" is told where nothing is to do. */
  function* live() {
    for (;;) {
      while (at < until) {
        if (!step()) return;
        yield;
        if (performance.now() > written) yield* write();
      }
      if (told !== until) {
        told = until;
        yield* write();
        const loss = yield* validate(model, val, idx, targets);
        tell(); // before the end, after which nobody listens
        say({ reached: at, val: loss });
      }
      yield "idle";
    }
  }

  /** One step; false if the loss is no number any more. */
  function step() {
    const begin = performance.now(), { T, N } = model;
    readWindows(train, Array.from({ length: N / T }, () => rng.below(train.length - T)), T, idx, targets);
    const loss = model.step(idx, targets, learningRate(plan.lr, plan.warmup, plan.total, at));
    ms += performance.now() - begin;
    if (!Number.isFinite(loss)) {
      tell();
      say({ diverged: at });
      return false;
    }
    losses.push(loss);
    inside = model.inside(); // now: writing and validating use the same memory
    at++;
    return true;
  }

  /** What was learned since it was told last. */
  function tell() {
    if (losses.length) say({ losses, ms, inside });
    [losses, ms] = [[], 0];
  }

  function* write() {
    const begin = performance.now();
    say({ text: yield* writeText(model, plan) });
    written = performance.now() + 400 + 12 * (performance.now() - begin); // at most a twelfth of the time
  }

  function work(milliseconds) {
    const begin = performance.now();
    let state = { done: !life || paused };
    while (!state.done && state.value !== "idle" && performance.now() - begin < milliseconds) state = life.next();
    if (model) tell();
    return !state.done && state.value !== "idle";
  }
  return { hear, work };
}

/** All that a worker needs to be an arm. */
export const RACE_PARTS = [...GPT_PARTS, learningRate, readWindows, nextToken, writeText, validate];
