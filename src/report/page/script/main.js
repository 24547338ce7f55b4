// Puts it together: search, keys, addresses, light and dark.
const byId = (id) => document.getElementById(id);

function showDiagram() {
  byId("diagram").scrollIntoView({ block: "start", behavior: reducedMotion() ? "auto" : "smooth" });
}
function reducedMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
function goToMoment(at) {
  point(at);
  showDiagram();
}
function chooseAndShow(thing) {
  choose(thing, { focus: true });
  showDiagram();
}
function nextViolation(by) {
  if (!violations.length) return;
  const chosen = stage.selected;
  const here = chosen && chosen.kind === "violation" ? chosen.violation.index : by > 0 ? -1 : 0;
  const violation = violations[(here + by + violations.length) % violations.length];
  choose({ kind: "violation", violation });
}
function nextMessage(by) {
  const chosen = stage.selected;
  const from = chosen && (chosen.trail || (chosen.violation && chosen.violation.trail));
  const seen = trails.filter((trail) => trail.from >= stage.view.from && trail.from <= stage.view.until);
  if (!from) {
    if (seen.length) choose({ kind: "trail", trail: by > 0 ? seen[0] : seen[seen.length - 1] }, { look: false });
    return;
  }
  const trail = trails[trails.indexOf(from) + by];
  if (trail && trail.kind === from.kind && trail.whose === from.whose) choose({ kind: "trail", trail });
}
function unfold() {
  lanes.unfolded = !lanes.unfolded;
  layLanes();
  measure();
  const button = document.querySelector("[data-tool=unfold]");
  button.textContent = lanes.unfolded ? "Fold" : "Unfold";
}

const TOOLS = {
  in: () => zoom(0.5),
  out: () => zoom(2),
  all: lookAtAll,
  back: () => pan(-0.25),
  on: () => pan(0.25),
  next: () => nextViolation(1),
  unfold,
  keys: () => byId("keys").showModal(),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { tool, violation, message, at, host } = button.dataset;
  if (tool) TOOLS[tool]();
  if (violation) chooseAndShow({ kind: "violation", violation: violations[Number(violation)] });
  if (at) goToMoment(Number(at) * SECOND);
  if (message && trailByKey.has(message)) chooseAndShow({ kind: "trail", trail: trailByKey.get(message) });
  if (host) {
    const known = hosts.slice(0, roster).findIndex((name) => visible(name) === host);
    if (known >= 0) chooseAndShow({ kind: "host", host: known });
  }
});

// Search.
const words = byId("words");
const found = byId("found");
const MOST_FOUND = 12;
let results = [];
let active = -1;

function search(text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return [];
  const [, before, number] = /^(.*?)\s*#?\s*(\d+)?$/.exec(wanted);
  const list = [];
  const add = (kind, name, thing) => list.length < MOST_FOUND && list.push({ kind, name, thing });
  const isNumbered = wanted.includes("#");
  if (number !== undefined) {
    const exact = trails.filter((trail) => trail.kind === 0 && String(trail.number) === number
      && data.producers[trail.whose].toLowerCase().includes(before.trim()));
    exact.forEach((trail) => add("message", nameOf(trail), { kind: "trail", trail }));
  }
  if (!isNumbered) {
    for (let host = 0; host < roster; host++) {
      if (hosts[host].toLowerCase().includes(wanted)) add("host", hosts[host], { kind: "host", host });
    }
    for (const trail of trails) {
      if (trail.kind === 1 && nameOf(trail).toLowerCase().includes(wanted)) {
        add("operation", `${nameOf(trail)} at ${clock(trail.from, 0)}`, { kind: "trail", trail });
      }
    }
    for (const fault of data.faults) {
      if (fault.text.toLowerCase().includes(wanted)) add("fault", `${fault.text} at ${clock(fault.from, 0)}`, { kind: "fault", fault });
    }
    data.producers.forEach((producer, whose) => {
      if (!producer.toLowerCase().includes(wanted)) return;
      const trail = trails.find((one) => one.kind === 0 && one.whose === whose);
      if (trail) add("message", `${nameOf(trail)} and all that follow it`, { kind: "trail", trail });
    });
  }
  return list;
}

function showResults() {
  results = search(words.value);
  active = results.length ? 0 : -1;
  const rows = results.map((result, index) => {
    const row = make("li", { role: "option", id: `found-${index}` }, make("small", {}, result.kind), " ", visible(result.name));
    row.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      take(index);
    });
    return row;
  });
  if (words.value.trim() && !rows.length) {
    rows.push(make("li", { className: "none" }, "Not on this page. history.jsonl has every message."));
  }
  found.replaceChildren(...rows);
  found.hidden = rows.length === 0;
  mark();
}
function mark() {
  [...found.children].forEach((row, index) => row.setAttribute("aria-selected", index === active));
  if (active >= 0) words.setAttribute("aria-activedescendant", `found-${active}`);
  else words.removeAttribute("aria-activedescendant");
}
function take(index) {
  const result = results[index];
  if (!result) return;
  found.hidden = true;
  words.blur();
  chooseAndShow(result.thing);
}
words.addEventListener("input", showResults);
words.addEventListener("focus", () => {
  words.select();
  showResults();
});
words.addEventListener("blur", () => { found.hidden = true; });
words.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const by = event.key === "ArrowDown" ? 1 : -1;
    if (results.length) active = (active + by + results.length) % results.length;
    mark();
  } else if (event.key === "Escape") {
    words.value = "";
    words.blur();
  }
});
byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  take(active);
});

