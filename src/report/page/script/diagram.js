// The space-time diagram. A canvas, because a run has thousands of arrows and a browser draws them all in one go.
const stage = {
  canvas: document.getElementById("canvas"),
  overview: document.getElementById("overview"),
  view: { from: 0, until: Math.max(data.end, 1) },
  scroll: 0, // of the lanes, downwards
  marker: null, // a moment that an address or a table points to
  selected: null, // { kind, ... }: a trail, a violation, a host, a mark, a session, a down, a fault
  hover: null,
  width: 0, height: 0, gutter: 0, top: 0, pending: false,
};

const AXIS = 22;
const STRIP = 16;
const EDGE = 0.01; // of the run, shown before its beginning and after its end
const SHORTEST = 200; // microseconds: no zoom shows less

function xOf(at) {
  return stage.gutter + ((at - stage.view.from) / (stage.view.until - stage.view.from)) * (stage.width - stage.gutter);
}
function timeAt(x) {
  return stage.view.from + ((x - stage.gutter) / (stage.width - stage.gutter)) * (stage.view.until - stage.view.from);
}
function yOfRow(row) {
  return stage.top + lanes.rows[row].y - stage.scroll;
}
function yOf(host) {
  const row = lanes.of[host];
  return row === undefined || row < 0 ? null : yOfRow(row);
}
function isSeen(from, until) {
  return until >= stage.view.from && from <= stage.view.until;
}

function look(from, until) {
  const span = Math.min(Math.max(until - from, SHORTEST), data.end * 1.04 + SECOND);
  const least = -data.end * 0.02;
  const middle = (from + until) / 2;
  let begin = Math.max(middle - span / 2, least);
  begin = Math.max(Math.min(begin, data.end * 1.02 + SECOND - span), least);
  stage.view = { from: begin, until: begin + span };
  draw();
}
function lookAtAll() {
  look(-data.end * EDGE, data.end * (1 + EDGE));
}
function pan(share) {
  const by = (stage.view.until - stage.view.from) * share;
  look(stage.view.from + by, stage.view.until + by);
}
function zoom(factor, at = (stage.view.from + stage.view.until) / 2) {
  const { from, until } = stage.view;
  const span = Math.min(Math.max((until - from) * factor, SHORTEST), data.end * 1.04 + SECOND);
  const share = (at - from) / (until - from);
  look(at - span * share, at + span * (1 - share));
}
function scrollTo(y) {
  const most = Math.max(0, lanes.height - (stage.height - stage.top - AXIS));
  stage.scroll = Math.min(Math.max(y, 0), most);
  draw();
}

function measure() {
  const box = stage.canvas.parentElement.getBoundingClientRect();
  stage.width = Math.max(240, Math.floor(box.width));
  stage.gutter = stage.width < 620 ? 0 : 132;
  stage.top = Math.max(1, Math.min(strips.length, 5)) * STRIP + 8;
  const room = Math.max(260, Math.min(window.innerHeight * 0.68, 720));
  stage.height = Math.round(Math.min(lanes.height + stage.top + AXIS, room));
  // Beside the drawing the panel is as high as it is; below it, as the style sheet says.
  const beside = matchMedia("(min-width: 60.01rem)").matches;
  if (beside && !panel.hidden) stage.height = Math.max(stage.height, Math.round(Math.min(420, room)));
  panel.style.maxHeight = beside ? `${stage.height + 45}px` : "";
  scrollTo(stage.scroll);
}

function draw() {
  if (stage.pending) return;
  stage.pending = true;
  requestAnimationFrame(() => {
    stage.pending = false;
    paintDiagram();
    paintOverview();
  });
}

function paintDiagram() {
  const c = canvasOf(stage.canvas, stage.width, stage.height);
  c.fillStyle = ink.card;
  c.fillRect(0, 0, stage.width, stage.height);
  c.save();
  c.beginPath();
  c.rect(stage.gutter, 0, stage.width - stage.gutter, stage.height);
  c.clip();
  paintAxis(c);
  c.save();
  c.beginPath();
  c.rect(stage.gutter, stage.top, stage.width - stage.gutter, stage.height - stage.top - AXIS);
  c.clip();
  paintBands(c);
  paintLanes(c);
  paintSessions(c);
  paintDowns(c);
  const busy = paintArrows(c);
  paintMarks(c, busy);
  paintPlaces(c);
  paintSelected(c);
  c.restore();
  paintStrips(c);
  paintMarker(c);
  c.restore();
  paintNames(c);
}
