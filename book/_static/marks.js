// A page that a search leads to opens at the first word that was found, in the section of its address.
if (new URLSearchParams(location.search).has("highlight")) {
  const first = (within) => [...within?.querySelectorAll(".highlighted") ?? []].find((mark) => mark.checkVisibility());
  addEventListener("load", () => setTimeout(() => {
    const mark = first(document.getElementById(location.hash.slice(1))) ?? first(document.querySelector("article"));
    mark?.scrollIntoView({ block: "center" });
  }, 50));
}
