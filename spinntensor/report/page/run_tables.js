// The run that is shown, its headline figures, and the tables of layers and cores.

const named = Number(/^#run-(\d+)$/.exec(location.hash)?.[1] ?? plan.shown + 1) - 1;
const shownRun = plan.runs[named] ? named : plan.shown;
const run = plan.runs[shownRun];
plan.clock_hz = run.clock_hz; // what `milliseconds` counts with

const COMPUTING = fill(0), WAITS_DMA = fill(1), WAITS_BELLS = fill(3), BETWEEN = fill(7);
const whole = (value) => Math.round(value).toLocaleString("en");
const sumOf = (items, value) => items.reduce((sum, item) => sum + value(item), 0);
const coreName = (worker) => (run.cores[worker] ? `core ${run.cores[worker].core}` : `worker ${worker}`);
const ratioWords = (ratio) => (ratio === null ? "" : ratio.toFixed(3));

function drawHead() {
  byId("title").textContent = `${run.model}, ${run.format}, on ${run.machine}: run`;
  byId("subtitle").textContent =
    `Planned for ${run.objective}: ${run.batches} batches of ${run.batch}, ${run.layers.length} layers, ${run.workers} workers of ` +
    `${run.applications} application cores; emulated in ${number(run.wall_s)} s`;
  const cores = [...run.cores].sort((a, b) => b.executing - a.executing), busiest = cores[0], idlest = cores.at(-1);
  const seconds = run.model_cycles / run.clock_hz, moved = sumOf(cores, (c) => c.dma_bytes);
  const multiplies = sumOf(cores, (c) => c.multiplies);
  const worst = cores.reduce((best, c) => (!best || c.fiq_latency > best.fiq_latency ? c : best), null);
  const ratio = run.predicted_cycles ? `${(run.model_cycles / run.predicted_cycles).toFixed(3)} of it` : "";
  const tiles = [
    ["Model time", `${number(1e3 * seconds, 4)} ms`, `${large(run.model_cycles)} cycles`],
    ["Predicted", `${number(milliseconds(run.predicted_cycles), 4)} ms`, ratio && `measured is ${ratio}`],
    ["Images per second", number(run.images_per_s, 4), `${run.images.toLocaleString("en")} images`],
    ["MAC per worker cycle", run.mac_per_worker_cycle.toFixed(3), `over ${run.applications} cores`],
    ["Energy", `${number(run.joules_per_image, 4)} J`, "per image"],
    ["Wall time", `${number(run.wall_s, 3)} s`, `${number(run.wall_s / seconds, 3)} times the model's`],
    ["Instructions", large(run.instructions), multiplies ? `${percent(multiplies / run.instructions)} of them multiply` : ""],
    ...(busiest ? [
      ["Busiest core", `core ${busiest.core}`, `executes ${percent(busiest.executing)} of the time`],
      ["Idlest core", `core ${idlest.core}`, `executes ${percent(idlest.executing)} of the time`],
      ["Doorbells", large(sumOf(cores, (c) => c.packets_received)), `received; ${sumOf(cores, (c) => c.packets_sent).toLocaleString("en")} packets sent`],
      ["Worst packet interrupt", `${worst.fiq_latency.toLocaleString("en")} cycles`, `core ${worst.core}`],
      ["Moved by DMA", `${number(moved / 1e6, 4)} MB`, `${number(moved / seconds / 1e6)} MB/s`],
    ] : []),
  ];
  for (const [name, value, more] of tiles) {
    byId("tiles").append(element("div", { class: "tile" }, element("div", { class: "name" }, name),
      element("div", { class: "value" }, value), element("div", { class: "more" }, more)));
  }
  if (plan.runs.length < 2) return;
  byId("run-label").hidden = false;
  plan.runs.forEach((one, i) => byId("run-choice").append(element("option", { value: i }, `${i + 1} of ${plan.runs.length}: ${one.batches} × ${one.batch} images, ${number(1e3 * one.model_cycles / one.clock_hz, 4)} ms`)));
  byId("run-choice").value = shownRun;
  byId("run-choice").addEventListener("change", (event) => {
    location.hash = `run-${Number(event.target.value) + 1}`;
    location.reload();
  });
}

// A table that is sorted by its headings. A column has a name, the value of an item, `order` where another one sorts,
// and `cell` where the cell is more than text.
function sortable(table, columns, items, rowAttributes) {
  const body = element("tbody"), head = element("tr");
  const rows = items.map((item, i) => element("tr", rowAttributes, ...columns.map((column) => {
    const attributes = { ...(column.number ? { class: "number" } : column.words ? { class: "words" } : {}), ...column.attributes?.(item) };
    return element("td", attributes, column.cell ? column.cell(item) : String(column.value(item, i)));
  })));
  let sorted = 0, down = false;
  const headings = columns.map((column, c) => {
    const button = element("button", { type: "button", ...(column.title ? { title: column.title } : {}) }, column.name);
    button.addEventListener("click", () => {
      down = sorted === c ? !down : Boolean(column.order);
      sorted = c;
      arrange();
    });
    return element("th", column.number ? { class: "number", scope: "col" } : { scope: "col" }, button);
  });
  function arrange() {
    const order = columns[sorted].order ?? columns[sorted].value;
    const placed = items.map((item, i) => [order(item, i), i]);
    placed.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || i - j);
    body.replaceChildren(...placed.map(([, i]) => rows[i]));
    headings.forEach((heading, c) => heading.setAttribute("aria-sort", c !== sorted ? "none" : down ? "descending" : "ascending"));
  }
  head.append(...headings);
  table.append(element("thead", {}, head), body);
  arrange();
  return rows;
}

