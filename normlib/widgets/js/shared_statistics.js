// Who shares statistics? One formula, five names: which numbers share a mean and a variance?
import { button, clamp, flag, fmt, folded, frame, h, listOf, number, oneOf, perFrame, radios, reporter, slider, speaker, store, toggle, whole } from "./core.js";
import { SHARE } from "./math.js";
import { AXES, C, GROUPS, MOST, N, NAMES, S, SHAPE, WORDS, indexOf, nameOf, remarkOn, setOf, setsInWords, settingOf, short, viewOf } from "./shared_statistics_setting.js";
import { makeBlock } from "./shared_statistics_block.js";
import { makeMap, makeSheets } from "./shared_statistics_numbers.js";

const SPEC = { // and `stats`, which is only written
  kind: ["image", oneOf("image", "text")],
  norm: ["layer", oneOf(...Object.keys(NAMES), "custom")],
  share: ["CS", oneOf("", "N", "C", "S", "NC", "NS", "CS", "NCS")],
  groups: [1, oneOf(...GROUPS)],
  center: [true, flag()],
  eps: [1e-5, number(0, 10)],
  sel: [[0, 0, 3], cleanPlace],
  x: [DATA.x, listOf(N * C * S, number(-MOST, MOST))],
  show: ["x", oneOf("x", "y")],
};

function cleanPlace(value, fallback) {
  if (!Array.isArray(value) || value.length !== 3) return fallback;
  return value.map((v, axis) => whole(0, SHAPE[axis] - 1)(v, fallback[axis]));
}

// ---- the formula and the verdicts --------------------------------------------------------------------

const epsText = (eps) => (eps >= 1e-3 ? String(+eps.toFixed(4)) : eps ? fmt(eps) : "0");

/** x̂ = (2.9 − 0.57) / √(2.27 + 10⁻⁵) = 1.55, with what must be guessed as question marks. */
function formula(view, secret) {
  const { center, mean, variance, y, eps } = view;
  const number = fmt(view.x[view.marked], 1);
  const value = (v) => h("b", {}, secret ? "?" : fmt(v));
  const minus = mean < 0 && !secret ? [" + ", value(-mean)] : [" − ", value(mean)]; // not "− −0.57"
  const above = center ? ["(", number, ...minus, ")"] : [number];
  return ["x̂ = ", ...above, " / √(", value(variance), ` + ${epsText(eps)}) = `, value(y)];
}

/** [good or bad, headline, sentence] for each verdict on the marked set. */
function verdicts(view) {
  const batch = view.share.includes("N"), { one, many } = view.words;
  const alone = batch
    ? ["bad", "✕ Needs the batch", `other ${many.N} change this result`
      + (view.name === "batch" ? "; at test time running averages stand in" : "")]
    : ["good", "✓ Works alone", `the same result for 1 ${one.N} or 1,000`];
  return [sizeVerdict(view), alone, view.kind === "text" ? futureVerdict(view) : scaleVerdict(view)];
}

const inBold = ([verdict, head]) => h("b", { class: verdict }, head);

function sizeVerdict({ count, center, sets }) {
  if (count === 1) {
    const lost = "a number minus itself: all information is lost";
    return [center ? "bad" : "", "1 number per set", center ? lost : "each number alone sets its own scale"];
  }
  const each = sets > 1 ? " for each" : "";
  const what = center ? "a mean and a variance" : "one scale";
  return ["", `${count} numbers per set`, `${sets} set${sets > 1 ? "s" : ""}, ${what}${each}`];
}

function futureVerdict({ share }) {
  if (!share.includes("S")) return ["good", "✓ Causal", "a token never depends on the tokens after it"];
  return ["bad", "✕ Sees the future", "later tokens change earlier ones: no use inside a GPT"];
}

function scaleVerdict({ center, mean, sigma, spread }) {
  if (Number.isNaN(spread)) return ["bad", "Not a number", "no spread and ε = 0: zero divided by zero"];
  const size = `${fmt(sigma)} becomes ${short(spread)}`;
  if (!center) return ["", "Scale only", `zero stays zero, root mean square ${size}`];
  if (spread === 0) return ["", "Shift", `the mean ${fmt(mean)} becomes 0; there is no spread to scale`];
  return ["", "Shift and scale", `mean ${fmt(mean)} becomes 0, spread ${size}`];
}

