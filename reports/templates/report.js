"use strict";
let charts, slides, plots, axis;
let whole = null, shown = null; // all steps, and those in sight
const wired = new WeakSet();
const fresh = (selector) => [...document.querySelectorAll(selector)].filter((e) => !wired.has(e) && wired.add(e));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function traces(chart) {
  if (chart.kind === "heatmap") {
    const dim = colour("card"), bright = colour("info");
    return [{
      type: "heatmap", x: chart.steps, y: chart.shares.map((_, i) => i), z: chart.shares,
      colorscale: [[0, dim], [1, bright]], zmin: 0, hovertemplate: "step %{x:,}<br>mode %{y}: %{z:.3f}<extra></extra>",
      colorbar: { title: { text: "share" }, thickness: 12, outlinewidth: 0 },
    }];
  }
  return chart.lines.flatMap((line, i) => {
    const smooth = line.trend[0].length > 0;
    const lifted = (values) => (chart.floor ? values.map((v) => (v === 0 ? chart.floor : v)) : values); // zeros of a logarithmic axis
    const style = { color: line.colour, dash: line.dashed ? "dash" : "solid" };
    const raw = {
      x: line.x, y: lifted(line.y), name: escaped(line.name), legendgroup: String(i), opacity: smooth ? 0.4 : 1,
      mode: line.dots ? "lines+markers" : "lines", line: { ...style, dash: smooth ? "solid" : style.dash, width: smooth ? 1 : 2 },
      marker: { size: 4, color: line.colour },
      ...(chart.floor ? { customdata: line.y, hovertemplate: "%{customdata:.4~g}" } : {}),
    };
    const trend = { x: line.trend[0], y: lifted(line.trend[1]), hoverinfo: "skip", mode: "lines", line: { ...style, width: 2 }, legendgroup: String(i) };
    return smooth ? [raw, trend] : [raw];
  });
}

function marks(chart) {
  const shapes = [], annotations = [];
  if (chart.spell) {
    shapes.push({ type: "rect", yref: "paper", x0: chart.spell[0], x1: chart.spell[1], y0: 0, y1: 1, fillcolor: colour(chart.markers[0].severity), opacity: 0.09, line: { width: 0 }, layer: "below" });
  }
  for (const mark of chart.markers) {
    const tone = colour(mark.severity);
    shapes.push({ type: "line", yref: "paper", x0: mark.step, x1: mark.step, y0: 0, y1: 1, line: { color: tone, width: 1.5 } });
    if (mark.label) {
      annotations.push({ x: mark.step, y: 1, yref: "paper", yanchor: "bottom", text: chart.spell ? "onset" : mark.label, showarrow: false, font: { color: tone, size: 12 } });
    }
  }
  for (const limit of chart.thresholds || []) {
    const y = chart.log ? Math.log10(limit.value) : limit.value;
    shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: limit.value, y1: limit.value, line: { color: colour("quiet"), width: 1, dash: "dot" } });
    annotations.push({ xref: "paper", x: 0, y, xanchor: "left", yanchor: "bottom", text: limit.label, showarrow: false, font: { color: colour("quiet"), size: 11 } });
  }
  return { shapes, annotations };
}

function verticalAxis(chart) {
  const axis = { gridcolor: colour("grid"), zerolinecolor: colour("grid"), automargin: true, exponentformat: "power", hoverformat: ".4~g", title: { text: escaped(chart.unit || ""), standoff: 6 } };
  if (chart.kind === "heatmap") {
    return { ...axis, title: { text: "mode" }, tickformat: "d", showgrid: false };
  }
  if (!chart.log) {
    return axis;
  }
  const values = chart.lines.flatMap((line) => line.y).filter((v) => v > 0);
  const decades = Math.log10(values.reduce((a, b) => Math.max(a, b)) / values.reduce((a, b) => Math.min(a, b)));
  return { ...axis, type: "log", dtick: Math.ceil(decades / 6) };
}

function layout(chart) {
  const [first, last] = shown;
  const room = Math.max((last - first) * 0.01, 0.5);
  return {
    ...marks(chart), showlegend: false, autosize: true, separators: ".,",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 46, r: 14, t: 18, b: 34 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("quiet") },
    hovermode: chart.kind === "heatmap" || chart.lines.length > 12 ? "closest" : "x unified", dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink") }, namelength: -1 },
    xaxis: { title: { text: "step", standoff: 4 }, range: [first - room, last + room], tickformat: ",.12~r", gridcolor: colour("grid"), zeroline: false, ...(last - first < 8 ? { dtick: 1 } : { nticks: 8 }), hoverformat: ",d", spikecolor: colour("quiet"), spikethickness: 1 },
    yaxis: { ...verticalAxis(chart), fixedrange: true },
  };
}

