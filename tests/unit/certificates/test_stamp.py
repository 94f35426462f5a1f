import math
import re
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reference.stamp_cases import KOMA, WINTER, cases, facts, postmark
from wattmark.certificates import render
from wattmark.certificates.palette import PALETTES, mix, plant_palette
from wattmark.certificates.render import render_stamp
from wattmark.certificates.scene import ART_HEIGHT, ART_WIDTH, make_scene
from wattmark.certificates.sheet import COLUMNS, ROWS, SheetCell, render_day_sheet
from wattmark.certificates.sky import sun_at
from wattmark.certificates.stamp import STATE_TEXT, StampState, stamp_state
from wattmark.certificates.svg import escape, fitting_size, number, shortened, width_em
from wattmark.core.codes import Area, Source
from wattmark.core.encoding import json_canonical, json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import Period, jst_day_start_s
from wattmark.core.text import Text

GOLDEN = Path(__file__).resolve().parents[2] / "vectors" / "stamps" / "golden.json"
ALL = cases()
SVG = "{http://www.w3.org/2000/svg}"
MAX_BYTES = 20_000


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return {name: render_stamp(*case) for name, case in ALL.items()}


def words(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter(f"{SVG}text"))


def test_every_stamp_is_the_golden_one(drawn) -> None:
    """Change the drawing on purpose, look at it, then write the new hashes (README of the vectors)."""
    found = {name: sha256(svg.encode()).hexdigest() for name, svg in drawn.items()}
    assert found == json_decode_strict(GOLDEN.read_bytes())


@pytest.mark.parametrize("name", ALL)
def test_a_stamp_is_small_well_formed_and_closed(drawn, name: str) -> None:
    svg = drawn[name]
    root = ET.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert len(svg.encode()) < MAX_BYTES
    assert svg.count("http") == 1, "only the namespace"
    assert not re.search(r"<script|<image|<style|<foreignObject|@import|url\((?!#)|href=\"(?!#)|\son\w+=", svg)
    identities = [node.get("id") for node in root.iter() if node.get("id")]
    assert len(identities) == len(set(identities))
    used = re.findall(r"(?:url\(|href=\")#([\w-]+)", svg)
    assert set(used) <= set(identities)


@pytest.mark.parametrize("name", ALL)
def test_a_stamp_tells_its_facts_and_is_no_postage(drawn, name: str) -> None:
    shown, state, _, language = ALL[name]
    svg = drawn[name]
    text = words(svg)
    assert f"{shown.face_wh:,}Wh" in text
    assert shown.plant.get(language) in text
    assert shown.period.label(language) in text
    assert render.BRAND in text
    assert f"{shown.bundle} : {shown.start + 1:,}–{shown.end:,}" in text
    assert STATE_TEXT[state].get(language) in svg
    assert not re.search("切手|郵便|〒|POST\\b|NIPPON|¥|円", svg.replace('class="postmark"', ""))


@pytest.mark.parametrize(
    ("state", "mark"),
    [
        (StampState.MINT, None),
        (StampState.USED, "postmark"),
        (StampState.CTO, "postmark"),
        (StampState.VOID, "overprint"),
        (StampState.LISTED, "hinge"),
    ],
)
def test_each_state_has_its_mark_and_no_other(state: StampState, mark: str | None) -> None:
    svg = render_stamp(facts(), state, postmark())
    assert {name for name in ("postmark", "overprint", "hinge") if f'class="{name}"' in svg} == ({mark} - {None})


def test_a_used_stamp_shows_date_time_and_place() -> None:
    text = words(render_stamp(facts(), StampState.USED, postmark(21), "en"))
    for expected in ("Tokyo", "2021.1.9", "10:00–10:30", "USED"):
        assert expected in text


def circle_and_box(x: float, y: float, radius: float, box: tuple[float, float, float, float]) -> bool:
    left, top, width, height = box
    near_x, near_y = min(max(x, left), left + width), min(max(y, top), top + height)
    return math.hypot(x - near_x, y - near_y) < radius