// Keys.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey || typing || byId("keys").open) return;
  const vertical = document.activeElement === stage.canvas && lanes.height > stage.height - stage.top - AXIS;
  const keys = {
    "ArrowLeft": () => pan(-0.15), "ArrowRight": () => pan(0.15),
    "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1.6), "0": lookAtAll, "Home": lookAtAll,
    "n": () => nextViolation(1), "p": () => nextViolation(-1),
    ".": () => nextMessage(1), ",": () => nextMessage(-1),
    "/": () => words.focus(), "u": () => lanes.foldable && unfold(), "t": turn, "?": TOOLS.keys,
    "Escape": () => {
      stage.marker = null;
      choose(null);
    },
    ...(vertical ? { "ArrowUp": () => scrollTo(stage.scroll - 60), "ArrowDown": () => scrollTo(stage.scroll + 60) } : {}),
  };
  const act = Object.hasOwn(keys, event.key) && keys[event.key];
  if (!act || (event.key === "Home" && document.activeElement !== stage.canvas)) return;
  event.preventDefault();
  act();
});

// Light and dark: as the system has it, until somebody says otherwise.
function turn() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  recolour();
}
function recolour() {
  readInk();
  legend();
  drawCharts();
  draw();
}
byId("theme").addEventListener("click", turn);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

// Signs that this run has.
function legend() {
  const fates = [["message", "message"], ["late", `late: over ${took(data.late)}`], ["lost", "lost, or did not arrive"], ["twice", "received twice"], ["operation", "operation"]];
  const had = new Set(trails.map((trail) => trail.fate));
  if (trails.some((trail) => trail.legs.some((leg) => leg.lost))) had.add("lost");
  const rows = fates.filter(([fate]) => had.has(fate)).map(([fate, text]) => sign("arrow", ink[fate], text));
  const families = [...new Set(data.faults.map((fault) => fault.family))];
  rows.push(...families.map((family) => sign("band", ink[family], FAMILY_WORDS[family])));
  const marks = new Set(data.marks.map((one) => one.kind));
  for (const [kind, text] of [["move", "moved"], ["active", "became active"], ["lost", "lost its session"]]) {
    if (marks.has(kind)) rows.push(make("li", {}, make("i", { className: `mark ${kind}` }, SIGNS[kind]), text));
  }
  if (violations.length) rows.push(sign("ring", ink.bad, "violation"));
  rows.push(...services.slice(0, 6).map((service) => sign("session", serviceInk(service), `session with ${visible(hosts[service])}`)));
  byId("legend").replaceChildren(...rows);
}
function sign(shape, color, text) {
  const swatch = make("i", { className: shape });
  swatch.style.color = color;
  return make("li", {}, swatch, text);
}

byId("copy").addEventListener("click", async () => {
  const code = byId("replay");
  try {
    await navigator.clipboard.writeText(code.textContent);
    byId("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // no clipboard here: it can be copied by hand
  }
});

// `#at=SECONDS` is a moment of virtual time.
function followAddress() {
  const match = /^#at=(\d+(?:\.\d+)?)$/.exec(location.hash);
  if (!match) return;
  const at = Math.min(Number(match[1]) * SECOND, data.end);
  stage.view = { from: at - 10 * SECOND, until: at + 10 * SECOND };
  goToMoment(at);
}
addEventListener("hashchange", followAddress);

function begin() {
  readInk();
  layLanes();
  measure();
  lookAtAll();
  legend();
  drawCharts();
  document.querySelector("[data-tool=next]").hidden = violations.length === 0;
  document.querySelector("[data-tool=unfold]").hidden = !lanes.foldable;
  for (const button of document.querySelectorAll("[data-message]")) {
    if (trailByKey.has(button.dataset.message)) continue;
    button.disabled = true;
    button.title = "Its trail is not on this page; history.jsonl has it.";
  }
  let width = stage.width;
  new ResizeObserver(() => {
    measure();
    if (stage.width === width) return;
    width = stage.width;
    charts.plots.forEach((plot) => plot.setSize({ width: Math.max(220, Math.floor(plot.root.parentElement.clientWidth)), height: 170 }));
  }).observe(stage.canvas.parentElement);
  followAddress();
  document.documentElement.dataset.ready = "yes";
}
begin();
