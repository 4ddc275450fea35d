// The learning-rate map: which rates train which placement, without and with warm-up.
import { attr, button, bytes, checked, clamp, fmt, frame, guess, h, nextId, number, oneOf, onWidth, path, perFrame, radios, scale, slider, speaker, store, whole } from "./core.js";

const { rates: RATES, depths: DEPTHS, warmups: WARMUPS, placements: ROWS } = DATA;
const { seeds: SEEDS, unigram: UNIGRAM } = DATA;
const MOST_CURVES = 12, MOST_POINTS = 500;
const SPEC = { // plus `stats`, which is only written
  placement: ["post", oneOf(...ROWS)],
  rate: [2, whole(0, RATES.length - 1)],
  warmup: [0, oneOf(...WARMUPS)],
  depth: [6, oneOf(...DEPTHS)],
  metric: ["mean", oneOf("mean", "worst")],
  tolerance: [0.3, (value, fallback) => Math.round(number(0.1, 0.9)(value, fallback) * 20) / 20],
  mine: [null, checked(areCurves)],
};
const QUESTIONS = [
  [
    "Post-norm, 6 blocks, no warm-up. Which of these learning rates still trains all three seeds?",
    ["0.001", "0.008", "0.064"], 0,
    "Above it the loss stays where letter frequencies alone would bring it.",
    { placement: "post", rate: 1, warmup: 0, depth: 6 },
  ],
  [
    "Post-norm again, 12 blocks, with 100 steps of warm-up. Which rate is usable?",
    ["0.0003", "0.002", "none of the eight"], 2,
    "In these 200 steps warm-up is not enough for 12 blocks of post-norm.",
    { placement: "post", rate: 0, warmup: 100, depth: 12 },
  ],
  [
    "6 blocks, no warm-up. Which of these accepts the widest range of rates?",
    ["Pre", "Peri", "DeepNorm"], 1,
    "What peri-norm adds to the stream has a fixed size, however large the weights become.",
    { placement: "peri", rate: 7, warmup: 0, depth: 6 },
  ],
];

// ---- what was measured ----
/** The losses of a cell, one per seed; null where the run diverged. */
const lossesOf = (depth, warmup, placement, rate) =>
  DATA.loss[DEPTHS.indexOf(depth)][WARMUPS.indexOf(warmup)][ROWS.indexOf(placement)][rate];

const CODES = bytes(DATA.curves), POINTS = DATA.curve_steps.length;
/** The curves of a cell, one per seed: NaN where the run had ended, Infinity above the range. */
function curvesOf(depth, warmup, placement, rate) {
  const where = [DEPTHS.indexOf(depth), WARMUPS.indexOf(warmup), ROWS.indexOf(placement), rate];
  const sizes = [DEPTHS.length, WARMUPS.length, ROWS.length, RATES.length];
  const cell = where.reduce((at, index, i) => at * sizes[i] + index, 0);
  const [low, high] = DATA.curve_range;
  const inside = (code) => low * (high / low) ** (code / 253);
  const value = (code) => (code === 255 ? NaN : code === 254 ? Infinity : inside(code));
  return Array.from({ length: SEEDS }, (_, seed) => {
    const first = (cell * SEEDS + seed) * POINTS;
    return Array.from(CODES.subarray(first, first + POINTS), value);
  });
}

/** Mean and worst of the runs that did not diverge, and how many did. */
function summary(losses) {
  const left = losses.filter((x) => x !== null);
  const diverged = losses.length - left.length;
  const mean = left.length ? left.reduce((a, b) => a + b, 0) / left.length : NaN;
  return { diverged, mean, worst: diverged ? NaN : Math.max(...left) };
}

const cells = (depth, warmup, placement) =>
  RATES.map((_, rate) => summary(lossesOf(depth, warmup, placement, rate)));

/** The lowest mean of a depth, over everything: what the tolerance counts from. */
const bestOf = (depth) => Math.min(...WARMUPS.flatMap((warmup) => ROWS.flatMap((placement) =>
  cells(depth, warmup, placement).filter((cell) => !cell.diverged).map((cell) => cell.mean))));
const BEST = Object.fromEntries(DEPTHS.map((depth) => [depth, bestOf(depth)]));

/** Which rates are usable: no seed diverged, and the worst is within the tolerance of the best. */
const usable = (depth, warmup, placement, tolerance) => cells(depth, warmup, placement)
  .flatMap((cell, rate) => (cell.worst <= BEST[depth] + tolerance ? [rate] : []));

