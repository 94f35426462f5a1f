"""A real browser measures the texts of the stamps: none leaves its stamp, covers another or touches the postmark's ring."""

import html
import json
import math
import re
import subprocess
from pathlib import Path

import pytest

from reference.stamp_cases import cases, facts, postmark
from wattmark.certificates import render
from wattmark.certificates.render import render_stamp
from wattmark.certificates.stamp import StampState
from wattmark.core.codes import Source
from wattmark.core.text import Text

MEASURE = """
<script>
const found = [...document.querySelectorAll("svg")].map(svg => [...svg.querySelectorAll("text")].map(text => {
  const box = text.getBoundingClientRect(), paper = svg.getBoundingClientRect();
  return {words: text.textContent, mark: !!text.closest(".postmark,.overprint,.hinge"),
          left: box.left - paper.left, top: box.top - paper.top, width: box.width, height: box.height,
          lines: parseFloat(text.getAttribute("font-size"))};
}));
document.body.innerHTML = "<pre id=found></pre>";
document.getElementById("found").textContent = JSON.stringify(found);
</script>
"""


def measured(chromium: str, page: Path, stamps: list[str]) -> list[list[dict]]:
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{''.join(stamps)}{MEASURE}</body>")
    done = subprocess.run(
        [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(html.unescape(re.search(r"<pre id=\"found\">(.*?)</pre>", done.stdout, re.DOTALL)[1]))


@pytest.mark.service
def test_texts_stay_inside_and_apart(chromium: str, tmp_path: Path) -> None:
    long = Text(
        en="The very long name of a plant on the roof of a school by the sea",
        ja="海辺の学校の屋根の上の長い名前の発電所",
    )
    extremes = [
        (facts(wh=1 << 40, capacity_w=1 << 36, plant=long), StampState.USED, postmark(), language)
        for language in ("ja", "en")
    ] + [(facts(Source.GEOTHERMAL, wh=1), StampState.CTO, postmark(48), "en")]
    chosen = [*list(cases().values())[::5], *extremes]
    boxes = measured(chromium, tmp_path / "stamps.html", [render_stamp(*case) for case in chosen])
    assert len(boxes) == len(chosen)
    for case, texts in zip(chosen, boxes, strict=True):
        for text in texts:
            assert text["left"] >= 4, (case, text)
            assert text["left"] + text["width"] <= render.WIDTH - 4, (case, text)
            assert text["top"] + text["height"] <= render.HEIGHT - 4, (case, text)
        face, brand, where, serials = [text for text in texts if not text["mark"]][:4]
        for right in (brand, where, serials):
            assert face["left"] + face["width"] <= right["left"] + 1, (face, right)


@pytest.mark.service
def test_the_postmark_s_texts_stay_off_its_ring(chromium: str, tmp_path: Path) -> None:
    places = [Text(en="Tokyo", ja="東京"), Text(en="Kagoshima Prefecture", ja="鹿児島県鹿児島市")]
    stamps = []
    for place in places:
        for language in ("ja", "en"):
            mark = postmark(47)
            stamps.append(render_stamp(facts(koma=47), StampState.USED, type(mark)(mark.period, place), language))
    x, y = render.POSTMARK_CENTRES[make_side()]
    for texts in measured(chromium, tmp_path / "postmarks.html", stamps):
        for text in (text for text in texts if text["mark"]):
            # ink of a line fills about 0.8 of its font size, in the middle of its box
            ink = 0.4 * text["lines"]
            middle = text["top"] + text["height"] / 2
            for corner_x in (text["left"], text["left"] + text["width"]):
                for corner_y in (middle - ink, middle + ink):
                    assert math.hypot(corner_x - x, corner_y - y) < render.POSTMARK_RADIUS - 6, text


def make_side() -> bool:
    from wattmark.certificates.scene import ART_WIDTH, make_scene

    return make_scene(facts(koma=47)).disc()[0] < ART_WIDTH / 2
