// Puts the page together, and draws its pictures again when the window changes its width.

function setTheme(name) {
  document.documentElement.dataset.theme = name;
  byId("theme").textContent = name === "dark" ? "Light" : "Dark";
}

setTheme(document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

definePatterns();
drawHead();
drawTime();
const showLayerDtcm = drawLayerDtcm();
const rows = drawLayers(select);

function select(i) {
  rows.forEach((row, k) => row.setAttribute("aria-selected", String(k === i)));
  byId("layer-choice").value = i;
  describe(plan.layers[i]);
  showLayerDtcm(plan.layers[i]);
}

plan.layers.forEach((layer, i) => byId("layer-choice").append(element("option", { value: i }, `${i}: ${layer.name}`)));
byId("layer-choice").addEventListener("change", (event) => select(Number(event.target.value)));
if (plan.layers.length) select(plan.layers.reduce((best, layer, i) => (layer.share > plan.layers[best].share ? i : best), 0));
const pictures = [() => showLayerDtcm(), drawGantt(), drawBusy(), drawDtcm(), drawSdram(), drawRoofline()];
drawVariants();

let width = innerWidth, soon = 0;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(soon);
  soon = setTimeout(() => pictures.forEach((draw) => draw()), 120);
});
document.documentElement.dataset.drawn = "yes";
