// The few things every figure needs. No dependencies, no globals.
const NS = "http://www.w3.org/2000/svg";

/** Build an element; a tag that starts with ":" is SVG. on* are listeners; null and false are left out. */
export function h(tag, attrs = {}, ...kids) {
  const node = tag[0] === ":" ? document.createElementNS(NS, tag.slice(1)) : document.createElement(tag);
  for (const [key, value] of Object.entries(attrs)) {
    if (value == null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...kids.flat().filter((kid) => kid != null)); // strings become text, never HTML
  return node;
}

/** Set several attributes. */
export const attr = (node, values) => {
  for (const key in values) node.setAttribute(key, values[key]);
  return node;
};

export const clamp = (x, least, most) => Math.min(most, Math.max(least, x));
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

let ids = 0;
/** An id that no other figure of this page or notebook has. */
export const nextId = () => "nl" + ++ids + Math.random().toString(36).slice(2, 6);

/** Numbers for people: a true minus sign, fixed decimals, powers of ten outside 1e-3…1e4. */
export function fmt(x, decimals = 2) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "not a number" : x > 0 ? "∞" : "−∞";
  const size = Math.abs(x);
  if (size && (size < 1e-3 || size >= 1e4)) {
    const power = Math.floor(Math.log10(size));
    const digits = String(power).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻");
    const front = fmt(x / 10 ** power, 1);
    return (front === "1.0" ? "" : front + "·") + "10" + digits;
  }
  return x.toFixed(decimals).replace(/^-(?=0(\.0*)?$)/, "").replace("-", "−");
}

// ---- what a trait may be: each returns a good value, or the fallback where nothing can be saved ----
export const oneOf = (...choices) => (value, fallback) => (choices.includes(value) ? value : fallback);
export const number = (least, most) => (value, fallback) =>
  typeof value === "number" && !Number.isNaN(value) ? clamp(value, least, most) : fallback;
export const whole = (least, most) => (value, fallback) =>
  typeof value === "number" && !Number.isNaN(value) ? Math.round(clamp(value, least, most)) : fallback;
export const flag = () => (value, fallback) => (typeof value === "boolean" ? value : fallback);
export const listOf = (length, item) => (value, fallback) =>
  Array.isArray(value) && value.length === length
    ? value.map((v, i) => item(v, Array.isArray(fallback) ? fallback[i] : fallback))
    : fallback;
/** Anything for which `good` is true; for what the figure itself looks through. */
export const checked = (good) => (value, fallback) => (good(value) ? value : fallback);

/**
 * The state of a figure: S.get(name), S.all(), S.set({name: value}), one call of `changed` per batch.
 * `spec` is {name: [default, cleaner]}; whatever arrives, from Python or an address, is cleaned.
 */
export function store(model, spec, changed) {
  const names = Object.keys(spec);
  const now = {};
  const clean = (name, value, fallback) => spec[name][1](value, fallback);
  let busy = false;
  /** Take what the model has, clean it, and give it back clean: an address is made from the model. */
  const pull = () => {
    busy = true;
    for (const name of names) {
      const fallback = structuredClone(spec[name][0]);
      const value = model.get(name);
      now[name] = value == null ? fallback : clean(name, value, fallback);
      if (JSON.stringify(now[name]) !== JSON.stringify(value)) model.set(name, structuredClone(now[name]));
    }
    busy = false;
  };
  const heard = () => {
    if (busy) return;
    pull();
    changed();
  };
  pull();
  const first = structuredClone(now); // Reset returns to the author's state, not to the factory's
  for (const name of names) model.on("change:" + name, heard);
  return {
    get: (name) => now[name],
    all: () => ({ ...now }),
    set(patch) {
      busy = true;
      for (const name in patch) {
        now[name] = clean(name, patch[name], now[name]);
        model.set(name, now[name]);
      }
      busy = false;
      model.save_changes();
      changed();
    },
    reset() {
      this.set(structuredClone(first));
    },
    off() {
      for (const name of names) model.off("change:" + name, heard);
    },
  };
}

