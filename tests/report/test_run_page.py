"""The page of a run, rendered by a real browser: tables and pictures hold the record's figures, and can be explored."""

import io
import json
import re
import shutil
import subprocess
from html import unescape

import pytest
from report.made_run import made_json

from spinntensor.errors import OutputError
from spinntensor.report.run_figures import executing, rows, run, spent
from spinntensor.report.run_html import page, write

RUN = run(made_json()["runs"][0])
SHORT = run(made_json(batches=1, workers=3)["runs"][0])
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,2000",
)  # fmt: skip
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome on PATH")

PROBE = r"""<script>
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const send = (id, event) => document.getElementById(id).dispatchEvent(event);
  const key = (id, name) => send(id, new KeyboardEvent("keydown", {key: name, bubbles: true}));
  const point = (id, type, x, y) => send(id, new MouseEvent(type, {clientX: x, clientY: y, bubbles: true}));
  const readout = (id) => document.getElementById(id + "-readout").textContent;
  const firstName = () => all("#layers tbody tr")[0].cells[1].textContent;
  const rects = (id) => all(`#${id} > rect`).length;
  const found = {rects: {gantt: rects("gantt"), busy: rects("busy")}, keyboard: {}};
  found.wide = [document.documentElement.scrollWidth, innerWidth];
  for (const id of ["gantt", "busy"]) {
    key(id, "ArrowRight");
    const first = readout(id);
    key(id, "ArrowRight");
    found.keyboard[id] = [first, readout(id)];
  }
  const heading = all("#layers th button").find((one) => one.textContent === "ratio");
  heading.click();
  found.highest = firstName();
  heading.click();
  found.lowest = firstName();
  const row = all("#layers tbody tr")[0];
  row.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  found.alone = [all("#gantt > rect[opacity]").length, row.getAttribute("aria-selected")];
  row.click();
  found.together = [all("#gantt > rect[opacity]").length, row.getAttribute("aria-selected")];
  const before = found.rects.gantt, box = document.getElementById("gantt").getBoundingClientRect();
  point("gantt", "mousemove", box.left + 75, box.top + 28);
  found.tip = document.getElementById("tip").hidden ? "" : document.getElementById("tip").textContent;
  for (let i = 0; i < 4; i++) key("gantt", "+");
  found.times = all("#gantt > text[text-anchor=middle]:not(.on)").map((one) => one.textContent);
  found.zoomed = all("#gantt > text.on").map((one) => one.textContent);
  point("gantt", "dblclick", 0, 0);
  found.whole = rects("gantt") === before;
  point("gantt", "mousedown", box.left + 300, box.top + 50);
  window.dispatchEvent(new MouseEvent("mouseup", {clientX: box.left + 500}));
  found.dragged = rects("gantt") !== before;
  all("#busy-tools button")[1].click();
  found.counted = [rects("busy"), document.getElementById("busy-legend").textContent];
  document.getElementById("theme").click();
  found.theme = document.documentElement.dataset.theme;
  const pre = document.createElement("pre");
  pre.id = "probe";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
})();
</script>"""


def browse(folder, text, *flags, part=""):
    """What the browser prints for a page."""
    source = folder / "page.html"
    source.write_text(text, encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, source.as_uri() + part]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dom(tmp_path_factory):
    """The page after its scripts and the probe have run."""
    text = page([RUN]).replace("</body>", PROBE + "</body>")
    return browse(tmp_path_factory.mktemp("dom"), text, "--dump-dom")


@pytest.fixture(scope="module")
def probe(dom):
    return json.loads(unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)[1]))


