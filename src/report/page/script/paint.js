// Colours and brushes. Colours are the style sheet's (Okabe and Ito's, told apart by every kind of eye).
const FAMILY = {
  "attack": "power", "power-loss": "power",
  "crash": "crash", "stop": "crash", "start": "crash",
  "freeze": "freeze",
  "partition": "net", "swizzle": "net", "hold": "net",
  "slow": "path", "lossy": "path",
  "disk-full": "disk", "disk-error": "disk",
  "skew-clock": "clock",
  "throttle": "throttle",
};
const FAMILY_WORDS = {
  power: "no power", crash: "crash, stop", freeze: "frozen", net: "cut, held", path: "slow, lossy",
  disk: "disk", clock: "clock", throttle: "throttled", other: "other",
};

function familyOf(kind) {
  return FAMILY[kind] || "other";
}

let ink = {};

function readInk() {
  const style = getComputedStyle(document.documentElement);
  const names = ["paper", "card", "ink", "quiet", "line", "accent", "message", "late", "lost", "twice", "operation",
    "power", "crash", "freeze", "net", "path", "disk", "clock", "throttle", "other", "good", "bad",
    "s0", "s1", "s2", "s3", "s4", "s5"];
  ink = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  ink.font = style.getPropertyValue("--sans").trim() || "sans-serif";
  ink.hatches = {};
}

// A hatch of its own for each family, so that colour is not the only sign.
function hatch(context, family) {
  if (ink.hatches[family]) return ink.hatches[family];
  const tile = document.createElement("canvas");
  const size = 8;
  tile.width = tile.height = size;
  const brush = tile.getContext("2d");
  brush.strokeStyle = brush.fillStyle = ink[family];
  brush.lineWidth = 1;
  brush.beginPath();
  switch (family) {
    case "net":
      [-size, 0, size].forEach((x) => { brush.moveTo(x, size); brush.lineTo(x + size, 0); });
      break;
    case "path":
      [-size, 0, size].forEach((x) => { brush.moveTo(x, 0); brush.lineTo(x + size, size); });
      break;
    case "freeze":
      [1.5, 5.5].forEach((x) => { brush.moveTo(x, 0); brush.lineTo(x, size); });
      break;
    case "disk":
      [1.5, 5.5].forEach((y) => { brush.moveTo(0, y); brush.lineTo(size, y); });
      break;
    case "clock":
    case "throttle":
    case "other":
      brush.fillRect(1, 1, 2, 2);
      brush.fillRect(5, 5, 2, 2);
      break;
    case "crash":
      [0, size].forEach((x) => { brush.moveTo(x, 0); brush.lineTo(size - x, size); });
      break;
    default:
      brush.fillRect(0, 0, size, size);
  }
  brush.stroke();
  return (ink.hatches[family] = context.createPattern(tile, "repeat"));
}

function band(context, family, x, y, width, height, strength = 1) {
  context.save();
  context.fillStyle = ink[family];
  context.globalAlpha = 0.09 * strength;
  context.fillRect(x, y, width, height);
  context.globalAlpha = 0.2 * strength;
  context.fillStyle = hatch(context, family);
  if (family !== "power") context.fillRect(x, y, width, height);
  context.restore();
}

function head(context, x0, y0, x1, y1, size) {
  const angle = Math.atan2(y1 - y0, x1 - x0);
  context.moveTo(x1, y1);
  context.lineTo(x1 - size * Math.cos(angle - 0.42), y1 - size * Math.sin(angle - 0.42));
  context.moveTo(x1, y1);
  context.lineTo(x1 - size * Math.cos(angle + 0.42), y1 - size * Math.sin(angle + 0.42));
}

function cross(context, x, y, size) {
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
}

// Services in the order in which sessions name them, so that no two neighbours look alike.
const services = [...new Set(data.sessions.map((session) => session.with))];

function serviceInk(service) {
  return ink[`s${services.indexOf(service) % 6}`];
}

// The longest beginning of a text that fits.
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = Math.min(text.length, Math.floor(width / 4));
  while (end > 0 && context.measureText(text.slice(0, end) + "…").width > width) end--;
  return end > 1 ? text.slice(0, end) + "…" : "";
}

// Steps of an axis that people count in.
function ticksOf(from, until, most) {
  const steps = [1e2, 2e2, 5e2, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8,
    3e8, 6e8, 9e8, 1.8e9, 3.6e9, 7.2e9, 1.44e10, 2.16e10, 4.32e10, 8.64e10];
  const step = steps.find((one) => (until - from) / one <= most) || steps[steps.length - 1];
  const digits = step >= SECOND ? 0 : Math.ceil(6 - Math.log10(step) - 0.001);
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at <= until; at += step) ticks.push(at);
  return { ticks, digits };
}

// A canvas in device pixels, drawn on in those of the page.
function canvasOf(element, width, height) {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (element.width !== w || element.height !== h) {
    element.width = w;
    element.height = h;
  }
  if (element.style.height !== `${height}px`) element.style.height = `${height}px`;
  const context = element.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}
