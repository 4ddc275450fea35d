// What trains in the race: one arm each, all of them towards the same number of steps.
import { smoothed } from "./training_race_charts.js";
import { RACE_PARTS, raceArm } from "./training_race_arm.js";
import { FIRST, SIZES, TOTAL, freshArm, wholeArm } from "./training_race_state.js";
import { startArm } from "./trainer.js";

/** Write into an arm what it says. */
function note(arm, { losses, ms, inside, text, reached, val, diverged, fault }) {
  if (losses) {
    arm.losses.push(...losses);
    Object.assign(arm, { smooth: smoothed(arm.losses), ms: arm.ms + ms, inside });
  }
  if (text !== undefined) arm.text = text;
  if (reached !== undefined) Object.assign(arm, { reached, val });
  if (diverged !== undefined) arm.diverged = diverged;
  if (fault) Object.assign(arm, { diverged: arm.losses.length, fault });
}

/** What trains: one arm each. `heard` is called after every message. */
export function makeRace(heard) {
  let arms = [], workers = [], until = 0, running = false, seen = true, refused = false;
  const tell = () => workers.forEach((worker) => worker.tell({ until, paused: !running || !seen }));
  const done = () => arms.length > 0 && arms.every((arm) => arm.diverged !== undefined || arm.reached === until);

  function hear(arm, message) {
    note(arm, message);
    if (message.onPage) refused = true;
    if (running && done()) {
      running = false;
      if (until === TOTAL) stop();
    }
    heard();
  }

  function start({ arms: configs, seed, size }) {
    stop();
    arms = configs.map(freshArm);
    const { width, block } = SIZES[size], { text, chars, prompt, share } = DATA;
    workers = configs.map(wholeArm).map(({ placement, norm, lr, warmup, depth, init }, i) => {
      const { norms, alpha, final_norm: final } = PLACEMENTS[placement];
      const config = { layers: depth, heads: 4, width, block, batch: 8, norm, init, norms, alpha, final };
      const plan = { config, seed, lr, warmup, total: TOTAL, text, chars, prompt, share };
      return startArm(RACE_PARTS, raceArm, { plan }, (message) => hear(arms[i], message));
    });
  }
  function stop() {
    workers.forEach((worker) => worker.stop());
    workers = [];
    running = false;
  }
  return {
    stop, done,
    get arms() { return arms; },
    get until() { return until; },
    get running() { return running; },
    get refused() { return refused; },
    over: () => done() && (until === TOTAL || arms.every((arm) => arm.diverged !== undefined)),
    go(state) {
      if (!workers.length) start(state);
      if (!until || done()) until = until ? TOTAL : FIRST;
      running = true;
      tell();
    },
    pause() {
      running = false;
      tell();
    },
    /** Out of sight nothing trains; in sight again, it goes on. */
    show(now) {
      seen = now;
      tell();
    },
    reset(configs) {
      stop();
      until = 0;
      arms = configs.map(freshArm);
    },
    /** Milliseconds that the slowest arm still needs. */
    left() {
      const slowest = Math.max(...arms.map((arm) => (arm.losses.length < 10 ? 0 : arm.ms / arm.losses.length)));
      return slowest * (until - Math.min(...arms.map((arm) => arm.losses.length)));
    },
  };
}