/**
 * Tell Python the numbers behind a figure as its trait `stats`, when the reader rests for 150 ms.
 * JSON knows neither nan nor ∞: they are told as null. Returns report(stats), and report.stop().
 */
export function reporter(model) {
  let late, told = "";
  const report = (stats) => {
    const text = JSON.stringify(stats);
    clearTimeout(late);
    if (text === told) return;
    late = setTimeout(() => {
      told = text;
      model.set("stats", JSON.parse(text));
      model.save_changes();
    }, 150);
  };
  report.stop = () => clearTimeout(late);
  return report;
}

const sheets = {};
/**
 * The root of a figure in an open shadow root, so that no stylesheet of the page reaches in. Light or
 * dark is read off the inherited text color, which is right in every host.
 */
export function frame(el, name, css, label) {
  const root = h("div", { class: "nl nl-" + name, role: "group", "aria-label": label });
  el.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab leaves our keys alone
  root.addEventListener("keydown", (event) => event.stopPropagation()); // so do Colab and VS Code
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  if (!sheets[css]) {
    sheets[css] = new CSSStyleSheet(); // parsed once per page, however many copies there are
    sheets[css].replaceSync(css);
  }
  shadow.adoptedStyleSheets = [sheets[css]];
  // A figure that is printed is the static picture that stands in for it.
  const still = el.querySelector?.(":scope > .normlib-still");
  shadow.replaceChildren(root, still ? h("div", { class: "nl-print" }, h("slot")) : "");
  const tint = () => {
    const [r, g, b] = getComputedStyle(el).color.match(/[\d.]+/g) ?? [0, 0, 0];
    root.dataset.theme = r * 0.299 + g * 0.587 + b * 0.114 > 140 ? "dark" : "light";
  };
  const soon = () => requestAnimationFrame(tint);
  const seen = new MutationObserver(soon);
  for (const node of [document.documentElement, document.body]) seen.observe(node, { attributes: true });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", soon);
  document.addEventListener("load", soon, true); // a theme's stylesheet may come after the figure
  tint();
  soon();
  return [
    root,
    () => {
      seen.disconnect();
      system.removeEventListener("change", soon);
      document.removeEventListener("load", soon, true);
    },
  ];
}

/** Native radio buttons that look like one control: arrow keys and labels come for free. */
export function radios(legend, options, picked) {
  const name = nextId();
  const inputs = {};
  const box = h("fieldset", { class: "nl-seg" }, h("legend", {}, legend),
    options.map(([value, text, extra]) => h("label", {},
      (inputs[value] = h("input", { type: "radio", name, value, onchange: () => picked(value) })),
      h("span", {}, extra ?? null, text))));
  box.pick = (value) => {
    for (const key in inputs) inputs[key].checked = key === String(value);
  };
  return box;
}

/** A native checkbox that looks like a button. */
export function toggle(text, changed) {
  const input = h("input", { type: "checkbox", onchange: () => changed(input.checked) });
  const box = h("label", {}, input, h("span", {}, text));
  box.input = input;
  return box;
}

