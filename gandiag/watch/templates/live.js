"use strict";
// Keeps a page in step with its run: whenever the server says that there is a new version, the page is fetched again
// and what has changed is put in place. Charts stay the elements they are, so that a zoom and hidden lines survive.
{
  const live = document.getElementById("live"), own = live.dataset.run;
  const state = document.getElementById("live-state"), clock = document.getElementById("live-time");
  const made = new Map(); // what the server sent of each part of the page, before scripts touched it
  let version = live.dataset.version, busy = false, again = false, seen = null;

  const DATA = "body > style.pictures, body > svg.defs, body > dialog, #slides-data, #charts-data";
  const parts = (root) => [...root.querySelectorAll("body > header, main > *")];
  const keyOf = (part) => part.id || part.tagName;
  const words = (element) => element.textContent.replace(/[\d,]+/g, "#").trim();
  const chartKey = (plot) => `${plot.parentElement.closest("[id]")?.id} ${words(plot.parentElement.querySelector("figcaption b"))}`;
  const foldKey = (fold) => `${fold.id} ${fold.parentElement.closest("[id]")?.id} ${words(fold.querySelector("summary"))}`;
  for (const part of parts(document)) {
    made.set(keyOf(part), part.outerHTML);
  }

  function put(before, after) {
    const folds = new Map([...before.querySelectorAll("details")].map((fold) => [foldKey(fold), fold.open]));
    for (const fold of after.querySelectorAll("details")) {
      fold.open = folds.get(foldKey(fold)) ?? fold.open;
    }
    const drawn = new Map([...before.querySelectorAll(".plot")].map((plot) => [chartKey(plot), plot]));
    before.replaceWith(after);
    for (const plot of after.querySelectorAll(".plot")) {
      const key = chartKey(plot), old = drawn.get(key);
      if (old) {
        old.dataset.chart = plot.dataset.chart;
        const [legend, fresh] = [old.parentElement?.querySelector(".legend"), plot.parentElement.querySelector(".legend")];
        plot.replaceWith(old);
        if (legend && fresh) {
          fresh.replaceWith(legend);
        }
        drawn.delete(key);
      }
    }
    drawn.forEach((plot) => window.Plotly?.purge(plot));
  }

  function merge(next) {
    const main = document.querySelector("main"), kept = new Set();
    let last = null;
    for (const part of parts(next)) {
      const key = keyOf(part), text = part.outerHTML;
      const here = parts(document).find((other) => keyOf(other) === key);
      kept.add(key);
      let now = here;
      if (!here) {
        now = document.importNode(part, true);
        last && last.parentElement === main ? last.after(now) : main.prepend(now);
      } else if (made.get(key) !== text) {
        now = document.importNode(part, true);
        put(here, now);
      }
      made.set(key, text);
      last = now;
    }
    parts(document).filter((part) => !kept.has(keyOf(part))).forEach((part) => part.remove());
    for (const data of next.querySelectorAll(DATA)) { // pictures, which parts name, and what scripts read
      const here = document.querySelector(data.id ? `#${data.id}` : `body > ${data.tagName}.${data.getAttribute("class")}`);
      if (here && data.tagName === "DIALOG") {
        continue; // it may be open
      }
      here ? here.replaceWith(document.importNode(data, true)) : document.body.append(document.importNode(data, true));
    }
    document.title = next.title;
    document.body.className = next.body.className;
  }

  async function update() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      do {
        again = false;
        const answer = await fetch(location.pathname, { cache: "no-store" });
        const next = new DOMParser().parseFromString(await answer.text(), "text/html");
        merge(next);
        window.gandiagReport.redraw();
        version = next.getElementById("live").dataset.version;
        clock.textContent = `Updated ${new Date().toLocaleTimeString()}.`;
        document.documentElement.dataset.version = version;
      } while (again);
    } finally {
      busy = false;
    }
  }

  function alertOf([run, , severity, text], names) {
    const line = document.createElement("p"), button = document.createElement("button"), told = document.createElement("span");
    line.className = severity;
    told.textContent = own === "" ? `${names[run]}: ${text}` : text;
    button.type = "button";
    button.textContent = "×";
    button.setAttribute("aria-label", "Dismiss");
    button.addEventListener("click", () => line.remove());
    line.append(told, button);
    const box = document.getElementById("alerts");
    box.append(line);
    while (box.children.length > 4) {
      box.firstElementChild.remove();
    }
  }

  function told(event) {
    const { versions, states, names, alerts } = JSON.parse(event.data);
    live.className = "on";
    state.textContent = own === "" ? "" : states[Number(own)];
    const mine = alerts.filter(([run]) => own === "" || run === Number(own));
    if (seen !== null) {
      mine.filter(([run, at]) => at > seen[run]).forEach((alert) => alertOf(alert, names));
    }
    seen = versions;
    if ((own === "" ? versions.join(",") : String(versions[Number(own)])) !== version) {
      update();
    }
  }

  const source = new EventSource("/events");
  source.addEventListener("message", told);
  source.addEventListener("error", () => {
    live.className = "off";
    state.textContent = "gandiag watch has been stopped, or cannot be reached. What you see is how it was last.";
  });
  window.addEventListener("pagehide", () => source.close());
}
