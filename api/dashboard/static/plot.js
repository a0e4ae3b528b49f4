// <mezan-plot>: a uPlot chart of the JSON inside it. Updates keep zoom and cursor.
//
// {x: [...], series: [{label, values, paint, bars?, steps?, dash?, points?}], time?, x_log?, y_log?, x_label?, y_label?, marks?: [{y, label, paint}]}

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const paint = (name) => style(`--${name}`) || style("--ink");

const figure = (value) =>
  value == null ? "-" : Math.abs(value) >= 1e6 || Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(5)));

const tick = (value) => (value == null ? "" : figure(value)); // of a logarithmic axis only some are named

const clock = (t) => new Date(t * 1e3).toISOString().slice(11, 16);

class MezanPlot extends HTMLElement {
  connectedCallback() {
    this.drawn = null;
    this.resized = new ResizeObserver(() => {
      if (this.chart && this.clientWidth) this.chart.setSize({ width: this.clientWidth, height: this.height });
    });
    this.resized.observe(this);
    if (window.uPlot) this.update();
    else window.addEventListener("load", () => this.update(), { once: true });
  }

  disconnectedCallback() {
    this.resized?.disconnect();
    this.chart?.destroy();
    this.chart = null;
  }

  get height() {
    return Number(this.dataset.height || 220);
  }

  // What is drawn follows what the server sent: called after every exchange of the page, and when the theme changes.
  update(force = false) {
    const text = this.querySelector("script")?.textContent ?? "";
    if (!window.uPlot || (text === this.drawn && !force)) return;
    const spec = JSON.parse(text);
    const shape = JSON.stringify([spec.series.map((s) => [s.label, s.paint, s.bars, s.steps]), spec.marks?.length, spec.x_log, spec.y_log]);
    const data = [spec.x, ...spec.series.map((s) => s.values), ...(spec.marks ?? []).map((m) => spec.x.map(() => m.y))];
    this.drawn = text;
    if (this.chart && shape === this.shape && !force) {
      const zoomed = this.zoomed && this.chart.scales.x;
      this.chart.setData(data, !zoomed);
      return;
    }
    this.chart?.destroy();
    this.querySelector("[data-js]")?.remove();
    this.shape = shape;
    const place = document.createElement("div");
    place.dataset.js = "";
    this.append(place);
    this.chart = new uPlot(this.options(spec), data, place);
  }

  options(spec) {
    const axis = { stroke: style("--soft"), grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, font: "12px system-ui" };
    const lines = spec.series.map((s) => ({
      label: s.label,
      stroke: paint(s.paint),
      width: s.bars ? 0 : 2,
      fill: s.bars ? paint(s.paint) + "66" : undefined,
      dash: s.dash,
      spanGaps: s.gaps !== true,
      points: { show: s.points === true || spec.x.length < 2, size: 6 },
      paths: s.bars ? uPlot.paths.bars({ size: [0.8, 40] }) : s.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
      value: (_, v) => figure(v),
    }));
    const marks = (spec.marks ?? []).map((m) => ({ label: m.label, stroke: paint(m.paint ?? "soft"), width: 1.5, dash: [6, 5], points: { show: false }, value: (_, v) => figure(v) }));
    return {
      width: this.clientWidth || 600,
      height: this.height,
      tzDate: (t) => uPlot.tzDate(new Date(t * 1e3), "UTC"),
      cursor: { sync: { key: "mezan" }, drag: { x: true, y: false } },
      scales: { x: { time: spec.time === true, distr: spec.x_log ? 3 : 1 }, y: { distr: spec.y_log ? 3 : 1 } },
      legend: { live: true },
      hooks: { setSelect: [(u) => (this.zoomed = u.select.width > 0)] },
      axes: [
        { ...axis, label: spec.x_label, labelSize: 18, labelFont: "12px system-ui", values: (_, ticks) => ticks.map(spec.time ? clock : tick) },
        { ...axis, label: spec.y_label, labelSize: 18, labelFont: "12px system-ui", size: (_, shown) => 20 + 7.2 * Math.max(4, ...(shown ?? []).map((text) => text.length)), values: (_, ticks) => ticks.map(tick) },
      ],
      series: [{ label: spec.x_label ?? "x" }, ...lines, ...marks],
    };
  }
}

customElements.define("mezan-plot", MezanPlot);
