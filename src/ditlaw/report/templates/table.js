// Tables: sorted by a button in a column's head, filtered, saved as CSV.
(() => {
  "use strict";
  const text = cell => cell.textContent.replace(/\s+/g, " ").trim();
  const rows = table => [...table.tBodies[0].rows];

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "sort" });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.ariaSort === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        table.tBodies[0].append(...rows(table).sort((a, b) => order(a.cells[column], b.cells[column], down)));
      });
    });
  }

  // Numbers before words, and what is not known last, whichever way the column is sorted.
  function order(a, b, down) {
    const [x, y] = [a.dataset.v, b.dataset.v];
    if (x !== undefined && y !== undefined) return down ? y - x : x - y;
    if (x !== undefined || y !== undefined) return x !== undefined ? -1 : 1;
    const compared = text(a).localeCompare(text(b), "en", { numeric: true });
    return down ? -compared : compared;
  }

  function filterable(name, table) {
    const words = document.querySelector(`[data-filter="${name}"]`);
    const kind = document.querySelector(`select[data-kind="${name}"]`);
    const shown = document.getElementById(name + "-shown");
    function filter() {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows(table)) {
        const held = text(row).toLowerCase();
        row.hidden = !wanted.every(word => held.includes(word))
          || (kind.value !== "" && row.dataset.kind !== kind.value);
      }
      const left = rows(table).filter(row => !row.hidden).length;
      shown.textContent = `${left} of ${rows(table).length}`;
    }
    words.closest(".tools").hidden = false;
    words.addEventListener("input", filter);
    kind.addEventListener("change", filter);
    filter();
  }

  // A cell as CSV has it; a spreadsheet would compute a word that begins as a formula does.
  function quoted(value) {
    const safe = /^[=+\-@\t\r]/.test(value) && isNaN(value) ? "'" + value : value;
    return /[",\n\r]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  }

  // The rows that are shown, in their order; a column with intervals becomes three.
  function csv(table) {
    const bounded = [...table.tHead.rows[0].cells].map((_, i) =>
      rows(table).some(row => row.cells[i].dataset.low || row.cells[i].dataset.high));
    const named = [...table.tHead.rows[0].cells].flatMap((head, i) => {
      const name = head.dataset.savedAs ?? text(head);
      return bounded[i] ? [name, name + " low", name + " high"] : [name];
    });
    const written = rows(table).filter(row => !row.hidden).map(row => [...row.cells].flatMap((cell, i) => {
      const value = cell.dataset.v ?? text(cell);
      return bounded[i] ? [value, cell.dataset.low ?? "", cell.dataset.high ?? ""] : [value];
    }));
    return [named, ...written].map(line => line.map(quoted).join(",") + "\n").join("");
  }

  for (const table of document.querySelectorAll("table[data-name]")) {
    const name = table.dataset.name;
    if ("sortable" in table.dataset) sortable(table);
    if ("sortable" in table.dataset) filterable(name, table);
    const button = document.querySelector(`button[data-table="${name}"]`);
    button.hidden = false;
    button.addEventListener("click", () => ditlaw.save(name + ".csv", csv(table)));
  }
})();