/** Curves of the reader, as Python sends them. */
function areCurves(value) {
  const good = (one) => typeof one === "object" && Array.isArray(one?.loss) && Array.isArray(one.steps)
    && one.loss.length > 0 && one.loss.length === one.steps.length && one.loss.length <= MOST_POINTS
    && one.loss.every((x) => typeof x === "number" && Math.abs(x) < 1e300)
    && one.steps.every((x, i) => typeof x === "number" && x >= (one.steps[i - 1] ?? 0) && x < 1e9);
  return Array.isArray(value) && value.length > 0 && value.length <= MOST_CURVES && value.every(good);
}

// ---- words ----
const rateText = (rate) => String(RATES[rate]);
const lossText = (x) => fmt(x, x < 10 ? 2 : 0);
const warmupText = (warmup) => (warmup ? `${warmup} steps of warm-up` : "no warm-up");
const and = (list) => [list.slice(0, -1).join(", "), ...list.slice(-1)].filter(Boolean).join(" and ");

/** Neighboring rates as ranges: "0.001 to 0.016 and 0.064". */
function ranges(list) {
  const runs = [];
  for (const rate of list) {
    if (runs.length && runs.at(-1)[1] === rate - 1) runs.at(-1)[1] = rate;
    else runs.push([rate, rate]);
  }
  return and(runs.map(([a, b]) => (a === b ? rateText(a) : `${rateText(a)} to ${rateText(b)}`)));
}

/** How the runs of a cell ended. */
function ending(losses) {
  const { diverged } = summary(losses);
  const left = losses.filter((x) => x !== null).map(lossText);
  if (!left.length) return `all ${SEEDS} runs diverged`;
  const others = left.length === 1 ? "the other" : "the others";
  if (diverged) return `${diverged} of ${SEEDS} runs diverged, ${others} ended at ${and(left)}`;
  return `the ${SEEDS} seeds ended at ${and(left)}`;
}

// ---- the maps ----
/** One grid, placements down and rates across. `picked(placement, rate)` on a click. */
function gridOf(warmup, picked) {
  const words = warmup ? warmupText(warmup) : "Without warm-up";
  const title = h("p", { class: "title", id: nextId() }, words);
  const at = {}, counts = {};
  const head = h("div", { class: "row head", role: "row" },
    h("span", { class: "name", role: "columnheader" }, h("span", { class: "nl-sr" }, "Placement")),
    RATES.map((rate) => h("span", { role: "columnheader" }, shortRate(rate))),
    h("span", { class: "count", role: "columnheader" },
      h("span", { class: "nl-sr" }, "usable rates, "), `of ${RATES.length}`));
  const rows = ROWS.map((placement) => {
    at[placement] = RATES.map((_, rate) => h("div", {
      class: "cell", role: "gridcell", tabindex: -1, onclick: () => picked(placement, rate),
    }));
    counts[placement] = h("span", { class: "count", role: "gridcell" });
    const name = h("span", { class: "name", role: "rowheader" }, PLACEMENTS[placement].label);
    return h("div", { class: "row", role: "row" }, name, at[placement], counts[placement]);
  });
  const grid = h("div", { class: "grid", role: "grid", "aria-labelledby": title.id }, head, rows);
  return { box: h("div", { class: "map" }, title, grid), at, counts };
}
const shortRate = (rate) => String(rate).replace(/^0/, "");

/** Color, text, hatching and name of a cell; only what changed is touched. */
function paintCell(node, { text, share, diverged, good, label, selected, paired }) {
  const kinds = { diverged, usable: good, selected, paired };
  const name = ["cell", ...Object.keys(kinds).filter((kind) => kinds[kind])].join(" ");
  if (node.className !== name) {
    node.className = name;
    node.tabIndex = selected ? 0 : -1;
    node.setAttribute("aria-selected", !!selected);
  }
  if (node.label === label) return;
  node.label = label;
  node.setAttribute("aria-label", label);
  node.textContent = text;
  node.style.setProperty("--share", share.toFixed(2));
}

// ---- the curves of a cell, of its neighbors, and the reader's own ----
const TALL = 222, TOP = 12, BOTTOM = 184, LEFT = 34, LOSSES = [2, 5];

