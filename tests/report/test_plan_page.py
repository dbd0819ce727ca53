"""The page of a plan, rendered by a real browser: tables and pictures hold the plan's figures, and can be explored."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape

import pytest
from plan.made import made

from spinntensor import nn
from spinntensor.errors import OutputError
from spinntensor.machine.geometry import chip
from spinntensor.nn.workload import inference
from spinntensor.plan.plan import BODY
from spinntensor.plan.planner import plan
from spinntensor.plan.saving import digest
from spinntensor.report.plan_figures import rows
from spinntensor.report.plan_html import BINS, page, write

PLAN = made(seed=7, blocks=2, workers=4)
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,4200",
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
  const found = {rects: {}, keyboard: {}};
  for (const id of ["gantt", "busy", "dtcm", "sdram", "layer-dtcm"]) found.rects[id] = all(`#${id} > rect`).length;
  found.marks = all("#roofline > path").length;
  found.wide = [document.documentElement.scrollWidth, innerWidth];
  for (const id of ["gantt", "busy", "dtcm", "sdram", "layer-dtcm", "roofline"]) {
    key(id, "ArrowRight");
    const first = readout(id);
    key(id, "ArrowRight");
    if (readout(id) === first) key(id, "ArrowLeft");
    found.keyboard[id] = [first, readout(id)];
  }
  const heading = all("#layers th button").find((one) => one.textContent === "share of time");
  heading.click();
  found.longest = firstName();
  heading.click();
  found.shortest = firstName();
  all("#layers tbody tr")[0].dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
  found.chosen = document.getElementById("layer-choice").selectedOptions[0].textContent;
  const before = found.rects.gantt, box = document.getElementById("gantt").getBoundingClientRect();
  point("gantt", "mousemove", box.left + 75, box.top + 48);
  found.tip = document.getElementById("tip").hidden ? "" : document.getElementById("tip").textContent;
  for (let i = 0; i < 12; i++) key("gantt", "+");
  found.times = all("#gantt > text[text-anchor=middle]:not(.on)").map((one) => one.textContent);
  found.zoomed = all("#gantt > text.on").map((one) => one.textContent);
  point("gantt", "dblclick", 0, 0);
  found.whole = all("#gantt > rect").length === before;
  point("gantt", "mousedown", box.left + 300, box.top + 50);
  window.dispatchEvent(new MouseEvent("mouseup", {clientX: box.left + 500}));
  found.dragged = all("#gantt > rect").length !== before;
  all("#busy-tools button")[1].click();
  found.byLayer = all("#busy > rect").length;
  document.getElementById("theme").click();
  found.theme = document.documentElement.dataset.theme;
  const pre = document.createElement("pre");
  pre.id = "probe";
  pre.textContent = JSON.stringify(found);
  document.body.append(pre);
})();
</script>"""


def run(folder, text, *flags):
    """What the browser prints for a page."""
    source = folder / "page.html"
    source.write_text(text, encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, source.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["made", "resnet50"])
def drawn(request):
    """A plan that was made up, and that of a network which has everything."""
    if request.param == "made":
        return PLAN
    work = inference(nn.models.build("resnet50"), "int8", 16)
    return plan(work.graph, chip(), model="resnet50", format="int8", batch=16)


@pytest.fixture(scope="module")
def dom(drawn, tmp_path_factory):
    """The page after its scripts and the probe have run."""
    text = page(drawn, plan_s=1.5).replace("</body>", PROBE + "</body>")
    return run(tmp_path_factory.mktemp("dom"), text, "--dump-dom")


@pytest.fixture(scope="module")
def probe(dom):
    return json.loads(unescape(re.search(r'<pre id="probe">(.*?)</pre>', dom, re.DOTALL)[1]))


