// Headline figures, the table of layers, the words about one layer, and the table of other machine figures.

const totals = plan.totals;
const TERM_PAINT = { kernels: fill(0), engine: fill(2), dma: fill(1), doorbells: fill(3), idle: HATCH };
const termPaint = (name) => TERM_PAINT[name] ?? fill(7);
const spent = (layer) => Object.values(layer.terms).reduce((a, b) => a + b, 0);
const allSpent = plan.layers.reduce((sum, layer) => sum + spent(layer), 0);

function drawHead() {
  byId("title").textContent = `${plan.model}, ${plan.format}, on ${plan.machine}`;
  byId("subtitle").textContent =
    `Plan for ${plan.objective}: batches of ${plan.batch}, ${plan.layers.length} layers, ${plan.workers.length} workers of ` +
    `${plan.applications} application cores` + (plan.plan_s === null ? "" : `; planned in ${number(plan.plan_s)} s`);
  byId("sum").textContent = plan.plan_sha256;
  byId("assumed").textContent = plan.assumed.length
    ? `These figures of the machine were never published and are assumed: ${plan.assumed.join("; ")}.` : "";
  const waiting = totals.bubble_cycles / (totals.period_cycles * plan.workers.length || 1);
  const tiles = [
    ["Images per second", number(totals.images_per_s, 4), "inputs resident in SDRAM"],
    ["Fed by the host", number(totals.images_per_s_host_fed, 4), `images/s; its link ${percent(totals.host_share)} busy`],
    ["Latency", `${number(totals.latency_ms, 4)} ms`, "from first input to last output"],
    ["MAC per worker cycle", totals.mac_per_worker_cycle.toFixed(3), `over ${plan.applications} cores`],
    ["Energy", `${number(totals.joules_per_image, 4)} J`, "per image"],
    ["SDRAM", `${number(totals.sdram_bytes / 1e6, 3)} MB`, `${percent(totals.sdram_bytes / plan.sdram_usable_bytes)} of ${number(plan.sdram_usable_bytes / 1e6, 3)} MB`],
    ["Initiation interval", `${number(milliseconds(totals.period_cycles), 4)} ms`, `for ${plan.batch} images; ${large(totals.period_cycles)} cycles`],
    ["Fill", `${number(milliseconds(totals.fill_cycles), 4)} ms`, "until the first batch is done"],
    ["Drain", `${number(milliseconds(totals.drain_cycles), 4)} ms`, "after the last batch has begun"],
    ["Bubbles", percent(waiting), "of the workers' cycles in a period"],
    ["MACs of a period", large(plan.layers.reduce((sum, layer) => sum + layer.macs, 0)), "logical"],
    ["Moved by DMA", bytes(plan.layers.reduce((sum, layer) => sum + layer.nbytes, 0)), "in a period"],
  ];
  for (const [name, value, more] of tiles) {
    byId("tiles").append(element("div", { class: "tile" }, element("div", { class: "name" }, name),
      element("div", { class: "value" }, value), element("div", { class: "more" }, more)));
  }
}

function termBar(terms, width, height, whole) {
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, width, height, style: `width: ${width}px; height: ${height}px` });
  let x = 0;
  for (const [name, value] of Object.entries(terms)) {
    const w = (width * value) / (whole || 1);
    svg.append(shape("rect", { x, y: 0, width: w, height, fill: termPaint(name) }));
    x += w;
  }
  svg.append(shape("rect", { x: 0.5, y: 0.5, width: Math.max(0, x - 1), height: height - 1, fill: "none", stroke: "var(--hatch)", "stroke-width": 0.6 }));
  return svg;
}

function termLegend(box, terms) {
  const whole = Object.values(terms).reduce((a, b) => a + b, 0) || 1;
  for (const [name, value] of Object.entries(terms)) box.append(key(termPaint(name), bold(name), ` ${percent(value / whole)}`));
}

function drawTime() {
  const sum = {};
  for (const layer of plan.layers) for (const [name, value] of Object.entries(layer.terms)) sum[name] = (sum[name] ?? 0) + value;
  const box = byId("time-bar"), legend = element("div", { class: "legend" });
  const bar = termBar(sum, 1200, 26, allSpent);
  bar.setAttribute("preserveAspectRatio", "none");
  bar.style.width = "100%";
  bar.id = "time-svg";
  termLegend(legend, sum);
  box.append(legend, bar);
  const bounds = {};
  for (const layer of plan.layers) {
    const one = (bounds[layer.bound_by] ??= { count: 0, time: 0 });
    one.count += 1;
    one.time += spent(layer);
  }
  const words = Object.entries(bounds).sort((a, b) => b[1].time - a[1].time)
    .map(([name, one]) => `${name} bounds ${one.count} layers with ${percent(one.time / (allSpent || 1))} of the time`);
  const top = [...plan.layers].sort((a, b) => b.share - a.share).slice(0, 5).map((layer) => `${layer.name} ${percent(layer.share)}`);
  byId("bound-words").style.marginTop = "8px";
  byId("bound-words").textContent = `${words.join("; ")}. Longest: ${top.join(", ")}.`;
}