function curveChart() {
  const view = h(":svg", { class: "curves", height: TALL, "aria-hidden": "true" });
  const y = scale(LOSSES, [BOTTOM, TOP]);

  /** A curve up to the chart's upper edge, and where it ends. */
  function line(steps, losses, x) {
    const ended = losses.findIndex(Number.isNaN); // after that the run had stopped
    const known = ended < 0 ? losses : losses.slice(0, ended);
    const ys = known.map((loss, i) => (loss > LOSSES[1] && known[i - 1] > LOSSES[1] ? NaN : y(loss)));
    const last = Math.max(0, known.length - 1);
    return { d: path(known.map((_, i) => x(steps[i])), ys), end: [x(steps[last]), y(known[last] ?? 99)] };
  }

  /** A round distance of marks up to a step. */
  function spacing(last) {
    const power = 10 ** Math.floor(Math.log10(last)), size = last / power;
    return size < 2.5 ? power / 2 : size < 5 ? power : 2 * power;
  }

  const seen = (group) => group.curves.some(({ losses }) => losses.some((loss) => loss <= LOSSES[1]));

  /** Groups of curves: [{kind, steps, curves: [{losses, diverged}]}], the one in front last. */
  function draw(groups, width, last) {
    const right = width - 8, every = spacing(last);
    const x = (step) => LEFT + (step / last) * (right - LEFT);
    const marks = Array.from({ length: Math.floor(last / every) + 1 }, (_, i) => i * every);
    const middle = { "text-anchor": "middle" }, end = { "text-anchor": "end" };
    const draw = ({ kind, steps, curves }) => curves.flatMap(({ losses, diverged }) => {
      const { d, end: [atX, atY] } = line(steps, losses, x);
      const place = { x: clamp(atX, LEFT + 6, right), y: atY + 5 };
      const cross = h(":text", { class: kind + " cross", ...place, ...middle }, "✕");
      return [h(":path", { class: kind, d }), ...(diverged ? [cross] : [])];
    });
    view.replaceChildren(
      ...[2, 3, 4, 5].flatMap((loss) => [
        h(":line", { class: "grid-line", x1: LEFT, x2: right, y1: y(loss), y2: y(loss) }),
        h(":text", { class: "mute", x: LEFT - 8, y: y(loss) + 4, ...end }, String(loss)),
      ]),
      ...marks.map((step) =>
        h(":text", { class: "mute", x: x(step), y: BOTTOM + 18, ...middle }, String(step))),
      h(":text", { class: "mute", x: right, y: TALL - 3, ...end }, "step"),
      h(":text", { class: "mute", x: 0, y: TALL - 3 }, "loss of the batch"),
      h(":line", { class: "level", x1: LEFT, x2: right, y1: y(UNIGRAM), y2: y(UNIGRAM) }),
      ...groups.flatMap(draw),
      h(":text", { class: "mute", x: (LEFT + right) / 2, y: y(4) - 8, ...middle },
        seen(groups.at(-1)) ? "" : `This cell's loss is above ${LOSSES[1]}: off the chart`));
  }
  return { view, draw };
}