/** The whole figure in two or three sentences, for a screen reader. */
function spoken(view, setting) {
  const { center, count, mean, variance } = view;
  const name = NAMES[view.name] ?? "No common name";
  const share = `${count} numbers share statistics, ${setsInWords(setting)}.`;
  const numbers = count === 1 ? "Every number is its own set." : share;
  const values = `${center ? `Mean ${fmt(mean)}, variance` : "Mean square"} ${fmt(variance)}.`;
  const heads = verdicts(view).slice(1).map(([, head]) => head.replace(/^[✓✕] /, "") + ".").join(" ");
  return `${name}. ${numbers} ${values} ${fmt(view.x[view.marked], 1)} becomes ${fmt(view.y)}. ${heads}`;
}

// ---- guess first: tick what is shared ---------------------------------------------------------------

const QUESTIONS = [["layer", "text"], ["batch", "image"], ["rms", "text"], ["group", "image"], ["instance", "image"]];

/** Answered with the figure's own boxes: `ask` shows the state of a question, `ticked` reads them. */
function makeQuiz(ask, ticked, redraw, say) {
  let round = 0, question = null, verdict = null;
  const text = h("p", {});
  const check = button("Check", grade, { class: "nl-btn on" });
  const about = { class: "nl-quiz", role: "group", "aria-label": "Guess first", hidden: true };
  const box = h("div", about, text, check);
  const open = button("Guess first", () => (asking() ? stop() : start()));
  const asking = () => question !== null && verdict === null;

  function start() {
    question = QUESTIONS[round++ % QUESTIONS.length];
    verdict = null;
    ask(question);
  }
  function grade() {
    const [norm, kind] = question, right = SHARE[kind][norm], { many } = WORDS[kind];
    const good = ticked() === right;
    const grouped = (axis) => axis === "C" && norm === "group";
    const axes = [...right].map((axis) => (grouped(axis) ? `the ${many.C} of one group` : many[axis]));
    verdict = [h("b", { class: good ? "ok" : "no" }, good ? "Right. " : "Not quite. "),
      `${NAMES[norm]} shares its statistics across ${axes.join(" and ")}.`];
    redraw();
    say(text.textContent);
    open.focus();
  }
  function stop() {
    question = verdict = null;
    redraw();
  }
  function draw() {
    box.hidden = !question;
    check.hidden = !asking();
    open.textContent = asking() ? "Stop guessing" : question ? "Another question" : "Guess first";
    if (!question) return;
    const [norm, kind] = question;
    text.replaceChildren(...(verdict ?? [
      `${NAMES[norm]}${norm === "group" ? " with 2 groups" : ""}, ${kind === "text" ? "text" : "images"}: `
      + "with what does the dark number share its statistics? Drag over the cubes, then check."]));
  }
  return { box, button: open, asking, stop, draw, text: () => text.textContent, question: () => question };
}

// ---- the figure -----------------------------------------------------------------------------------------

/** What the controls do to the state. */
function actionsOn(state) {
  const marked = () => state.get("x")[indexOf(state.get("sel"))];
  function edit(to) {
    const x = state.get("x").slice();
    x[indexOf(state.get("sel"))] = clamp(Math.round(to * 10) / 10, -MOST, MOST);
    state.set({ x });
  }
  /** Change the setting, and let the norm's name follow. */
  function pick(change) {
    const next = { ...settingOf(state.get), ...change };
    if (!next.share.includes("C")) next.groups = 1;
    const grouped = next.share === "CS" && next.groups === C && next.center; // stays on the groups' slider
    state.set({ ...next, norm: grouped ? "group" : nameOf(next) || "custom" });
    return nameOf(next);
  }
  /** Pick what a norm's name means; without a name the axes stay as they are. */
  function pickNorm(norm, kind) {
    const old = settingOf(state.get);
    if (norm === "custom") return pick({ kind });
    const many = old.groups > 1 && old.groups < C ? old.groups : 2;
    const groups = norm === "group" ? many : 1;
    return pick({ kind, share: SHARE[kind][norm], center: norm !== "rms", groups });
  }
  return { marked, edit, pick, pickNorm };
}