def words(text):
    """The text of a piece of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", text))


@needs_browser
def test_the_page_draws_without_an_error(dom):
    opening = re.search(r"<html[^>]*>", dom)[0]
    assert 'data-drawn="yes"' in opening and "data-failed" not in opening
    assert re.search(r'<pre id="failure"[^>]*hidden[^>]*></pre>', dom)


@needs_browser
def test_headline_figures(drawn, dom):
    totals = words(re.search(r'<section id="tiles".*?</section>', dom, re.DOTALL)[0])
    for value in (
        f"{drawn.totals.mac_per_worker_cycle:.3f}",
        f"{drawn.totals.images_per_s:.4g}",
        f"{drawn.totals.host_share:.1%}".replace("%", " %"),
    ):
        assert value in totals
    assert digest(drawn) in words(re.search(r'<code id="sum">.*?</code>', dom)[0])
    assert "planned in 1.5 s" in words(re.search(r'<p id="subtitle">.*?</p>', dom)[0])


@needs_browser
def test_the_table_has_every_layer_with_its_figures(drawn, dom):
    table = re.search(r'<table id="layers">.*?</table>', dom, re.DOTALL)[0]
    lines = [re.findall(r"<td.*?</td>", line, re.DOTALL) for line in re.findall(r"<tr.*?</tr>", table)]
    cells = {words(line[1]): [*map(words, line)] for line in lines if line}
    bars = {words(line[1]): line[10].count("<rect") for line in lines if line}
    assert len(cells) == len(drawn.layers)
    for row in rows(drawn):
        layer = row.layer
        found = cells[layer.name]
        assert found[2] == "×".join(map(str, layer.shape)) and found[4] == layer.recipe.kernel
        assert found[8] == layer.bound_by and found[10] == f"{row.share:.1%}".replace("%", " %")
        assert found[11] == (f"{row.rate:.3f}" if layer.macs else "")
        assert found[12] == f"{row.dtcm:.0%}".replace("%", " %")
        assert bars[layer.name] == len(layer.terms) + 1


@needs_browser
def test_the_pictures_have_every_part(drawn, probe):
    lanes = len(drawn.workers) + 1
    pixel = max(span.end for span in drawn.spans) / 1000
    wide_enough = sum(1 for span in drawn.spans if span.kind == BODY and span.end - span.start > pixel)
    assert probe["rects"]["gantt"] >= lanes + wide_enough
    assert probe["rects"]["busy"] >= len(drawn.workers) * BINS
    assert probe["rects"]["sdram"] == len(drawn.buffers)
    mine = [share for share in drawn.shares if share.worker == 0]
    regions = sum(len(drawn.layers[share.stage].recipe.regions) for share in mine)
    assert probe["rects"]["dtcm"] == 1 + regions + 3
    assert probe["marks"] == sum(1 for layer in drawn.layers if layer.macs)
    assert probe["byLayer"] >= len(drawn.workers) * len(drawn.layers)


@needs_browser
def test_the_page_can_be_explored(drawn, probe):
    for first, second in probe["keyboard"].values():
        assert first and second and first != second
    assert "% busy" in probe["keyboard"]["busy"][1]
    assert "MAC/byte" in probe["keyboard"]["roofline"][0]
    by_share = sorted(rows(drawn), key=lambda row: row.share)
    assert probe["longest"] == by_share[-1].layer.name and probe["shortest"] == by_share[0].layer.name
    assert probe["chosen"] == f"{by_share[0].layer.stage}: {by_share[0].layer.name}"
    if drawn is PLAN:  # whose first layer is under the pointer
        assert probe["tip"].startswith("stem: ") and "worker 0 (chip 0,0 core 1), period 0" in probe["tip"]
    assert set(probe["zoomed"]) & {layer.name for layer in drawn.layers}
    assert len(probe["times"]) == len(set(probe["times"])) > 2
    assert probe["whole"] and probe["dragged"]
    assert probe["theme"] == "dark"


@needs_browser
def test_nothing_is_wider_than_the_window(probe):
    content, window = probe["wide"]
    assert content <= window <= 1280


@needs_browser
def test_an_error_is_shown(tmp_path):
    broken = page(PLAN).replace('"layers":', '"lairs":')
    found = run(tmp_path, broken, "--dump-dom")
    assert 'data-failed="yes"' in found and "data-drawn" not in found.split(">", 2)[1]
    assert "The page could not be drawn" in words(
        re.search(r'<pre id="failure".*?</pre>', found, re.DOTALL)[0]
    )


@needs_browser
def test_names_are_shown_as_they_are(tmp_path):
    name = "</script><b id='bold'>{{style}}"
    plan = replace(PLAN, model=name, layers=(replace(PLAN.layers[0], name=name), *PLAN.layers[1:]))
    found = run(tmp_path, page(plan), "--dump-dom")
    assert 'data-drawn="yes"' in found and "<b id=" not in found
    assert words(re.search(r'<h1 id="title">.*?</h1>', found)[0]).startswith(name)


@needs_browser
def test_it_looks_like_something(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for theme in ("light", "dark"):
        folder = tmp_path / theme
        folder.mkdir()
        text = page(PLAN).replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">')
        run(folder, text, f"--screenshot={folder / 'page.png'}")
        shot = image.open(io.BytesIO((folder / "page.png").read_bytes())).convert("RGB")
        assert shot.size == (1280, 4200)
        parts = [shot.crop((0, y, 1280, y + 500)).getcolors(1 << 22) for y in range(0, 3500, 500)]
        assert min(map(len, parts)) > 30
        (_, background) = max(shot.getcolors(1 << 22))
        assert (sum(background) > 380) == (theme == "light")


def test_nothing_is_fetched():
    links = set(re.findall(r"https?://[^\"'\s)]*", page(PLAN)))
    assert links == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|<img|src=|@import|url\((?!#)", page(PLAN))


def test_a_large_plan_makes_a_page_of_modest_size():
    plan = made(1, 16, 16, 4, 3)
    assert len(plan.layers) > 70
    assert len(page(plan).encode()) < 3e6


def test_file(tmp_path):
    write(PLAN, str(tmp_path / "plan.html"))
    assert (tmp_path / "plan.html").read_text(encoding="utf-8") == page(PLAN)
    with pytest.raises(OutputError, match=r"use \.html, \.htm"):
        write(PLAN, str(tmp_path / "plan.pdf"))