function render({ model, el }) {
  const [root, unframe] = frame(el, "rates", CSS, "Learning-rate map: which rates train which placement");
  const st = store(model, SPEC, perFrame(update));
  const say = speaker(root);
  let width = 0, drawn = "";

  const set = (name) => (value) => st.set({ [name]: value });
  const depth = radios("Blocks", DEPTHS.map((n) => [n, String(n)]), set("depth"));
  const metric = radios("Cells show", [["mean", "mean"], ["worst", "worst seed"]], set("metric"));
  const tolerance = slider("Usable: every seed within", { min: 0.1, max: 0.9, step: 0.05 }, set("tolerance"));
  const hint = h("p", { class: "nl-sr", id: nextId() },
    "Arrow keys move to another placement or rate, Page Up and Page Down to the other map.");
  const maps = h("div", {
    class: "maps", role: "group", "aria-label": "Final validation loss", "aria-describedby": hint.id,
    onkeydown: keys,
  });
  const grids = Object.fromEntries(WARMUPS.map((warmup) => [warmup,
    gridOf(warmup, (placement, rate) => choose({ placement, rate, warmup }))]));
  maps.append(...WARMUPS.map((warmup) => grids[warmup].box));
  const chart = curveChart();
  const legend = h("p", { class: "nl-note legend" });
  const says = h("div", { class: "nl-says" }), range = h("p", {}), here = h("p", { class: "here" });
  const own = h("p", { class: "nl-note mine-says" });
  says.append(here, range);
  const quiz = guess(QUESTIONS, (state) => {
    st.set(state);
    cover();
  });
  const reset = button("Reset", () => {
    quiz.stop();
    cover();
    st.reset();
  });
  quiz.button.addEventListener("click", cover); // after the quiz's own listener
  root.append(hint, h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, depth, metric, tolerance),
    quiz.box, maps,
    h("p", { class: "nl-note key" },
      "Numbers: validation loss after ", String(DATA.steps), " steps, less is better. ",
      h("i", { class: "cell usable swatch" }), " usable ",
      h("i", { class: "cell diverged swatch" }), ` ✕2 means that 2 of ${SEEDS} seeds diverged`),
    says, legend, chart.view, own,
    h("p", { class: "nl-note" },
      `Measured with normlib.gpt: width ${DATA.width}, Xavier start, Adam, ${SEEDS} seeds. `
      + `With ${warmupText(WARMUPS.at(-1))} the rate is below its value for as many of the `
      + `${DATA.steps} steps.`),
    h("div", { class: "nl-bar" }, quiz.button, reset,
      h("span", { class: "nl-note" }, "Click a cell or use the arrow keys."))));

  /** While a question is open the maps do not give the answer away. */
  function cover() {
    const asking = quiz.button.textContent === "Stop guessing";
    root.classList.toggle("asking", asking);
    maps.inert = asking;
  }

  function choose(patch) {
    st.set(patch);
    const cell = grids[st.get("warmup")].at[st.get("placement")][st.get("rate")];
    cell.focus({ preventScroll: true });
  }

  function keys(event) {
    const row = ROWS.indexOf(st.get("placement")), map = WARMUPS.indexOf(st.get("warmup"));
    const [down, right, next] = {
      ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0], ArrowRight: [0, 1, 0],
      PageUp: [0, 0, -1], PageDown: [0, 0, 1], Home: [0, -99, 0], End: [0, 99, 0],
    }[event.key] ?? [];
    if (down === undefined) return;
    event.preventDefault();
    choose({
      placement: ROWS[clamp(row + down, 0, ROWS.length - 1)],
      rate: clamp(st.get("rate") + right, 0, RATES.length - 1),
      warmup: WARMUPS[clamp(map + next, 0, WARMUPS.length - 1)],
    });
  }

  // Python sees the numbers behind the sentences in `stats`, at most every 150 ms.
  let late;
  const report = (stats) => {
    clearTimeout(late);
    late = setTimeout(() => {
      model.set("stats", stats);
      model.save_changes();
    }, 150);
  };

  function paintMaps(now) {
    const worst = now.metric === "worst";
    for (const warmup of WARMUPS) {
      for (const placement of ROWS) {
        const good = usable(now.depth, warmup, placement, now.tolerance);
        grids[warmup].counts[placement].textContent = String(good.length);
        RATES.forEach((_, rate) => {
          const losses = lossesOf(now.depth, warmup, placement, rate);
          const { diverged, ...values } = summary(losses);
          const value = diverged ? NaN : values[worst ? "worst" : "mean"];
          const here = placement === now.placement && rate === now.rate;
          const isGood = good.includes(rate);
          paintCell(grids[warmup].at[placement][rate], {
            text: diverged ? `✕${diverged}` : lossText(value),
            share: diverged ? 0 : clamp((UNIGRAM - value) / (UNIGRAM - BEST[now.depth]), 0, 1),
            diverged, good: isGood, selected: here && warmup === now.warmup, paired: here,
            label: `${PLACEMENTS[placement].label}, rate ${rateText(rate)}, ${warmupText(warmup)}: `
              + (diverged ? ending(losses) : `loss ${lossText(value)}`) + (isGood ? ", usable" : ""),
          });
        });
      }
    }
  }

  function drawCurves(now) {
    const group = (rate, kind) => (rate < 0 || rate >= RATES.length ? [] : [{
      kind, steps: DATA.curve_steps,
      curves: curvesOf(now.depth, now.warmup, now.placement, rate).map((losses, seed) => ({
        losses, diverged: lossesOf(now.depth, now.warmup, now.placement, rate)[seed] === null,
      })),
    }]);
    const mine = (now.mine ?? []).map((one) => (
      { kind: "mine", steps: one.steps, curves: [{ losses: one.loss, diverged: one.diverged === true }] }));
    const last = Math.max(DATA.steps, ...(now.mine ?? []).map((one) => one.steps.at(-1)));
    const beside = [...group(now.rate - 1, "lower"), ...group(now.rate + 1, "higher")];
    chart.draw([...beside, ...mine, ...group(now.rate, "live")], width, last);
    const stroke = (kind) => h(":svg", { class: "stroke", viewBox: "0 0 26 8", "aria-hidden": "true" },
      h(":path", { class: kind, d: "M0 4H26" }));
    const key = (kind, text) => [stroke(kind), text];
    legend.replaceChildren(
      ...key("live", ` rate ${rateText(now.rate)}, ${SEEDS} seeds `),
      ...(now.rate > 0 ? key("lower", ` ${rateText(now.rate - 1)} `) : []),
      ...(now.rate < RATES.length - 1 ? key("higher", ` ${rateText(now.rate + 1)} `) : []),
      ...(now.mine ? key("mine", " yours ") : []),
      ...key("level", ` letter frequencies alone: ${fmt(UNIGRAM)}`), "\u2003✕ diverged");
  }

  function sentences(now) {
    const name = PLACEMENTS[now.placement].label;
    const other = WARMUPS.find((warmup) => warmup !== now.warmup);
    const end = (warmup) => ending(lossesOf(now.depth, warmup, now.placement, now.rate));
    const cell = h("b", {}, `${name}, rate ${rateText(now.rate)}, ${warmupText(now.warmup)}`);
    here.replaceChildren(cell, `: ${end(now.warmup)}. With ${warmupText(other)} ${end(other)}. `
      + `Letter frequencies alone give ${fmt(UNIGRAM)}, the best cell ${lossText(BEST[now.depth])}.`);
    const counts = WARMUPS.flatMap((warmup, i) => {
      const good = usable(now.depth, warmup, now.placement, now.tolerance);
      const which = good.length ? ` (${ranges(good)})` : "";
      const count = h("b", {}, `${good.length} of ${RATES.length}`);
      return [i ? ", " : "", count, ` with ${warmupText(warmup)}${which}`];
    });
    const sizes = ROWS.map((row) => usable(now.depth, now.warmup, row, now.tolerance).length);
    const most = Math.max(...sizes);
    const widest = and(ROWS.filter((_, i) => sizes[i] === most).map((row) => PLACEMENTS[row].label));
    range.replaceChildren(`Usable rates for ${name}, ${now.depth} blocks: `, ...counts, ". ",
      most ? `Most with ${warmupText(now.warmup)}: ${widest} (${most}).` : "");
  }

  function update() {
    const now = Object.fromEntries(Object.keys(SPEC).map((name) => [name, st.get(name)]));
    depth.pick(now.depth);
    metric.pick(now.metric);
    tolerance.show(now.tolerance, `${fmt(now.tolerance)} of best`);
    paintMaps(now);
    sentences(now);
    own.hidden = !now.mine;
    own.textContent = (now.mine ?? []).map((one) => {
      const end = one.diverged === true ? "diverged" : `ended at a loss of ${lossText(one.loss.at(-1))}`;
      return `${String(one.label || "Yours").slice(0, 40)}: ${end}, step ${one.steps.at(-1)}.`;
    }).join(" ");
    const key = JSON.stringify([now.placement, now.rate, now.warmup, now.depth, now.mine, width]);
    if (width && key !== drawn) {
      drawCurves(now);
      drawn = key;
    }
    const losses = lossesOf(now.depth, now.warmup, now.placement, now.rate), cell = summary(losses);
    const known = (x) => (Number.isFinite(x) ? x : null);
    report({
      losses, mean: known(cell.mean), worst: known(cell.worst), diverged: cell.diverged,
      best: BEST[now.depth],
      usable: Object.fromEntries(ROWS.map((placement) => [placement, WARMUPS.map((warmup) =>
        usable(now.depth, warmup, placement, now.tolerance).map((rate) => RATES[rate]))])),
    });
    say([here, range, own].map((node) => node.textContent).join(" ").trim());
  }

  const unwatch = onWidth(chart.view, (to) => {
    width = to;
    update();
  });
  update();
  return () => {
    clearTimeout(late);
    unwatch();
    st.off();
    unframe();
  };
}

export default { render, address: ["placement", "rate", "warmup", "depth", "metric", "tolerance"] };
