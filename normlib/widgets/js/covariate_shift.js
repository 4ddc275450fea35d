// Internal covariate shift on trial: four networks learn digits, recorded or now, and one sees what they see.
import { calm, frame, oneOf, onWidth, perFrame, reporter, speaker, store, whole } from "./core.js";
import { LAST, LAYERS, MEASURES, NORMS, STEPS, framesOf, isOver, measureAt, recorded, trainRun } from "./covariate_shift_run.js";
import { CHOICES, makeStage } from "./covariate_shift_stage.js";
import { watchSight } from "./trainer.js";

const SPEC = { // plus `stats`, which is only written
  step: [LAST, whole(0, LAST)],
  layer: [0, whole(0, LAYERS)],
  measure: ["drift", oneOf(...Object.keys(MEASURES))],
  compare: ["norms", oneOf("norms", "scales")],
  norm: ["batch", oneOf(...Object.keys(NORMS))],
  rate: [0.1, oneOf(...CHOICES.rate)],
  scale: [1, oneOf(...CHOICES.scale)],
  noise: [1, oneOf(...CHOICES.noise)],
  seed: [0, whole(0, 9999)],
};

/** The moment, an index into STEPS, that is nearest to a step. */
function momentOf(step) {
  let best = 0;
  for (let i = 1; i < STEPS.length; i++) if (Math.abs(STEPS[i] - step) < Math.abs(STEPS[best] - step)) best = i;
  return best;
}

/** What moves through the moments by itself: play(from), stop(), playing(). ready() tells how many there are. */
function makePlayer(state, ready, changed) {
  let timer = 0;
  const at = () => momentOf(state.get("step")), end = STEPS.length - 1;
  function stop() {
    clearInterval(timer);
    timer = 0;
    changed();
  }
  function turn() {
    const next = Math.min(at() + (calm() ? 4 : 1), end); // less motion: a few jumps
    if (next < ready()) state.set({ step: STEPS[next] }); // a slow machine is waited for
    if (at() === end) stop();
  }
  return {
    stop,
    playing: () => timer !== 0,
    play(from = at() === end ? 0 : at()) {
      clearInterval(timer);
      timer = setInterval(turn, calm() ? 700 : 170);
      state.set({ step: STEPS[from] });
    },
  };
}

/** All numbers of a moment, for Python. */
const statsOf = (run, moment, layer) => ({
  step: STEPS[moment], layer, recorded: run.recorded, settings: run.settings,
  networks: run.arms.map((arm) => ({
    norm: arm.norm, scale: arm.scale, loss: arm.frames[moment]?.loss ?? null, accuracy: arm.frames[moment]?.accuracy ?? null,
    diverged: arm.diverged !== undefined,
    ...Object.fromEntries(Object.keys(MEASURES).map((name) => [name, measureAt(arm, moment, name, layer)])),
  })),
});

function render({ model, el }) {
  const [root, unframe] = frame(el, "shift", CSS, "Internal covariate shift: networks while they learn digits");
  const state = store(model, SPEC, perFrame(update)), say = speaker(root), report = reporter(model);
  let run = recorded(), bet = null, seen = true;
  const player = makePlayer(state, () => framesOf(run), update);
  const drawSoon = perFrame(update);

  function train(guessed) {
    run.stop?.();
    bet = guessed;
    run = trainRun(state.all(), () => {
      if (isOver(run)) run.stop();
      drawSoon();
    });
    if (!seen) run.pause(true);
    player.play(0);
  }
  const stage = makeStage({
    train,
    play: () => (player.playing() ? player.stop() : player.play()),
    again() {
      state.set({ seed: (state.get("seed") + 1) % 10000 });
      train(null);
    },
    reset() {
      run.stop?.();
      [run, bet] = [recorded(), null];
      player.stop();
      state.reset();
    },
    look(moment) {
      player.stop();
      state.set({ step: STEPS[Math.max(0, Math.min(moment, framesOf(run) - 1))] });
    },
    set: state.set,
  });
  root.append(stage.box);

  function update() {
    const now = state.all(), moment = Math.min(momentOf(now.step), Math.max(0, framesOf(run) - 1)), playing = player.playing();
    stage.show(run, now, moment, playing, bet);
    if (playing) return;
    say(`Step ${STEPS[moment]}. ${stage.said()}`);
    report(statsOf(run, moment, now.layer));
  }

  const unwatch = onWidth(stage.watched.parentNode, (to) => {
    stage.resize(to);
    update();
  });
  const unsee = watchSight(root, (now) => {
    seen = now;
    if (!seen && player.playing()) player.stop();
    run.pause?.(!seen);
  }, () => run.stop?.());
  update();
  return () => {
    player.stop();
    run.stop?.();
    unsee();
    report.stop();
    unwatch();
    state.off();
    unframe();
  };
}

export default { render, address: ["compare", "norm", "rate", "scale", "noise", "seed", "layer", "measure", "step"] };
