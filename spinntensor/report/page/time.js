// Pictures over time: the Gantt chart of the workers, and how busy they are.

const LEFT = 70, RIGHT = 10;
const workerName = (i) => (i < 0 ? "host's link" : `core ${plan.workers[i][2]}`);
const workerPlace = (i) => (i < 0 ? "host's link" : `worker ${i} (chip ${plan.workers[i][0]},${plan.workers[i][1]} core ${plan.workers[i][2]})`);
const [LANE, SHARE, PERIOD, START, END, KIND] = [0, 1, 2, 3, 4, 5];
const end = Math.max(1, ...plan.spans.map((span) => span[END]));
const spanKind = (span) => plan.kinds[span[KIND]];
const stageOf = (span) => (span[LANE] < 0 ? null : plan.layers[plan.shares.stage[span[SHARE]]]);
const DOORBELLS = fill(3);

// Families of layers, those that take most of the time first: each has a colour.
const families = [...new Set([...plan.layers].sort((a, b) => b.share - a.share).map((layer) => layer.kind))];
const familyPaint = (kind) => `var(--c${Math.min(7, families.indexOf(kind))})`;
const paler = (paint) => `color-mix(in srgb, ${paint} 70%, var(--card))`; // every other layer, so that neighbours differ
const waits = new Map(plan.waits.map(([share, period, ...why]) => [`${share}/${period}`, why]));

function spanWords(span) {
  const kind = spanKind(span), took = `${cycles(span[END] - span[START])}, ${number(milliseconds(span[END] - span[START]))} ms, from ${fixed(milliseconds(span[START]), 3)} ms`;
  if (span[LANE] < 0) return `${kind} of period ${span[PERIOD]} on the host's link\n${took}`;
  const s = span[SHARE], layer = stageOf(span), shares = plan.shares;
  const what = { lead: "first transfers", body: shares.step[s] === "join" ? "joins partial sums" : `${shares.tiles[s]} tiles`, tail: "last transfers" }[kind] ?? kind;
  const lines = [`${layer.name}: ${what}, ${workerPlace(span[LANE])}, period ${span[PERIOD]}`, took];
  if (kind !== "body") return lines.join("\n");
  lines.push(`${percent(shares.issue[s] / (shares.body[s] || 1))} of it kernels and engine; ${bytes(shares.loaded[s])} loaded, ${bytes(shares.stored[s])} stored`);
  const why = waits.get(`${s}/${span[PERIOD]}`);
  if (why) {
    const other = why[1] === null ? "for its own transfers"
      : plan.shares.worker[why[1]] < 0 ? `for the host's ${plan.shares.step[why[1]]} of period ${why[2]}`
      : `for ${plan.layers[shares.stage[why[1]]].name} of period ${why[2]} on ${workerPlace(shares.worker[why[1]])}`;
    lines.push(`waited ${cycles(why[0])} before, ${other}`);
  }
  return lines.join("\n");
}

function drawGantt() {
  const svg = byId("gantt"), lanes = [...new Set(plan.spans.map((span) => span[LANE]))].sort((a, b) => a - b);
  const ROW = 20, TOP = 18, height = TOP + ROW * lanes.length + 34;
  let from = 0, to = end, items = [], width = 0, grabbed = null;
  const forget = explore(svg, () => items, byId("gantt-readout"));

  function show(a, b) {
    const span = Math.min(end, Math.max(b - a, end / 1e5));
    from = Math.max(0, Math.min(a, end - span));
    to = from + span;
    draw();
  }

  function draw() {
    forget();
    width = clear(svg, height);
    const x = scale(from, to, LEFT, width - RIGHT);
    const times = ticks(milliseconds(from), milliseconds(to), 8);
    axisBelow(svg, times, (ms) => x((ms * plan.clock_hz) / 1e3), height - 34, TOP, timeWords(times), "milliseconds");
    items = [];
    const last = {};
    for (const [i, lane] of lanes.entries()) {
      const y = TOP + ROW * i;
      svg.append(shape("rect", { x: LEFT, y: y + 2, width: width - RIGHT - LEFT, height: ROW - 4, fill: HATCH }));
      svg.append(label(LEFT - 6, y + 14, workerName(lane), { "text-anchor": "end" }));
    }
    for (const span of plan.spans) {
      if (span[END] < from || span[START] > to) continue;
      const a = Math.max(LEFT, x(span[START])), b = Math.min(width - RIGHT, x(span[END])), kind = spanKind(span);
      const whole = kind !== "lead" && kind !== "tail", rings = kind === "doorbells", y = TOP + ROW * lanes.indexOf(span[LANE]);
      if (b - a < (whole && !rings ? 0.25 : 1) && last[span[LANE]] > a - 0.5) continue; // too thin to be seen beside its neighbour
      if (whole) last[span[LANE]] = b;
      const layer = stageOf(span), w = Math.max(0.4, b - a);
      const box = whole ? { x: a, y: y + 2, w, h: ROW - 4 } : { x: a, y: kind === "lead" ? y + ROW - 6 : y + 2, w, h: 4 };
      const family = layer ? familyPaint(layer.kind) : "var(--c7)", paint = layer && layer.stage % 2 ? paler(family) : family;
      const edge = w > 4 ? { stroke: "var(--card)", "stroke-width": 0.8 } : {};
      svg.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, 
        style: `fill: ${rings ? DOORBELLS : whole ? paint : "var(--mark)"}`, ...edge }));
      const name = layer && !rings ? layer.name : kind;
      if (whole && w > 7 * name.length) svg.append(label(a + w / 2, y + 14, name, { class: "on", "text-anchor": "middle" }));
      items.push({ ...box, words: spanWords(span) });
    }
    plan.periods.forEach((start, i) => {
      if (start < from || start > to) return;
      svg.append(shape("line", { x1: x(start), x2: x(start), y1: 4, y2: height - 34, class: "limit" }));
      svg.append(label(x(start) + 4, 12, `period ${i}`, { class: "ink" }));
    });
  }

  const timeAt = (event) => from + ((event.clientX - svg.getBoundingClientRect().left - LEFT) / (width - LEFT - RIGHT)) * (to - from);
  const range = shape("rect", { class: "range", y: TOP, height: ROW * lanes.length });
  svg.addEventListener("mousedown", (event) => (grabbed = { x: event.clientX, t: timeAt(event) }));
  svg.addEventListener("mousemove", (event) => {
    if (!grabbed) return;
    const left = svg.getBoundingClientRect().left, a = Math.min(grabbed.x, event.clientX) - left;
    range.setAttribute("x", a);
    range.setAttribute("width", Math.abs(event.clientX - grabbed.x));
    svg.append(range);
  });
  window.addEventListener("mouseup", (event) => {
    if (!grabbed) return;
    const start = grabbed, stop = timeAt(event);
    grabbed = null;
    range.remove();
    if (Math.abs(event.clientX - start.x) > 4) show(Math.min(start.t, stop), Math.max(start.t, stop));
  });
  const zoom = (factor) => show((from + to) / 2 - (factor * (to - from)) / 2, (from + to) / 2 + (factor * (to - from)) / 2);
  const pan = (part) => show(from + part * (to - from), to + part * (to - from));
  svg.addEventListener("dblclick", () => show(0, end));
  svg.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "0") show(0, end);
    else if (event.shiftKey && event.key === "ArrowLeft") pan(-0.3);
    else if (event.shiftKey && event.key === "ArrowRight") pan(0.3);
    else return;
    event.preventDefault();
  });
  const steps = [["−", "zoom out", () => zoom(2)], ["+", "zoom in", () => zoom(0.5)], ["◀", "earlier", () => pan(-0.3)], ["▶", "later", () => pan(0.3)], ["All", "all of it", () => show(0, end)]];
  const start = plan.periods[plan.shown], stop = plan.periods[plan.shown + 1] ?? end;
  if (plan.periods.length > 1) steps.push([`Period ${plan.shown}`, "a period of the steady state", () => show(start, stop)]);
  for (const [sign, title, act] of steps) {
    const button = element("button", { type: "button", title, "aria-label": title }, sign);
    button.addEventListener("click", act);
    byId("gantt-tools").append(button);
  }
  families.forEach((kind) => byId("gantt-legend").append(key(familyPaint(kind), bold(kind))));
  byId("gantt-legend").append(element("span", {}, "every other layer is paler"), key("var(--mark)", "first (below) and last (above) transfers"), key(DOORBELLS, "doorbells"), key(HATCH, "waiting"));
  draw();
  return draw;
}

