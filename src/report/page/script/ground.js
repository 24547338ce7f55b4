// What arrows are drawn on: time, lanes, faults, sessions, marks, names, and the whole run in a strip.

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
    const half = 4 + digits * 3 + 14;
    const within = Math.min(Math.max(x, stage.gutter + half), stage.width - half);
    if (at >= 0) c.fillText(clock(at, digits), within, stage.height - AXIS / 2 + 2);
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
      if (faint === 1) c.strokeText(SIGNS[mark.kind], x, y); // hundreds of outlines would hide their lane
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

// The whole run in a narrow strip, with the part that is looked at.
function paintOverview() {
  const [width, height] = [stage.width, 44];
  const c = canvasOf(stage.overview, width, height);
  const x = (at) => stage.gutter + ((at / Math.max(data.end, 1) + EDGE) / (1 + 2 * EDGE)) * (width - stage.gutter);
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
