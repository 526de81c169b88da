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

  // Sorting: the best first, the other way round, and as it was. Cells without a number come last.
  const keyOf = (cell, numeric) => (numeric ? parseFloat(cell.dataset.value || cell.textContent) : cell.textContent);
  const compare = (a, b, sign) => {
    const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)];
    if (noA || noB) return noA - noB;
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
  };
  const nextOrder = (heading) => {
    const orders = ["ascending", "descending"];
    if ("falls" in heading.dataset) orders.reverse();
    return [...orders, "none"][["none", ...orders].indexOf(heading.getAttribute("aria-sort"))];
  };
  const sort = (table, heading, column, rows) => {
    const next = nextOrder(heading);
    for (const one of table.tHead.rows[0].cells) if (one.hasAttribute("aria-sort")) one.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", next);
    const numeric = heading.classList.contains("number");
    const keyed = rows.map((row) => [keyOf(row.cells[column], numeric), row]);
    if (next !== "none") keyed.sort((a, b) => compare(a[0], b[0], next === "ascending" ? 1 : -1));
    table.tBodies[0].append(...keyed.map((pair) => pair[1]));
  };

  // Above a table: a filter of its rows, the rows without a number, and its columns.
  const MANY_ROWS = 8, MANY_COLUMNS = 6;
  const create = (tag, values, ...children) => {
    const element = Object.assign(document.createElement(tag), values);
    element.append(...children);
    return element;
  };
  const headingsOf = (table) => [...table.tHead.rows[0].cells].map((one) => one.textContent.trim().toLowerCase());
  // `name=value` asks for a column; a number is a whole cell, so that 1 does not find 10.
  const fits = (word, names, cells) => {
    const [name, value] = word.split("=");
    if (value) return cells.some((text, column) => names[column].startsWith(name) && text === value);
    return cells.some((text) => (/^[-+.\d]+$/.test(word) ? text === word : text.includes(word)));
  };
  const addFilter = (tools, table, rows) => {
    const input = create("input", { type: "search", placeholder: "filter rows: lr=0.01 adam" });
    const names = headingsOf(table);
    const count = create("span", { className: "soft" });
    count.setAttribute("role", "status");
    input.setAttribute("aria-label", "show only rows with all of these words");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const cells = [...row.cells].map((cell) => cell.textContent.trim().toLowerCase());
        const isShown = words.every((word) => fits(word, names, cells));
        row.classList.toggle("off", !isShown);
        shown += isShown;
      }
      count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
    });
    tools.append(input, count);
  };
  const addEmptyRows = (tools, box, rows) => {
    const empty = rows.filter((row) => row.classList.contains("none"));
    if (!empty.length) return;
    for (const row of empty) row.classList.add("folds");
    const check = create("input", { type: "checkbox" });
    check.addEventListener("change", () => box.classList.toggle("all", check.checked));
    tools.append(create("label", {}, check, `${empty.length} rows without a result`));
  };
  const addColumns = (tools, table) => {
    const headings = [...table.tHead.rows[0].cells];
    if (headings.length <= MANY_COLUMNS) return;
    const list = create("fieldset", {});
    headings.forEach((heading, column) => {
      if (!column) return; // the first column stays: it names the row
      const check = create("input", { type: "checkbox", checked: true });
      check.addEventListener("change", () => {
        for (const row of table.rows) row.cells[column].hidden = !check.checked;
        table.dispatchEvent(new Event("resized"));
      });
      list.append(create("label", {}, check, heading.textContent.trim().replace(/\s+/g, " ")));
    });
    tools.append(create("details", {}, create("summary", { textContent: "columns" }), list));
  };
  const addShade = (table) => {
    const scroll = table.parentElement;
    const shade = create("div", { className: "shade" });
    scroll.before(shade);
    shade.append(scroll);
    const update = () => {
      shade.classList.toggle("moved", scroll.scrollLeft > 1);
      shade.classList.toggle("more", scroll.scrollLeft + scroll.clientWidth < scroll.scrollWidth - 1);
    };
    scroll.addEventListener("scroll", update, { passive: true });
    table.addEventListener("resized", update);
    new ResizeObserver(update).observe(scroll);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    if (!table.tHead) continue;
    const rows = [...table.tBodies[0].rows];
    const box = table.closest(".tablebox");
    const tools = box.querySelector(".tools");
    if (rows.length > MANY_ROWS) addFilter(tools, table, rows);
    addEmptyRows(tools, box, rows);
    addColumns(tools, table);
    tools.hidden = !tools.childElementCount;
    addShade(table);
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

  // A click enlarges a figure; Escape, a click or the button closes it.
  const dialog = document.createElement("dialog");
  const closing = create("button", { type: "button", textContent: "close" });
  const words = document.createElement("p");
  dialog.append(closing, words);
  dialog.setAttribute("aria-label", "enlarged figure");
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => { if (event.target !== words) dialog.close(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.zoom");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const figure = link.closest("figure");
    const picture = link.querySelector("img");
    dialog.querySelector("img")?.remove();
    closing.after(create("img", { src: picture.src, alt: picture.alt }));
    dialog.className = figure.className;
    words.textContent = figure.querySelector("figcaption span").textContent;
    dialog.showModal();
  });

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
