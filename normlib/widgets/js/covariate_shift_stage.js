// The covariate shift on the page: the networks side by side, what is said of them, and all controls.
import { button, fmt, h, radios, slider } from "./core.js";
import { numbersTable, panel, strip, titleOf } from "./covariate_shift_charts.js";
import { LAST, LAYERS, MEASURES, NORMS, STEPS, earlyAndLate, isOver, measureAt, percent, short, verdict } from "./covariate_shift_run.js";

export const CHOICES = { rate: [0.01, 0.03, 0.1, 0.3, 1], scale: [0.25, 0.5, 1, 2, 4], noise: [0, 0.5, 1, 2] };
const ASK = "Train new ones. Which will be worst?";
const NOTE = `scikit-learn’s digits, ${LAYERS} hidden layers of 64 units, gradient descent in batches of 64. A ridge is what one unit’s ReLU sees for ${DATA.images} images; `
  + "thin lines are the moments before. Click a ridge to see it large. Where all layers are shown, a number is the mean over them. The noise acts in training only. "
  + "The recorded run was made by experiments/covariate_shift.py; there the unit is the one whose mean moves by the median amount, here it is the first of each layer.";

/** A chooser of one of some values. */
function chooser(label, values, word, changed) {
  const select = h("select", { "aria-label": label, onchange: () => changed(values[select.selectedIndex]) }, values.map((value) => h("option", {}, word(value))));
  const box = h("label", { class: "chooser" }, h("span", {}, label), select);
  box.show = (value) => (select.selectedIndex = values.indexOf(value));
  return box;
}

/** The settings behind "Change the training"; set(patch) changes the state. */
function makeSettings(set) {
  const to = (name) => (value) => set({ [name]: value });
  const layers = Array.from({ length: LAYERS + 1 }, (_, l) => l);
  const parts = {
    compare: radios("Compare", [["norms", "four networks"], ["scales", "one network, two scales"]], to("compare")),
    norm: chooser("norm", Object.keys(NORMS), (v) => NORMS[v].name, to("norm")),
    rate: chooser("learning rate", CHOICES.rate, String, to("rate")),
    scale: chooser("scale of the weights", CHOICES.scale, (v) => `× ${v}`, to("scale")),
    noise: chooser("noise", CHOICES.noise, (v) => `× ${v}`, to("noise")),
  };
  const layer = chooser("layer", layers, (l) => (l ? String(l) : "all eight"), to("layer"));
  const measure = radios("Measure", Object.entries(MEASURES).map(([key, { name }]) => [key, name]), to("measure"));
  const box = h("div", {}, h("div", { class: "choosers" }, Object.values(parts)), h("div", { class: "nl-bar" }, layer, measure));
  return {
    box,
    show(now) {
      parts.compare.pick(now.compare);
      for (const name of ["norm", "rate", "scale", "noise"]) parts[name].show(now[name]);
      parts.norm.hidden = now.compare === "norms";
      layer.show(now.layer);
      measure.pick(now.measure);
    },
  };
}

/** What stands above: the verdict of what is shown, the question, or how far a training is. */
function makeWords(guessed) {
  const box = h("p", { class: "nl-says" });
  const bets = h("span", { class: "bets" }, Object.keys(NORMS).map((norm) =>
    button(NORMS[norm].short, () => guessed(norm), { "aria-label": `${NORMS[norm].name} will be worst` })));
  let said = "";
  return {
    box,
    said: () => said || box.textContent,
    show(run, now, playing, bet) {
      said = "";
      if (playing || !isOver(run)) {
        const where = run.refused ? " This page lets no worker start, so it trains here, more slowly." : "";
        box.textContent = `${bet ? `Your guess: ${NORMS[bet].name}. ` : ""}${run.recorded ? "Recorded" : "Training now"}: step ${now.step} of ${LAST}.${where}`;
        return;
      }
      const [head, rest, heard = ""] = verdict(run, now.measure, now.layer);
      const after = run.recorded ? [" ", h("b", { class: "ask" }, ASK), " ", bets] : [guessText(run, bet)];
      box.replaceChildren(h("b", {}, head), rest, ...after);
      said = head + rest + heard + after.map((part) => part.textContent ?? part).join("");
    },
  };
}

