// A link to a term, a source, a figure or a formula shows it while it is pointed at or has the focus.
// It stays while the pointer is over it, and Escape closes it. A touch follows the link as ever.
addEventListener("DOMContentLoaded", () => {
  const far = document.getElementById("previews")?.content;
  const box = document.createElement("div");
  box.className = "preview";
  box.id = "preview";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  let of, wait;

  // A copy of what the link leads to, or nothing.
  function shown(link) {
    const to = link.getAttribute("href");
    if (to[0] !== "#") return far?.querySelector(`[data-for="${CSS.escape(to)}"]`)?.cloneNode(true);
    const target = document.getElementById(decodeURIComponent(to.slice(1)));
    const what = target?.matches("dt")
      ? target.nextElementSibling
      : target?.closest(".citation, figure, div.math");
    const copy = what?.cloneNode(true);
    for (const node of copy?.querySelectorAll(".headerlink, .backrefs, .label, .eqno, script") ?? []) node.remove();
    for (const node of copy ? [copy, ...copy.querySelectorAll("*")] : []) node.removeAttribute("id");
    for (const node of copy?.querySelectorAll("a") ?? []) node.replaceWith(...node.childNodes);
    copy?.classList.remove("citation"); // in a list of them the lines hang
    return copy;
  }

  function close() {
    clearTimeout(wait);
    of?.removeAttribute("aria-describedby");
    of = null;
    box.hidden = true;
  }

  function open(link) {
    const content = shown(link);
    if (!content) return;
    close();
    of = link;
    link.setAttribute("aria-describedby", box.id);
    link.removeAttribute("title"); // the browser would show it over the preview
    box.replaceChildren(content);
    box.hidden = false;
    const room = document.documentElement.clientWidth;
    const lines = link.getClientRects(), at = lines[0];
    const below = at.top < box.offsetHeight + 12;
    box.style.left = `${Math.max(8, Math.min(at.left, room - box.offsetWidth - 8)) + scrollX}px`;
    box.style.top = `${(below ? lines[lines.length - 1].bottom + 4 : at.top - box.offsetHeight - 4) + scrollY}px`;
  }

  const linkAt = (event) => event.target.closest?.('article a[href*="#"]:not(.headerlink)');
  const later = (todo, ms) => {
    clearTimeout(wait);
    wait = setTimeout(todo, ms);
  };
  document.body.append(box);
  addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const link = linkAt(event);
    if (link && link !== of) later(() => open(link), 200);
    else if (link || box.contains(event.target)) clearTimeout(wait);
    else later(close, 300);
  });
  addEventListener("focusin", (event) => {
    const link = linkAt(event);
    if (link?.matches(":focus-visible")) open(link);
    else if (of && !box.contains(event.target)) close();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
});