@pytest.mark.parametrize("centre", render.POSTMARK_CENTRES)
def test_the_postmark_leaves_face_value_and_most_of_the_art_free(centre) -> None:
    x, y = centre
    assert not circle_and_box(x, y, render.POSTMARK_RADIUS + 2, render.FACE_BOX)
    assert math.pi * (render.POSTMARK_RADIUS + 2) ** 2 <= 0.40 * ART_WIDTH * ART_HEIGHT
    assert x - render.POSTMARK_RADIUS > render.ART_LEFT
    assert x + render.POSTMARK_RADIUS < render.ART_LEFT + ART_WIDTH
    assert y - render.POSTMARK_RADIUS > render.ART_TOP
    assert y + render.POSTMARK_RADIUS < render.ART_TOP + ART_HEIGHT


def test_the_quarter_postmark_keeps_to_its_corner() -> None:
    assert not circle_and_box(render.WIDTH, 0, render.QUARTER_RADIUS + 2, render.FACE_BOX)
    assert math.pi * render.QUARTER_RADIUS**2 / 4 < 0.15 * ART_WIDTH * ART_HEIGHT


def test_the_text_of_the_postmark_stays_off_its_ring() -> None:
    """A past defect: the date touching the ring."""
    svg = render_stamp(facts(), StampState.USED, postmark())
    radius = render.POSTMARK_RADIUS - 6
    date_half = float(re.findall(r'textLength="(\d+)"', svg)[0]) / 2
    assert math.hypot(date_half, 15) < radius - 4


def test_hostile_names_are_escaped() -> None:
    hostile = Text(en="</text><script>alert('x')</script>&\"\x00\x1b", ja="]]>&lt;<b>太陽</b>")
    for language in ("en", "ja"):
        svg = render_stamp(facts(plant=hostile), StampState.MINT, None, language)
        root = ET.fromstring(svg)
        assert {node.tag.removeprefix(SVG) for node in root.iter()} & {"script", "b"} == set()


def test_long_names_are_shortened_to_the_panel() -> None:
    for text in ("とても長い名前の発電所" * 6, "A very long name of a plant " * 9, "発電所"):
        size = max(9.5, fitting_size(text, ART_WIDTH, 15))
        shown = shortened(text, ART_WIDTH, size)
        assert width_em(shown) * size <= ART_WIDTH
        assert shown == text or shown.endswith("…")
        assert escape(shown) in render_stamp(facts(plant=Text(en=text, ja=text)))


def test_equal_facts_give_equal_bytes_and_any_serial_another_picture() -> None:
    assert render_stamp(facts()) == render_stamp(facts())
    band = {re.findall(r'<path id="g\w+" d="([^"]+)"', render_stamp(facts(start=start)))[0] for start in range(20)}
    assert len(band) == 20


def test_more_energy_draws_denser_rings() -> None:
    def rings(wh: int) -> int:
        return render_stamp(facts(wh=wh)).count("1 0 ")

    assert rings(50) < rings(700) < rings(2_400)


def test_the_hour_sets_the_sun_s_height() -> None:
    def height(koma: int) -> float:
        return make_scene(facts(koma=koma)).disc()[1]

    assert height(24) < height(18) < height(15), "noon is nearest to the upper edge"
    noon = make_scene(facts(koma=24))
    assert noon.daylight > 0.9
    assert make_scene(facts(koma=2)).daylight == 0.0


@pytest.mark.parametrize(
    ("area", "month", "day", "hour", "altitude"),
    [(Area.TOKYO, 6, 21, 11.7, 77.7), (Area.TOKYO, 12, 21, 11.7, 30.9), (Area.HOKKAIDO, 3, 21, 11.6, 47.0)],
)
def test_the_sun_s_height_is_the_almanac_s_to_a_degree(area, month, day, hour, altitude) -> None:
    """Noon altitude is 90 - latitude + declination: -23.4, 0 and 23.4 degrees at solstices and equinox."""
    start_s = jst_day_start_s(WINTER.replace(month=month, day=day))
    assert abs(sun_at(start_s + int(hour * 3_600), area).altitude - altitude) < 1.5