function legend(plot, chart) {
  const box = plot.parentElement.querySelector(".legend");
  let next = 0;
  for (const line of chart.lines || []) {
    const own = line.trend[0].length > 0 ? [next, next + 1] : [next];
    next += own.length;
    const button = document.createElement("button");
    const swatch = document.createElement("i");
    swatch.style.borderColor = line.colour;
    swatch.className = line.dashed ? "dashed" : "";
    button.type = "button";
    button.title = "Show or hide";
    button.setAttribute("aria-pressed", "true");
    button.append(swatch, line.name);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      Plotly.restyle(plot, { visible: shown }, own);
    });
    box.append(button);
  }
}

const chartOf = (plot) => charts[Number(plot.dataset.chart)];
const options = { responsive: true, displaylogo: false, displayModeBar: false };

async function draw(plot, size = {}) {
  if (plot.dataset.drawn) {
    return;
  }
  plot.dataset.drawn = "yes";
  plot.of = JSON.stringify(chartOf(plot));
  legend(plot, chartOf(plot));
  await Plotly.newPlot(plot, traces(chartOf(plot)), { ...layout(chartOf(plot)), ...size }, options);
  plot.on("plotly_relayout", (change) => {
    const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
    if (from !== undefined && to !== undefined) {
      zoom(from, to);
    } else if (change["xaxis.autorange"]) {
      zoom(...whole);
    }
  });
}

const seen = (plot) => plot.checkVisibility?.() ?? plot.offsetParent !== null; // what is folded may have an offsetParent

async function drawSeen() {
  for (const plot of plots.filter(seen)) {
    await draw(plot);
    await new Promise((next) => setTimeout(next));
  }
  document.documentElement.dataset.charts = "drawn";
}

function repaint(size) {
  for (const plot of plots.filter((p) => p.data)) {
    const chart = chartOf(plot);
    const shades = chart.kind === "heatmap" ? { colorscale: [traces(chart)[0].colorscale] } : {};
    Plotly.update(plot, shades, { ...layout(chart), ...size });
  }
}

// one zoom for everything that has steps on an axis

function zoom(from, to) {
  const a = Math.max(whole[0], Math.round(Math.min(from, to)));
  const b = Math.min(whole[1], Math.max(Math.round(Math.max(from, to)), a + 1));
  if (!(a < b) || (a === shown[0] && b === shown[1])) {
    return;
  }
  shown = [a, b];
  look();
  const room = Math.max((b - a) * 0.01, 0.5);
  plots.filter((p) => p.data).forEach((plot) => Plotly.relayout(plot, { "xaxis.range": [a - room, b + room] }));
}

function look() { // the steps in sight on everything but charts
  const [a, b] = shown;
  if (!axis) {
    return;
  }
  axis.style.setProperty("--x0", a);
  axis.style.setProperty("--x1", b + 1);
  axis.querySelector(".ticks .first").textContent = a.toLocaleString("en-US");
  axis.querySelector(".ticks .last").textContent = b.toLocaleString("en-US");
  document.querySelectorAll("svg.line").forEach((svg) => svg.setAttribute("viewBox", `${a} -4 ${b - a} 108`));
  document.getElementById("zoom-from").value = a;
  document.getElementById("zoom-to").value = b;
  labels();
}

function labels() { // words of a bar or a flag that has no room to its right stand to its left
  const [a, b] = shown;
  for (const mark of axis?.querySelectorAll(".bar, .flag") ?? []) {
    const style = mark.style;
    const at = (Number(style.getPropertyValue("--a")) - a) / (b + 1 - a);
    mark.classList.toggle("left", false);
    const track = mark.parentElement.clientWidth;
    const words = mark.classList.contains("bar") ? mark.firstElementChild.offsetWidth : mark.scrollWidth;
    mark.classList.toggle("left", at * track + words > track && at > 0.5);
  }
}