/** A native range with a label and its value in words. */
export function slider(label, range, moved) {
  const out = h("output", { class: "nl-num" });
  const input = h("input", { type: "range", ...range, oninput: () => moved(+input.value) });
  const box = h("label", { class: "nl-slider" }, h("span", {}, label), input, out);
  box.show = (value, text) => {
    input.value = value;
    out.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  box.input = input;
  return box;
}

export const button = (text, clicked, more = {}) =>
  h("button", { class: "nl-btn", type: "button", onclick: clicked, ...more }, text);

/** What most readers can do without: a native fold. */
export const folded = (...kids) => h("details", { class: "nl-more" }, h("summary", {}, "More"), kids);

/**
 * Guess first: questions with answers, never a gate. A question is
 * [text, [answers], index of the right one, why, state to show]. While one is open, what is of class
 * nl-answer is hidden, and `changed` hears the question, or "" when it is over.
 * Returns {box, button, stop, asking, text}.
 */
export function guess(questions, show, changed = () => {}) {
  let round = 0, asking = false;
  /** Open or close a question, in the picture too. */
  function turn(to) {
    asking = to;
    box.closest(".nl")?.classList.toggle("nl-asking", to);
    changed(to ? text.textContent : "");
  }
  const text = h("p", {}), answers = h("div", { class: "nl-bar" });
  const box = h("div", { class: "nl-quiz", hidden: true, role: "group", "aria-label": "Guess first" }, text, answers);
  const open = button("Guess first", () => (asking ? stop() : ask()));
  function stop() {
    box.hidden = true;
    open.textContent = "Guess first";
    turn(false);
  }
  function ask() {
    const [question, options, right, why, state] = questions[round++ % questions.length];
    box.hidden = false;
    open.textContent = "Stop guessing";
    text.textContent = question;
    turn(true);
    answers.replaceChildren(...options.map((option, i) => button(option, () => {
      const verdict = i === right ? "Right. " : `Not quite: ${options[right]}. `;
      text.replaceChildren(h("b", { class: i === right ? "ok" : "no" }, verdict), why);
      answers.replaceChildren();
      open.textContent = "Another question";
      open.focus();
      turn(false);
      show(state);
    })));
  }
  return { box, button: open, stop, asking: () => asking, text: () => text.textContent };
}

/** A polite live region that waits until the reader stops moving. */
export function speaker(root) {
  const node = h("p", { class: "nl-sr", "aria-live": "polite" });
  root.append(node);
  let timer;
  return (message) => {
    clearTimeout(timer);
    const tell = () => node.textContent !== message && (node.textContent = message);
    if (node.textContent) timer = setTimeout(tell, 400);
    else tell(); // what stands there from the start is not announced
  };
}

/** Once per frame at most. */
export function perFrame(work) {
  let id = 0;
  return () => {
    id ||= requestAnimationFrame(() => {
      id = 0;
      work();
    });
  };
}

/** 0 → 1 in some milliseconds; at once where the reader asked for less motion. Returns how to stop it. */
export function tween(ms, step) {
  if (calm()) {
    step(1);
    return () => {};
  }
  const began = performance.now();
  let id = requestAnimationFrame(function next(time) {
    const done = clamp((time - began) / ms, 0, 1);
    step(1 - (1 - done) ** 3);
    if (done < 1) id = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(id);
}

/** Follow a pointer from here until it is let go; `moved` gets how far it went, `lost` hears of a scroll. */
export function pursue(event, moved, lost = () => {}) {
  if (event.button) return;
  event.preventDefault();
  const target = event.currentTarget, { clientX, clientY, pointerId } = event, over = new AbortController();
  const listen = (name, f) => target.addEventListener(name, f, { signal: over.signal });
  target.setPointerCapture(pointerId);
  listen("pointermove", (now) => now.pointerId === pointerId && moved(now.clientX - clientX, now.clientY - clientY));
  listen("pointercancel", lost);
  listen("lostpointercapture", () => over.abort());
}

/** Call `draw(width)` with the width of a node, now and whenever it changes. Returns how to stop. */
export function onWidth(node, draw) {
  let width = 0;
  const seen = new ResizeObserver(([entry]) => {
    const now = entry.contentRect.width;
    if (!now || Math.abs(now - width) < 1) return; // nothing is drawn where nobody sees it
    width = now;
    draw(width);
  });
  seen.observe(node);
  return () => seen.disconnect();
}

/** A scale from a domain to a range, linear or logarithmic, clamped to the range. */
export function scale([a, b], [from, to], log = false) {
  const f = log ? Math.log10 : (x) => x;
  return (x) => from + clamp((f(x) - f(a)) / (f(b) - f(a)), 0, 1) * (to - from);
}

/** An SVG path through points; a gap where one is not finite. */
export function path(xs, ys) {
  let d = "", pen = "M";
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isFinite(xs[i]) || !Number.isFinite(ys[i])) pen = "M";
    else {
      d += `${pen}${xs[i].toFixed(1)} ${ys[i].toFixed(1)}`;
      pen = "L";
    }
  }
  return d;
}

/** The same random numbers as normlib.widgets._random in Python, in [0, 1). */
export function mulberry32(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Bytes of a base64 string. */
export const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
