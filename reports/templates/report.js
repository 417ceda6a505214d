"use strict";
let charts = JSON.parse(document.getElementById("charts-data").textContent);
let plots = [...document.querySelectorAll(".plot")];
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
    const style = { color: line.colour, dash: line.dashed ? "dash" : "solid" };
    const raw = {
      x: line.x, y: line.y, name: escaped(line.name), legendgroup: String(i), opacity: smooth ? 0.4 : 1,
      mode: line.dots ? "lines+markers" : "lines", line: { ...style, dash: smooth ? "solid" : style.dash, width: smooth ? 1 : 2 },
      marker: { size: 4, color: line.colour },
    };
    const trend = { x: line.trend[0], y: line.trend[1], hoverinfo: "skip", mode: "lines", line: { ...style, width: 2 }, legendgroup: String(i) };
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
  const [first, last] = chart.window;
  const room = Math.max((last - first) * 0.01, 0.5);
  return {
    ...marks(chart), uirevision: "kept", showlegend: false, autosize: true, separators: ".,",
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 46, r: 32, t: 22, b: 38 },
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("quiet") },
    hovermode: chart.kind === "heatmap" || chart.lines.length > 12 ? "closest" : "x unified", dragmode: matchMedia("(pointer: fine)").matches ? "zoom" : false,
    hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink") }, namelength: -1 },
    xaxis: { title: { text: "step", standoff: 4 }, range: [first - room, last + room], tickformat: ",.12~r", gridcolor: colour("grid"), zeroline: false, ...(last - first < 8 ? { dtick: 1 } : { nticks: 8 }), hoverformat: ",d", spikecolor: colour("quiet"), spikethickness: 1 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: colour("rule"), activecolor: colour("quiet") },
    yaxis: verticalAxis(chart),
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
const buttons = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]]; // none that sends data away
const options = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtons: buttons };

async function draw() {
  for (const plot of plots) {
    await drawOne(plot);
    await new Promise((next) => setTimeout(next));
  }
  document.documentElement.dataset.charts = "drawn";
}

async function drawOne(plot) {
  const chart = chartOf(plot), text = JSON.stringify(chart);
  if (plot.drawnFrom === text) {
    return;
  }
  const names = JSON.stringify((chart.lines || []).map((line) => [line.name, line.colour, line.trend[0].length > 0]));
  if (plot.drawnNames !== names) { // else the legend, with what is hidden, stays
    plot.parentElement.querySelector(".legend").replaceChildren();
    legend(plot, chart);
  }
  await (plot.data ? Plotly.react : Plotly.newPlot)(plot, traces(chart, plot), layout(chart), options);
  plot.drawnFrom = text;
  plot.drawnNames = names;
}

// for a page that is kept up to date: what is drawn stays, and is drawn anew only where its values changed
window.gandiagReport = {
  async redraw(next) {
    charts = next;
    plots = [...document.querySelectorAll(".plot")];
    await draw();
  },
};

function repaint(size) {
  for (const plot of plots.filter((p) => p.data)) {
    const chart = chartOf(plot);
    const shades = chart.kind === "heatmap" ? { colorscale: [traces(chart)[0].colorscale] } : {};
    Plotly.update(plot, shades, { ...layout(chart), ...size });
  }
}

dark.addEventListener("change", () => repaint({}));
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.add("light");
  repaint({ width: 680, autosize: false });
});
window.addEventListener("afterprint", () => {
  document.documentElement.classList.remove("light");
  repaint({ width: null, autosize: true });
});
draw();
