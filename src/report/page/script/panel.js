// What is chosen, in words: a message's custody, a violation, a host.
const panel = document.getElementById("panel");
let invoker = null; // what had the focus before the panel
const MOST_EVENTS = 120;

// Chooses a thing, or nothing. `look`: goes to its place; `focus`: the panel takes the focus.
function choose(thing, { look: go = true, focus = false } = {}) {
  stage.selected = thing;
  if (!thing) return closePanel();
  const changed = showHosts(hostsOf(thing));
  if (changed) measure();
  if (go) goTo(thing);
  panel.replaceChildren(
    make("div", { className: "title" }, make("h3", { tabIndex: -1 }, visible(titleOf(thing))), closer()),
    ...tell(thing));
  panel.hidden = false;
  panel.scrollTop = 0;
  for (const button of document.querySelectorAll("[data-violation]")) {
    const isThis = thing.kind === "violation" && Number(button.dataset.violation) === thing.violation.index;
    if (isThis) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  if (focus) {
    invoker = document.activeElement;
    panel.querySelector("h3").focus({ preventScroll: true });
  }
  draw();
}

function closer() {
  const button = make("button", { type: "button", className: "close", ariaLabel: "Close" }, "✕");
  button.addEventListener("click", () => choose(null));
  return button;
}

function closePanel() {
  panel.hidden = true;
  panel.replaceChildren();
  document.querySelectorAll("[aria-current]").forEach((one) => one.removeAttribute("aria-current"));
  if (invoker && invoker.isConnected) invoker.focus({ preventScroll: true });
  invoker = null;
  measure();
}

function hostsOf(thing) {
  if (thing.kind === "host") return [thing.host];
  if (thing.kind === "mark") return [thing.mark.host];
  if (thing.kind === "trail") return thing.trail.steps.map((step) => step.host);
  if (thing.kind === "violation") return thing.violation.steps.map((step) => step.host);
  return [];
}

// The part of time in which all of it can be seen.
function goTo(thing) {
  const around = (from, until) => {
    const margin = Math.max((until - from) * 0.25, 0.03 * SECOND);
    look(from - margin, until + margin);
  };
  if (thing.kind === "trail") around(thing.trail.from, thing.trail.until);
  if (thing.kind === "violation") around(...spanOf(thing.violation));
  if (thing.kind === "fault") around(thing.fault.from, thing.fault.until);
  if (thing.kind === "mark") around(thing.mark.at - 2 * SECOND, thing.mark.at + 2 * SECOND);
  const rows = hostsOf(thing).map((host) => lanes.of[host]).filter((row) => row >= 0);
  if (rows.length) {
    const [first, last] = [Math.min(...rows), Math.max(...rows)].map((row) => lanes.rows[row].y);
    const room = stage.height - stage.top - AXIS;
    if (first < stage.scroll || last > stage.scroll + room) scrollTo((first + last - room) / 2);
  }
}

// A violation's own steps and the first thing that happened to the world after them; the rest may be minutes away.
function spanOf(violation) {
  const { steps, at } = violation;
  if (!steps.length) return [at - 10 * SECOND, at + 5 * SECOND];
  const own = steps.filter((step) => step.phrase.text.includes(SUBJECT));
  const from = steps[0].at;
  let until = own.length ? own[own.length - 1].at : from;
  const next = steps.find((step) => step.at > until);
  if (next && next.at - from < 60 * SECOND) until = next.at;
  return [from, until];
}

function tell(thing) {
  switch (thing.kind) {
    case "trail": return tellTrail(thing.trail);
    case "violation": return tellViolation(thing.violation);
    case "host": return tellHost(thing.host);
    case "fault": return [facts([["from", thing.fault.from], ["until", thing.fault.until]])];
    case "down": return [facts([["from", thing.down.from], ["until", thing.down.until]])];
    case "session":
      return [facts([["from", thing.session.from], ["until", thing.session.until]]), make("p", {}, `It ended: ${thing.session.ended}.`)];
    case "mark": return [facts([["at", thing.mark.at]]), make("p", {}, `Told by ${visible(hosts[thing.mark.host])}.`)];
    default: return [];
  }
}

function facts(list) {
  return make("p", { className: "facts" }, ...list.flatMap(([word, at]) => [`${word} `, moment(at), " "]));
}

// A time that leads to its place.
function moment(at) {
  const button = make("button", { type: "button", className: "moment", title: "Show this moment" }, clock(at));
  button.addEventListener("click", () => point(at));
  return button;
}

function tellTrail(trail) {
  const tags = [["lost", NOTE.LOST], ["given up", NOTE.GIVEN_UP], ["received twice", NOTE.TWICE]]
    .filter(([, bit]) => trail.note & bit).map(([word]) => make("span", { className: "tag bad" }, word));
  if (trail.fate === "late") tags.push(make("span", { className: "tag late" }, "late"));
  const got = trail.steps.find((step) => step.phrase.what === "received" || step.phrase.what === "done");
  const offered = trail.steps[0] && (trail.steps[0].phrase.what === "offered" || trail.steps[0].phrase.what === "asked");
  const line = !offered ? "Its beginning is not on this page."
    : got ? `${trail.kind === 1 ? "Carried out" : "Received"} ${took(got.at - trail.from)} after it was ${trail.kind === 1 ? "asked for" : "offered"}.`
    : trail.kind === 1 ? "" : data.complete ? "Nobody has received it." : "Not received when the run was stopped.";
  const broken = violations.filter((violation) => violation.trail === trail).map((violation) => {
    const button = make("button", { type: "button", className: "link" }, `${violation.invariant} was violated`);
    button.addEventListener("click", () => choose({ kind: "violation", violation }));
    return button;
  });
  return [
    make("p", { className: "facts" }, ...tags, line),
    ...broken,
    custody(withOutages(trail)),
    ...(trail.more ? [make("p", {}, `and ${trail.more} more steps, which history.jsonl has`)] : []),
  ];
}

// The trail with what happened to the machines on it while it was under way.
function withOutages(trail) {
  const places = new Set(trail.legs.flatMap((leg) => [leg.host, leg.to]));
  const until = trail.note & NOTE.LOST ? data.end : trail.until;
  const outages = data.downs.filter((down) => places.has(down.host) && down.until >= trail.from && down.from <= until);
  const rows = trail.steps.map((step) => ({ at: step.at, host: step.host, words: wordsOf(step.phrase), world: false }));
  for (const down of outages) {
    rows.push({ at: down.from, host: down.host, words: down.why === "no power" ? "loses its power" : `is ${down.why}`, world: true });
    if (down.until < data.end) rows.push({ at: down.until, host: down.host, words: "is back", world: true });
  }
  return rows.sort((a, b) => a.at - b.at);
}

function custody(rows) {
  return make("ol", { className: "custody", ariaLabel: "Custody" }, ...rows.map((row) =>
    make("li", row.world ? { className: "world" } : {}, moment(row.at), make("p", {},
      ...(row.host === undefined ? [] : [make("b", {}, visible(hosts[row.host])), " "]), make("span", {}, visible(row.words))))));
}

function tellViolation(violation) {
  const rows = violation.steps.map((step) => ({
    at: step.at, host: step.host, words: wordsOf(step.phrase), world: !step.phrase.text.includes(SUBJECT),
  }));
  const told = rows.length ? [make("h4", {}, "Custody"), custody(rows)]
    : violation.lines.length ? [make("h4", {}, "Custody"), make("pre", {}, violation.lines.map(visible).join("\n"))] : [];
  const way = violation.trail ? make("button", { type: "button", className: "link" }, "The whole trail of this message") : null;
  if (way) way.addEventListener("click", () => choose({ kind: "trail", trail: violation.trail }));
  return [
    make("p", {}, visible(violation.text)),
    facts([["certain at", violation.at]]),
    ...told,
    ...(way && violation.trail.steps.length > rows.length ? [way] : []),
  ];
}

function tellHost(host) {
  const events = [
    ...data.downs.filter((down) => down.host === host).map((down) => ({ at: down.from, words: `${down.why} until ${clock(down.until)}`, world: true })),
    ...data.sessions.filter((session) => session.host === host).map((session) => ({ at: session.from, words: `session with ${hosts[session.with]} until ${clock(session.until)}: ${session.ended}` })),
    ...data.marks.filter((mark) => mark.host === host).map((mark) => ({ at: mark.at, words: mark.text })),
  ].sort((a, b) => a.at - b.at);
  const ways = trails.filter((trail) => trail.legs.some((leg) => leg.host === host || leg.to === host)).length;
  const rows = events.slice(0, MOST_EVENTS);
  return [
    make("p", { className: "facts" }, `in ${visible(data.sites[data.at[host]] || "")} · ${ways.toLocaleString("en")} messages and operations drawn`),
    custody(rows),
    ...(events.length > rows.length ? [make("p", {}, `and ${events.length - rows.length} more`)] : []),
  ];
}

// Marks a moment and shows what is around it.
function point(at) {
  stage.marker = at;
  const span = Math.min(stage.view.until - stage.view.from, 20 * SECOND);
  look(at - span / 2, at + span / 2);
}
