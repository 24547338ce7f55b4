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
  look(-data.end * 0.01, data.end * 1.01);
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

function paintAxis(c) {
  const { ticks, digits } = ticksOf(stage.view.from, stage.view.until, Math.max(3, (stage.width - stage.gutter) / 90));
  c.font = `11px ${ink.font}`;
  c.textAlign = "center";
  c.textBaseline = "middle";
  for (const at of ticks) {
    const x = Math.round(xOf(at)) + 0.5;
    c.strokeStyle = ink.line;
    c.globalAlpha = 0.7;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(x, stage.top);
    c.lineTo(x, stage.height - AXIS + 4);
    c.stroke();
    c.globalAlpha = 1;
    c.fillStyle = ink.quiet;
    if (at >= 0) c.fillText(clock(at, digits), x, stage.height - AXIS / 2 + 2);
  }
}

function paintBands(c) {
  for (const fault of data.faults) {
    if (!isSeen(fault.from, fault.until)) continue;
    const [x, width] = extent(fault.from, fault.until);
    c.fillStyle = ink[fault.family];
    c.globalAlpha = 0.05;
    c.fillRect(x, stage.top, width, stage.height);
    c.globalAlpha = 1;
    const rows = new Set([...fault.places, ...fault.between.flat()].flatMap(rowsOfPlace));
    for (const row of rows) {
      if (row >= 0) band(c, fault.family, x, yOfRow(row) - lanes.rows[row].height / 2, width, lanes.rows[row].height);
    }
  }
  if (data.settling !== undefined) {
    const x = Math.round(xOf(data.settling)) + 0.5;
    c.strokeStyle = ink.quiet;
    c.setLineDash([2, 4]);
    c.beginPath();
    c.moveTo(x, 0);
    c.lineTo(x, stage.height);
    c.stroke();
    c.setLineDash([]);
    c.font = `10px ${ink.font}`;
    c.textAlign = "right";
    c.textBaseline = "top";
    c.fillStyle = ink.quiet;
    c.fillText("all faults over, producers stop", x - 5, stage.top + 4);
  }
}

// From where to where on the screen, no narrower than can be seen.
function extent(from, until) {
  const left = Math.max(xOf(from), stage.gutter - 4);
  return [left, Math.max(Math.min(xOf(until), stage.width + 4) - left, 2)];
}

function paintLanes(c) {
  c.lineWidth = 1;
  lanes.rows.forEach((row, index) => {
    const y = Math.round(yOfRow(index)) + 0.5;
    if (y < stage.top - lanes.row * 2 || y > stage.height) return;
    if (row.site !== undefined) {
      c.strokeStyle = ink.line;
      c.beginPath();
      c.moveTo(0, y - SITE / 2);
      c.lineTo(stage.width, y - SITE / 2);
      c.stroke();
      return;
    }
    c.strokeStyle = ink.quiet;
    c.globalAlpha = 0.55;
    c.beginPath();
    c.moveTo(stage.gutter, y);
    c.lineTo(stage.width, y);
    c.stroke();
    c.globalAlpha = 1;
  });
}

function paintSessions(c) {
  for (const session of data.sessions) {
    if (!isSeen(session.from, session.until)) continue;
    const row = lanes.of[session.host];
    if (row === undefined || row < 0 || lanes.rows[row].fold) continue;
    const [x, width] = extent(session.from, session.until);
    const y = yOfRow(row);
    c.fillStyle = serviceInk(session.with);
    c.globalAlpha = 0.85;
    c.fillRect(x, y + 6, width, 3);
    c.globalAlpha = 1;
    if (width > 50 && lanes.row > 30) {
      c.font = `9.5px ${ink.font}`;
      c.textAlign = "left";
      c.textBaseline = "top";
      c.fillStyle = ink.quiet;
      c.fillText(fitted(c, visible(hosts[session.with]), width - 8), Math.max(x, stage.gutter + 2) + 2, y + 10);
    }
  }
}

function paintDowns(c) {
  for (const down of data.downs) {
    const y = yOf(down.host);
    if (y === null || !isSeen(down.from, down.until)) continue;
    const row = lanes.rows[lanes.of[down.host]];
    const [x, width] = extent(down.from, down.until);
    const family = down.why === "frozen" ? "freeze" : down.why === "no power" ? "power" : "crash";
    c.fillStyle = ink.card;
    c.globalAlpha = row.fold ? 0 : 0.8;
    c.fillRect(x, y - 8, width, 16);
    c.globalAlpha = row.fold ? 0.15 : 0.75;
    c.fillStyle = ink[family];
    c.fillRect(x, y - 4, width, 8);
    c.globalAlpha = 1;
    if (width > 60 && !row.fold) {
      c.font = `600 10px ${ink.font}`;
      c.textAlign = "left";
      c.textBaseline = "middle";
      const words = down.why;
      const wide = c.measureText(words).width;
      c.fillStyle = ink.card;
      c.fillRect(x + 8, y - 7, wide + 8, 14);
      c.fillStyle = ink[family];
      c.fillText(words, x + 12, y + 0.5);
    }
  }
}

