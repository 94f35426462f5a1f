"""Stamps of every source, hour, season and state; the golden file holds their hashes."""

from datetime import date

from wattmark.certificates.stamp import BANKED, Postmark, StampFacts, StampState
from wattmark.core.codes import Area, Source
from wattmark.core.periods import Period, jst_day_start_s
from wattmark.core.text import Text

KOMA = 1_800
WINTER, SUMMER = date(2021, 1, 9), date(2021, 7, 1)
PLANT = Text(en="Hillside roof", ja="丘の屋根")
TOKYO = Text(en="Tokyo", ja="東京")


def facts(source=Source.SOLAR, koma=20, day=WINTER, wh=1_532, capacity_w=5_000, **changes) -> StampFacts:
    values = {
        "plant": PLANT,
        "device": 10 + int(source),
        "bundle": 100 * int(source) + koma,
        "start": 0,
        "end": wh,
        "source": source,
        "area": Area.TOKYO,
        "period": Period(jst_day_start_s(day) + (koma - 1) * KOMA, KOMA),
        "bundle_wh": wh,
        "capacity_w": capacity_w,
    }
    return StampFacts(**{**values, **changes})


def postmark(koma=20, day=WINTER, **changes) -> Postmark:
    return Postmark(Period(jst_day_start_s(day) + (koma - 1) * KOMA, KOMA), TOKYO, **changes)


def cases() -> dict[str, tuple[StampFacts, StampState, Postmark | None, str]]:
    """Name -> arguments of ``render_stamp``."""
    states = list(StampState)
    found = {}
    for number, source in enumerate(Source):
        for koma in (2, 12, 16, 24, 34, 44):
            day = SUMMER if (number + koma) % 3 == 0 else WINTER
            state = states[(number + koma // 2) % len(states)]
            wh = 5 + (number * 977 + koma * 131) % 2_400
            mark = postmark(koma, day, **({"note": BANKED} if number % 2 else {}))
            language = ("ja", "en")[(number + koma // 4) % 2]
            area = Area(1 + (number + koma) % 9)
            name = f"{source.name.lower()}-{koma:02}-{day.isoformat()}-{state.value}-{language}"
            found[name] = (facts(source, koma, day, wh, area=area), state, mark, language)
    return found
