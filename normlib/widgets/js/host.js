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

/** Say what of an address the figure cannot show; as text, whatever it is. Returns how to take it back. */
function refuse(el, wrong, model) {
  const words = (value) => (typeof value === "string" ? value : JSON.stringify(value));
  const short = (value) => words(value).replace(/^(.{40}).+/s, "$1…");
  const node = document.createElement("p");
  node.className = "nl-note nl-refused";
  node.setAttribute("role", "status");
  node.textContent = wrong.map(([key, value]) =>
    `The address asks for ${key} = ${short(value)}; the figure shows ${short(model.get(key))}.`).join(" ");
  el.shadowRoot.querySelector(".nl").prepend(node);
  return () => node.remove();
}

/** Let a figure follow the page's address, and the address the figure. */
function share(el, name, keys) {
  const model = el.model;
  const state = () => JSON.stringify(keys.map((key) => model.get(key)));
  const authors = Object.fromEntries(keys.map((key) => [key, JSON.stringify(model.get(key))]));
  let forgive = () => {}, last = state();
  function follow() {
    const linked = Object.entries(fromAddress(name, keys));
    if (!linked.length || !el.isConnected) return; // one that was taken off the page stays out
    for (const [key, value] of linked) model.set(key, value);
    model.save_changes(); // the figure hears it, and gives back what it can show
    last = state();
    forgive();
    const wrong = linked.filter(([key, value]) => JSON.stringify(model.get(key)) !== JSON.stringify(value));
    forgive = wrong.length ? refuse(el, wrong, model) : () => {};
    el.scrollIntoView();
  }
  follow();
  addEventListener("hashchange", follow); // someone edits the address, or follows a link to it
  model.on("change", () => {
    if (state() === last) return;
    last = state();
    forgive();
    toAddress(name, model, keys, authors);
  });
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
    if (el === places[0] && keys.length) share(el, name, keys); // one address, so one figure has it
  }
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) mount(entry.target);
  }, { rootMargin: "600px" });
  for (const el of places) seen.observe(el);
  const linked = () => {
    if (places[0] && Object.keys(fromAddress(name, keys)).length) mount(places[0]);
  };
  linked();
  addEventListener("hashchange", linked);
}

/** Start when the page is there. */
export function start(name, figure) {
  const go = () => mountAll(name, figure);
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", go);
  else go();
}
