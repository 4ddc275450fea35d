// The learning-rate map: its grid of cells, and a cell that opens into its curves.
import { fmt, h, tween } from "./core.js";
import { RATES, ROWS, cellAt, rateText, runsOf, spark, warmupText } from "./learning_rate_map_parts.js";

/** The grid, placements down and rates across. `picked(placement, rate)` on a click. */
export function gridOf(picked) {
  const at = {};
  const head = h("div", { class: "row head", role: "row" },
    h("span", { class: "name", role: "columnheader" }, h("span", { class: "nl-sr" }, "Placement, "), "rate"),
    RATES.map((rate) => h("span", { role: "columnheader" }, String(rate))));
  const rows = ROWS.map((placement) => {
    at[placement] = RATES.map((_, rate) => makeCell(placement, () => picked(placement, rate)));
    const name = h("span", { class: "name", role: "rowheader" }, PLACEMENTS[placement].label);
    return h("div", { class: "row", role: "row" }, name, at[placement].map((cell) => cell.node));
  });
  const box = h("div", { class: "grid", role: "grid" }, head, rows);
  return { box, at };
}

/** A picture of runs that fills whatever it stands in. */
const sparkOf = () => h(":svg", { class: "spark nl-answer", viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
  h(":path", { "vector-effect": "non-scaling-stroke" }));

function makeCell(placement, picked) {
  const value = h("span", { class: "value nl-answer" }), runs = sparkOf();
  const node = h("div", { class: "cell", role: "gridcell", tabindex: -1, onclick: picked, style: `--line-color: var(--${placement})` }, runs, value);
  let told = "", drawn = "";
  /** Number, curves, color, marks and name of a cell; only what changed is touched. */
  function paint({ text, line, share, label, ...kinds }) {
    const name = ["cell", ...Object.keys(kinds).filter((kind) => kinds[kind])].join(" ");
    if (node.className !== name) {
      node.className = name;
      node.tabIndex = kinds.selected ? 0 : -1;
      node.setAttribute("aria-selected", !!kinds.selected);
    }
    if (drawn !== line) runs.firstChild.setAttribute("d", (drawn = line));
    if (told === label) return;
    told = label;
    node.setAttribute("aria-label", label);
    value.textContent = text;
    node.style.setProperty("--share", share.toFixed(2));
  }
  return { node, paint };
}

/** What all cells of a row and of a column are compared with: the lowest number of each. */
function lowest(now) {
  const values = ROWS.map((placement) => RATES.map((_, rate) => cellAt({ ...now, placement, rate })[now.metric]));
  return { values, rows: values.map((row) => Math.min(...row)), columns: RATES.map((_, i) => Math.min(...values.map((row) => row[i]))) };
}

const WORST = 0.7; // nats above the best, where a cell has no color left
/** Paint all cells: `fit` are the usable rates of each placement, `floor` what the colors count from. */
export function paintCells(at, now, fit, floor, far) {
  const { values, rows, columns } = lowest(now);
  ROWS.forEach((placement, row) => at[placement].forEach((cell, rate) => {
    const value = values[row][rate], split = cellAt({ ...now, placement, rate }).apart > far, good = fit[placement].includes(rate);
    cell.paint({
      text: fmt(value), line: spark(runsOf({ ...now, placement, rate }), now.steps),
      share: Math.min(1, Math.max(0, 1 - (value - floor) / WORST)),
      split, usable: good, top: value === rows[row], leads: value === columns[rate],
      selected: placement === now.placement && rate === now.rate,
      label: `${PLACEMENTS[placement].label}, rate ${rateText(rate)}, ${warmupText(now.warmup)}: `
        + `loss ${fmt(value)}${value === columns[rate] ? ", lowest at this rate" : ""}${good ? ", usable" : ""}${split ? ", seeds far apart" : ""}`,
    });
  }));
}

/**
 * What grows from a cell to its chart, and back: go(from, to, line, color, done). The curves of the
 * cell are those of the chart, on the same scales, so that they only become larger.
 */
export function growth() {
  const runs = sparkOf(), box = h("div", { class: "grow", hidden: true, "aria-hidden": "true" }, runs);
  let stop = () => {};
  function go(from, to, line, placement, done) {
    stop();
    runs.firstChild.setAttribute("d", line);
    box.style.setProperty("--line-color", `var(--${placement})`);
    box.hidden = false;
    stop = tween(450, (share) => {
      for (const side of ["left", "top", "width", "height"]) box.style[side] = `${(from[side] + share * (to[side] - from[side])).toFixed(1)}px`;
      if (share < 1) return;
      box.hidden = true;
      done();
    });
  }
  return { box, go, stop: () => stop() };
}