function visibleLegs(visit) {
  for (const trail of trails) {
    if (!isSeen(trail.from, trail.until)) continue;
    for (const leg of trail.legs) if (isSeen(leg.from, leg.until)) visit(trail, leg);
  }
}

// A leg is late by its own length: a message may be in time at one destination and wait for hours before another.
function classOf(trail, leg) {
  if (leg.lost) return "lost";
  if (trail.fate === "late" || trail.fate === "message") return leg.until - leg.from > data.late ? "late" : "message";
  return trail.fate;
}

function paintArrows(c) {
  const by = { message: [], late: [], operation: [], twice: [], lost: [] };
  let count = 0;
  visibleLegs((trail, leg) => {
    const [y0, y1] = [yOf(leg.host), yOf(leg.to)];
    if (y0 === null || y1 === null || y0 === y1) return;
    count++;
    by[classOf(trail, leg)].push([xOf(leg.from), y0, xOf(leg.until), y1, leg]);
  });
  const heads = count < 500;
  for (const [fate, list] of Object.entries(by)) {
    c.strokeStyle = ink[fate];
    c.lineWidth = fate === "message" ? 1 : 1.4;
    const crowd = Math.max(0.04, Math.min(0.85, 700 / Math.max(count, 1)));
    c.globalAlpha = fate === "message" ? crowd : fate === "late" ? Math.max(crowd, 0.45) : 0.95;
    c.beginPath();
    const stubs = [];
    for (const [x0, y0, x1, y1, leg] of list) {
      if (leg.lost) {
        stubs.push([x0, y0, x1, y1, leg]);
        continue;
      }
      c.moveTo(x0, y0);
      c.lineTo(x1, y1);
      if (heads) head(c, x0, y0, x1, y1, 7);
    }
    c.stroke();
    c.beginPath();
    c.setLineDash([4, 3]);
    for (const [x0, y0, x1, y1, leg] of stubs) {
      const [x, y] = stubEnd(x0, y0, x1, y1, leg);
      c.moveTo(x0, y0);
      c.lineTo(x, y);
    }
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    for (const [x0, y0, x1, y1, leg] of stubs) {
      const [x, y] = stubEnd(x0, y0, x1, y1, leg);
      cross(c, x, y, 3.5);
    }
    c.stroke();
    c.globalAlpha = 1;
  }
  if (count < 40) paintNumbers(c, by);
  return count;
}

// What never came ends half way; what came and was not kept ends there.
function stubEnd(x0, y0, x1, y1, leg) {
  return leg.came ? [x1, y1] : [x0 + 10, y0 + (y1 - y0) * 0.5];
}

function paintNumbers(c) {
  c.font = `10px ${ink.font}`;
  c.textAlign = "left";
  c.textBaseline = "bottom";
  c.fillStyle = ink.quiet;
  for (const trail of trails) {
    if (trail.from < stage.view.from || trail.from > stage.view.until || !trail.steps.length) continue;
    const y = yOf(trail.steps[0].host);
    const label = trail.kind === 1 ? fitted(c, visible(nameOf(trail)), 140) : `#${trail.number}`;
    if (y !== null) c.fillText(label, xOf(trail.from) + 3, y - 3);
  }
}

const SIGNS = { move: "◆", active: "★", lost: "✕", other: "·" };

function paintMarks(c, busy) {
  const seen = data.marks.filter((mark) => isSeen(mark.at, mark.at));
  for (const mark of seen) {
    const y = yOf(mark.host);
    if (y === null || (mark.kind === "other" && (seen.length > 200 || busy > 400))) continue;
    const x = xOf(mark.at);
    const faint = lanes.rows[lanes.of[mark.host]].fold ? 0.35 : 1;
    c.globalAlpha = faint;
    if (mark.kind === "other") {
      c.fillStyle = ink.quiet;
      c.fillRect(x - 0.5, y - 5, 1.5, 10);
    } else {
      c.font = `${mark.kind === "lost" ? 11 : 15}px ${ink.font}`;
      c.textAlign = "center";
      c.textBaseline = "middle";
      c.lineWidth = 3;
      c.strokeStyle = ink.card;
      c.fillStyle = mark.kind === "lost" ? ink.lost : ink.accent;
      c.strokeText(SIGNS[mark.kind], x, y);
      c.fillText(SIGNS[mark.kind], x, y);
    }
    c.globalAlpha = 1;
  }
}