/** What stands under "More": the norms by name, groups, the numbers as sheets and on lines, the verdicts. */
function makeMore(state, { marked, edit, pick, pickNorm }) {
  const norms = radios("Norm", Object.entries(NAMES).map(([norm, name]) => [norm, name.replace("Norm", "")]),
    (norm) => pickNorm(norm, state.get("kind")));
  const groups = slider("Channel groups", { min: 0, max: 3, step: 1 }, (i) => pick({ groups: GROUPS[i] }));
  const value = slider("Change the marked value", { min: -MOST, max: MOST, step: 0.1 }, edit);
  const show = radios("Cells show", [["x", "before"], ["y", "after"]], (which) => state.set({ show: which }));
  const sheets = makeSheets(() => state.get("sel"), (sel) => state.set({ sel }), (step) => edit(marked() + step));
  const map = makeMap(edit), equation = h("p", { class: "equation" }), facts = h("div", { class: "facts" });
  const box = folded(h("div", { class: "nl-bar" }, norms, groups), map.node, equation,
    h("div", { class: "nl-bar" }, value, show), sheets.hint, sheets.node, facts);

  function draw(view, secret, touched, smooth) {
    if (!box.open) return; // what nobody sees is drawn when it is opened
    norms.pick(view.name);
    show.pick(view.show);
    norms.disabled = secret;
    const shared = view.share.includes("C"), size = C / view.groups;
    groups.input.disabled = secret || !shared;
    groups.classList.toggle("off", groups.input.disabled);
    groups.firstChild.textContent = view.kind === "text" ? "Feature groups" : "Channel groups";
    groups.show(GROUPS.indexOf(view.groups), secret || !shared ? "–" : `${view.groups} × ${size}`);
    value.show(marked(), fmt(marked(), 1));
    sheets.draw(view, secret, touched);
    map.draw(view, secret, smooth);
    equation.replaceChildren(...formula(view, secret));
    facts.replaceChildren(...(secret ? [] : verdicts(view).map((one) => h("p", {}, inBold(one), ": ", one[2]))));
  }
  return { box, draw, stop: map.stop };
}

// ---- the norms to find ------------------------------------------------------------------------------------
const TARGETS = { image: ["batch", "layer", "instance", "group"], text: ["layer", "rms"] };
const LEADS = {
  image: "From the dark cube, drag over all that share its mean and variance. Find four norms.",
  text: "Which numbers share in a GPT? Find the two norms of one token.",
};
const ENDS = {
  image: "All four: one formula, and only the set differs.",
  text: "Both: the features of one token, no later token, nobody else’s sequence.",
};

/** Beside the block: what was built, its numbers, its verdicts, and which norms were found by hand. */
function makeSide() {
  const found = { image: new Set(), text: new Set() };
  const name = h("p", { class: "name" }), built = h("p", { class: "built" }), values = h("p", { class: "values" });
  const heads = h("p", { class: "heads" }), list = h("ul", { class: "targets" });
  const box = h("div", { class: "side" }, name, built, values, heads, list);
  const isDone = (kind) => TARGETS[kind].every((norm) => found[kind].has(norm));
  function draw(view, setting, secret) {
    const { kind, count, center, mean, variance } = view, mark = view.x[view.marked];
    name.textContent = secret ? "?" : NAMES[view.name] ?? "no name";
    name.classList.toggle("lit", !secret && view.name !== "");
    built.textContent = secret ? "" : [setsInWords(setting), remarkOn(setting)].filter(Boolean).join(". ");
    const shared = center ? `mean ${fmt(mean)}, variance ${fmt(variance)}` : `mean square ${fmt(variance)}`;
    values.replaceChildren(...(secret ? [] : [`${count} number${count > 1 ? "s" : ""}: ${shared}`, h("br"), h("b", {}, `${fmt(mark, 1)} → ${fmt(view.y)}`)]));
    heads.replaceChildren(...(secret ? [] : verdicts(view).slice(1, kind === "text" ? 3 : 2).map(inBold)));
    list.replaceChildren(...TARGETS[kind].map((norm) => {
      const done = found[kind].has(norm);
      return h("li", { class: (done ? "done" : "") + (view.name === norm && !secret ? " lit" : "") }, `${done ? "✓" : "○"} ${NAMES[norm]}`);
    }));
  }
  return {
    box, draw, lead: (kind) => (isDone(kind) ? ENDS : LEADS)[kind],
    find: (kind, norm) => TARGETS[kind].includes(norm) && found[kind].add(norm),
    forget: () => Object.values(found).forEach((set) => set.clear()),
  };
}

