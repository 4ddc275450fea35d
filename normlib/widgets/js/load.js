// Loads the script of a figure when its place comes near, or when an address asks for it: two of them
// bring what they train on, and most readers never come to every figure of a page.
const folder = document.currentScript.src.replace(/[^/]*$/, ""), asked = new Set();

function load(name) {
  if (asked.has(name) || !Object.hasOwn(versions, name)) return;
  asked.add(name);
  const script = document.createElement("script");
  script.src = `${folder}${name}.js?v=${versions[name]}`;
  document.head.append(script);
}

// Who only looks at the first screen pays for its figures alone, and after the page; who moves finds the
// next ones ready.
function watch(margin) {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) load(entry.target.dataset.figure);
  }, { rootMargin: margin });
  for (const place of document.querySelectorAll(".normlib-figure")) near.observe(place);
}
if (document.readyState === "complete") watch("0px");
else addEventListener("load", () => watch("0px"), { once: true });
for (const kind of ["scroll", "keydown"]) addEventListener(kind, () => watch("1000px"), { once: true });
/** An address with a figure's name leads to it; with a state in it the figure itself does the rest. */
function linked() {
  const [name, query] = location.hash.slice(1).split("?");
  load(name);
  if (asked.has(name) && !query) document.querySelector(`.normlib-figure[data-figure="${name}"]`)?.scrollIntoView();
}
linked();
addEventListener("hashchange", linked);
