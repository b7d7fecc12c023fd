"use strict";
(() => {
  const cases = [...document.querySelectorAll("details.case")];
  const search = document.getElementById("search");
  const boxes = [...document.querySelectorAll(".chip input")];
  const none = document.getElementById("none");
  const texts = new Map(cases.map((one) => [one, one.textContent.toLowerCase()]));

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcomes = boxes.filter((box) => box.checked).map((box) => box.value);
    let shown = 0;
    for (const one of cases) {
      const fits = words.every((word) => texts.get(one).includes(word))
        && (outcomes.length === 0 || outcomes.includes(one.dataset.outcome));
      one.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const chapter of document.querySelectorAll("section.chapter:not(.matrix)")) {
      chapter.hidden = !chapter.querySelector("details.case:not([hidden])");
    }
    none.hidden = shown > 0;
  }

  function step(by, fits) {
    const shown = cases.filter((one) => !one.hidden && fits(one));
    if (shown.length === 0) return;
    const at = cases.findIndex((one) => one.contains(document.activeElement));
    const places = shown.map((one) => cases.indexOf(one));
    const next = by > 0 ? places.find((place) => place > at) : places.findLast((place) => place < at);
    const summary = cases[next ?? places.at(by > 0 ? 0 : -1)].querySelector("summary");
    summary.focus();
    summary.scrollIntoView({ block: "nearest" });
  }

  function theme() {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  function all() {
    const shown = cases.filter((one) => !one.hidden);
    const open = !shown.some((one) => one.open);
    for (const one of shown) one.open = open;
  }

  function reveal() {
    const id = decodeURIComponent(location.hash.slice(1));
    const one = cases.find((known) => known.id === id);
    if (one) { one.open = true; one.scrollIntoView(); }
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "selected";
    }
  }

  document.getElementById("theme").addEventListener("click", theme);
  for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
  if (search) {
    search.addEventListener("input", filter);
    for (const box of boxes) box.addEventListener("change", filter);
    document.getElementById("filter").addEventListener("submit", (event) => event.preventDefault());
    filter();
  }
  const other = (one) => one.dataset.outcome !== "pass";
  const keys = {
    "/": () => search?.focus(), j: () => step(1, () => true), k: () => step(-1, () => true),
    n: () => step(1, other), x: all, t: theme,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target === search) {
      if (event.key === "Escape") { search.value = ""; filter(); search.blur(); }
      return;
    }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  addEventListener("hashchange", reveal);
  reveal();
})();
