// LayerNorm: onto the plane, then onto the sphere. RMSNorm: only onto the sphere. In three dimensions.
import { attr, button, clamp, fmt, frame, guess, h, listOf, mulberry32, number, oneOf, onWidth, path, perFrame, radios, slider, speaker, store, toggle } from "./core.js";
import { normalize } from "./math.js";

const ROOT3 = Math.sqrt(3);
const FAR = 5; // the largest component of v
const ONES = [1, 1, 1];
const AXES = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
const WEIGHT = [1.6, 1, 0.4]; // what the toggle puts on
const SUBSCRIPTS = ["₁", "₂", "₃"];
const NAMES = { layer: "LayerNorm", rms: "RMSNorm" };
const SPEC = { // plus `stats`, which is only written
  v: [[1.8, 1.2, 0], listOf(3, number(-FAR, FAR))],
  gamma: [ONES, listOf(3, number(-2, 2))],
  eps: [1e-5, number(1e-12, 1)],
  view: [[-28, 22], (value, fallback) => {
    if (!Array.isArray(value) || value.length !== 2) return fallback;
    return [number(-180, 180)(value[0], fallback[0]), number(-90, 90)(value[1], fallback[1])];
  }],
  which: ["both", oneOf("both", "layer", "rms")],
};

// ---- vectors ----------------------------------------------------------------------------------------------
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const times = (a, k) => a.map((x) => x * k);
const plus = (a, b) => a.map((x, i) => x + b[i]);
const weighted = (a, gamma) => a.map((x, i) => x * gamma[i]);
const size = (a) => Math.sqrt(dot(a, a));
const gap = (a, b) => size(plus(a, times(b, -1)));
const triples = (flat) => Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
const tidy = (x) => (Math.abs(x) < 0.005 ? 0 : x); // no powers of ten for what is zero here
const small = (x) => fmt(x, x < 0.1 ? 4 : 2);
const written = (a) => `(${a.map((x) => fmt(tidy(x))).join(", ")})`;

/** A copy of a list with one item replaced. */
const replaced = (list, i, item) => list.map((old, k) => (k === i ? item : old));

/** A norm of any number of vectors, one after another in a flat list. */
const normalizeAll = (which, flat, eps) =>
  normalize(flat, [flat.length / 3, 3, 1], { share: "C", center: which === "layer", eps });

/** What a norm does to one vector: its mean, the rest, its divisor, without and with the weight. */
function normOf(which, v, gamma, eps) {
  const { y: unit, mean: [mean], rstd: [inverse] } = normalizeAll(which, v, eps);
  return { mean, middle: v.map((x) => x - mean), divisor: 1 / inverse, unit, y: weighted(unit, gamma) };
}

/** 120 vectors of which two features are larger than the third, as seeded normal numbers. */
function cloudOfVectors() {
  const random = mulberry32(3);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Array.from({ length: 120 }, () => [0.7 + normal(), 0.5 + normal(), 0.2 + normal()]).flat();
}
const CLOUD = cloudOfVectors(), CLOUD_POINTS = triples(CLOUD);

/** The circle of radius √3 in the plane at right angles to a direction, as closed list of points. */
function circleAround(normal) {
  const other = Math.abs(normal[0]) < 0.6 ? [1, 0, 0] : [0, 1, 0];
  const cross = (a, b) => [1, 2, 0].map((j, i) => a[j] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[j]);
  const unit = (a) => times(a, 1 / size(a));
  const first = unit(cross(normal, other)), second = unit(cross(normal, first));
  return Array.from({ length: 73 }, (_, i) => {
    const angle = (i * Math.PI) / 36;
    return times(plus(times(first, Math.cos(angle)), times(second, Math.sin(angle))), ROOT3);
  });
}
const CIRCLE = circleAround(ONES), GLOBE = AXES.map(circleAround);
const HEXAGON = [ // in the plane
  [1.9, -1.9, 0], [1.9, 0, -1.9], [0, 1.9, -1.9], [-1.9, 1.9, 0], [-1.9, 0, 1.9], [0, -1.9, 1.9],
];

/** Where the eye is: the directions right, up and towards the reader. */
function eyeAt([yaw, pitch]) {
  const [a, e] = [yaw, pitch].map((degrees) => (degrees * Math.PI) / 180);
  const [sa, ca, se, ce] = [Math.sin(a), Math.cos(a), Math.sin(e), Math.cos(e)];
  return { right: [-sa, ca, 0], up: [-se * ca, -se * sa, ce], toward: [ce * ca, ce * sa, se] };
}