function drawBusy() {
  const svg = byId("busy"), ROW = 16, TOP = 6;
  let byLayer = false, items = [];
  const forget = explore(svg, () => items, byId("busy-readout"));
  const shades = [0.1, 0.3, 0.5, 0.7, 0.9];

  function draw() {
    forget();
    items = [];
    const values = byLayer ? plan.busy_by_layer : plan.busy_over_time, columns = values[0]?.length ?? 0;
    const height = TOP + ROW * values.length + 34, width = clear(svg, height), x = scale(0, columns || 1, LEFT, width - RIGHT);
    values.forEach((row, worker) => {
      const y = TOP + ROW * worker;
      svg.append(label(LEFT - 6, y + 12, workerName(worker), { "text-anchor": "end" }));
      row.forEach((busy, i) => {
        const box = { x: x(i), y: y + 1, w: x(i + 1) - x(i), h: ROW - 2 };
        const place = { x: box.x, y: box.y, width: box.w + (byLayer ? -1 : 0.3), height: box.h };
        const what = byLayer ? plan.layers[i].name : `${fixed(milliseconds((end * i) / columns), 3)} to ${fixed(milliseconds((end * (i + 1)) / columns), 3)} ms`;
        if (busy === null) items.push({ ...box, words: `${what}\n${workerPlace(worker)}: nothing to do` });
        else items.push({ ...box, words: `${what}\n${workerPlace(worker)}: ${percent(busy)} busy` });
        svg.append(shape("rect", { ...place, style: "fill: var(--busy)", "fill-opacity": Math.max(0.04, Math.min(1, busy ?? 0)) }));
        if (busy === null || busy < 0.5) svg.append(shape("rect", { ...place, fill: HATCH }));
      });
    });
    const bottom = TOP + ROW * values.length;
    if (byLayer) {
      const every = Math.ceil((34 * columns) / (width - LEFT));
      plan.layers.forEach((layer, i) => i % every || svg.append(label(x(i + 0.5), bottom + 14, String(layer.stage), { "text-anchor": "middle" })));
      svg.append(label(width - RIGHT, bottom + 28, "layer number", { "text-anchor": "end" }));
    } else {
      const times = ticks(0, milliseconds(end), 8);
      axisBelow(svg, times, (ms) => x((ms * plan.clock_hz * columns) / 1e3 / end), bottom, bottom, timeWords(times), "milliseconds");
    }
  }

  choices(byId("busy-tools"), ["Over time", "By layer"], 0, (i) => {
    byLayer = i === 1;
    draw();
  });
  for (const shade of shades) byId("busy-legend").append(key(`color-mix(in srgb, var(--busy) ${100 * shade}%, var(--card))`, `${Math.round(100 * shade - 10)}–${Math.round(100 * shade + 10)} %`));
  byId("busy-legend").append(key(HATCH, "under half, or nothing to do"), element("span", {}, "busy: kernels and tile engine; by layer: of the layer's slowest worker's time"));
  draw();
  return draw;
}