// ---- the figure -------------------------------------------------------------------------------------------
/** Image or text, and whether the mean is subtracted; the axes have their switches at the block. */
function makeTop(pick) {
  const kinds = radios("Data", [["image", "Image"], ["text", "Text"]], (kind) => pick({ kind }));
  const mean = toggle("Subtract the mean", (center) => pick({ center }));
  const center = h("fieldset", { class: "nl-seg", "aria-label": "Centering" }, mean);
  const lead = h("p", { class: "nl-says" });
  function draw(view, secret, text) {
    kinds.pick(view.kind);
    mean.input.checked = view.center;
    for (const fieldset of [kinds, center]) fieldset.disabled = secret;
    lead.textContent = text;
    lead.hidden = secret;
  }
  return { box: h("div", { class: "nl-bar" }, kinds, center), lead, draw };
}

const tickedOf = (ticks) => AXES.filter((axis) => ticks[axis].input.checked).join("");

/** What hands do at the block: what they build counts as found; while `asking()` it is an answer. */
function handsOn(state, actions, side, asking, update, ticks) {
  const find = (name) => side.find(state.get("kind"), name);
  return {
    choose: (sel) => state.set({ sel }),
    tick: () => (asking() ? update() : find(actions.pick({ share: tickedOf(ticks()) }))),
    done: () => asking() || find(actions.pick({})), // what was passed on the way is not found
    share(sel, box) {
      if (!asking()) return actions.pick({ ...box, sel });
      for (const axis of AXES) ticks()[axis].input.checked = box.share.includes(axis);
      update();
    },
  };
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "stats", CSS, "Which numbers share a mean and a variance?");
  const state = store(model, SPEC, perFrame(update));
  const say = speaker(root), report = reporter(model);
  let last = null, lastKey = "", lastQuestion = null; // what was drawn last

  const actions = actionsOn(state), side = makeSide();
  const block = makeBlock(() => state.get("sel"), handsOn(state, actions, side, () => quiz.asking(), update, () => block.ticks));
  const top = makeTop((change) => side.find(change.kind ?? state.get("kind"), actions.pick(change)));
  const ticked = () => tickedOf(block.ticks);
  const fold = makeMore(state, actions);
  fold.box.addEventListener("toggle", update);
  const quiz = makeQuiz(([norm, kind]) => {
    state.set({ sel: [0, 0, 3], groups: 1 });
    actions.pickNorm(norm, kind);
  }, ticked, update, say);
  const reset = button("Reset", () => {
    quiz.stop();
    side.forget();
    state.reset();
    side.find(state.get("kind"), viewOf(state.get).name);
    update();
  });
  root.append(h("div", { class: "nl-box" }, top.box, quiz.box, top.lead,
    h("div", { class: "main" }, block.node, side.box),
    h("div", { class: "nl-bar end" }, quiz.button, reset, fold.box)));

  /** Draw a state; returns how many results the last edit changed. */
  function draw(view, setting, same) {
    const secret = quiz.asking(), edited = same && last.x !== view.x;
    const touched = view.result.y.map((y, i) => edited && Math.abs(y - last.result.y[i]) > 1e-9);
    for (const axis of AXES) {
      if (!secret) block.ticks[axis].input.checked = view.share.includes(axis);
      else if (quiz.question() !== lastQuestion) block.ticks[axis].input.checked = false;
    }
    const guessed = secret && { ...setting, share: ticked() }; // what is drawn while one guesses
    const shown = secret ? { ...view, tints: [], together: setOf(view.sel, guessed) } : { ...view, tints: view.result.set };
    top.draw(view, secret, side.lead(view.kind));
    block.draw(shown, secret, last !== null && !same);
    side.draw(view, setting, secret);
    fold.draw(view, secret, touched, !same);
    quiz.draw();
    return touched.filter(Boolean).length;
  }

  function update() {
    const view = viewOf(state.get), setting = settingOf(state.get);
    const key = JSON.stringify([setting, view.eps]);
    if (quiz.question() && quiz.question() === lastQuestion && key !== lastKey) {
      lastQuestion = null; // somebody else changed what was asked about
      quiz.stop(); // draws again
      return;
    }
    const changed = draw(view, setting, key === lastKey);
    if (!quiz.asking()) {
      report({ mu: view.mean, var: view.variance, y: view.y, count: view.count });
      say(spoken(view, setting));
    } else say(changed ? `${changed} results changed.` : quiz.text());
    last = view;
    lastKey = key;
    lastQuestion = quiz.question();
  }

  side.find(state.get("kind"), viewOf(state.get).name);
  update();
  return () => {
    block.stop();
    fold.stop();
    report.stop();
    state.off();
    unframe();
  };
}

export default { render, address: ["kind", "norm", "share", "groups", "center"] };
