// The race on the page: cards of the models, choosers for them, and everything that is drawn of a moment.
import { button, h } from "./core.js";
import { LETTERS, lossChart, profileChart } from "./training_race_charts.js";
import { CHOICES, FIRST, NORM_NAMES, SIZES, TOTAL, verdict, wholeArm } from "./training_race_state.js";

const LEAD = `Same weights, same text. Who is stuck at step ${FIRST}?`;
const NOTE = `GPTs of normlib.gpt: 4 heads, 8 windows a step, Adam, a rate that falls along a cosine over ${TOTAL.toLocaleString("en")} steps. `
  + "They read a part of Python’s reference manual, letter by letter (© Python Software Foundation, PSF license). "
  + "Lines are running means; numbers in the verdict are losses on text that no step has seen, in nats a letter.";
const FIELDS = { // of an arm: what its chooser is called, and how a value is said
  placement: ["norm stands", (v) => PLACEMENTS[v].label],
  norm: ["norm", (v) => NORM_NAMES[v]],
  lr: ["rate", String],
  warmup: ["warm-up", (v) => `${v} steps`],
  depth: ["depth", (v) => `${v} blocks`],
  init: ["start", (v) => (v === "gpt2" ? "GPT-2’s" : "Xavier’s")],
};

/** How an arm trains, in words; what is as usual is not said. */
const settingsOf = ({ lr, warmup, depth, init }) => [
  `rate ${lr}`, warmup ? `warm-up ${warmup}` : "no warm-up",
  ...(depth === 6 ? [] : [`${depth} blocks`]), ...(init === "xavier" ? [] : ["GPT-2’s start"])].join(", ");

/** A card: the letter, where the norm stands, and what the model writes now. */
function armCard(i) {
  const name = h("b"), formula = h("code"), settings = h("span", { class: "settings" }), written = h("span");
  const box = h("section", { class: "card arm-" + i, "aria-label": `Model ${LETTERS[i]}` },
    h("p", { class: "what" }, h("b", { class: "badge" }, LETTERS[i]), name, formula, settings), h("p", { class: "writes" }, written));
  return {
    box,
    show(config, arm) {
      const { label, formula: symbols } = PLACEMENTS[config.placement];
      name.textContent = config.norm === "layernorm" ? label : `${label}, ${NORM_NAMES[config.norm]}`;
      formula.textContent = symbols.replace(/^x = /, ""); // what becomes of the stream x
      settings.textContent = settingsOf(config);
      written.replaceChildren(h("b", {}, DATA.prompt), arm.text || "…");
    },
  };
}

/** Choosers for every field of every arm; changed(arms) on a choice. */
function makeChoosers(changed) {
  const box = h("div", { class: "choosers" });
  function choose(arms, i, field) {
    const [title, word] = FIELDS[field], values = CHOICES[field];
    const select = h("select", { "aria-label": `${title} of ${LETTERS[i]}`, onchange: () =>
      changed(arms.map((one, k) => (k === i ? { ...one, [field]: values[select.selectedIndex] } : one))),
    }, values.map((value) => h("option", { selected: value === wholeArm(arms[i])[field] }, word(value))));
    return h("label", {}, h("span", { "aria-hidden": "true" }, title), select);
  }
  let shown = "";
  function show(arms) {
    if (shown === JSON.stringify(arms)) return; // a chooser in use keeps its focus
    shown = JSON.stringify(arms);
    box.replaceChildren(
      ...arms.map((_, i) => h("div", { class: "chooser arm-" + i, role: "group", "aria-label": `Model ${LETTERS[i]}` },
        h("b", { class: "badge" }, LETTERS[i]), Object.keys(FIELDS).map((field) => choose(arms, i, field)),
        arms.length > 1 ? button("Remove", () => changed(arms.filter((_, k) => k !== i)), { "aria-label": `Remove ${LETTERS[i]}` }) : null)),
      arms.length < 4 ? button("Add a model", () => changed([...arms, arms.at(-1)])) : "");
  }
  return { box, show };
}

