// What is wider than its column can be scrolled by keys; all else is no stop on the way.
// The stylesheet draws the edge at which these boxes go on.
addEventListener("DOMContentLoaded", () => {
  const boxes = document.querySelectorAll(
    "div.math > .formula, div.highlight > pre, .cell_output .text_html, " +
    ".pst-scrollable-table-container, .picture",
  );
  const check = (box) => {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  };
  // It also sees a box whose fold is opened.
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => check(target)));
  boxes.forEach((box) => sizes.observe(box));
  document.fonts.ready.then(() => boxes.forEach(check));
});
