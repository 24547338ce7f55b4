// Messages and operations: each leg an arrow, the chosen one's over all others.

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

// Many arrows are faint, so that together they show how many they are.
function crowded(count) {
  return Math.max(0.04, Math.min(0.85, (0.6 * stage.width) / Math.max(count, 1)));
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
    const crowd = crowded(count);
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

// A host's lane, and of all arrows its own.
function paintHost(c, host) {
  const y = yOf(host);
  if (y === null) return;
  c.fillStyle = ink.card;
  c.globalAlpha = 0.55;
  c.fillRect(0, 0, stage.width, stage.height);
  c.fillStyle = ink.accent;
  c.globalAlpha = 0.1;
  c.fillRect(0, y - lanes.row / 2, stage.width, lanes.row);
  const own = [];
  visibleLegs((trail, leg) => {
    if (leg.host === host || leg.to === host) own.push([trail, leg]);
  });
  c.globalAlpha = crowded(own.length);
  c.lineWidth = 1.2;
  for (const [trail, leg] of own) {
    const [y0, y1] = [yOf(leg.host), yOf(leg.to)];
    if (y0 === null || y1 === null) continue;
    const [x0, x1] = [xOf(leg.from), xOf(leg.until)];
    c.strokeStyle = ink[classOf(trail, leg)];
    c.beginPath();
    c.moveTo(x0, y0);
    c.lineTo(...(leg.lost ? stubEnd(x0, y0, x1, y1, leg) : [x1, y1]));
    c.stroke();
  }
  c.globalAlpha = 1;
}

// The chosen one's way, over everything else, which fades.
function paintSelected(c) {
  const chosen = stage.selected;
  if (chosen && chosen.kind === "host") paintHost(c, chosen.host);
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