// Where violations are: at the message, if it is about one, else when it was certain.
function placeOf(violation) {
  const step = violation.steps[0];
  return step ? { at: step.at, host: step.host } : { at: violation.at, host: null };
}

function paintPlaces(c) {
  c.strokeStyle = ink.bad;
  c.lineWidth = 2;
  for (const violation of violations) {
    const { at, host } = placeOf(violation);
    if (!isSeen(at, at)) continue;
    const y = host === null ? null : yOf(host);
    c.beginPath();
    if (y === null) {
      c.moveTo(xOf(at), stage.top);
      c.lineTo(xOf(at), stage.height - AXIS);
    } else {
      c.arc(xOf(at), y, 6, 0, 7);
    }
    c.stroke();
  }
}

function paintStrips(c) {
  c.fillStyle = ink.card;
  c.fillRect(stage.gutter, 0, stage.width, stage.top - 4);
  for (const fault of data.faults) {
    if (!isSeen(fault.from, fault.until)) continue;
    const [x, width] = extent(fault.from, fault.until);
    const y = 3 + (fault.strip % 5) * STRIP;
    c.fillStyle = ink.card;
    c.fillRect(x, y, width, STRIP - 3);
    band(c, fault.family, x, y, width, STRIP - 3, 1.6);
    c.fillStyle = ink[fault.family];
    c.fillRect(x, y, 2.5, STRIP - 3);
    if (width < 40) continue;
    c.font = `11px ${ink.font}`;
    c.textAlign = "left";
    c.textBaseline = "middle";
    const text = fitted(c, visible(fault.text), width - 12);
    if (fault.family !== "power" && text) {
      c.fillStyle = ink.card;
      c.globalAlpha = 0.8;
      c.fillRect(x + 4, y, c.measureText(text).width + 6, STRIP - 3);
      c.globalAlpha = 1;
    }
    c.fillStyle = ink.ink;
    c.fillText(text, x + 7, y + (STRIP - 3) / 2 + 0.5);
  }
}

function paintMarker(c) {
  if (stage.marker === null) return;
  const x = Math.round(xOf(stage.marker)) + 0.5;
  c.strokeStyle = c.fillStyle = ink.accent;
  c.lineWidth = 1.5;
  c.beginPath();
  c.moveTo(x, 0);
  c.lineTo(x, stage.height - AXIS);
  c.stroke();
  c.font = `600 11px ${ink.font}`;
  const label = clock(stage.marker);
  const wide = c.measureText(label).width + 10;
  const left = Math.min(Math.max(x - wide / 2, stage.gutter), stage.width - wide);
  c.fillRect(left, stage.height - AXIS, wide, 17);
  c.fillStyle = ink.card;
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.fillText(label, left + 5, stage.height - AXIS + 9);
}

function paintNames(c) {
  if (stage.gutter) {
    c.fillStyle = ink.card;
    c.fillRect(0, 0, stage.gutter, stage.height);
    c.strokeStyle = ink.line;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(stage.gutter + 0.5, 0);
    c.lineTo(stage.gutter + 0.5, stage.height);
    c.stroke();
  }
  c.save();
  c.beginPath();
  c.rect(0, stage.top - 4, stage.width, stage.height - stage.top - AXIS + 4);
  c.clip();
  c.textBaseline = "middle";
  lanes.rows.forEach((row, index) => {
    const y = yOfRow(index);
    if (y < stage.top - lanes.row * 2 || y > stage.height) return;
    const isSite = row.site !== undefined;
    c.font = isSite ? `700 11px ${ink.font}` : `12px ${ink.font}`;
    const text = visible(isSite ? row.site : row.name);
    const room = stage.gutter ? stage.gutter - (isSite ? 20 : 26) : stage.width * 0.6;
    const label = fitted(c, isSite ? text.toUpperCase() : text, room);
    const [x, at] = [isSite ? 10 : stage.gutter ? 18 : 6, stage.gutter || isSite ? y + 1 : y - 8];
    if (!stage.gutter) {
      c.globalAlpha = 0.72;
      c.fillStyle = ink.card;
      c.fillRect(x - 2, at - 7, c.measureText(label).width + 4, 14);
      c.globalAlpha = 1;
    }
    c.textAlign = "left";
    const lit = stage.selected && stage.selected.kind === "host" && row.host === stage.selected.host;
    c.fillStyle = isSite ? ink.quiet : lit ? ink.accent : ink.ink;
    c.fillText(label, x, at);
  });
  c.restore();
}

