// Charts over time, by uPlot, with the faults behind them and one cursor for all.
const charts = { plots: [], sync: null };

function chartKinds() {
  const curves = data.curves;
  const ms = (value) => (value === null || value === undefined ? "–" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(value < 1e5 ? 1 : 0)} s`);
  const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
  const bars = uPlot.paths.bars({ size: [0.9, 8, 2] });
  return [
    { title: "Latency, from offered to received", log: curves.longest.some((value) => value > 0), value: ms, series: [
      { label: "longest", stroke: ink.late, width: 1.2, spanGaps: false, points: { size: 3 }, data: curves.longest.map(positive) },
      { label: "half within", stroke: ink.message, width: 1.6, spanGaps: false, points: { size: 3 }, data: curves.half.map(positive) },
    ] },
    { title: "Backlog: offered or confirmed, not yet received", value: count, series: [
      { label: "messages", stroke: ink.message, fill: ink.message + "33", width: 1.2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, data: curves.backlog },
    ] },
    { title: "Sessions lost, clients connected again", value: count, series: [
      { label: "lost", stroke: ink.lost, fill: ink.lost + "aa", width: 0, paths: bars, points: { show: false }, data: curves.lost },
      { label: "connected again", stroke: ink.good, fill: ink.good + "aa", width: 0, paths: bars, points: { show: false }, data: curves.again },
    ] },
  ];
}

// A logarithm has no place for nothing.
function positive(value) {
  return value === null ? null : Math.max(value, 0.1);
}

// Of a logarithm's grid only the lines that have numbers.
function decades(_, splits) {
  return splits.map((at) => (Number.isInteger(Math.round(Math.log10(at) * 1e6) / 1e6) ? at : null));
}

function faultBands(plot) {
  const c = plot.ctx;
  const ratio = window.devicePixelRatio || 1;
  c.save();
  for (const fault of data.faults) {
    const left = Math.max(plot.valToPos(fault.from / SECOND, "x", true), plot.bbox.left);
    const right = Math.min(plot.valToPos(fault.until / SECOND, "x", true), plot.bbox.left + plot.bbox.width);
    if (right >= left) band(c, fault.family, left, plot.bbox.top, Math.max(right - left, 2 * ratio), plot.bbox.height, 1.3);
  }
  c.restore();
}

function drawCharts() {
  const place = document.getElementById("charts");
  charts.plots.forEach((plot) => plot.destroy());
  charts.plots = [];
  place.replaceChildren();
  if (!data.curves) return;
  const key = (charts.sync = charts.sync || uPlot.sync("time")).key;
  const times = data.curves.backlog.map((_, index) => index * data.curves.width);
  // All of them first: how wide one is depends on the others.
  const kinds = chartKinds().map((kind) => ({ ...kind, box: make("figure", {}, make("figcaption", {}, kind.title)) }));
  place.append(...kinds.map((kind) => kind.box));
  for (const kind of kinds) {
    const { box } = kind;
    const axis = { stroke: ink.quiet, font: `11px ${ink.font}`, grid: { stroke: ink.line, width: 1 }, ticks: { stroke: ink.line, width: 1 } };
    const whole = !kind.log && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7] };
    const plot = new uPlot({
      width: Math.max(220, Math.floor(box.getBoundingClientRect().width)),
      height: 170,
      padding: [8, 26, 0, 0],
      scales: { x: { time: false }, y: kind.log ? { distr: 3 } : { range: (_, least, most) => [0, Math.max(4, most * 1.1)] } },
      cursor: { sync: { key }, drag: { x: true, y: false } },
      axes: [
        { ...axis, incrs: [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 86400], values: (_, at) => at.map((one) => clock(one * SECOND, 0)) },
        { ...axis, ...whole, ...(kind.log && { grid: { ...axis.grid, filter: decades } }), size: 62, values: (_, list) => list.map((one) => (one === null ? null : kind.value(one))) },
      ],
      series: [
        { label: "time", value: (_, at) => (at === null || at === undefined ? "–" : clock(at * SECOND, 0)) },
        ...kind.series.map(({ data: _, ...series }) => ({ ...series, value: (_, value) => kind.value(value) })),
      ],
      hooks: { drawClear: [faultBands] },
    }, [times, ...kind.series.map((series) => series.data)], box);
    plot.over.addEventListener("click", () => {
      if (plot.cursor.left >= 0) goToMoment(plot.posToVal(plot.cursor.left, "x") * SECOND);
    });
    charts.plots.push(plot);
  }
}
