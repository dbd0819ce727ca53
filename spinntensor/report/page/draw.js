// What all pictures share: elements, colours with patterns, scales and axes, and how one looks around in a picture.

window.onerror = (message, source, line) => {
  const box = document.getElementById("failure");
  box.hidden = false;
  box.textContent += `The page could not be drawn: ${message} (line ${line})\n`;
  document.documentElement.dataset.failed = "yes";
};

const plan = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const number = (value, digits = 3) =>
  value === 0 ? "0" : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(digits)));
const fixed = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const percent = (part, digits = 1) => `${(100 * part).toFixed(digits)} %`;
const cycles = (value) => `${Math.round(value).toLocaleString("en")} cycles`;
const milliseconds = (value) => (1e3 * value) / plan.clock_hz;
const bytes = (value) => (value >= 1e6 ? `${number(value / 1e6, 4)} MB` : `${value.toLocaleString("en")} bytes`);

function large(value) {
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["K", 1e3]]) if (value >= size) return (value / size).toFixed(1) + unit;
  return String(value);
}

// Colours. Each also has a pattern, so that nothing is told by colour alone. -------------------------------------

const PATTERNS = ["", "M0,8L8,0", "M0,4H8", "M2,2h2v2h-2z", "M0,0L8,8", "M4,0V8", "M0,4H8M4,0V8", "M0,8L8,0M0,0L8,8"];

function definePatterns() {
  PATTERNS.forEach((path, i) => {
    const tile = shape("pattern", { id: `fill${i}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" });
    tile.append(shape("rect", { width: 8, height: 8, style: `fill: var(--c${i})` }));
    if (path) tile.append(shape("path", { d: path, fill: "none", stroke: "#101317", "stroke-opacity": 0.32, "stroke-width": 1.2 }));
    byId("patterns").append(tile);
  });
  const hatch = shape("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse" });
  hatch.append(shape("path", { d: "M0,6L6,0", style: "stroke: var(--hatch)", "stroke-width": 1 }));
  byId("patterns").append(hatch);
}

const fill = (i) => `url(#fill${i % PATTERNS.length})`;
const HATCH = "url(#hatch)";

function key(paint, ...words) {
  const box = shape("svg", { width: 16, height: 12, style: "width: 16px; flex: none" });
  box.append(shape("rect", { width: 16, height: 12, rx: 2, fill: paint, stroke: "var(--line)" }));
  return element("span", {}, box, ...words);
}

const bold = (words) => element("b", {}, words);

// Places of values: linear or logarithmic scales, and axes with round figures. ------------------------------------

function scale(from, to, low, high, log = false) {
  const f = log ? Math.log10 : (v) => v;
  const factor = (high - low) / (f(to) - f(from) || 1);
  return (value) => low + (f(value) - f(from)) * factor;
}

function ticks(from, to, count) {
  const rough = (to - from || 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const made = [];
  for (let i = Math.ceil(from / step); i * step <= to + step / 1e6; i++) made.push(Number((i * step).toPrecision(12)));
  return made;
}

// Words for the times at an axis: as many decimal places as their step needs.
function timeWords(values) {
  const step = values.length > 1 ? values[1] - values[0] : 1;
  return (value) => fixed(value, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

function clear(svg, height) {
  const width = Math.max(320, Math.floor(svg.getBoundingClientRect().width || 1200));
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  return width;
}

function label(x, y, words, attributes = {}) {
  return shape("text", { x, y, ...attributes }, words);
}

function axisBelow(svg, values, place, y, top, words, unit) {
  for (const value of values) {
    svg.append(shape("line", { x1: place(value), x2: place(value), y1: top, y2: y, class: "grid" }));
    svg.append(label(place(value), y + 14, words(value), { "text-anchor": "middle" }));
  }
  svg.append(label(svg.viewBox.baseVal.width - 10, y + 28, unit, { "text-anchor": "end" }));
}

function axisLeft(svg, values, place, x, right, words) {
  for (const value of values) {
    svg.append(shape("line", { x1: x, x2: right, y1: place(value), y2: place(value), class: "grid" }));
    svg.append(label(x - 6, place(value) + 4, words(value), { "text-anchor": "end" }));
  }
}

// Looking around: the item under the mouse, or the next one in the direction of an arrow key. ---------------------
// An item is {x, y, w, h, words}; the last of those that lie over each other counts.

function explore(svg, items, readout) {
  let at = -1;
  const ring = shape("rect", { class: "cursor", rx: 2 });
  const tip = byId("tip");

  function show(i, x, y) {
    at = i;
    const item = items()[i];
    tip.hidden = !item || x === undefined;
    readout.textContent = item ? item.words.replaceAll("\n", " · ") : "";
    if (!item) return ring.remove();
    for (const [name, value] of [["x", item.x - 1], ["y", item.y - 1], ["width", item.w + 2], ["height", item.h + 2]]) ring.setAttribute(name, value);
    svg.append(ring);
    if (x === undefined) return;
    tip.textContent = item.words;
    tip.style.left = `${Math.min(x + 14, innerWidth - tip.offsetWidth - 12)}px`;
    tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 12)}px`;
  }

  svg.addEventListener("mousemove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    show(items().findLastIndex((item) => x >= item.x && x <= item.x + item.w && y >= item.y && y <= item.y + item.h), event.clientX, event.clientY);
  });
  svg.addEventListener("mouseleave", () => show(-1));
  svg.addEventListener("blur", () => show(-1));
  svg.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way || event.shiftKey) return;
    event.preventDefault();
    const all = items();
    if (!all[at]) return all.length && show(0);
    const middle = (item) => [item.x + item.w / 2, item.y + item.h / 2];
    const here = middle(all[at]);
    let best = -1, least = Infinity;
    all.forEach((item, i) => {
      const there = middle(item);
      const along = (there[0] - here[0]) * way[0] + (there[1] - here[1]) * way[1];
      const aside = Math.abs((there[0] - here[0]) * way[1]) + Math.abs((there[1] - here[1]) * way[0]);
      const far = along + 8 * aside;
      if (i !== at && along > 0.01 && far < least) [best, least] = [i, far];
    });
    if (best >= 0) show(best);
  });
  return () => show(-1);
}

function choices(box, names, chosen, choose) {
  const buttons = names.map((name, i) => {
    const button = element("button", { type: "button", "aria-pressed": String(i === chosen) }, name);
    button.addEventListener("click", () => {
      buttons.forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
      choose(i);
    });
    return button;
  });
  box.append(...buttons);
}
