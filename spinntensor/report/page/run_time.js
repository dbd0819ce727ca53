// Pictures over time: the Gantt chart of the run, and what the time of each core went into.

const [WORKER, SHARE, PERIOD, START, READY, END, DMA, CALLS, MOVES, LAYER, STEP] = Array(11).keys();
const FAMILY_PAINTS = [0, 2, 4, 6, 5, 7]; // not those of the waits
const end = Math.max(1, ...run.taken.map((one) => one[END]));
const layerName = (one) => run.layers[one[LAYER]]?.name ?? "?";
const kindOf = (one) => run.layers[one[LAYER]]?.kind ?? "?";

// Families of layers, those that take most of the time first: each has a colour.
const families = [...new Set([...run.layers].sort((a, b) => b.share - a.share).map((layer) => layer.kind))];
const familyPaint = (kind) => `var(--c${FAMILY_PAINTS[Math.min(5, Math.max(0, families.indexOf(kind)))]})`;
const paler = (paint) => `color-mix(in srgb, ${paint} 70%, var(--card))`; // every other layer, so that neighbours differ

function shareWords(one, what, took) {
  return `${layerName(one)}: share ${one[SHARE]} (${one[STEP]}), worker ${one[WORKER]} (${coreName(one[WORKER])}), period ${one[PERIOD]}\n` +
    `${what}: ${cycles(took)}, ${number(milliseconds(took))} ms\n` +
    `all of it ${cycles(one[END] - one[READY])} from ${fixed(milliseconds(one[READY]), 3)} ms: computes ${cycles(one[END] - one[READY] - one[DMA])}, waits for DMA ${cycles(one[DMA])}\n` +
    `before it ${cycles(one[READY] - one[START])} of waiting for doorbells; ${whole(one[CALLS])} calls, ${whole(one[MOVES])} transfers`;
}

// Where each period begins: the first share of it that starts.
function periodStarts() {
  const starts = [];
  for (const one of run.taken) starts[one[PERIOD]] = Math.min(starts[one[PERIOD]] ?? Infinity, one[START]);
  return starts;
}

function drawGantt() {
  const svg = byId("gantt"), lanes = [...Array(run.workers).keys()], starts = periodStarts();
  const ROW = 20, TOP = 18, height = TOP + ROW * lanes.length + 34;
  let items = [], only = -1;
  const forget = explore(svg, () => items, byId("gantt-readout"));
  byId("gantt-words").textContent = run.taken.length
    ? `The first ${starts.length} periods of ${run.batches} batches, as each core's own timer saw them, from its first share on. Drag to zoom in; double-click or 0 ` +
      "for all of it; + and − zoom, the arrow keys go from block to block. How long a share waits for transfers is recorded, " +
      "not when: it is drawn at its end."
    : "The record has no times of shares.";

  function draw(from, to) {
    forget();
    const width = clear(svg, height), x = scale(from, to, LEFT, width - RIGHT);
    const times = ticks(milliseconds(from), milliseconds(to), 8);
    axisBelow(svg, times, (ms) => x((ms * plan.clock_hz) / 1e3), height - 34, TOP, timeWords(times), "milliseconds");
    items = [];
    for (const lane of lanes) {
      const y = TOP + ROW * lane;
      svg.append(shape("rect", { x: LEFT, y: y + 2, width: width - RIGHT - LEFT, height: ROW - 4, fill: HATCH }));
      svg.append(label(LEFT - 6, y + 14, coreName(lane), { "text-anchor": "end" }));
    }
    const last = {};
    function part(what, one, start, stop, paint, y, h, dim) {
      if (stop <= start || stop < from || start > to) return null;
      const a = Math.max(LEFT, x(start)), b = Math.min(width - RIGHT, x(stop)), lane = one[WORKER];
      if (b - a < 0.25 && last[lane] > a - 0.5) return null; // too thin to be seen beside its neighbour
      last[lane] = b;
      const box = { x: a, y, w: Math.max(0.4, b - a), h };
      const edge = box.w > 4 && h > 8 ? { stroke: "var(--card)", "stroke-width": 0.8 } : {};
      svg.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, style: `fill: ${paint}`, ...(dim ? { opacity: 0.18 } : {}), ...edge }));
      items.push({ ...box, words: shareWords(one, what, stop - start) });
      return box;
    }
    for (const one of run.taken) {
      const y = TOP + ROW * one[WORKER], dim = only >= 0 && one[LAYER] !== only;
      const family = familyPaint(kindOf(one)), paint = one[LAYER] % 2 ? paler(family) : family, name = layerName(one);
      if (one[READY] > one[START] && x(one[READY]) - x(one[START]) > 0.5) svg.append(shape("rect", { x: Math.max(LEFT, x(one[START])), y: y + 2,
        width: Math.max(0, Math.min(width - RIGHT, x(one[READY])) - Math.max(LEFT, x(one[START]))), height: ROW - 4, style: "fill: var(--card)" }));
      part("waiting for doorbells", one, one[START], one[READY], WAITS_BELLS, y + 8, 4, dim);
      const box = part("computing", one, one[READY], one[END] - one[DMA], paint, y + 2, ROW - 4, dim);
      part("waiting for DMA", one, one[END] - one[DMA], one[END], WAITS_DMA, y + 2, ROW - 4, dim);
      if (box && !dim && box.w > 7 * name.length) svg.append(label(box.x + box.w / 2, y + 14, name, { class: "on", "text-anchor": "middle" }));
    }
    starts.forEach((start, i) => {
      if (start < from || start > to) return;
      svg.append(shape("line", { x1: x(start), x2: x(start), y1: 4, y2: height - 34, class: "limit" }));
      svg.append(label(x(start) + 4, 12, `period ${i}`, { class: "ink" }));
    });
  }

  families.forEach((kind) => byId("gantt-legend").append(key(familyPaint(kind), bold(kind))));
  byId("gantt-legend").append(element("span", {}, "every other layer is paler"), key(WAITS_DMA, "waiting for DMA"), key(WAITS_BELLS, "waiting for doorbells (thin)"), key(HATCH, "no share"));
  const period = Math.floor(starts.length / 2);
  const more = starts.length > 1 ? [[`Period ${period}`, "the middle one of these periods", starts[period], starts[period + 1] ?? end]] : [];
  const again = zoomable(svg, byId("gantt-tools"), end, { y: TOP, height: ROW * lanes.length }, more, draw);
  draw(0, end);
  return { draw: again, only: (layer) => again(only = layer) };
}

