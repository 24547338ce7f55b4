// Pointer, wheel and what lies under them.
const pointers = new Map();
let dragged = 0;

function nearestUnder(x, y) {
  if (y < stage.top - 4) {
    const fault = data.faults.find((one) => {
      const [left, width] = extent(one.from, one.until);
      const top = 3 + (one.strip % 5) * STRIP;
      return isSeen(one.from, one.until) && x >= left - 3 && x <= left + width + 3 && y >= top && y <= top + STRIP;
    });
    return fault ? { kind: "fault", fault } : null;
  }
  const spot = violations.find((violation) => {
    const { at, host } = placeOf(violation);
    const row = host === null ? null : yOf(host);
    return row !== null && Math.hypot(xOf(at) - x, row - y) < 9;
  });
  if (spot) return { kind: "violation", violation: spot };
  let best = null;
  let least = 9;
  for (const mark of data.marks) {
    const row = yOf(mark.host);
    if (mark.kind === "other" || row === null || !isSeen(mark.at, mark.at)) continue;
    const distance = Math.hypot(xOf(mark.at) - x, row - y);
    if (distance < least) [best, least] = [{ kind: "mark", mark }, distance];
  }
  if (best) return best;
  least = 7;
  visibleLegs((trail, leg) => {
    const [y0, y1] = [yOf(leg.host), yOf(leg.to)];
    if (y0 === null || y1 === null || y0 === y1) return;
    let [x0, x1] = [xOf(leg.from), xOf(leg.until)];
    let end = y1;
    if (leg.lost) [x1, end] = stubEnd(x0, y0, x1, y1, leg);
    // Of two as near, the one that fared worse.
    const distance = distanceTo(x, y, x0, y0, x1, end) - (trail.fate === "message" ? 0 : 1.5);
    if (distance < least) [best, least] = [{ kind: "trail", trail }, distance];
  });
  return best || laneUnder(x, y);
}

function laneUnder(x, y) {
  const index = lanes.rows.findIndex((row) => Math.abs(stage.top + row.y - stage.scroll - y) <= row.height / 2);
  const row = lanes.rows[index];
  if (!row || row.site !== undefined) return null;
  if (row.fold) return { kind: "fold", row };
  const at = timeAt(x);
  const down = data.downs.find((one) => one.host === row.host && one.from <= at && at <= one.until);
  if (down && x > stage.gutter) return { kind: "down", down };
  const session = data.sessions.find((one) => one.host === row.host && one.from <= at && at <= one.until);
  if (session && x > stage.gutter && y > stage.top + row.y - stage.scroll + 3) return { kind: "session", session };
  return { kind: "host", host: row.host };
}

function distanceTo(x, y, x0, y0, x1, y1) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const share = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
}

function titleOf(thing) {
  switch (thing.kind) {
    case "trail": return nameOf(thing.trail);
    case "violation": return thing.violation.invariant;
    case "mark": return thing.mark.text;
    case "fault": return thing.fault.text;
    case "down": return `${hosts[thing.down.host]}: ${thing.down.why}`;
    case "session": return `${hosts[thing.session.host]} with ${hosts[thing.session.with]}`;
    case "host": return hosts[thing.host];
    default: return "";
  }
}

function spotOf(event) {
  const box = stage.canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

stage.canvas.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  pointers.set(event.pointerId, spotOf(event));
  dragged = pointers.size > 1 ? 99 : 0;
  stage.canvas.setPointerCapture(event.pointerId);
  stage.canvas.focus({ preventScroll: true });
});
stage.canvas.addEventListener("pointermove", (event) => {
  const [x, y] = spotOf(event);
  const before = pointers.get(event.pointerId);
  if (!before) return hoverAt(x, y);
  const perPixel = (stage.view.until - stage.view.from) / (stage.width - stage.gutter);
  if (pointers.size === 2) {
    const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, spot]) => spot);
    const [was, is] = [Math.abs(before[0] - other[0]), Math.abs(x - other[0])];
    if (was > 8 && is > 8) zoom(was / is, timeAt((x + other[0]) / 2));
  } else {
    dragged += Math.abs(x - before[0]) + Math.abs(y - before[1]);
    if (dragged > 4) {
      stage.canvas.classList.add("grabbed");
      look(stage.view.from - (x - before[0]) * perPixel, stage.view.until - (x - before[0]) * perPixel);
      if (event.pointerType === "mouse") scrollTo(stage.scroll - (y - before[1]));
    }
  }
  pointers.set(event.pointerId, [x, y]);
});
for (const name of ["pointerup", "pointercancel"]) {
  stage.canvas.addEventListener(name, (event) => {
    const had = pointers.delete(event.pointerId);
    stage.canvas.classList.remove("grabbed");
    if (name === "pointerup" && had && dragged <= 4) {
      const thing = nearestUnder(...spotOf(event));
      if (thing && thing.kind === "fold") unfold();
      else choose(thing, { look: false });
    }
  });
}
stage.canvas.addEventListener("dblclick", (event) => zoom(0.4, timeAt(spotOf(event)[0])));
stage.canvas.addEventListener("pointerleave", () => hoverAt(-1, -1));

stage.canvas.addEventListener("wheel", (event) => {
  const sideways = event.shiftKey ? event.deltaY : event.deltaX;
  if (event.ctrlKey || event.metaKey || (document.activeElement === stage.canvas && Math.abs(event.deltaY) > Math.abs(sideways))) {
    event.preventDefault();
    zoom(Math.exp(Math.max(-120, Math.min(120, event.deltaY)) * (event.ctrlKey ? 0.01 : 0.0022)), timeAt(spotOf(event)[0]));
  } else if (Math.abs(sideways) > Math.abs(event.deltaY) || event.shiftKey) {
    event.preventDefault();
    pan(sideways / stage.width);
  }
}, { passive: false });

const tip = document.getElementById("tip");

function hoverAt(x, y) {
  const thing = x < 0 ? null : nearestUnder(x, y);
  const worth = thing && thing.kind !== "host" ? thing : null;
  stage.canvas.style.cursor = worth || (thing && x < stage.gutter) ? "pointer" : "";
  tip.hidden = !worth || worth.kind === "fold";
  if (!tip.hidden) {
    tip.textContent = visible(titleOf(worth));
    tip.style.left = `${Math.min(x + 12, stage.width - 160)}px`;
    tip.style.top = `${y + 62}px`;
  }
  const changed = (stage.hover && stage.hover.trail) !== (worth && worth.trail);
  stage.hover = worth;
  if (changed) draw();
}

// The overview: click or drag to go there.
function leap(event) {
  const x = event.clientX - stage.overview.getBoundingClientRect().left;
  const at = (((x - stage.gutter) / (stage.width - stage.gutter)) * (1 + 2 * EDGE) - EDGE) * data.end;
  const span = stage.view.until - stage.view.from;
  look(at - span / 2, at + span / 2);
}
stage.overview.addEventListener("pointerdown", (event) => {
  stage.overview.setPointerCapture(event.pointerId);
  leap(event);
});
stage.overview.addEventListener("pointermove", (event) => {
  if (stage.overview.hasPointerCapture(event.pointerId)) leap(event);
});
