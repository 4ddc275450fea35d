// What a search has found: an excerpt in words, and a link to the very section, with the words marked.
// The texts come as scripts, which a page may load where there is no server, too.
{
  const texts = new Map(); // page → promise of its [id, text] sections
  const arrived = new Map();
  window.searchTexts = (page, sections) => arrived.get(page)(sections);

  const textOf = (page) => {
    if (!texts.has(page)) {
      texts.set(page, new Promise((done) => {
        arrived.set(page, done);
        const script = document.createElement("script");
        script.src = `_static/texts/${page}.js`;
        script.onerror = () => done([]);
        document.head.append(script);
      }));
    }
    return texts.get(page);
  };

  // "prenorm" is also found as "pre-norm", "layernorm" as "layer norm" or "LayerNorm".
  const asked = (new URLSearchParams(location.search).get("q") ?? "").toLowerCase().match(/[\p{L}\p{N}_]+/gu) ?? [];
  const patterns = asked.map((word) => [...word].join("[-\u2010 ]?"));
  const found = (text) => patterns.flatMap((p) => [...text.matchAll(new RegExp(p, "giu"))]);
  const kinds = (text) => patterns.filter((p) => new RegExp(p, "iu").test(text)).length;

  const best = (sections, id) => {
    const there = sections.filter(([own]) => own === id);
    const all = there.length && kinds(there[0][1]) ? there : sections;
    const score = ([, text]) => 1000 * kinds(text) + Math.min(999, found(text).length);
    return all.reduce((a, b) => (score(b) > score(a) ? b : a));
  };

  const excerpt = (text) => {
    const box = document.createElement("p");
    box.className = "context";
    const first = found(text).reduce((least, hit) => Math.min(least, hit.index), Infinity);
    let start = Number.isFinite(first) ? Math.max(0, first - 90) : 0;
    if (start) start = text.indexOf(" ", start) + 1;
    const part = text.slice(start, start + 240).replace(/\s+\S*$/, start + 240 < text.length ? "" : "$&");
    box.append(start ? "… " : "");
    let at = 0;
    for (const hit of found(part).sort((a, b) => a.index - b.index)) {
      if (hit.index < at) continue;
      const mark = document.createElement("span");
      mark.className = "highlighted";
      mark.textContent = hit[0];
      box.append(part.slice(at, hit.index), mark);
      at = hit.index + hit[0].length;
    }
    box.append(part.slice(at), start + 240 < text.length ? " …" : "");
    return box;
  };

  const complete = async (item) => {
    const link = item.querySelector("a");
    const [, page, id] = link.getAttribute("href").match(/^([^#?]+)\.html[^#]*#?(.*)$/);
    const sections = await textOf(page);
    if (!sections.length) return;
    const [section, text] = best(sections, id);
    const written = new Set(found(text).map((hit) => hit[0].toLowerCase()));
    const query = written.size ? `?highlight=${encodeURIComponent([...written].join(" "))}` : "";
    link.href = `${page}.html${query}${section && `#${section}`}`;
    if (!item.querySelector("span")) item.append(excerpt(text));
  };

  /** Complete a result; a click that comes earlier waits for it, for five seconds at most. */
  const receive = (item) => {
    const link = item.querySelector("a");
    const ready = Promise.race([complete(item), new Promise((done) => setTimeout(done, 5000))]);
    const wait = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // another tab is opened now
      event.preventDefault();
      ready.then(() => link.click());
    };
    link.addEventListener("click", wait);
    ready.then(() => link.removeEventListener("click", wait));
  };

  // Sphinx would hand the words as they were typed to the first page alone; ours stand in each link.
  new MutationObserver((changes) => {
    localStorage.removeItem("sphinx_highlight_terms");
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.localName === "li") receive(node);
    }
  }).observe(document.getElementById("search-results"), { childList: true, subtree: true });
}
