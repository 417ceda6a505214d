"use strict";
{
  const table = document.getElementById("table"), body = table.tBodies[0], rows = [...body.rows];
  const key = (row, column) => row.cells[column].dataset.order;
  const compare = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) {
      return;
    }
    const down = head.getAttribute("aria-sort") === "ascending", column = head.cellIndex;
    for (const other of table.tHead.rows[0].cells) {
      other.removeAttribute("aria-sort");
    }
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.sort((a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      return (x === "") - (y === "") || (down ? -1 : 1) * compare(x, y); // what is missing comes last
    });
    body.append(...rows);
  });
  const filter = document.getElementById("filter"), matches = document.getElementById("matches");
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += !row.hidden;
    }
    matches.textContent = words.length ? `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")} runs` : "";
  });
}
