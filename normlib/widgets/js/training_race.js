// The race: up to four GPTs train in the page, from the same weights, on the same windows of text.
import { calm, frame, oneOf, onWidth, perFrame, reporter, speaker, store, whole } from "./core.js";
import { LETTERS } from "./training_race_charts.js";
import { makeRace } from "./training_race_runner.js";
import { makeStage } from "./training_race_stage.js";
import { ARMS, SIZES, cleanArms, isStuck } from "./training_race_state.js";
import { watchSight } from "./trainer.js";

const SPEC = { // plus `losses` and `stats`, which are only written
  arms: [ARMS, cleanArms],
  seed: [0, whole(0, 9999)],
  size: ["chapter", oneOf(...Object.keys(SIZES))],
};
const SLOW = 60000; // milliseconds to the next goal after which a smaller model is offered

/** What Python is told: JSON knows no nan, so what is not known yet is null. */
const statsOf = (arms) => ({
  steps: arms.map((arm) => arm.losses.length),
  val_loss: arms.map((arm) => arm.val),
  diverged: arms.map((arm) => arm.diverged !== undefined),
  stuck: arms.map((arm) => (arm.val === null && arm.diverged === undefined ? null : isStuck(arm))),
  levels: { nothing: Math.log(DATA.chars.length), letters: DATA.letters, pairs: DATA.pairs },
});

/** Python hears of an end or a pause; a screen reader every five seconds. Returns tell(race, words). */
function makeTeller(model, root) {
  const say = speaker(root), report = reporter(model);
  let spoken = -Infinity;
  function tell({ arms, running }, words) {
    if (running && performance.now() - spoken < 5000) return;
    spoken = performance.now();
    const losses = arms.flatMap((arm, i) => (running && arm.smooth.length ? [`${LETTERS[i]} ${arm.smooth.at(-1).toFixed(2)}`] : []));
    say(`${words} ${losses.join(", ")}`.trim());
    if (running) return;
    model.set("losses", arms.map((arm) => [...arm.losses]));
    report(statsOf(arms)); // which saves both
  }
  tell.stop = report.stop;
  return tell;
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "race", CSS, "The race: GPTs that train in this page");
  const st = store(model, SPEC, changed), race = makeRace(soon), tell = makeTeller(model, root);
  let width = 0, bet = null, drawn = 0, timer = 0, asked = "";

  function act(work) {
    work();
    update();
  }
  const train = () => act(() => race.go(st.all()));
  function again(patch) {
    st.set(patch);
    train();
  }
  const stage = makeStage({
    go: () => (race.running ? act(race.pause) : train()),
    again: () => again({ seed: (st.get("seed") + 1) % 10000 }),
    smaller: () => again({ size: "small" }),
    reset() {
      st.reset();
      act(clear);
    },
    guessed(letter) {
      bet = letter;
      train();
    },
    arms: (arms) => st.set({ arms }),
    size: (size) => st.set({ size }),
  });
  root.append(stage.box);

  function clear() {
    race.reset(st.get("arms"));
    bet = null;
  }
  /** Another state is another race: what was trained belongs to the old one. */
  function changed() {
    if (JSON.stringify(st.all()) !== asked) act(clear);
  }

  /** Ten pictures a second at most, one where less motion was asked for. */
  const atOnce = perFrame(update);
  function soon() {
    const wait = (calm() ? 1000 : 100) - (performance.now() - drawn);
    if (!race.running || wait <= 0) atOnce();
    else timer ||= setTimeout(atOnce, wait);
  }
  function update() {
    clearTimeout(timer);
    timer = 0;
    drawn = performance.now();
    asked = JSON.stringify(st.all());
    const left = race.running && st.get("size") === "chapter" ? race.left() : 0;
    stage.show(st.all(), race, bet, left > SLOW ? Math.round(left / 1000) : 0);
    if (width) stage.draw(race, width);
    tell(race, stage.said());
  }

  race.reset(st.get("arms"));
  const unwatch = onWidth(stage.watched.parentNode, (to) => {
    width = to;
    update();
  });
  const unsee = watchSight(root, race.show, race.stop);
  update();
  return () => {
    race.stop();
    clearTimeout(timer);
    unsee();
    tell.stop();
    unwatch();
    st.off();
    unframe();
  };
}

export default { render, address: ["arms", "seed", "size"] };