const longestLayer = Math.max(1, ...run.layers.map((layer) => Math.max(layer.cycles, layer.predicted_cycles)));

// Two bars, one below the other: predicted, and measured with what of it waited for transfers.
function pairBar(layer) {
  const width = 130, x = (value) => (width * value) / longestLayer;
  const svg = shape("svg", { viewBox: `0 0 ${width} 15`, width, height: 15, style: `width: ${width}px; height: 15px` });
  svg.append(shape("rect", { x: 0, y: 1, width: x(layer.predicted_cycles), height: 5, style: "fill: var(--hatch)" }));
  svg.append(shape("rect", { x: 0, y: 7, width: x(layer.cycles - layer.dma), height: 7, fill: COMPUTING }));
  svg.append(shape("rect", { x: x(layer.cycles - layer.dma), y: 7, width: x(layer.dma), height: 7, fill: WAITS_DMA }));
  return svg;
}

const LAYER_COLUMNS = [
  { name: "#", value: (l, i) => i, number: true },
  { name: "layer", value: (l) => l.name },
  { name: "kind", value: (l) => l.kind },
  { name: "share of time", value: (l) => percent(l.share), order: (l) => l.share, number: true },
  { name: "predicted", value: (l) => whole(l.predicted_cycles), order: (l) => l.predicted_cycles, number: true },
  { name: "measured", value: (l) => whole(l.cycles), order: (l) => l.cycles, number: true },
  { name: "predicted, measured", cell: pairBar, order: (l) => l.cycles },
  { name: "ratio", value: (l) => ratioWords(l.ratio), order: (l) => l.ratio ?? Infinity, number: true, title: "measured over predicted",
    attributes: (l) => (l.off ? { class: "number off", title: l.off, "data-sign": l.off === "slower" ? "▲" : "▼" } : {}) },
  { name: "waits for DMA", value: (l) => whole(l.dma), order: (l) => l.dma, number: true },
  { name: "for doorbells", value: (l) => whole(l.doorbells), order: (l) => l.doorbells, number: true },
  { name: "multiplies", value: (l) => (l.multiplies === null ? "" : large(l.multiplies)), order: (l) => l.multiplies ?? -1, number: true },
];

function drawLayers(select) {
  byId("layer-legend").append(key("var(--hatch)", bold("predicted")), key(COMPUTING, bold("computing")), key(WAITS_DMA, bold("waiting for DMA")),
    element("span", {}, `▲ slower, ▼ quicker by more than ${percent(plan.tolerance, 0)}`));
  const off = run.layers.filter((layer) => layer.off);
  const names = [...off].sort((a, b) => Math.abs(b.cycles - b.predicted_cycles) - Math.abs(a.cycles - a.predicted_cycles)).map((layer) => `${layer.name} (${layer.off})`);
  byId("off-words").textContent = `Off by more than ${percent(plan.tolerance, 0)}, among layers with more than ${percent(plan.notable, 0)} of the time: ` +
    (off.length ? `${off.length} of ${run.layers.length}: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}.` : "none.");
  const rows = sortable(byId("layers"), LAYER_COLUMNS, run.layers, { tabindex: 0, "aria-selected": "false" });
  rows.forEach((row, i) => {
    row.addEventListener("click", () => select(i));
    row.addEventListener("keydown", (event) => event.key === "Enter" && select(i));
  });
  return rows;
}

const nanoseconds = (value) => `${number((1e9 * value) / run.clock_hz)} ns`;
const CORE_COLUMNS = [
  { name: "core", value: (c) => c.core, number: true },
  { name: "executing", value: (c) => percent(c.executing), order: (c) => c.executing, number: true },
  { name: "cycles", value: (c) => whole(c.cycles), order: (c) => c.cycles, number: true },
  { name: "instructions", value: (c) => whole(c.instructions), order: (c) => c.instructions, number: true },
  { name: "multiplies", value: (c) => whole(c.multiplies), order: (c) => c.multiplies, number: true },
  { name: "packets sent", value: (c) => whole(c.packets_sent), order: (c) => c.packets_sent, number: true },
  { name: "received", value: (c) => whole(c.packets_received), order: (c) => c.packets_received, number: true },
  { name: "interrupts", value: (c) => whole(c.interrupts), order: (c) => c.interrupts, number: true },
  { name: "worst packet interrupt", value: (c) => `${whole(c.fiq_latency)} cycles, ${nanoseconds(c.fiq_latency)}`, order: (c) => c.fiq_latency, number: true },
  { name: "moved by DMA", value: (c) => bytes(c.dma_bytes), order: (c) => c.dma_bytes, number: true },
];

const drawCores = () => sortable(byId("cores"), CORE_COLUMNS, run.cores, {});
