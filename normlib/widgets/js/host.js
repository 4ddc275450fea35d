// What stands in for Jupyter on a page: it mounts the figures with no kernel and no network.
class Model {
  #values;
  #heard = new Map();
  #dirty = new Set();
  constructor(values) {
    this.#values = values;
  }
  get(name) {
    return this.#values[name];
  }
  set(name, value) {
    if (this.#values[name] === value) return;
    this.#values[name] = value;
    this.#dirty.add(name);
  }
  save_changes() {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const name of dirty) this.#call("change:" + name);
    if (dirty.length) this.#call("change");
  }
  on(event, f) {
    if (!this.#heard.has(event)) this.#heard.set(event, new Set());
    this.#heard.get(event).add(f);
  }
  off(event, f) {
    this.#heard.get(event)?.delete(f);
  }
  #call(event) {
    for (const f of [...(this.#heard.get(event) ?? [])]) f();
  }
}

/** The state that an address holds for a figure: #SharedStatistics?norm=group&groups=3 */
function fromAddress(name, keys) {
  const [figure, query = ""] = location.hash.slice(1).split("?");
  const state = {};
  if (figure !== name) return state;
  for (const [key, text] of new URLSearchParams(query)) {
    if (!keys.includes(key)) continue;
    try {
      state[key] = JSON.parse(text);
    } catch {
      state[key] = text; // words need no quotes
    }
  }
  return state;
}

/** Write what differs from the author's state into the address. */
function toAddress(name, model, keys, authors) {
  const query = new URLSearchParams();
  for (const key of keys) {
    const value = model.get(key), text = JSON.stringify(value);
    if (text !== authors[key]) query.set(key, typeof value === "string" ? value : text);
  }
  const mine = location.hash.slice(1).split("?")[0] === name;
  if (query.size) history.replaceState(null, "", `#${name}?${query}`);
  else if (mine) history.replaceState(null, "", location.pathname + location.search);
}

/** Mount a figure in every <div class="normlib-figure" data-figure="Name"> of the page. */
function mountAll(name, figure) {
  const places = [...document.querySelectorAll(`.normlib-figure[data-figure="${name}"]`)];
  const keys = figure.address ?? [];
  function mount(el) {
    if ("mounted" in el.dataset) return;
    const model = new Model(JSON.parse(el.dataset.traits || "{}"));
    el.model = model; // for tests and for the curious
    try {
      figure.render({ model, el });
    } catch (error) {
      console.error(error); // the static picture and its sentence stay
      return;
    }
    el.dataset.mounted = "";
    if (el !== places[0] || !keys.length) return; // one address, so one figure has it
    const authors = Object.fromEntries(keys.map((key) => [key, JSON.stringify(model.get(key))]));
    const linked = Object.entries(fromAddress(name, keys));
    for (const [key, value] of linked) model.set(key, value);
    model.save_changes();
    if (linked.length) el.scrollIntoView();
    model.on("change", () => toAddress(name, model, keys, authors));
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) mount(entry.target);
  }, { rootMargin: "600px" });
  for (const el of places) seen.observe(el);
  if (places[0] && Object.keys(fromAddress(name, keys)).length) mount(places[0]);
}

/** Start when the page is there. */
export function start(name, figure) {
  const go = () => mountAll(name, figure);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", go);
  else go();
}
