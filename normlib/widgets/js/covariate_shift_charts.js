// The covariate shift in pictures: eight layers of a network as ridges, and losses over the steps.
import { attr, clamp, fmt, h, path, scale } from "./core.js";
import { BINS, LAST, LAYERS, NORMS, STEPS } from "./covariate_shift_run.js";

const DASH = { none: "9 3 2 3", batch: "", noisy_batch: "7 3", layer: "2 3" };
const W = 170, LEFT = 16, TOP = 26, GHOSTS = 6;
const dashOf = (arm, i) => (i && arm.norm === arm.other ? "7 3" : DASH[arm.norm]);

export const swatch = (arm, i) => h(":svg", { class: "swatch", viewBox: "0 0 22 8", "aria-hidden": "true" },
  h(":line", { x1: 0, x2: 22, y1: 4, y2: 4, "stroke-dasharray": dashOf(arm, i) }));

/** Outline of a histogram of one layer, a calm line through its bins, from a base line up. */
function outline(histograms, layer, x, base, tall) {
  const counts = histograms.subarray(layer * BINS, (layer + 1) * BINS), all = DATA.images;
  const at = (i) => (counts[i - 1] ?? 0) / 4 + (counts[i] ?? 0) / 2 + (counts[i + 1] ?? 0) / 4;
  const xs = [], ys = [];
  for (let i = 0; i < BINS; i++) {
    xs.push(x(i + 0.5));
    ys.push(base - clamp((2.2 * at(i)) / all, 0, 1) * tall); // nearly half of the images fill it
  }
  return path(xs, ys);
}

/** One network: a ridge per layer, or one layer large; thin lines are the moments before. */
export function panel(arm, i, title, H, picked) {
  const x = scale([0, BINS], [LEFT, W - 2]);
  const svg = h(":svg", { viewBox: `0 0 ${W} ${H}`, "aria-hidden": "true" });
  const measured = h("span"), right = h("span", { class: "right" });
  const rows = h(":g"), gone = h(":text", { class: "gone", x: W / 2, y: H / 2, "text-anchor": "middle" });
  const zero = x((-DATA.edges[0] / (DATA.edges.at(-1) - DATA.edges[0])) * BINS);
  svg.append(h(":line", { class: "zero", x1: zero, x2: zero, y1: 4, y2: H - 16 }), rows, gone,
    ...[-4, 0, 4].map((v) => h(":text", {
      class: "mute", x: x(((v - DATA.edges[0]) / (DATA.edges.at(-1) - DATA.edges[0])) * BINS), y: H - 3, "text-anchor": "middle",
    }, fmt(v, 0))));
  const box = h("div", { class: `panel ${arm.norm} ${i && arm.norm === arm.other ? "second" : ""}` },
    h("p", {}, swatch(arm, i), title), svg, h("p", { class: "below" }, measured, right));
  let drawn = "", ridges = [];

  function build(layer) {
    drawn = layer;
    const shown = layer ? [layer - 1] : Array.from({ length: LAYERS }, (_, l) => LAYERS - 1 - l);
    const gap = (H - 22 - TOP) / (LAYERS - 1);
    ridges = shown.map((l, k) => {
      const base = layer ? H - 20 : TOP + k * gap, tall = layer ? H - 40 : gap * 1.6;
      const ridge = { l, base, tall, area: h(":path", { class: "now" }), past: h(":path", { class: "past" }) };
      ridge.node = h(":g", { class: "ridge", onclick: () => picked(layer ? 0 : l + 1) },
        h(":rect", { class: "hit", x: 0, y: base - (layer ? H - 24 : gap - 1), width: W, height: layer ? H - 24 : gap }),
        h(":line", { class: "base", x1: LEFT, x2: W - 2, y1: base, y2: base }), ridge.area, ridge.past,
        h(":text", { class: "mute", x: 2, y: base - 2 }, String(l + 1)));
      return ridge;
    });
    rows.replaceChildren(...ridges.map((ridge) => ridge.node));
  }

  return {
    box,
    show(frames, moment, layer, texts) {
      if (drawn !== layer) build(layer);
      const now = frames[moment];
      gone.textContent = now ? "" : "diverged";
      for (const { l, base, tall, area, past } of ridges) {
        const key = `${l} ${base} ${tall}`, line = (seen) => // drawn once, shown in many moments
          ((seen.lines ??= {})[key] ??= outline(seen.histograms, l, x, base, tall));
        attr(area, { d: now ? `${line(now)}V${base}H${LEFT}Z` : "" });
        attr(past, { d: now ? frames.slice(Math.max(0, moment - GHOSTS), moment).map(line).join("") : "" });
      }
      [measured.textContent, right.textContent] = texts;
    },
  };
}