/** Whether the guessed network was the worst of those that are there at the end; half a percent is a tie. */
function guessText(run, bet) {
  if (!bet || run.settings.compare !== "norms") return "";
  const score = (arm) => (arm.diverged === undefined ? arm.frames.at(-1).accuracy : -1);
  const least = Math.min(...run.arms.map(score)), worst = run.arms.filter((arm) => score(arm) < least + 0.005).map((arm) => arm.norm);
  if (worst.length === 1 && worst[0] === bet) return " Your guess was right.";
  return ` You guessed ${NORMS[bet].name}; worst ${worst.length > 1 ? "were, in a tie," : "was"} ${worst.map((norm) => NORMS[norm].name).join(", ").replace(/, ([^,]*)$/, " and $1")}.`;
}

/** A measure early and late, in words, once all of it is there. */
function meansOf(arm, { measure, layer }) {
  const [early, late] = earlyAndLate(arm, measure, layer);
  return `${titleOf(arm)}: early ${short(early)}, late ${short(late)}`;
}

function cellsOf(arm, moment, layer) {
  const now = arm.frames[moment];
  if (!now) return ["–", "–", "–", "–", "–"];
  const measured = Object.keys(MEASURES).map((name) => short(measureAt(arm, moment, name, layer)));
  return [fmt(now.loss), percent(now.accuracy), ...measured];
}

/**
 * The stage. `acts` are what its controls do: train(bet), play, again, reset, look(moment), set(patch).
 * show(run, state, moment, playing, bet) draws a moment.
 */
export function makeStage(acts) {
  const words = makeWords(acts.train), deck = h("div", { class: "panels" }), settings = makeSettings(acts.set), numbers = numbersTable();
  const strips = [strip("loss", acts.look), strip("accuracy", acts.look)], scrub = slider("Step", { min: 0, max: STEPS.length - 1, step: 1 }, acts.look);
  const play = button("Play", acts.play), what = h("span", { class: "nl-note what" }), means = h("p", { class: "nl-note means" });
  const box = h("div", { class: "nl-box" }, words.box, deck, h("div", { class: "strips" }, strips.map((one) => one.svg)), scrub,
    h("div", { class: "nl-bar" }, button("Train now", () => acts.train(null), { class: "nl-btn on go" }), play,
      button("New weights", acts.again), button("Reset", acts.reset), what),
    h("details", {}, h("summary", {}, "Change the training"), settings.box,
      h("div", { class: "table" }, numbers.box), means, h("p", { class: "nl-note" }, NOTE)));
  let panels = [], built = null, tall = 0, width = 0;

  function build(run) {
    const needed = width && width < 560 ? 126 : 222;
    if (built === run && tall === needed) return;
    [built, tall] = [run, needed];
    for (const arm of run.arms) arm.other = run.settings.compare === "norms" ? undefined : arm.norm;
    panels = run.arms.map((arm, i) => panel(arm, i, titleOf(arm), tall, (layer) => acts.set({ layer })));
    deck.replaceChildren(...panels.map((one) => one.box));
    deck.dataset.count = panels.length;
  }

  function show(run, now, moment, playing, bet) {
    build(run);
    const rows = run.arms.map((arm) => ({ title: titleOf(arm), cells: cellsOf(arm, moment, now.layer) }));
    run.arms.forEach((arm, i) => panels[i].show(arm.frames, moment, now.layer, [
      `${MEASURES[now.measure].name} ${short(measureAt(arm, moment, now.measure, now.layer))}`, `${rows[i].cells[1]} right`]));
    means.textContent = `Means of the measure “${MEASURES[now.measure].name}”. ${run.arms.map((arm) => meansOf(arm, now)).join("; ")}.`;
    means.hidden = !isOver(run);
    if (width) for (const one of strips) one.draw(run.arms, moment, (width - 12) / 2);
    scrub.show(moment, String(STEPS[moment]));
    settings.show(now);
    words.show(run, now, playing, bet);
    play.textContent = playing ? "Pause" : "Play";
    const { rate, scale: weights, noise } = run.settings;
    what.textContent = run.recorded ? "Recorded" : `Trained here: rate ${rate}, weights × ${weights}, noise × ${noise}`;
    numbers.show(`Step ${STEPS[moment]}, ${now.layer ? `layer ${now.layer}` : "mean of the layers"}`, rows);
  }
  return { box, show, watched: deck, resize: (to) => (width = to), said: words.said };
}