/** How fast the slowest arm is. */
function paceOf(arms) {
  const paces = arms.filter((arm) => arm.losses.length > 9).map((arm) => (1000 * arm.losses.length) / arm.ms);
  return paces.length ? `, ${Math.round(Math.min(...paces))} a second` : "";
}

/** What stands above the chart: the question, how far it is, or the verdict. */
function makeWords(guessed) {
  const box = h("p", { class: "nl-says" }), bets = h("span", { class: "bets" });
  function ask(count) {
    bets.replaceChildren(...[...LETTERS.slice(0, count), "nobody"].map((one) => button(one, () => guessed(one), {
      "aria-label": one === "nobody" ? "Nobody: train" : `${one}: train`,
    })));
    box.replaceChildren(LEAD, " ", bets);
  }
  return {
    box,
    show({ arms, until, running, refused, done }, bet, count) {
      if (!until) return ask(count);
      if (done()) {
        const said = verdict(arms, until, until === FIRST ? bet : null);
        return box.replaceChildren(h("b", {}, said.bet), `${said.text} That is one seed: try new weights.`);
      }
      const at = Math.min(...arms.map((arm) => (arm.diverged === undefined ? arm.losses.length : until)));
      const where = refused ? " This page lets no worker start, so it trains here, more slowly." : "";
      box.textContent = `${bet ? `Your guess: ${bet}. ` : ""}${running ? "Training" : "Paused"}: step ${at} of ${until.toLocaleString("en")}${paceOf(arms)}.${where}`;
    },
  };
}

/**
 * The stage. `acts` are what its controls do: go, again, reset, smaller, guessed(letter), arms(list), size(name).
 * show(state, race, bet, late) draws a moment; `late` are the seconds that a slow machine still needs.
 */
export function makeStage(acts) {
  const charts = [lossChart(), profileChart("size of the stream by block", (x) => x.rms), profileChart("its gradient", (x) => x.gradient)];
  const words = makeWords(acts.guessed), deck = h("div", { class: "cards" }), choosers = makeChoosers(acts.arms);
  const go = button("Train", acts.go, { class: "nl-btn on go" });
  const slow = h("p", { class: "nl-note slow", hidden: true }, h("span"), button("Take a smaller model", acts.smaller));
  const names = Object.keys(SIZES), sizes = h("select", { onchange: () => acts.size(names[sizes.selectedIndex]) },
    names.map((name) => h("option", {}, `${SIZES[name].name}, width ${SIZES[name].width}`)));
  const box = h("div", { class: "nl-box" }, words.box, charts[0].svg, deck,
    h("div", { class: "profiles" }, charts[1].box, charts[2].box),
    h("div", { class: "nl-bar" }, go, button("New weights", acts.again), button("Reset", acts.reset)), slow,
    h("details", {}, h("summary", {}, "Change the models"), choosers.box,
      h("label", { class: "size" }, h("span", {}, "size"), sizes), h("p", { class: "nl-note" }, NOTE)));
  let cards = [];

  function show(state, race, bet, late) {
    const { arms, until, running } = race;
    if (cards.length !== state.arms.length) deck.replaceChildren(...(cards = state.arms.map((_, i) => armCard(i))).map((card) => card.box));
    choosers.show(state.arms);
    sizes.selectedIndex = names.indexOf(state.size);
    cards.forEach((card, i) => card.show(wholeArm(state.arms[i]), arms[i]));
    words.show(race, bet, state.arms.length);
    go.textContent = running ? "Pause" : !until ? "Train" : race.done() ? `Go on to ${TOTAL.toLocaleString("en")}` : "Go on";
    go.disabled = race.over();
    slow.hidden = !late;
    if (late) slow.firstChild.textContent = `This machine needs about ${late} seconds more. `;
  }
  function draw({ arms, until }, width) {
    const narrow = width < 560;
    charts[0].draw(arms, until || FIRST, width, narrow ? 164 : 194);
    for (const chart of charts.slice(1)) chart.draw(arms, narrow ? width / 2 - 6 : width / 2 - 8, narrow ? 86 : 90);
  }
  return { box, show, draw, watched: charts[0].svg, said: () => words.box.textContent };
}