function brush(axis) {
  const tracks = axis.querySelector(".track");
  const box = document.createElement("div");
  const line = document.createElement("div");
  let start = null;
  box.className = "brush";
  line.className = "cursor";
  const step = (x) => shown[0] + ((x - tracks.getBoundingClientRect().left) / tracks.clientWidth) * (shown[1] + 1 - shown[0]);
  const left = (x) => x - axis.getBoundingClientRect().left;
  axis.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType !== "touch" && event.target.closest(".track") && !event.target.closest("a")) {
      start = event.clientX;
      axis.setPointerCapture(event.pointerId);
    }
  });
  axis.addEventListener("pointermove", (event) => {
    const { left: from, right: to } = tracks.getBoundingClientRect();
    const inside = event.clientX >= from && event.clientX <= to;
    line.style.left = `${left(event.clientX)}px`;
    inside ? axis.append(line) : line.remove();
    if (start !== null) {
      axis.append(box);
      box.style.left = `${left(Math.min(start, event.clientX))}px`;
      box.style.width = `${Math.abs(event.clientX - start)}px`;
    }
  });
  axis.addEventListener("pointerleave", () => line.remove());
  axis.addEventListener("pointerup", (event) => {
    if (start !== null && Math.abs(event.clientX - start) > 8) {
      zoom(step(start), step(event.clientX));
    }
    start = null;
    box.remove();
  });
  axis.addEventListener("dblclick", () => zoom(...whole));
  const ends = ["zoom-from", "zoom-to"].map((id) => document.getElementById(id));
  ends.forEach((end) => end.addEventListener("change", () => zoom(Number(ends[0].value), Number(ends[1].value))));
  document.getElementById("zoom-all").addEventListener("click", () => zoom(...whole));
  document.querySelector(".zoom").hidden = false;
  document.querySelector(".zoom").addEventListener("submit", (event) => event.preventDefault());
}

// samples

function picture(slide) {
  const words = `samples at step ${slide.step.toLocaleString("en-US")}`;
  let made;
  if (slide.kind === "points") {
    made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    made.setAttribute("viewBox", "0 0 100 100");
    made.setAttribute("class", "shot");
    use.setAttribute("href", `#${slide.name}`);
    made.append(use);
  } else {
    made = document.createElement("span");
    made.className = slide.kind ? `shot ${slide.name}` : "shot missing";
    made.textContent = slide.kind ? "" : "not shown";
  }
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", words);
  return made;
}

function slideTo(place) {
  const slide = slides.slides[place];
  const slider = document.getElementById("slider");
  if (!slide || !document.getElementById("slide")) {
    return;
  }
  document.getElementById("slide").replaceChildren(picture(slide));
  document.getElementById("slide-step").textContent = `step ${slide.step.toLocaleString("en-US")}`;
  document.getElementById("slide-note").textContent = slide.note;
  if (slider) {
    slider.value = place;
    slider.setAttribute("aria-valuetext", `step ${slide.step}`);
  }
  histogram(slide.step);
}

function histogram(step) {
  const box = document.getElementById("histogram");
  if (!box) {
    return;
  }
  const { steps, shares } = slides.modes;
  const column = steps.reduce((best, s, i) => (Math.abs(s - step) < Math.abs(steps[best] - step) ? i : best), 0);
  const values = shares.map((row) => row[column]);
  const most = Math.max(...values, 2 / values.length);
  const width = 240 / values.length;
  const bars = values.map((v, i) => `<rect x="${i * width + width * 0.1}" y="${110 - (v / most) * 106}" width="${width * 0.8}" height="${(v / most) * 106}"/>`);
  const named = values.length <= 16 ? values.map((_, i) => `<text x="${(i + 0.5) * width}" y="121" text-anchor="middle">${i}</text>`) : [];
  box.innerHTML = `<svg viewBox="0 0 240 124" aria-hidden="true">${bars.join("")}${named.join("")}</svg>`;
  box.setAttribute("aria-label", `Share of samples in each mode at step ${steps[column]}: ${values.map((v) => `${Math.round(v * 100)} %`).join(", ").slice(0, 400)}`);
  document.getElementById("histogram-step").textContent = `at step ${steps[column].toLocaleString("en-US")}`;
}

let chosenStep = null; // of the snapshot that the reader picked, if it is not the last

function samples() {
  const chosen = (place) => {
    chosenStep = place < slides.slides.length - 1 ? slides.slides[place].step : null;
    slideTo(place);
  };
  fresh("#slider").forEach((slider) => slider.addEventListener("input", () => chosen(Number(slider.value))));
  fresh("[data-slide]").forEach((link) => link.addEventListener("click", () => chosen(Number(link.dataset.slide))));
  const large = document.getElementById("large");
  fresh(".enlarge").forEach((button) => button.addEventListener("click", () => {
    const copy = button.querySelector(".shot").cloneNode(true);
    document.getElementById("large-shot").replaceChildren(copy);
    document.getElementById("large-words").textContent = copy.getAttribute("aria-label") || "";
    large.showModal();
  }));
  fresh("#large").forEach(dialog);
  const steps = slides.slides.map((slide) => slide.step);
  slideTo(chosenStep === null ? steps.length - 1 : Math.max(steps.findLastIndex((step) => step <= chosenStep), 0));
}