// ---- one panel: the space as one norm sees it -----------------------------------------------------------
function panel(which, listeners) {
  const piece = (name, kind = ":path") => svg.appendChild(h(kind, { class: name }));
  const svg = h(":svg", { class: "space", "aria-hidden": "true" });
  const ground = attr(piece("ground", ":rect"), { "data-drag": "" });
  const paths = (...names) => names.map((name) => piece(name));
  const [plane, ball, back, line, cloud] = paths("plane", "ball", "back", "line", "cloud");
  const [afterBack, front, after] = paths("after far", "front", "after");
  const marks = AXES.map(() => piece("mute", ":text"));
  const equal = piece("mute", ":text");
  const [arrow, drop, reach, weigh] = paths("arrow", "drop", "reach", "weigh");
  const circles = (...names) => names.map((name) => piece(name, ":circle"));
  const [middle, unit, end] = circles("middle", "unit", "end");
  const [endName, tipName] = ["a", "tip"].map((name) => piece(name, ":text"));
  const [ghost, tip, hold] = circles("ghost", "knob", "hold");
  const radii = [[ghost, 8], [middle, 4.5], [unit, 4.5], [end, 6.5], [tip, 8], [hold, 22]];
  for (const [node, r] of radii) attr(node, { r });
  attr(hold, { "data-drag": "" });
  ground.addEventListener("pointerdown", (event) => listeners.turn(event));
  hold.addEventListener("pointerdown", (event) => listeners.pull(event, scale));
  const list = h("ul", { class: "steps" });
  const box = h("div", { class: "panel " + which }, h("p", { class: "title" }, NAMES[which]), svg, list);
  let width = 340, height = 300, scale = 40;

  /** From space to the picture, whose middle is the origin. */
  const place = (eye, p) => [dot(eye.right, p) * scale, -dot(eye.up, p) * scale];
  const through = (eye, points) => path(...[0, 1].map((k) => points.map((p) => place(eye, p)[k])));

  /** Cut a closed curve on the sphere into its near and its far part, both under the weight. */
  function halves(eye, curve, gamma) {
    const near = curve.map((p) => facing(eye, p, gamma));
    const part = (wanted) => through(eye, curve.map((p, i) => {
      const seen = near[i] === wanted || near[i - 1] === wanted || near[i + 1] === wanted;
      return seen ? weighted(p, gamma) : [NaN, NaN, NaN];
    }));
    return [part(true), part(false)];
  }

  /** Does the surface at the weighted point face the reader? Its normal there is p / gamma. */
  function facing(eye, p, gamma) {
    const tiny = 1e-9;
    return dot(p, eye.toward.map((x, i) => x / (Math.abs(gamma[i]) < tiny ? tiny : gamma[i]))) >= 0;
  }

  /** The outline of the ellipsoid: a 2×3 matrix M maps a sphere to an ellipse, found from M Mᵀ. */
  function outline(eye, gamma) {
    const r = weighted(eye.right, gamma), u = weighted(eye.up, gamma);
    const a = dot(r, r), b = -dot(r, u), d = dot(u, u); // M Mᵀ = [[a, b], [b, d]]
    const half = Math.hypot((a - d) / 2, b), turn = Math.atan2(2 * b, a - d) / 2;
    const axis = (x) => Math.sqrt(Math.max((a + d) / 2 + x, 0)) * ROOT3 * scale;
    const long = axis(half), short = axis(-half);
    const points = Array.from({ length: 73 }, (_, i) => {
      const x = long * Math.cos((i * Math.PI) / 36), y = short * Math.sin((i * Math.PI) / 36);
      return [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
    });
    return path(points.map(([x]) => x), points.map(([, y]) => y));
  }

  const dots = (eye, points) => points.map((p) => {
    const [x, y] = place(eye, p);
    return Math.abs(x) < width / 2 && Math.abs(y) < height / 2 ? `M${x.toFixed(1)} ${y.toFixed(1)}h0` : "";
  }).join("");

  /** What does not depend on v. */
  function scene(eye, gamma, clouds) {
    attr(svg, { viewBox: `${-width / 2} ${-height / 2} ${width} ${height}`, height });
    attr(ground, { x: -width / 2, y: -height / 2, width, height, rx: 10 });
    const curves = (which === "layer" ? [CIRCLE] : GLOBE).map((curve) => halves(eye, curve, gamma));
    attr(plane, { d: which === "layer" ? through(eye, HEXAGON) + "Z" : "" });
    attr(ball, { d: outline(eye, gamma) });
    attr(front, { d: curves.map(([near]) => near).join("") });
    attr(back, { d: curves.map(([, far]) => far).join("") });
    const lines = [[times(ONES, -1.75), times(ONES, 1.75)], ...AXES.map((a) => [[0, 0, 0], times(a, 2.25)])];
    attr(line, { d: lines.map((ends) => through(eye, ends)).join("") });
    const near = (p) => facing(eye, p, gamma);
    attr(cloud, { d: dots(eye, clouds.before) });
    const sides = [true, false].map((side) => clouds.unit.filter((p) => near(p) === side));
    const [nearDots, farDots] = sides.map((points) => dots(eye, points.map((p) => weighted(p, gamma))));
    attr(after, { d: nearDots });
    attr(afterBack, { d: farDots });
    AXES.forEach((axis, i) => write(marks[i], "x" + SUBSCRIPTS[i], place(eye, times(axis, 2.45))));
    write(equal, "x₁ = x₂ = x₃", place(eye, times(ONES, 2)));
  }

  /** A label beside a place, in a direction from it; it stays inside the picture. */
  function write(node, text, [x, y], [dx, dy] = [0, 0]) {
    node.textContent = text;
    const half = text.length * 3.7 + 4; // about half of the text's width
    const middle = x + dx * (half + 10);
    attr(node, {
      x: clamp(middle, half - width / 2, width / 2 - half).toFixed(1),
      y: clamp(y + dy * 19 + 4, 14 - height / 2, height / 2 - 6).toFixed(1),
      "text-anchor": "middle",
    });
  }

  /** The direction of an arrow on the picture; another one if the arrow has no length. */
  function along([dx, dy], otherwise) {
    const long = Math.hypot(dx, dy);
    return long > 1 ? [dx / long, dy / long] : otherwise;
  }

  /** What follows v. */
  function vector(eye, v, result, gamma, before) {
    const at = (p) => place(eye, p);
    const put = (node, [x, y]) => attr(node, { cx: x.toFixed(1), cy: y.toFixed(1) });
    const join = (node, a, b) => attr(node, { d: through(eye, [a, b]) });
    const plain = gamma.every((g) => g === 1);
    join(arrow, [0, 0, 0], v);
    join(drop, v, result.middle);
    join(reach, result.middle, result.unit);
    join(weigh, result.unit, result.y);
    put(middle, at(result.middle));
    put(unit, at(result.unit));
    put(end, at(result.y));
    if (before) put(ghost, at(before));
    middle.style.display = which === "layer" ? "" : "none";
    unit.style.display = weigh.style.display = plain ? "none" : "";
    ghost.style.display = before ? "" : "none";

    const [x, y] = at(v); // the dot can always be reached: beyond the edge it waits at the edge
    const inside = Math.min(1, (width / 2 - 14) / Math.abs(x), (height / 2 - 14) / Math.abs(y));
    const seen = [x * inside, y * inside];
    put(tip, seen);
    put(hold, seen);

    // The names stand at right angles to the lines, on different sides of them.
    const [ex, ey] = at(result.y);
    const [fromX, fromY] = which === "layer" ? at(result.middle) : [0, 0];
    let side = along([fromY - ey, ex - fromX], [0, 1]);
    const away = side[0] * (ex - x) + side[1] * (ey - y);
    if (Math.abs(away) < 1 ? side[1] < 0 : away < 0) side = [-side[0], -side[1]];
    if (!plain) side = along(at(result.y).map((q, k) => q - at(result.unit)[k]), side);
    const outward = size(result.y) < size(v) ? along([x, y], [0, -1]) : [0, side[1] > 0 ? -1 : 1];
    const nothing = size(result.y) < 0.005;
    write(endName, NAMES[which] + (nothing ? "(v) = 0" : "(v)"), [ex, ey], nothing ? [0, 1.1] : side);
    write(tipName, inside < 1 ? "v, beyond the edge" : "v", seen, inside < 1 ? [0, y > 0 ? -1 : 1] : outward);
  }

  function steps(result, gamma) {
    const plain = gamma.every((g) => g === 1), centered = which === "layer";
    const divided = `÷ ${small(result.divisor)} (${centered ? "sd" : "RMS"}): ${written(result.unit)}`;
    const lines = [
      centered
        ? ["○", `− mean ${fmt(result.mean)}: ${written(result.middle)}`]
        : ["", "nothing is subtracted"],
      [plain ? "●" : "○", divided],
      ["", `${lengthInWords(result)}, sum ${fmt(tidy(dot(result.unit, ONES)))}`],
    ];
    if (!plain) lines.push(["●", `× γ: ${written(result.y)}, length ${fmt(size(result.y))}`]);
    list.replaceChildren(...lines.map(([sign, text], i) => {
      const color = sign === "●" || (sign && i === 1) ? "a" : "";
      return h("li", {}, h("i", { "aria-hidden": "true", class: color }, sign), text);
    }));
  }

  return {
    box, svg, scene, vector, steps,
    resize(w) {
      width = w;
      height = Math.min(310, Math.max(256, w * 0.88));
      scale = height / 6.4;
    },
  };
}

/** Is the result on the sphere, short of it because of eps, or nothing? */
function lengthInWords({ unit }) {
  const length = size(unit);
  if (length < 0.005) return "length 0";
  return `length ${fmt(length)}` + (Math.abs(length - ROOT3) < 0.005 ? " = √3" : ", short of √3");
}

const QUESTIONS = [
  ["v = (5, 5, 5). Where does LayerNorm send it?", ["to (1, 1, 1)", "to 0", "somewhere on the circle"], 1,
    "All features equal their mean, and without the mean nothing is left: 0 / √ε is 0. "
    + "RMSNorm keeps the mean and sends v to (1, 1, 1).", { v: [5, 5, 5] }],
  ["We add 1 to every feature of v = (1.8, 1.2, 0). Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 1,
    "The mean grows by 1 too, and LayerNorm takes it away. RMSNorm does not.",
    { v: [2.8, 2.2, 1], before: [1.8, 1.2, 0], words: "v + (1, 1, 1)" }],
  ["We double v = (2, 1, −1). Which output moves?", ["LayerNorm's", "RMSNorm's", "both", "neither"], 3,
    "The divisor doubles too. Only the direction counts, as long as ε is small beside the spread.",
    { v: [4, 2, -2], before: [2, 1, -1], words: "2 v" }],
  ["We turn v = (1.8, 1.2, 0) into −v. Which output moves?",
    ["LayerNorm's", "RMSNorm's", "both", "neither"], 2,
    "The divisor of −v is that of v, so only the sign changes: both jump to the opposite side.",
    { v: [-1.8, -1.2, 0], before: [1.8, 1.2, 0], words: "−v" }],
];
const ACTIONS = [
  ["v + (1, 1, 1)", (x) => x + 1], ["v − (1, 1, 1)", (x) => x - 1],
  ["2 v", (x) => 2 * x], ["½ v", (x) => x / 2], ["−v", (x) => -x],
];

function render({ model, el }) {
  const [root, unframe] = frame(el, "geometry", CSS, "The plane and the sphere: LayerNorm beside RMSNorm");
  const say = speaker(root);
  const state = store(model, SPEC, perFrame(() => update(say)));
  let last = null; // the last button: {words, before, v}
  let weighing = false; // the weight's sliders are open
  let measured = "", drawn = "", late = 0, told = "";

  // ---- controls ---------------------------------------------------------------------------------------
  const choices = [["both", "both"], ...Object.entries(NAMES)];
  const shown = radios("Show", choices, (which) => state.set({ which }));
  const item = (trait, i) => (x) => state.set({ [trait]: replaced(state.get(trait), i, x) });
  const three = (trait, name, most) => SUBSCRIPTS.map((mark, i) =>
    slider(name + mark, { min: -most, max: most, step: 0.1 }, item(trait, i)));
  const parts = three("v", "v", FAR), weights = three("gamma", "γ", 2);
  const weight = toggle("Weight γ", (on) => {
    weighing = on;
    state.set({ gamma: on ? WEIGHT : ONES });
  });
  const turns = [["Turn", 180], ["Tilt", 90]].map(([name, most], i) =>
    slider(name, { min: -most, max: most, step: 1 }, item("view", i)));
  const actions = ACTIONS.map(([words, f]) => button(words, () => act(words, f)));
  function act(words, f) {
    const before = state.get("v"), v = before.map(f);
    if (v.some((x) => Math.abs(x) > FAR)) return; // the button is marked as disabled, with the reason
    last = { words, before, v };
    state.set({ v });
  }
  const quiz = guess(QUESTIONS, ({ v, before, words }) => {
    last = before ? { words, before, v } : null;
    weighing = false;
    state.set({ v, gamma: ONES, eps: 1e-5, which: "both" });
  });
  const reset = button("Reset", () => {
    quiz.stop();
    last = null;
    weighing = false;
    state.reset();
  });

  // ---- the pointer ------------------------------------------------------------------------------------
  /** Follow a pointer from here until it is let go; `moved` gets how far it went. */
  function follow(event, moved) {
    if (event.button) return;
    event.preventDefault();
    const target = event.currentTarget, { clientX, clientY, pointerId } = event;
    target.setPointerCapture(pointerId);
    const move = (now) => {
      if (now.pointerId === pointerId) moved(now.clientX - clientX, now.clientY - clientY);
    };
    const stop = () => target.removeEventListener("pointermove", move);
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", stop, { once: true });
  }
  /** v follows the pointer in the plane that the reader looks at. */
  function pull(event, scale) {
    const from = state.get("v"), { right, up } = eyeAt(state.get("view"));
    follow(event, (dx, dy) => {
      const v = plus(plus(from, times(right, dx / scale)), times(up, -dy / scale));
      state.set({ v: v.map((x) => Math.round(100 * clamp(x, -FAR, FAR)) / 100) });
    });
  }
  function turn(event) {
    const [yaw, pitch] = state.get("view");
    follow(event, (dx, dy) => {
      const around = ((((yaw - dx / 2 + 180) % 360) + 360) % 360) - 180;
      state.set({ view: [Math.round(around), Math.round(clamp(pitch + dy / 2, -90, 90))] });
    });
  }

  // ---- the figure -------------------------------------------------------------------------------------
  const panels = { layer: panel("layer", { turn, pull }), rms: panel("rms", { turn, pull }) };
  const both = h("div", { class: "panels" }, panels.layer.box, panels.rms.box);
  const says = h("div", { class: "nl-says" });
  const limit = h("span", { class: "nl-note" });
  const weightRow = h("div", { class: "three" }, weights);
  root.append(h("div", { class: "nl-box" },
    h("div", { class: "nl-bar" }, shown, h("fieldset", { class: "nl-seg" }, weight)),
    quiz.box, both, says,
    h("div", { class: "nl-bar change" }, h("span", { class: "nl-note" }, "Change v to"), actions, limit),
    h("div", { class: "three" }, parts), weightRow, h("div", { class: "three" }, turns),
    h("div", { class: "nl-bar end" }, quiz.button, reset,
      h("span", { class: "nl-note" }, "Drag the dark dot to move v, or the ground to turn the space."))));

  const cloudAfter = {};
  function update(tell = () => {}) { // tells nothing when it is first drawn or only resized
    const now = Object.fromEntries(Object.keys(SPEC).map((name) => [name, state.get(name)]));
    const { v, gamma, eps, view, which } = now;
    const eye = eyeAt(view), seen = which === "both" ? ["layer", "rms"] : [which];
    if (last && last.v.some((x, i) => x !== v[i])) last = null;
    const results = {}, moved = {}, origin = {};
    for (const name of ["layer", "rms"]) {
      results[name] = normOf(name, v, gamma, eps);
      if (last) origin[name] = normOf(name, last.before, gamma, eps).y;
      if (last) moved[name] = gap(results[name].y, origin[name]);
    }
    results.rms.kept = results.layer.mean;

    if (which !== measured) measure(which);
    const key = JSON.stringify([gamma, eps, view, which]);
    for (const name of seen) {
      if (key !== drawn) {
        if (cloudAfter[name]?.eps !== eps) {
          cloudAfter[name] = Object.assign(triples(normalizeAll(name, CLOUD, eps).y), { eps });
        }
        panels[name].scene(eye, gamma, { before: CLOUD_POINTS, unit: cloudAfter[name] });
      }
      panels[name].vector(eye, v, results[name], gamma, moved[name] > 0.0005 ? origin[name] : null);
      panels[name].steps(results[name], gamma);
    }
    drawn = key;

    shown.pick(which);
    parts.forEach((part, i) => part.show(v[i], fmt(v[i])));
    weights.forEach((part, i) => part.show(gamma[i], fmt(gamma[i])));
    turns.forEach((part, i) => part.show(view[i], fmt(view[i], 0) + "°"));
    weight.input.checked = weighing || gamma.some((g) => g !== 1);
    weightRow.hidden = !weight.input.checked;
    const tooFar = ACTIONS.map(([, f]) => v.some((x) => Math.abs(f(x)) > FAR));
    actions.forEach((node, i) => node.setAttribute("aria-disabled", tooFar[i]));
    limit.textContent = tooFar.includes(true) ? `Pale: beyond ±${FAR}.` : "";

    says.replaceChildren(...(last
      ? changeInWords(last.words, moved, seen)
      : stateInWords(results, gamma, seen, cloudAfter)));
    const gives = seen.map((name) => `${NAMES[name]} gives ${written(results[name].y)}`);
    const lines = [...says.children].map((line) => line.textContent);
    tell(`v = ${written(v)}. ${[...gives, ...lines].join(". ")}`.replaceAll("..", "."));
    report({ mean: results.layer.mean, layer: results.layer.y, rms: results.rms.y, length: size(v) });
  }

  /** Tell Python, when the reader rests. */
  function report(stats) {
    const text = JSON.stringify(stats);
    clearTimeout(late);
    if (text !== told) {
      late = setTimeout(() => {
        told = text;
        model.set("stats", stats);
        model.save_changes();
      }, 150);
    }
  }

  /** Give the panels that are seen the room there is. */
  function measure(which) {
    measured = which;
    drawn = "";
    both.classList.toggle("one", which !== "both");
    for (const name in panels) panels[name].box.hidden = which !== "both" && which !== name;
    for (const name in panels) panels[name].resize(panels[name].svg.clientWidth || 340);
  }

  const unwatch = onWidth(both, () => {
    measured = "";
    update();
  });
  update();
  return () => {
    clearTimeout(late);
    unwatch();
    state.off();
    unframe();
  };
}

// ---- sentences, with every number from the state --------------------------------------------------------
function changeInWords(words, moved, seen) {
  const still = (name) => moved[name] < 0.0005;
  const line = (name) => h("p", {}, h("b", {}, `${NAMES[name]} ${still(name) ? "stays" : "moves"}`),
    ` (by ${fmt(still(name) ? 0 : moved[name], 3)})`);
  const ring = seen.every(still) ? "" : " A dashed ring marks where an output was.";
  return [h("p", {}, `v became ${words}.${ring}`), ...seen.map(line)];
}

function stateInWords(results, gamma, seen, cloudAfter) {
  const lines = seen.map((name) => {
    const { unit, mean, divisor } = results[name], layer = name === "layer";
    const where = layer ? "the circle where plane and sphere meet" : "the sphere";
    const title = layer ? "LayerNorm: the plane, then the sphere. " : "RMSNorm: only the sphere. ";
    if (size(unit) < 0.005) {
      const left = `All features equal their mean ${fmt(mean)}; without it nothing is left, and `;
      const why = layer ? left : "v is 0, and ";
      return h("p", {}, h("b", {}, `${NAMES[name]} gives 0. `), why, "0 / √ε = 0.");
    }
    const what = layer ? `The mean ${fmt(mean)} goes, the rest` : "v";
    const how = `${what} is divided by ${small(divisor)}. `;
    const short = ROOT3 - size(unit) < 0.005 ? "" : "ε is not small here, so the output falls short. ";
    const all = cloudAfter[name];
    const there = all.filter((p) => Math.abs(size(p) - ROOT3) < 0.01).length;
    const points = there === all.length ? `All ${there}` : `${there} of ${all.length}`;
    return h("p", {}, h("b", {}, title), how, short, `${points} gray points land on ${where}.`);
  });
  if (gamma.some((g) => g !== 1)) {
    const [a, b] = seen.length > 1 ? ["circle and sphere", "ellipse and ellipsoid"]
      : seen[0] === "layer" ? ["the circle", "an ellipse"] : ["the sphere", "an ellipsoid"];
    const becomes = seen.length > 1 ? "become" : "becomes";
    lines.push(h("p", {}, h("b", {}, "γ "), `then scales each axis: ${a} ${becomes} ${b}.`));
  }
  return lines;
}

export default { render, address: ["v", "gamma", "eps", "view", "which"] };