const COLUMNS = [
  { name: "#", value: (l) => l.stage, number: true },
  { name: "layer", value: (l) => l.name },
  { name: "shape", value: (l) => l.shape.join("×") || "()", words: true, order: (l) => l.shape.reduce((a, b) => a * b, 1) },
  { name: "MACs", value: (l) => (l.macs ? large(l.macs) : ""), order: (l) => l.macs, number: true },
  { name: "kernel", value: (l) => l.kernel },
  { name: "tile", value: (l) => Object.values(l.tile).join("×"), words: true, order: (l) => Object.values(l.tile).reduce((a, b) => a * b, 1) },
  { name: "tiles", value: (l) => l.tiles.toLocaleString("en"), order: (l) => l.tiles, number: true },
  { name: "cores", value: (l) => l.cores, number: true },
  { name: "bound by", value: (l) => l.bound_by },
  { name: "ms", value: (l) => number(l.ms), order: (l) => l.ms, number: true },
  { name: "share of time", bar: true, order: (l) => l.share },
  { name: "MAC/cycle", value: (l) => (l.macs ? l.rate.toFixed(3) : ""), order: (l) => l.rate, number: true },
  { name: "DTCM", value: (l) => percent(l.dtcm_bytes / plan.dtcm.room, 0), order: (l) => l.dtcm_bytes, number: true },
];

function drawLayers(select) {
  const table = byId("layers"), body = element("tbody"), head = element("tr");
  const sums = Object.assign({}, ...plan.layers.map((layer) => layer.terms));
  for (const name of Object.keys(sums)) byId("layer-legend").append(key(termPaint(name), bold(name)));
  byId("layer-legend").append(element("span", {}, "length: share of time of all layers"));
  const longest = Math.max(...plan.layers.map(spent));
  const rows = plan.layers.map((layer, i) => {
    const row = element("tr", { tabindex: 0, "aria-selected": "false" });
    for (const column of COLUMNS) {
      const cell = element("td", column.number ? { class: "number" } : column.words ? { class: "words" } : {});
      if (column.bar) {
        const bar = termBar(layer.terms, (110 * spent(layer)) / (longest || 1), 12, spent(layer));
        cell.append(element("div", { style: "display: flex; gap: 6px; align-items: center" }, bar, percent(layer.share)));
      } else cell.append(String(column.value(layer)));
      row.append(cell);
    }
    row.addEventListener("click", () => select(i));
    row.addEventListener("keydown", (event) => event.key === "Enter" && select(i));
    return row;
  });
  let sorted = 0, down = false;
  const headings = COLUMNS.map((column, c) => {
    const button = element("button", { type: "button" }, column.name);
    const heading = element("th", column.number ? { class: "number", scope: "col" } : { scope: "col" }, button);
    button.addEventListener("click", () => {
      down = sorted === c ? !down : Boolean(column.order);
      sorted = c;
      arrange();
    });
    return heading;
  });
  function arrange() {
    const order = COLUMNS[sorted].order ?? COLUMNS[sorted].value;
    const placed = plan.layers.map((layer, i) => [order(layer), i]);
    placed.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || i - j);
    body.replaceChildren(...placed.map(([, i]) => rows[i]));
    headings.forEach((heading, c) => heading.setAttribute("aria-sort", c !== sorted ? "none" : down ? "descending" : "ascending"));
  }
  head.append(...headings);
  table.append(element("thead", {}, head), body);
  arrange();
  return rows;
}

const MEANING = {
  issue: "instructions: kernels and tile engine keep the cores busy", dma: "DMA: cores wait for transfers",
  doorbells: "doorbells: cores wait for each other", host: "the host's link",
};

function describe(layer) {
  const list = element("dl");
  const tile = Object.entries(layer.tile).map(([axis, size]) => `${axis} ${size}`).join(" × ");
  const bar = element("dd", {}, termBar(layer.terms, 400, 14, spent(layer)));
  const legend = element("div", { class: "legend", style: "margin: 4px 0 0" });
  termLegend(legend, layer.terms);
  bar.append(legend);
  const lines = [
    ["takes", `${number(layer.ms)} ms, ${cycles(layer.cycles)} of its slowest worker; ${percent(layer.share)} of all layers' time`],
    ["bound by", MEANING[layer.bound_by] ?? layer.bound_by],
    ["choice", `${layer.kernel}, tiles of ${tile}: ${layer.tiles.toLocaleString("en")} on ${layer.cores} cores`],
    ["runner-up", layer.runner_up || "none: there was one way"],
    ["work", layer.macs ? `${layer.macs.toLocaleString("en")} MACs, ${layer.rate.toFixed(3)} per worker cycle` : "no MACs"],
    ["moves", `${bytes(layer.nbytes)} by DMA in a period` + (layer.macs && layer.nbytes ? `, ${number(layer.macs / layer.nbytes)} MAC/byte` : "")],
    ["idle", `${percent(layer.idle)} of its workers' time`],
  ];
  for (const [name, words] of lines) list.append(element("dt", {}, name), element("dd", {}, words));
  list.append(element("dt", {}, "time"), bar);
  byId("layer-words").replaceChildren(list);
}

function drawVariants() {
  byId("variants-section").hidden = !plan.variants.length;
  const names = ["figures", "images/s", "host-fed", "latency, ms", "period, ms", "MAC per worker cycle", "J/image"];
  const heading = names.map((name, i) => element("th", { scope: "col", class: i ? "number" : "" }, name));
  const body = element("tbody");
  for (const [words, t] of [["as planned", totals], ...plan.variants]) {
    const cells = [words, number(t.images_per_s, 4), number(t.images_per_s_host_fed, 4), number(t.latency_ms, 4),
      number(milliseconds(t.period_cycles), 4), t.mac_per_worker_cycle.toFixed(3), number(t.joules_per_image, 4)];
    body.append(element("tr", {}, ...cells.map((cell, i) => element("td", { class: i ? "number" : "" }, cell))));
  }
  byId("variants").append(element("thead", {}, element("tr", {}, ...heading)), body);
}