const STRIPS = { // what is drawn over the steps
  loss: { title: "test loss", of: (seen) => seen.loss, range: [0.08, 4], ticks: [0.1, 0.3, 1, 3], log: true, tick: String },
  accuracy: { title: "right", of: (seen) => seen.accuracy, range: [0, 1], ticks: [0, 0.5, 1], log: false, tick: (v) => `${100 * v} %` },
};

/** Losses, or shares of right answers, of all networks over the steps, with a cursor that a hand can drag. */
export function strip(kind, moved) {
  const { title, of, range, ticks, log, tick } = STRIPS[kind];
  const svg = h(":svg", { class: "strip", "aria-hidden": "true" }), cursor = h(":line", { class: "cursor" }), lines = h(":g"), axes = h(":g");
  svg.append(axes, lines, cursor);
  let x = null, held = false, drawn = "";
  function follow(event) {
    const at = event.clientX - svg.getBoundingClientRect().left;
    moved(STEPS.reduce((best, step, i) => (Math.abs(x(step) - at) < Math.abs(x(STEPS[best]) - at) ? i : best), 0));
  }
  svg.addEventListener("pointerdown", (event) => {
    held = true;
    svg.setPointerCapture(event.pointerId);
    follow(event);
  });
  svg.addEventListener("pointermove", (event) => held && follow(event));
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => (held = false));
  return {
    svg,
    draw(arms, moment, width) {
      const tall = 112, left = 36, right = width - 6, bottom = tall - 18, top = 20, y = scale(range, [bottom, top], log);
      const key = [width, ...arms.map((arm) => arm.norm + arm.frames.length + arm.frames.at(-1)?.loss)].join();
      if (key !== drawn) {
        drawn = key;
        x = (step) => left + Math.sqrt(step / LAST) * (right - left);
        attr(svg, { height: tall, width });
        axes.replaceChildren(
          h(":text", { class: "mute", x: left, y: 11 }, title),
          ...ticks.flatMap((value) => [
            h(":line", { class: "grid", x1: left, x2: right, y1: y(value), y2: y(value) }),
            h(":text", { class: "mute", x: left - 5, y: y(value) + 4, "text-anchor": "end" }, tick(value))]),
          ...[0, 10, 50, 150].map((step) => h(":text", { class: "mute", x: x(step), y: tall - 3, "text-anchor": "middle" }, String(step))),
          h(":text", { class: "mute", x: right, y: tall - 3, "text-anchor": "end" }, "step"));
        lines.replaceChildren(...arms.map((arm, i) => h(":path", {
          class: `line ${arm.norm} ${i && arm.norm === arm.other ? "second" : ""}`, "stroke-dasharray": dashOf(arm, i),
          d: path(arm.frames.map((_, k) => x(STEPS[k])), arm.frames.map((seen) => (seen && (of(seen) > 0 || !log) ? y(of(seen)) : NaN))),
        })));
      }
      attr(cursor, { x1: x(STEPS[moment]), x2: x(STEPS[moment]), y1: top - 6, y2: bottom });
    },
  };
}

/** All measures of one moment, one row per network; what a screen reader reads. */
export function numbersTable() {
  const columns = ["test loss", "right", "drift", "gradient change", "loss range"];
  const caption = h("caption"), body = h("tbody");
  const box = h("table", {}, caption, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "network"), columns.map((c) => h("th", { scope: "col" }, c)))), body);
  return {
    box,
    show(text, rows) {
      caption.textContent = text;
      body.replaceChildren(...rows.map(({ title, cells }) => h("tr", {}, h("th", { scope: "row" }, title), cells.map((cell) => h("td", {}, cell)))));
    },
  };
}
export const titleOf = (arm) => (arm.other === undefined ? NORMS[arm.norm].name : `${NORMS[arm.norm].name}, weights × ${arm.scale}`);
