// Layers under their roofs: MACs per worker cycle against MACs per byte moved by DMA.

const MARKS = {
  issue: { paint: "var(--c0)", path: (r) => `M${-r},0a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0` },
  dma: { paint: "var(--c1)", path: (r) => `M${-r},${-r}h${2 * r}v${2 * r}h${-2 * r}z` },
  doorbells: { paint: "var(--c3)", path: (r) => `M0,${-r}L${r},${r}H${-r}z` },
  host: { paint: "var(--c4)", path: (r) => `M0,${-r}L${r},0L0,${r}L${-r},0z` },
};

function drawRoofline() {
  const svg = byId("roofline"), height = 420, TOP = 10, BOTTOM = height - 34;
  const shown = plan.layers.filter((layer) => layer.macs && layer.nbytes && layer.rate);
  let items = [];
  const forget = explore(svg, () => items, byId("roofline-readout"));
  function draw() {
    forget();
    items = [];
    const width = clear(svg, height), reach = shown.map((layer) => layer.macs / layer.nbytes), rates = shown.map((layer) => layer.rate);
    const least = 10 ** Math.floor(Math.log10(Math.min(1, ...reach))), most = 10 ** Math.ceil(Math.log10(Math.max(100, ...reach)));
    const low = 0.8 * Math.min(0.1, ...rates), high = Math.max(1.6, 1.2 * Math.max(0, ...rates));
    const x = scale(least, most, LEFT, width - RIGHT, true), y = scale(low, high, BOTTOM, TOP, true);
    const powers = (a, b) => {
      const first = Math.ceil(Math.log10(a) - 1e-9);
      return Array.from({ length: Math.floor(Math.log10(b) + 1e-9) - first + 1 }, (_, i) => 10 ** (first + i));
    };
    axisBelow(svg, powers(least, most), x, BOTTOM, TOP, (v) => number(v), "MAC per byte moved by DMA");
    axisLeft(svg, powers(low, high), y, LEFT, width - RIGHT, (v) => number(v));
    svg.append(label(LEFT + 4, TOP + 10, "MAC per worker cycle"));
    svg.append(shape("line", { x1: LEFT, x2: width - RIGHT, y1: y(1), y2: y(1), class: "limit" }));
    svg.append(label(width - RIGHT - 4, y(1) - 5, "issue: one MAC per cycle", { "text-anchor": "end", class: "ink" }));
    plan.bandwidths.forEach(([rate, each], i) => {
      const a = Math.max(least, low / each), b = Math.min(most, 1 / each);
      if (a >= b) return;
      svg.append(shape("line", { x1: x(a), x2: x(b), y1: y(a * each), y2: y(b * each), stroke: "var(--soft)", "stroke-width": 1.3, "stroke-dasharray": ["2 3", "7 3", "12 3"][i % 3] }));
    });
    for (const layer of [...shown].sort((a, b) => b.share - a.share)) {
      const mark = MARKS[layer.bound_by] ?? MARKS.issue, r = 3 + 5 * Math.sqrt(layer.share / Math.max(...shown.map((one) => one.share)));
      const cx = x(layer.macs / layer.nbytes), cy = y(layer.rate);
      svg.append(shape("path", { d: mark.path(r), transform: `translate(${cx},${cy})`, style: `fill: ${mark.paint}`, "fill-opacity": 0.75, stroke: "var(--mark)", "stroke-width": 0.7 }));
      items.push({ x: cx - r, y: cy - r, w: 2 * r, h: 2 * r, words: `${layer.name}: ${layer.kernel}, bound by ${layer.bound_by}\n${layer.rate.toFixed(3)} MAC per worker cycle, ${number(layer.macs / layer.nbytes)} MAC/byte, ${percent(layer.share)} of the time` });
    }
  }
  for (const [name, mark] of Object.entries(MARKS)) {
    const many = shown.filter((layer) => layer.bound_by === name).length;
    if (!many) continue;
    const box = shape("svg", { width: 14, height: 14, viewBox: "-7 -7 14 14", style: "width: 14px; flex: none" });
    box.append(shape("path", { d: mark.path(5), style: `fill: ${mark.paint}`, stroke: "var(--mark)", "stroke-width": 0.7 }));
    byId("roofline-legend").append(element("span", {}, box, bold(`bound by ${name}`), ` ${many}`));
  }
  plan.bandwidths.forEach(([rate], i) => {
    const box = shape("svg", { width: 30, height: 8, style: "width: 30px; flex: none" });
    box.append(shape("line", { x1: 0, x2: 30, y1: 4, y2: 4, stroke: "var(--soft)", "stroke-width": 1.5, "stroke-dasharray": ["2 3", "7 3", "12 3"][i % 3] }));
    byId("roofline-legend").append(element("span", {}, box, `SDRAM ${number(rate)} MB/s, shared by ${plan.workers.length}`));
  });
  const left = plan.layers.length - shown.length;
  byId("roofline-legend").append(element("span", {}, "size: share of time" + (left ? `; ${left} layers without MACs are left out` : "")));
  draw();
  return draw;
}
