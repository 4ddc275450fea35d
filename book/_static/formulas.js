// A formula that is wider than its column can be scrolled by keys; the others are no stops on the way.
(() => {
  const check = () => {
    for (const box of document.querySelectorAll("div.math > .formula")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };
  addEventListener("load", () => document.fonts.ready.then(check));
  addEventListener("resize", check);
})();