def test_every_palette_is_readable_on_its_paper() -> None:
    """WCAG contrast of the darkest ink on the panel: at least 4.5:1, ours far above."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for palette in PALETTES:
        paper = luminance(mix("#f7f4ec", palette.light, 0.12))
        assert (paper + 0.05) / (luminance(palette.ink) + 0.05) > 7
        assert (paper + 0.05) / (luminance(palette.deep) + 0.05) > 4.5
    assert {plant_palette(bytes([value])).name for value in range(256)} == {palette.name for palette in PALETTES}


@pytest.mark.parametrize(
    ("state", "claim", "expected"),
    [
        (1, 0, StampState.MINT),
        (2, 0, StampState.LISTED),
        (3, 1, StampState.USED),
        (3, 2, StampState.CTO),
        (3, 3, StampState.CTO),
        (4, 0, StampState.VOID),
        (5, 0, StampState.VOID),
    ],
)
def test_the_look_follows_from_the_lot(state: int, claim: int, expected: StampState) -> None:
    assert stamp_state(state, claim) is expected


@pytest.mark.parametrize("changes", [{"start": 5, "end": 5}, {"start": -1}, {"end": 1_533}, {"start": 9, "end": 3}])
def test_serials_outside_the_bundle_are_refused(changes) -> None:
    with pytest.raises(MalformedInput, match="STAMP_RANGE"):
        facts(**changes)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (-0.04, "0"), (1.25, "1.2"), (-1.06, "-1.1"), (12.0, "12"), (0.1 + 0.2, "0.3")]
)
def test_numbers_have_one_spelling(value: float, text: str) -> None:
    assert number(value) == text


def sheet_cells() -> list[SheetCell]:
    start_s = jst_day_start_s(WINTER)
    return [
        SheetCell(Period(start_s + 23 * KOMA, KOMA), 500, 500, facts(koma=24)),
        SheetCell(Period(start_s + 24 * KOMA, KOMA), 500, 250, facts(Source.WIND, 25, end=250), 2),
        SheetCell(Period(start_s + 47 * KOMA, KOMA), 300, 0),
    ]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_day_sheet_has_48_places_and_says_what_is_blank(language: str) -> None:
    svg = render_day_sheet(WINTER, sheet_cells(), Text(en="Home <1>", ja="家 <1>"), language)
    root = ET.fromstring(svg)
    cells = [node for node in root if node.tag == f"{SVG}g"]
    assert len(cells) == COLUMNS * ROWS == 48
    text = words(svg)
    assert text.count({"ja": "系統の電気", "en": "grid mix"}[language]) == 1
    assert text.count({"ja": "使用なし", "en": "no use"}[language]) == 45
    assert "750 Wh / 1.300 kWh  (57%)" in text
    assert svg == render_day_sheet(WINTER, sheet_cells()[::-1], Text(en="Home <1>", ja="家 <1>"), language)


def test_a_sheet_of_pictures_only_stays_small() -> None:
    cells = [
        SheetCell(Period(jst_day_start_s(WINTER) + at * KOMA, KOMA), 9, 9, facts(Source(1 + at % 7), at + 1))
        for at in range(48)
    ]
    assert len(render_day_sheet(WINTER, cells, Text(en="", ja="")).encode()) < 60_000


def test_cells_of_another_day_or_twice_are_refused() -> None:
    one = sheet_cells()[0]
    for cells in ([one, one], [SheetCell(Period(jst_day_start_s(WINTER) - KOMA, KOMA), 1, 0)]):
        with pytest.raises(MalformedInput, match="SHEET_CELLS"):
            render_day_sheet(WINTER, cells, Text(en="", ja=""))
    with pytest.raises(MalformedInput, match="SHEET_MATCHED"):
        SheetCell(one.period, 5, 6)


def golden() -> bytes:
    return json_canonical({name: sha256(render_stamp(*case).encode()).hexdigest() for name, case in ALL.items()})
