"""The day sheet: one account's day as 48 small stamps, 8 x 6; a blank is ordinary grid mix."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from wattmark.certificates.palette import INK, PAPER, Palette, mix
from wattmark.certificates.render import BRAND
from wattmark.certificates.scene import Scene, make_scene
from wattmark.certificates.stamp import StampFacts
from wattmark.certificates.svg import SANS, escape, fitting_size, label, number, points, shortened
from wattmark.core.codes import SOURCE_TEXT, Source
from wattmark.core.energy import format_wh
from wattmark.core.errors import MalformedInput
from wattmark.core.periods import DAY_S, Period, jst_day_start_s
from wattmark.core.text import Text

COLUMNS: Final = 8
ROWS: Final = 6
CELL_WIDTH: Final = 100
CELL_HEIGHT: Final = 112
MARGIN: Final = 28
HEAD: Final = 58
GRID_MIX: Final = Text(en="grid mix", ja="系統の電気")
NO_USE: Final = Text(en="no use", ja="使用なし")


@dataclass(frozen=True, slots=True)
class SheetCell:
    """One period of the day.

    Attributes:
        period: the half hour of the consumption.
        consumption_wh: metered consumption [Wh].
        matched_wh: of it, covered by own tokens [Wh].
        facts: the largest lot used, or ``None`` for a blank.
        more: how many further lots served the period.
    """

    period: Period
    consumption_wh: int
    matched_wh: int
    facts: StampFacts | None = None
    more: int = 0

    def __post_init__(self) -> None:
        """Check the figures.

        Raises:
            MalformedInput: more matched than consumed, or a negative figure.
        """
        if not 0 <= self.matched_wh <= self.consumption_wh:
            rule = Text(en=f"0 to the consumption, {self.consumption_wh}", ja=f"0以上、消費量{self.consumption_wh}以下")
            raise MalformedInput("SHEET_MATCHED", "matched_wh", self.matched_wh, rule)


def render_day_sheet(day: date, cells: Sequence[SheetCell], title: Text, language: str = "ja") -> str:
    """Return the sheet of a JST day as one SVG document.

    Args:
        day: the day.
        cells: periods of that day with data, in any order; the other half hours stay empty.
        title: whose day, such as a pseudonym; escaped.
        language: ``"ja"`` or ``"en"``.

    Raises:
        MalformedInput: a cell of another day, or two cells of one half hour.
    """
    first_s = jst_day_start_s(day)
    by_koma: dict[int, SheetCell] = {}
    for cell in cells:
        inside = first_s <= cell.period.start_s < first_s + DAY_S
        if not inside or cell.period.koma() in by_koma:
            rule = Text(en=f"each half hour of {day} once", ja=f"{day}の各コマを1回ずつ")
            raise MalformedInput("SHEET_CELLS", "period.start_s", cell.period.start_s, rule)
        by_koma[cell.period.koma()] = cell
    matched, used = sum(cell.matched_wh for cell in cells), sum(cell.consumption_wh for cell in cells)
    width, height = 2 * MARGIN + COLUMNS * CELL_WIDTH, HEAD + MARGIN + ROWS * CELL_HEIGHT
    share = f"{matched * 100 // used}%" if used else "-"
    head = f"{title.get(language)}  {_day_text(day, language)}"
    sums = f"{format_wh(matched)} / {format_wh(used)}  ({share})"
    parts = [
        f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
        label(MARGIN, 28, BRAND, 12, fill=INK, font_weight="700"),
        label(MARGIN, 48, shortened(head, 480, 17), 17, fill=INK, font_weight="700"),
        label(width - MARGIN, 48, sums, fitting_size(sums, 300, 15), fill=INK, text_anchor="end"),
        *(_cell(koma, by_koma.get(koma), language) for koma in range(1, COLUMNS * ROWS + 1)),
        _perforation(),
    ]
    described = Text(en=f"{matched} of {used} Wh from own plants", ja=f"{used} Whのうち{matched} Whを選んだ発電所から")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" lang="{"ja" if language == "ja" else "en"}" font-family="{SANS}">'
        f"<title>{escape(head)}</title><desc>{escape(described.get(language))}</desc>{''.join(parts)}</svg>"
    )


def _day_text(day: date, language: str) -> str:
    return f"{day.year}年{day.month}月{day.day}日" if language == "ja" else f"{day:%a %Y-%m-%d}"


def _perforation() -> str:
    """Round holes along every line between and around the stamps."""
    across, down = COLUMNS * CELL_WIDTH, ROWS * CELL_HEIGHT
    lines = "".join(f"M{MARGIN} {HEAD + row * CELL_HEIGHT}h{across}" for row in range(ROWS + 1))
    lines += "".join(f"M{MARGIN + column * CELL_WIDTH} {HEAD}v{down}" for column in range(COLUMNS + 1))
    tone = mix(PAPER, INK, 0.22)
    return f'<path d="{lines}" stroke="{tone}" stroke-width="3.6" stroke-linecap="round" stroke-dasharray="0 8" fill="none"/>'


def _cell(koma: int, cell: SheetCell | None, language: str) -> str:
    x = MARGIN + (koma - 1) % COLUMNS * CELL_WIDTH
    y = HEAD + (koma - 1) // COLUMNS * CELL_HEIGHT
    minutes = (koma - 1) * 30
    clock = f"{minutes // 60}:{minutes % 60:02}"
    body = _blank(cell, language) if cell is None or cell.facts is None else _picture(cell, cell.facts, language)
    time = label(9, 104, clock, 10, fill=INK)
    return f'<g transform="translate({x} {y})">{body}{time}</g>'


def _blank(cell: SheetCell | None, language: str) -> str:
    tone = mix(PAPER, INK, 0.10)
    words = NO_USE if cell is None or cell.consumption_wh == 0 else GRID_MIX
    wh = "" if cell is None else f"{cell.consumption_wh:,} Wh"
    lines = "".join(f"M{points(9, 20 + step * 12)}h82" for step in range(6))
    return (
        f'<path d="M9 9h82v76h-82z" fill="none" stroke="{tone}" stroke-width="1"/><path d="{lines}" stroke="{tone}" stroke-width=".8"/>'
        f"{label(50, 53, words.get(language), 10, fill=mix(PAPER, INK, 0.65), text_anchor='middle')}"
        f"{label(91, 104, wh, 10, fill=mix(PAPER, INK, 0.65), text_anchor='end')}"
    )


def _picture(cell: SheetCell, facts: StampFacts, language: str) -> str:
    scene = make_scene(facts)
    palette = scene.palette
    top = mix(mix(palette.ink, palette.deep, 0.4), palette.light, scene.daylight)
    land = scene.shade(palette.mid)
    x, y = scene.disc()
    sun = mix(palette.accent, "#fff6d8", 0.2) if scene.sun.altitude > -3 else mix(palette.light, PAPER, 0.6)
    ridge = 60 - scene.plant[8] % 10
    share = cell.matched_wh * 82 // cell.consumption_wh if cell.consumption_wh else 0
    name = facts.plant.get(language) + (f" +{cell.more}" if cell.more else "")
    return (
        f'<path d="M9 9h82v76h-82z" fill="{top}"/>'
        f'<circle cx="{number(9 + x * 0.32)}" cy="{number(9 + y * 0.3)}" r="8" fill="{sun}"/>'
        f'<path d="M9 {ridge}q20 -{6 + scene.plant[9] % 12} 41 0t41 {scene.plant[10] % 8}V85h-82z" fill="{land}"/>'
        f"{_sign(scene, palette)}"
        f'<path d="M9 88h{share}" stroke="{palette.deep}" stroke-width="3"/>'
        f'<path d="M9 9h82v76h-82z" fill="none" stroke="{palette.deep}" stroke-width="1"/>'
        f"{label(91, 104, f'{cell.matched_wh:,} Wh', 10, fill=INK, text_anchor='end', font_weight='700')}"
        f"<title>{escape(name)}, {escape(SOURCE_TEXT[facts.source].get(language))}</title>"
    )


_SIGNS: Final = {
    Source.SOLAR: "M22 82l6 -14h14l-6 14zM44 82l6 -14h14l-6 14zM66 82l6 -14h14l-6 14z",
    Source.WIND: "M49 84l1 -40h1.6l1 40zM50.8 44l-2 -20 3.6 10zM50.8 44l18 9 -11 -1zM50.8 44l-17 11 7.6 -9z",
    Source.HYDRO: "M9 74q5 -7 10.2 0t10.3 0 10.2 0 10.3 0 10.2 0 10.3 0 10.2 0 10.3 0V85h-82z",
    Source.BIOMASS: "M28 84l9 -30 9 30zM46 84l8 -25 8 25zM62 84l7 -21 7 21z",
    Source.GEOTHERMAL: "M22 84l22 -34h10l24 34z",
    Source.STORAGE: "M38 82V46h7v-4h10v4h7v36z",
    Source.OTHER: "M50 50l6 12 13 2 -9.500 9 2 13 -11.500 -6 -11.500 6 2 -13 -9.500 -9 13 -2z",
}


def _sign(scene: Scene, palette: Palette) -> str:
    """Return the small figure of the source."""
    tone = mix(PAPER, palette.light, 0.3) if scene.facts.source is Source.WIND else scene.shade(palette.deep)
    return f'<path d="{_SIGNS[scene.facts.source]}" fill="{tone}"/>'
