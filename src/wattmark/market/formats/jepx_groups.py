"""JEPX's file of area groups (J32): which areas had one price together, and the number of their curve."""

from collections.abc import Iterable
from typing import BinaryIO, Final

from wattmark.core.codes import Area
from wattmark.market.formats.jepx import (
    AREA_NAMES,
    JOINER,
    SYSTEM_NAME,
    JepxCode,
    areas_of,
    date_of,
    day_of,
    group_of,
    refused,
    slot_of,
)
from wattmark.market.formats.jepx_lines import PublishedLines
from wattmark.market.published import SYSTEM, AreaGroup

HEADER: Final = ("電力受渡日", "商品コード", "エリアグループ", "分断エリア連番")


def read_groups(source: BinaryIO, file: str) -> list[AreaGroup]:
    """Return the groups of a file, plain or gzip, UTF-8 or CP932.

    Raises:
        MalformedInput: the first line that does not hold; names file, line, column, value and rule.
    """
    lines = PublishedLines(source, file)
    order = [lines.column(name) for name in HEADER]
    found: list[AreaGroup] = []
    seen: set[tuple[int, int, int]] = set()
    placed: set[tuple[int, int, Area]] = set()
    for number, cells in lines.rows():
        texts = [cells[index] for index in order]

        def wrong(code: JepxCode, column: int, number: int = number, texts: list[str] = texts) -> Exception:
            return refused(code, file, f"line {number}, {HEADER[column]}", texts[column])

        day, slot, areas, group = day_of(texts[0]), slot_of(texts[1]), areas_of(texts[2]), group_of(texts[3])
        if day is None:
            raise wrong(JepxCode.DAY_INVALID, 0)
        if slot is None:
            raise wrong(JepxCode.SLOT_INVALID, 1)
        if group is None:
            raise wrong(JepxCode.GROUP_INVALID, 3)
        if areas is None or (areas == ()) != (group == SYSTEM):
            raise wrong(JepxCode.AREAS_INVALID, 2)
        if (day, slot, group) in seen:
            raise wrong(JepxCode.ROW_TWICE, 3)
        if any((day, slot, area) in placed for area in areas):
            raise wrong(JepxCode.AREA_TWICE, 2)
        seen.add((day, slot, group))
        placed.update((day, slot, area) for area in areas)
        found.append(AreaGroup(day, slot, group, areas))
    return found


def write_groups(sink: BinaryIO, groups: Iterable[AreaGroup], encoding: str = "utf-8") -> None:
    """Write groups as JEPX publishes them (J32)."""
    lines = [",".join(HEADER)]
    for one in groups:
        names = JOINER.join(AREA_NAMES[area] for area in one.areas) or SYSTEM_NAME
        number = "" if one.group == SYSTEM else str(one.group)
        lines.append(f"{date_of(one.day):%Y%m%d},{one.slot},{names},{number}")
    sink.write(("\n".join(lines) + "\n").encode(encoding))
