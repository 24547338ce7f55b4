// What the page knows, read from its data. Everything in it came from files and networks: it is only ever text.
const data = JSON.parse(document.getElementById("data").textContent);

const SUBJECT = "\uFDD0"; // where a sentence names its message
const NOTE = { LOST: 1, TWICE: 2, LATE: 4, GIVEN_UP: 8, VIOLATED: 16 };
const SECOND = 1e6; // times are microseconds

data.marks = data.marks.map(([at, host, kind, text]) => ({ at, host, kind, text }));
data.sessions = data.sessions.map(([host, service, from, until, ended]) => ({ host, with: service, from, until, ended }));
data.downs = data.downs.map(([host, from, until, why]) => ({ host, from, until, why }));

const phrases = data.phrases;
const hosts = data.hosts;
const roster = data.at.length; // hosts from here on are names of something else

// Steps of a trail or of a custody, from the flat list in which they come.
function stepsOf(flat, begin) {
  const steps = [];
  let at = 0;
  for (let i = begin; i + 2 < flat.length; i += 3) {
    at += flat[i];
    steps.push({ at, host: flat[i + 1], phrase: phrases[flat[i + 2]] });
  }
  return steps;
}

const trails = data.trails.map((flat) => {
  const steps = stepsOf(flat, 5);
  const first = steps[0] || { at: 0 };
  return {
    kind: flat[0], whose: flat[1], number: flat[2], note: flat[3], more: flat[4], steps,
    from: first.at, until: steps.length ? steps[steps.length - 1].at : first.at, legs: null,
  };
});
const trailByKey = new Map(trails.map((trail) => [keyOf(trail), trail]));

const violations = data.violations.map((violation, index) => {
  const trail = violation.about ? trailByKey.get(violation.about.join(":")) : undefined;
  const steps = stepsOf(violation.custody, 0);
  return { ...violation, index, trail, steps: steps.length || !trail ? steps : trail.steps };
});

function keyOf(trail) {
  return `${trail.kind}:${trail.whose}:${trail.number}`;
}

function nameOf(trail) {
  return trail.kind === 1 ? data.operations[trail.whose] : `${data.producers[trail.whose]} #${trail.number}`;
}

function wordsOf(phrase) {
  return phrase.text.replace(SUBJECT, "it");
}

// From where to where something went, with what never arrived as a stub. Read off the steps: it leaves where it was
// sent or kept, and arrives where it is stored, delivered or handled.
function legsOf(steps) {
  const legs = [];
  const sent = [];
  let kept = null;
  let confirmed = null;
  const been = new Set();
  for (const step of steps) {
    switch (step.phrase.what) {
      case "offered":
      case "asked":
        kept = step;
        been.add(step.host);
        break;
      case "sent":
      case "dispatched":
      case "sent-on":
        sent.push({ step, to: step.phrase.to, arrived: false });
        break;
      case "confirmed":
        confirmed = confirmed || step;
        break;
      case "stored":
      case "queued":
      case "delivered":
      case "got":
      case "received":
      case "done": {
        const handled = step.phrase.what === "received" || step.phrase.what === "done";
        if (handled && been.has(step.host)) break;
        const leg = arrival(step, sent, kept);
        if (leg) legs.push(leg);
        been.add(step.host);
        if (step.phrase.what === "stored" || step.phrase.what === "queued") kept = step;
        break;
      }
    }
  }
  const answered = steps.some((step) => step.phrase.what === "stored");
  for (const { step, to, arrived } of sent) {
    if (arrived || to === undefined || to === step.host) continue;
    // It was confirmed, so it came; and yet it is nowhere.
    const came = !answered && confirmed !== null && confirmed.at >= step.at;
    legs.push({ from: step.at, host: step.host, until: came ? confirmed.at : step.at, to, lost: true, came });
  }
  return legs;
}

function arrival(step, sent, kept) {
  for (let i = sent.length - 1; i >= 0; i--) {
    const one = sent[i];
    if (!one.arrived && one.step.host !== step.host && (one.to === step.host || one.to === undefined)) {
      one.arrived = true;
      return { from: one.step.at, host: one.step.host, until: step.at, to: step.host, lost: false, came: true };
    }
  }
  if (kept && kept.host !== step.host) {
    return { from: kept.at, host: kept.host, until: step.at, to: step.host, lost: false, came: true };
  }
  return null;
}

function isReceived(trail) {
  return trail.steps.some((step) => step.phrase.what === "received" || step.phrase.what === "done");
}

// How it fared, in one word, the worst first; colours go by it.
function fateOf(trail) {
  if (trail.kind === 1) return "operation";
  if (trail.note & (NOTE.LOST | NOTE.GIVEN_UP)) return "lost";
  if (trail.note & NOTE.TWICE) return "twice";
  const got = trail.steps.find((step) => step.phrase.what === "received");
  return got && got.at - trail.from > data.late ? "late" : "message";
}

for (const trail of trails) {
  trail.legs = legsOf(trail.steps);
  trail.fate = fateOf(trail);
}

function clock(at, digits = 3) {
  const whole = Math.floor(at / SECOND);
  const two = (n) => String(n).padStart(2, "0");
  const fraction = digits ? "." + String(Math.floor(at % SECOND)).padStart(6, "0").slice(0, digits) : "";
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return (h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`) + fraction;
}

function took(us) {
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < SECOND) return `${Math.round(us / 1000)} ms`;
  return `${(us / SECOND).toFixed(1)} s`;
}

// Makes an element. Children are elements or text.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.map((child) => (child instanceof Node ? child : document.createTextNode(child))));
  return element;
}

// Signs that turn a text round or hide in it are shown by their number.
function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (sign) => `\\u{${sign.codePointAt(0).toString(16)}}`);
}