const PARTS = [["computing", COMPUTING], ["waiting for DMA", WAITS_DMA], ["waiting for doorbells", WAITS_BELLS], ["between shares", BETWEEN], ["nothing left to do: asleep", HATCH]];

function drawBusy() {
  const svg = byId("busy"), ROW = 20, TOP = 6, height = TOP + ROW * run.workers + 34;
  let counted = !run.spent.length, items = [];
  const forget = explore(svg, () => items, byId("busy-readout"));

  const parts = (worker) => {
    if (!counted) return PARTS.map(([name, paint], i) => [name, paint, run.spent[worker][i]]);
    const core = run.cores[worker];
    return core ? [["executing", COMPUTING, core.cycles], ["asleep", HATCH, core.asleep]] : [];
  };

  function draw() {
    forget();
    items = [];
    const width = clear(svg, height), x = scale(0, 1, LEFT, width - RIGHT - 8), legend = byId("busy-legend");
    for (let worker = 0; worker < run.workers; worker++) {
      const y = TOP + ROW * worker, mine = parts(worker), all = sumOf(mine, ([, , value]) => value) || 1;
      svg.append(label(LEFT - 6, y + 14, coreName(worker), { "text-anchor": "end" }));
      let at = 0;
      for (const [name, paint, value] of mine) {
        if (value <= 0) continue;
        const box = { x: x(at / all), y: y + 2, w: x((at + value) / all) - x(at / all), h: ROW - 4 };
        svg.append(shape("rect", { x: box.x, y: box.y, width: box.w, height: box.h, fill: paint }));
        if (box.w > 44 && paint !== HATCH) svg.append(label(box.x + box.w / 2, y + 14, percent(value / all), { class: "on", "text-anchor": "middle" }));
        items.push({ ...box, words: `${coreName(worker)}: ${name} ${percent(value / all)}\n${cycles(value)}, ${number(milliseconds(value))} ms` });
        at += value;
      }
    }
    axisBelow(svg, [0, 0.2, 0.4, 0.6, 0.8, 1], x, TOP + ROW * run.workers, TOP + ROW * run.workers, (part) => percent(part, 0), "");
    legend.replaceChildren(...(counted
      ? [key(COMPUTING, bold("executing")), key(HATCH, bold("asleep")), element("span", {}, "of the whole run, by the emulator's counters")]
      : [...PARTS.map(([name, paint]) => key(paint, bold(name))), element("span", {}, "of the recorded periods, by the core's own timer")]));
  }

  const modes = run.spent.length ? ["First periods", "Whole run"] : ["Whole run"];
  choices(byId("busy-tools"), modes, 0, (i) => {
    counted = modes[i] === "Whole run";
    draw();
  });
  draw();
  return draw;
}
