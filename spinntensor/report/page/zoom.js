// A picture over time in which one zooms by dragging, by keys and by buttons. `draw(from, to)` draws a part of it.

const LEFT = 70, RIGHT = 10;

function zoomable(svg, box, end, place, more, draw) {
  let from = 0, to = end, grabbed = null;
  const inside = () => svg.viewBox.baseVal.width - LEFT - RIGHT;
  const timeAt = (event) => from + ((event.clientX - svg.getBoundingClientRect().left - LEFT) / inside()) * (to - from);
  const range = shape("rect", { class: "range", ...place });

  function show(a, b) {
    const span = Math.min(end, Math.max(b - a, end / 1e5));
    from = Math.max(0, Math.min(a, end - span));
    to = from + span;
    draw(from, to);
  }

  svg.addEventListener("mousedown", (event) => (grabbed = { x: event.clientX, t: timeAt(event) }));
  svg.addEventListener("mousemove", (event) => {
    if (!grabbed) return;
    range.setAttribute("x", Math.min(grabbed.x, event.clientX) - svg.getBoundingClientRect().left);
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
  const steps = [["−", "zoom out", () => zoom(2)], ["+", "zoom in", () => zoom(0.5)], ["◀", "earlier", () => pan(-0.3)], ["▶", "later", () => pan(0.3)],
    ["All", "all of it", () => show(0, end)], ...more.map(([sign, title, a, b]) => [sign, title, () => show(a, b)])];
  for (const [sign, title, act] of steps) {
    const button = element("button", { type: "button", title, "aria-label": title }, sign);
    button.addEventListener("click", act);
    box.append(button);
  }
  return () => draw(from, to);
}