function dialog(large) {
  large.addEventListener("click", (event) => event.target === large && large.close());
  large.addEventListener("keydown", (event) => {
    const slider = document.getElementById("slider");
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && slider && document.getElementById("large-words").textContent.startsWith("samples at")) {
      const place = Math.min(Math.max(Number(slider.value) + by, 0), slides.slides.length - 1);
      slideTo(place);
      document.getElementById("large-shot").replaceChildren(picture(slides.slides[place]));
      document.getElementById("large-words").textContent = `samples at step ${slides.slides[place].step.toLocaleString("en-US")}`;
    }
  });
  document.getElementById("large-close").addEventListener("click", () => large.close());
}

// code to copy, links into what is folded, search

function copying() {
  for (const button of fresh(".copy")) {
    const words = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.dataset.code ?? button.parentElement.querySelector("code").textContent;
      let done = true;
      try {
        await navigator.clipboard.writeText(code);
      } catch {
        const field = document.createElement("textarea");
        field.value = code;
        document.body.append(field);
        field.select();
        done = document.execCommand("copy");
        field.remove();
      }
      button.textContent = done ? "Copied" : "Select it by hand";
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }
}

function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) {
    for (let fold = target.parentElement?.closest("details"); fold; fold = fold.parentElement?.closest("details")) {
      fold.open = true;
    }
    drawSeen().then(() => { target.scrollIntoView(); target.focus({ preventScroll: true }); });
  }
}

function searching() {
  const [field] = fresh("#search");
  if (!field) {
    return;
  }
  field.parentElement.hidden = false;
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const cells = [...document.querySelectorAll(".cell")];
    for (const cell of cells) {
      const text = cell.firstElementChild.dataset.search.toLowerCase();
      cell.hidden = !words.every((word) => text.includes(word));
    }
    const left = cells.filter((cell) => !cell.hidden).length;
    document.getElementById("found").textContent = words.length ? `${left} of ${cells.length} charts` : "";
    drawSeen();
  });
}

dark.addEventListener("change", () => repaint({}));
let unfolded = [];
window.addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open]):not(#all)")];
  unfolded.forEach((fold) => { fold.open = true; });
  document.documentElement.classList.add("light");
  const paper = { width: 680, autosize: false };
  repaint(paper);
  for (const plot of plots.filter((p) => !p.dataset.drawn && seen(p))) { // at once: a printer does not wait
    draw(plot, { ...paper, height: plot.clientHeight });
  }
});
window.addEventListener("afterprint", () => {
  unfolded.forEach((fold) => { fold.open = false; });
  document.documentElement.classList.remove("light");
  repaint({ width: null, height: null, autosize: true });
});
window.addEventListener("hashchange", reveal);
window.addEventListener("resize", labels);

// reads the page, and gives what is new in it its behaviour; a page that is kept up to date comes here again
function start() {
  const data = (id) => JSON.parse(document.getElementById(id)?.textContent ?? "null");
  charts = data("charts-data");
  slides = data("slides-data") ?? { slides: [], modes: null };
  plots = [...document.querySelectorAll(".plot")];
  axis = document.querySelector(".axis");
  const ends = axis ? [Number(axis.dataset.first), Number(axis.dataset.last)] : charts.flatMap((chart) => chart.window);
  const zoomed = whole && (shown[0] !== whole[0] || shown[1] !== whole[1]);
  whole = ends.length ? [Math.min(...ends), Math.max(...ends)] : [0, 0];
  shown = zoomed ? shown : whole;
  fresh("details").forEach((fold) => fold.addEventListener("toggle", drawSeen));
  fresh(".axis").forEach(brush);
  look();
  samples();
  copying();
  searching();
}

async function refresh(plot) { // a chart that was drawn, with the values that it has now
  const chart = chartOf(plot), text = JSON.stringify(chart);
  if (!plot.dataset.drawn) {
    await draw(plot);
  } else if (plot.of !== text) {
    plot.of = text;
    const box = plot.parentElement.querySelector(".legend");
    const hidden = [...box.children].filter((b) => b.getAttribute("aria-pressed") === "false").map((b) => b.textContent);
    box.replaceChildren();
    legend(plot, chart);
    await Plotly.react(plot, traces(chart), layout(chart), options);
    [...box.children].filter((button) => hidden.includes(button.textContent)).forEach((button) => button.click());
  }
}

const near = new IntersectionObserver((entries) => entries.filter((e) => e.isIntersecting).forEach((e) => refresh(e.target)), { rootMargin: "50%" });
window.gandiagReport = {
  redraw() { // of charts only those in sight, and others when they come into sight
    start();
    near.disconnect();
    plots.forEach((plot) => near.observe(plot));
  },
};
start();
drawSeen().then(reveal);
