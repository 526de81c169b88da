"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("script");

  // Light or dark: as the system says, until the button says otherwise.
  const button = document.getElementById("theme");
  const stored = (value) => {
    try {
      if (value) localStorage.setItem("gensweep-theme", value);
      return localStorage.getItem("gensweep-theme");
    } catch {
      return null; // a browser that keeps nothing for files
    }
  };
  const shows = () => root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const other = () => (shows() === "dark" ? "light" : "dark");
  const label = () => { button.textContent = other(); button.setAttribute("aria-label", `show in ${other()} colours`); };
  if (["light", "dark"].includes(stored())) root.dataset.theme = stored();
  button.addEventListener("click", () => { root.dataset.theme = stored(other()) || other(); label(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  button.hidden = false;
  label();

  // Sorting: up, down, and as it was. Cells without a number come last either way.
  const keyOf = (cell, numeric) => (numeric ? parseFloat(cell.dataset.value || cell.textContent) : cell.textContent);
  const compare = (a, b, sign) => {
    const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)];
    if (noA || noB) return noA - noB;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
  const sort = (table, heading, column, rows) => {
    const next = { none: "ascending", ascending: "descending", descending: "none" }[heading.getAttribute("aria-sort")];
    for (const one of table.tHead.rows[0].cells) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", next);
    const numeric = heading.classList.contains("number");
    const keyed = rows.map((row) => [keyOf(row.cells[column], numeric), row]);
    if (next !== "none") keyed.sort((a, b) => compare(a[0], b[0], next === "ascending" ? 1 : -1));
    table.tBodies[0].append(...keyed.map((pair) => pair[1]));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    if (!table.tHead) continue;
    const rows = [...table.tBodies[0].rows];
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      if ("fixed" in heading.dataset) return;
      const inner = document.createElement("button");
      inner.type = "button";
      inner.append(...heading.childNodes);
      heading.append(inner);
      heading.setAttribute("aria-sort", "none");
      inner.addEventListener("click", () => sort(table, heading, column, rows));
    });
  }

  // Copying a command.
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  };
  for (const one of document.querySelectorAll(".copy")) one.hidden = false;
  document.addEventListener("click", async (event) => {
    const one = event.target.closest(".copy");
    if (!one) return;
    one.textContent = (await copied(one.dataset.copy)) ? "copied" : "no clipboard";
    setTimeout(() => { one.textContent = "copy"; }, 1500);
  });

  // Paper cannot be clicked: open what is folded, but for the long lists.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not(.long):not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
