// Pictures of memory: the DTCM of a worker and of a layer, and the SDRAM.

const regionNames = [...new Set(plan.layers.flatMap((layer) => layer.regions.map(([name]) => name)))];
const regionPaint = (name) => fill(regionNames.indexOf(name));
const dtcmTotal = plan.dtcm.below.reduce((sum, [, size]) => sum + size, 0) + plan.dtcm.room + plan.dtcm.above.reduce((sum, [, size]) => sum + size, 0);
const dtcmBase = plan.dtcm.below.reduce((sum, [, size]) => sum + size, 0);
const FIXED = "var(--c7)";

// What lies where in the DTCM for a layer: [name, size, places, address, paint].
function dtcmParts(layer) {
  const parts = [];
  let at = 0;
  for (const [name, size] of plan.dtcm.below) {
    parts.push({ name, size, places: 1, at, paint: FIXED });
    at += size;
  }
  for (const [name, size, places] of layer.regions) {
    parts.push({ name, size: size * places, places, at, paint: regionPaint(name) });
    at += size * places;
  }
  const free = dtcmBase + plan.dtcm.room - at;
  if (free > 0) parts.push({ name: "free", size: free, places: 1, at, paint: HATCH });
  at = dtcmBase + plan.dtcm.room;
  for (const [name, size] of plan.dtcm.above) {
    parts.push({ name, size, places: 1, at, paint: FIXED });
    at += size;
  }
  return parts;
}

const partWords = (part) => `${part.name}: ${part.size.toLocaleString("en")} bytes` + (part.places > 1 ? ` in ${part.places} places` : "") + `, ${percent(part.size / dtcmTotal)} of the DTCM, at ${part.at.toLocaleString("en")}`;

function drawLayerDtcm() {
  const svg = byId("layer-dtcm");
  let items = [], layer = plan.layers[0];
  const forget = explore(svg, () => items, byId("layer-dtcm-readout"));
  function draw() {
    forget();
    const height = 92, width = clear(svg, height), x = scale(0, dtcmTotal, 4, width - 14), legend = byId("layer-dtcm-legend");
    legend.replaceChildren();
    items = dtcmParts(layer).map((part) => {
      const box = { x: x(part.at), y: 4, w: Math.max(0.5, x(part.at + part.size) - x(part.at)), h: 44 };
      const step = box.w / part.places;
      for (let i = 0; i < part.places; i++) svg.append(shape("rect", { x: box.x + i * step, y: box.y, width: step, height: box.h, fill: part.paint, stroke: "var(--card)" }));
      if (box.w > 7 * part.name.length) svg.append(label(box.x + box.w / 2, 30, part.name, { class: part.paint === HATCH ? "ink" : "on", "text-anchor": "middle" }));
      const places = part.places > 1 ? ` (${part.places} × ${(part.size / part.places).toLocaleString("en")})` : "";
      if (part.paint !== FIXED) legend.append(key(part.paint, bold(part.name), ` ${part.size.toLocaleString("en")}${places}`));
      return { ...box, words: partWords(part) };
    });
    legend.append(key(FIXED, "kernel state, tile engine, stack"));
    axisBelow(svg, ticks(0, dtcmTotal / 1024, 8), (kib) => x(1024 * kib), 52, 48, (v) => String(v), "KiB");
  }
  return (chosen) => {
    layer = chosen ?? layer;
    draw();
  };
}