// The chosen one's way, over everything else, which fades.
function paintSelected(c) {
  const chosen = stage.selected;
  if (chosen && chosen.kind === "host") {
    const y = yOf(chosen.host);
    if (y !== null) {
      c.fillStyle = ink.accent;
      c.globalAlpha = 0.1;
      c.fillRect(0, y - lanes.row / 2, stage.width, lanes.row);
      c.globalAlpha = 1;
    }
  }
  const path = chosen && pathOf(chosen);
  if (path) {
    c.fillStyle = ink.card;
    c.globalAlpha = 0.62;
    c.fillRect(0, 0, stage.width, stage.height);
    c.globalAlpha = 1;
    paintPath(c, path, path.color, 2.5);
  }
  if (stage.hover && stage.hover.kind === "trail" && (!chosen || chosen.trail !== stage.hover.trail)) {
    paintPath(c, pathOf(stage.hover), ink.accent, 1.6);
  }
}

function pathOf(chosen) {
  if (chosen.kind === "trail") {
    const { legs, steps, fate } = chosen.trail;
    return { legs, steps, color: fate === "message" ? ink.accent : ink[fate] };
  }
  if (chosen.kind === "violation" && chosen.violation.steps.length) {
    const { trail, steps } = chosen.violation;
    return { legs: trail && trail.legs.length ? trail.legs : legsOf(steps), steps, color: ink.bad };
  }
  return null;
}

function paintPath(c, { legs, steps }, color, width) {
  c.strokeStyle = c.fillStyle = color;
  c.lineWidth = width;
  for (const leg of legs) {
    const [y0, y1] = [yOf(leg.host), yOf(leg.to)];
    if (y0 === null || y1 === null) continue;
    let [x0, x1] = [xOf(leg.from), xOf(leg.until)];
    let y = y1;
    if (leg.lost) [x1, y] = stubEnd(x0, y0, x1, y1, leg);
    c.setLineDash(leg.lost ? [5, 3] : []);
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(x1, y);
    c.stroke();
    c.setLineDash([]);
    c.beginPath();
    if (leg.lost) cross(c, x1, y, 5);
    else head(c, x0, y0, x1, y, 9);
    c.stroke();
  }
  for (const step of steps) {
    const y = yOf(step.host);
    if (y === null) continue;
    c.beginPath();
    c.arc(xOf(step.at), y, 3.5, 0, 7);
    c.fill();
  }
}

// The whole run in a narrow strip, with the part that is looked at.
function paintOverview() {
  const [width, height] = [stage.width, 44];
  const c = canvasOf(stage.overview, width, height);
  const x = (at) => stage.gutter + (at / Math.max(data.end, 1)) * (width - stage.gutter - 1);
  c.clearRect(0, 0, width, height);
  c.fillStyle = ink.card;
  c.fillRect(stage.gutter, 0, width, height);
  for (const fault of data.faults) {
    const [x0, x1] = [x(fault.from), x(fault.until)];
    band(c, fault.family, x0, 0, Math.max(x1 - x0, 2), height, 1.5);
  }
  const curve = data.curves;
  if (curve) {
    const most = Math.max(1, ...curve.backlog);
    c.fillStyle = ink.message;
    c.globalAlpha = 0.55;
    curve.backlog.forEach((count, index) => {
      const tall = (Math.log1p(count) / Math.log1p(most)) * (height - 8);
      const from = x(index * curve.width * SECOND);
      c.fillRect(from, height - tall, Math.max(1, x((index + 1) * curve.width * SECOND) - from), tall);
    });
    c.globalAlpha = 1;
  }
  c.fillStyle = ink.bad;
  for (const violation of violations) {
    const at = x(placeOf(violation).at);
    c.fillRect(at - 1, 0, 2, height);
    c.beginPath();
    c.moveTo(at - 4, 0);
    c.lineTo(at + 4, 0);
    c.lineTo(at, 6);
    c.fill();
  }
  const [from, until] = [Math.max(x(stage.view.from), stage.gutter), Math.min(x(stage.view.until), width - 1)];
  c.fillStyle = ink.paper;
  c.globalAlpha = 0.6;
  c.fillRect(stage.gutter, 0, from - stage.gutter, height);
  c.fillRect(until, 0, width - until, height);
  c.globalAlpha = 1;
  c.strokeStyle = ink.accent;
  c.lineWidth = 1.5;
  c.strokeRect(from + 0.5, 0.75, Math.max(until - from - 1, 2), height - 1.5);
  if (stage.gutter) {
    c.fillStyle = ink.quiet;
    c.font = `11px ${ink.font}`;
    c.textAlign = "left";
    c.textBaseline = "middle";
    c.fillText("the whole run", 10, height / 2 - 7);
    c.fillText("and its backlog", 10, height / 2 + 7);
  }
}
