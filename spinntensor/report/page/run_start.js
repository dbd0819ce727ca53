// Puts the page together, and draws its pictures again when the window changes its width.

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
}

setTheme(document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

definePatterns();
drawHead();
const rows = drawLayers(select);
const gantt = drawGantt();
const pictures = [gantt.draw, drawBusy()];
drawCores();

// One layer alone in the time line; pressed again, all of them.
let chosen = -1;
function select(i) {
  chosen = chosen === i ? -1 : i;
  rows.forEach((row, k) => row.setAttribute("aria-selected", String(k === chosen)));
  gantt.only(chosen);
}

let width = innerWidth, soon = 0;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(soon);
  soon = setTimeout(() => pictures.forEach((draw) => draw()), 120);
});
document.documentElement.dataset.drawn = "yes";