def words(text):
    """The text of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", text))


def cells(dom, table):
    """The lines of a table, by cell."""
    found = re.search(rf'<table id="{table}">.*?</table>', dom, re.DOTALL)[0]
    lines = [re.findall(r"<td.*?</td>", line, re.DOTALL) for line in re.findall(r"<tr.*?</tr>", found)]
    return [line for line in lines if line]


@needs_browser
def test_the_page_draws_without_an_error(dom):
    opening = re.search(r"<html[^>]*>", dom)[0]
    assert 'data-drawn="yes"' in opening and "data-failed" not in opening
    assert re.search(r'<pre id="failure"[^>]*hidden[^>]*></pre>', dom)


@needs_browser
def test_headline_figures(dom):
    totals = words(re.search(r'<section id="tiles".*?</section>', dom, re.DOTALL)[0])
    busiest = max(RUN.cores, key=executing)
    for value in (
        f"{RUN.mac_per_worker_cycle:.3f}",
        f"{RUN.images_per_s:.4g}",
        f"{RUN.model_cycles / RUN.predicted_cycles:.3f} of it",
        f"core {busiest.core}executes {executing(busiest):.1%}".replace("%", " %"),
        "93 cycles",
    ):
        assert value in totals


@needs_browser
def test_the_table_has_every_layer_with_its_figures(dom):
    lines = {words(line[1]): line for line in cells(dom, "layers")}
    assert len(lines) == len(RUN.layers)
    for row in rows(RUN):
        layer, line = row.layer, lines[row.layer.name]
        assert words(line[3]) == f"{row.share:.1%}".replace("%", " %")
        assert words(line[4]) == f"{layer.predicted_cycles:,.0f}" and words(line[5]) == f"{layer.cycles:,.0f}"
        assert words(line[7]) == f"{row.ratio:.3f}" and line[6].count("<rect") == 3
        sign = {"slower": "▲", "quicker": "▼"}.get(row.off)
        assert (f'data-sign="{sign}"' in line[7]) if sign else "data-sign" not in line[7]
    assert "block0_expand (slower), block0_reduce (quicker)" in dom


@needs_browser
def test_the_table_of_cores(dom):
    lines = cells(dom, "cores")
    assert len(lines) == len(RUN.cores)
    for core, line in zip(RUN.cores, lines, strict=True):
        found = [*map(words, line)]
        assert found[0] == str(core.core) and found[3] == f"{core.instructions:,}"
        assert found[5:8] == [f"{n:,}" for n in (core.packets_sent, core.packets_received, core.interrupts)]
        assert found[8] == f"{core.fiq_latency} cycles, {5 * core.fiq_latency} ns"


@needs_browser
def test_the_pictures_have_every_part(probe):
    pixel = max(one.end for one in RUN.taken) / 1000
    seen = sum(one.end - one.ready - one.dma > pixel for one in RUN.taken)
    seen += sum(one.dma > pixel for one in RUN.taken)
    assert probe["rects"]["gantt"] >= RUN.workers + seen
    assert probe["rects"]["busy"] == sum(value > 0 for one in spent(RUN) for value in vars(one).values())
    assert probe["counted"][0] == 2 * len(RUN.cores) and "counters" in probe["counted"][1]


@needs_browser
def test_the_page_can_be_explored(probe):
    for first, second in probe["keyboard"].values():
        assert first and second and first != second
    assert "%" in probe["keyboard"]["busy"][0]
    assert (probe["highest"], probe["lowest"]) == ("stem_pool", "block0_reduce")
    assert probe["alone"][0] > 20 and probe["alone"][1] == "true"
    assert probe["together"] == [0, "false"]
    assert probe["tip"].startswith("stem: share 1 (tiles), worker 0 (core 1), period 0")
    assert set(probe["zoomed"]) & {layer.name for layer in RUN.layers}
    assert len(probe["times"]) == len(set(probe["times"])) > 2
    assert probe["whole"] and probe["dragged"]
    assert probe["theme"] == "dark"


@needs_browser
def test_nothing_is_wider_than_the_window(probe):
    content, window = probe["wide"]
    assert content <= window <= 1280


@needs_browser
def test_one_of_several_runs_is_chosen(tmp_path):
    first = browse(tmp_path, page([SHORT, RUN]), "--dump-dom")
    other = browse(tmp_path, page([SHORT, RUN]), "--dump-dom", part="#run-1")
    assert ["3 batches" in found for found in (first, other)] == [True, False]
    assert len(cells(other, "cores")) == 3 and other.count("<option") == 2


@needs_browser
def test_a_run_of_which_little_is_known(tmp_path):
    data = made_json(counted=False)["runs"][0] | {"cores": [], "taken": [], "predicted_cycles": 0}
    found = browse(tmp_path, page([run(data)]), "--dump-dom")
    assert 'data-drawn="yes"' in found and "data-failed" not in found.split(">", 2)[1]
    assert "The record has no times of shares." in found and "NaN" not in found


@needs_browser
def test_names_are_shown_as_they_are(tmp_path):
    name = "</script><b id='bold'>{{style}}"
    data = made_json(blocks=1)["runs"][0] | {"model": name}
    found = browse(tmp_path, page([run(data)]), "--dump-dom")
    assert 'data-drawn="yes"' in found and "<b id=" not in found
    assert words(re.search(r'<h1 id="title">.*?</h1>', found)[0]).startswith(name)


@needs_browser
def test_it_looks_like_something(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for theme in ("light", "dark"):
        folder = tmp_path / theme
        folder.mkdir()
        text = page([RUN]).replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">')
        browse(folder, text, f"--screenshot={folder / 'page.png'}")
        shot = image.open(io.BytesIO((folder / "page.png").read_bytes())).convert("RGB")
        assert shot.size == (1280, 2000)
        parts = [shot.crop((0, y, 1280, y + 400)).getcolors(1 << 22) for y in range(0, 1600, 400)]
        assert min(map(len, parts)) > 30
        (_, background) = max(shot.getcolors(1 << 22))
        assert (sum(background) > 380) == (theme == "light")


def test_nothing_is_fetched():
    links = set(re.findall(r"https?://[^\"'\s)]*", page([RUN])))
    assert links == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|<img|src=|@import|url\((?!#)", page([RUN]))


def test_a_large_run_makes_a_page_of_modest_size():
    large = run(made_json(blocks=16, workers=16, batches=4)["runs"][0])
    assert len(large.layers) > 70
    assert len(page([large]).encode()) < 1e6


def test_file(tmp_path):
    write([RUN], str(tmp_path / "run.html"))
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == page([RUN])
    with pytest.raises(OutputError, match=r"use \.html, \.htm"):
        write([RUN], str(tmp_path / "run.pdf"))
