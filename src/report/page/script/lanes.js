// Lanes: sites one below the other, their hosts within. A large site is folded: what is not of interest shares one lane.
const ALONE = 40; // of a folded site stand alone at most, the latest that were asked for
const FOLDED = 16; // a site with more hosts than this begins folded
const ROW = 38;
const CLOSE = 26; // with many lanes
const SITE = 24;

const lanes = { rows: [], of: [], row: ROW, height: 0, unfolded: false, foldable: false, shown: new Set() };

// Hosts that a violation tells of stand alone from the start.
for (const violation of violations) {
  for (const step of violation.steps) if (step.host < roster) lanes.shown.add(step.host);
}

function layLanes() {
  lanes.rows = [];
  lanes.of = new Array(hosts.length).fill(-1);
  lanes.foldable = false;
  lanes.row = roster > FOLDED ? CLOSE : ROW;
  const latest = new Set([...lanes.shown].slice(-ALONE));
  let y = 0;
  const add = (row, height) => {
    row.y = y + height / 2;
    row.height = height;
    y += height;
    lanes.rows.push(row);
    return row;
  };
  data.sites.forEach((site, number) => {
    const here = [];
    for (let host = 0; host < roster; host++) if (data.at[host] === number) here.push(host);
    add({ site }, SITE);
    const folds = here.length > FOLDED;
    lanes.foldable ||= folds;
    const alone = folds && !lanes.unfolded ? here.filter((host) => latest.has(host)) : here;
    for (const host of alone) {
      lanes.of[host] = lanes.rows.length;
      add({ host, name: hosts[host] }, lanes.row);
    }
    const rest = here.filter((host) => lanes.of[host] < 0);
    if (rest.length) {
      for (const host of rest) lanes.of[host] = lanes.rows.length;
      add({ fold: rest, name: `${rest.length.toLocaleString("en")}${alone.length ? " other" : ""} hosts` }, lanes.row * 1.5);
    }
  });
  lanes.height = y + 6;
}

// Gives these hosts lanes of their own. Says whether that changed anything.
function showHosts(list) {
  for (const host of list.filter((one) => one < roster)) {
    lanes.shown.delete(host);
    lanes.shown.add(host);
  }
  if (lanes.unfolded || !lanes.foldable) return false;
  const before = lanes.of;
  layLanes();
  return lanes.of.some((row, host) => row !== before[host]);
}

// The rows of a host or of all hosts of a site.
function rowsOfPlace(place) {
  const host = hosts.indexOf(place);
  if (host >= 0 && host < roster) return [lanes.of[host]];
  const site = data.sites.indexOf(place);
  const rows = new Set();
  for (let other = 0; other < roster; other++) if (data.at[other] === site) rows.add(lanes.of[other]);
  return [...rows];
}

// Faults that overlap lie in strips of their own, as few as there is room for.
const strips = [];
for (const fault of data.faults) {
  fault.family = familyOf(fault.kind);
  let strip = strips.findIndex((end) => end <= fault.from);
  if (strip < 0) strip = strips.push(0) - 1;
  strips[strip] = Math.max(fault.until, fault.from + 1);
  fault.strip = strip;
}