function drawDtcm() {
  const svg = byId("dtcm"), height = 260, TOP = 10, BOTTOM = height - 34;
  let worker = 0, items = [];
  const forget = explore(svg, () => items, byId("dtcm-readout"));
  function draw() {
    forget();
    items = [];
    const mine = plan.spans.filter((span) => span[LANE] === worker && span[PERIOD] === plan.shown && span[SHARE] >= 0);
    const from = Math.min(...mine.map((span) => span[START])), to = Math.max(...mine.map((span) => span[END]));
    const width = clear(svg, height);
    if (!mine.length) return svg.append(label(LEFT, 40, "This worker has nothing to do in this period.", { class: "ink" }));
    const x = scale(from, to, LEFT, width - RIGHT), y = scale(0, dtcmTotal, BOTTOM, TOP);
    svg.append(shape("rect", { x: LEFT, y: TOP, width: width - RIGHT - LEFT, height: BOTTOM - TOP, fill: HATCH }));
    const shares = new Map();
    for (const span of mine) {
      if (spanKind(span) === "tail" || spanKind(span) === "doorbells") continue;
      const [a, b] = shares.get(span[SHARE]) ?? [Infinity, 0];
      shares.set(span[SHARE], [Math.min(a, span[START]), Math.max(b, span[END])]);
    }
    for (const [share, [a, b]] of shares) {
      const layer = plan.layers[plan.shares.stage[share]], w = Math.max(0.4, x(b) - x(a));
      for (const part of dtcmParts(layer)) {
        if (part.paint === HATCH || part.paint === FIXED) continue;
        const box = { x: x(a), y: y(part.at + part.size), w, h: y(part.at) - y(part.at + part.size) };
        svg.append(shape("rect", { x: box.x, y: box.y, width: w, height: box.h, fill: part.paint, ...(w > 4 ? { stroke: "var(--card)", "stroke-width": 0.6 } : {}) }));
        items.push({ ...box, words: `${layer.name}: ${partWords(part)}\nall regions ${layer.dtcm_bytes.toLocaleString("en")} of ${plan.dtcm.room.toLocaleString("en")} bytes` });
      }
    }
    for (const part of dtcmParts(plan.layers[0]).filter((one) => one.paint === FIXED)) {
      const box = { x: LEFT, y: y(part.at + part.size), w: width - RIGHT - LEFT, h: y(part.at) - y(part.at + part.size) };
      svg.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, style: `fill: ${FIXED}` }));
      items.push({ ...box, words: partWords(part) });
    }
    axisLeft(svg, ticks(0, dtcmTotal / 1024, 6), (kib) => y(1024 * kib), LEFT, LEFT, (v) => `${v} KiB`);
    const times = ticks(milliseconds(from), milliseconds(to), 8);
    axisBelow(svg, times, (ms) => x((ms * plan.clock_hz) / 1e3), BOTTOM, BOTTOM, timeWords(times), "milliseconds");
  }
  plan.workers.forEach((_, i) => byId("worker-choice").append(element("option", { value: i }, workerPlace(i))));
  byId("worker-choice").addEventListener("change", (event) => {
    worker = Number(event.target.value);
    draw();
  });
  regionNames.forEach((name) => byId("dtcm-legend").append(key(regionPaint(name), bold(name))));
  byId("dtcm-legend").append(key(FIXED, "kernel state, tile engine, stack"), key(HATCH, "free"));
  draw();
  return draw;
}

const ROLES = ["weights", "activation", "input", "output", "partial", "state", "program", "code"];
const rolePaint = (role) => fill(ROLES.indexOf(role) < 0 ? 7 : ROLES.indexOf(role));

function drawSdram() {
  const svg = byId("sdram"), height = 420, TOP = 10, BOTTOM = height - 34, count = plan.layers.length;
  let items = [];
  const forget = explore(svg, () => items, byId("sdram-readout"));
  function draw() {
    forget();
    const width = clear(svg, height), top = Math.max(1, ...plan.buffers.map((b) => b.address + b.nbytes));
    const x = scale(-1, count + 1, LEFT, width - RIGHT), y = scale(plan.sdram_base, top, BOTTOM, TOP);
    axisLeft(svg, ticks(0, (top - plan.sdram_base) / 1e6, 8), (mb) => y(plan.sdram_base + 1e6 * mb), LEFT, width - RIGHT, (v) => `${v} MB`);
    svg.append(label(LEFT + 4, TOP + 10, `above 0x${plan.sdram_base.toString(16)}`));
    items = plan.buffers.map((b) => {
      const box = { x: x(b.first), y: y(b.address + b.nbytes), w: x(b.last + 1) - x(b.first), h: Math.max(0.5, y(b.address) - y(b.address + b.nbytes)) };
      svg.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, fill: rolePaint(b.role), ...(box.h > 3 ? { stroke: "var(--card)", "stroke-width": 0.6 } : {}) }));
      const first = b.first < 0 ? "the start" : plan.layers[b.first].name, last = b.last >= count ? "the end" : plan.layers[b.last]?.name ?? first;
      return { ...box, words: `${b.name} (${b.role}): ${bytes(b.nbytes)} at 0x${b.address.toString(16)}\nfrom ${first} to ${last}` };
    });
    const every = Math.max(1, Math.ceil(count / 12));
    plan.layers.forEach((layer, i) => i % every || svg.append(label(x(i + 0.5), BOTTOM + 14, String(i), { "text-anchor": "middle" })));
    svg.append(label(width - RIGHT, BOTTOM + 28, "layer number; at both ends: before and after the layers", { "text-anchor": "end" }));
  }
  const sums = {};
  for (const b of plan.buffers) sums[b.role] = (sums[b.role] ?? 0) + b.nbytes;
  const counted = Object.entries(sums).sort((a, b) => b[1] - a[1]);
  for (const [role, sum] of counted) byId("sdram-legend").append(key(rolePaint(role), bold(role), ` ${bytes(sum)}`));
  byId("sdram-legend").append(element("span", {}, "sums of sizes; buffers of different layers may share addresses"));
  draw();
  return draw;
}
