// The page of slides: keys and two buttons lead from one to the next. A key that is pressed inside of a figure is
// the figure's, but for Page Up and Page Down, which is what a clicker sends. On a phone the page scrolls.
addEventListener("DOMContentLoaded", () => {
  if (!document.querySelector(".slides")) return;
  const slides = [...document.querySelectorAll("article section")]; // the first has the title, and all others in it
  const large = matchMedia("screen and (min-width: 1000px) and (min-height: 620px)");
  const TAKES_KEYS = "input, select, textarea, button, summary, a, [contenteditable], [tabindex='0']";
  const MOVES = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };

  const here = () => slides.findLastIndex((slide) => slide.getBoundingClientRect().top < innerHeight / 2);

  function go(step) {
    const slide = slides[Math.min(Math.max(here() + step, 0), slides.length - 1)];
    slide.scrollIntoView();
    if (slide === slides[0]) scrollTo(0, 0); // with the buttons of the book
    const heading = slide.querySelector("h1, h2");
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true }); // from there a screen reader reads on
    history.replaceState(null, "", `#${slide.id}`);
  }

  function button(label, sign, step) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = sign;
    made.setAttribute("aria-label", label);
    made.addEventListener("click", () => go(step));
    return made;
  }

  const bar = document.createElement("nav"), place = document.createElement("output");
  bar.className = "slide-bar";
  bar.setAttribute("aria-label", "Slides");
  bar.append(button("Previous slide", "‹", -1), place, button("Next slide", "›", 1));
  document.querySelector("article").append(bar);

  const say = () => {
    const text = `${here() + 1} / ${slides.length}`;
    if (place.value !== text) place.value = text;
  };
  addEventListener("scroll", say, { passive: true });
  say();

  // Before the figure, which keeps its keys to itself.
  addEventListener("keydown", (event) => {
    const { key, shiftKey } = event, step = key === " " && shiftKey ? -1 : MOVES[key];
    if (!large.matches || !step || event.ctrlKey || event.altKey || event.metaKey) return;
    if (!key.startsWith("Page") && event.composedPath()[0].closest?.(TAKES_KEYS)) return;
    event.preventDefault();
    event.stopPropagation();
    go(step);
  }, { capture: true });
});
