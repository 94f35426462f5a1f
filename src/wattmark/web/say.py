"""How figures are said in one language: energy, money, time, shares, names of codes."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from wattmark.core.codes import AREA_TEXT, Area, Source
from wattmark.core.energy import format_wh
from wattmark.core.money import format_price, format_yen
from wattmark.core.periods import JST, WEEKDAYS_JA, Period
from wattmark.core.text import Text
from wattmark.web.messages import message

TEXTURE = {
    Source.SOLAR: "solar",
    Source.WIND: "wind",
    Source.HYDRO: "hydro",
    Source.BIOMASS: "biomass",
    Source.GEOTHERMAL: "geothermal",
    Source.STORAGE: "storage",
    Source.OTHER: "other",
}
NO_VALUE = "–"


@dataclass(frozen=True, slots=True)
class Say:
    """Says figures in one language.

    Attributes:
        language: ``"ja"`` or ``"en"``.
    """

    language: str

    def t(self, key: str, **values: object) -> str:
        """Return the words of a key."""
        return message(key, self.language, **values)

    def text(self, text: Text) -> str:
        """Return a text in the language."""
        return text.get(self.language)

    def energy(self, wh: int) -> str:
        """Return energy: whole Wh below one kWh, else kWh, short enough to be read at a glance."""
        if abs(wh) < 1_000:
            return f"{wh:,} Wh"
        if abs(wh) < 1_000_000:
            return f"{wh / 1_000:,.1f} kWh"
        return f"{wh / 1_000_000:,.2f} MWh"

    def exact_energy(self, wh: int) -> str:
        """Return energy to the Wh."""
        return format_wh(wh)

    def money(self, amount_e5: int) -> str:
        """Return money to the sen."""
        return format_yen(amount_e5)

    def price(self, price_sen: int | None) -> str:
        """Return a price in JPY/kWh without the unit, a dash for none."""
        return NO_VALUE if price_sen is None else format_price(price_sen)

    def middle(self, bid_sen: int, ask_sen: int) -> str:
        """Return the middle of two prices in JPY/kWh, to the half sen."""
        doubled = bid_sen + ask_sen
        return format_price(doubled // 2) + ("5" if doubled % 2 else "")

    def percent(self, per_mille: int) -> str:
        """Return a share with one decimal."""
        return f"{per_mille // 10}.{per_mille % 10} %"

    def time(self, timestamp_ms: int) -> str:
        """Return a time of the day and date in JST."""
        when = datetime.fromtimestamp(timestamp_ms // 1_000, JST)
        if self.language == "ja":
            return f"{when.year}年{when.month}月{when.day}日 {when.hour}:{when.minute:02}"
        return f"{when:%Y-%m-%d %H:%M}"

    def short_time(self, timestamp_ms: int) -> str:
        """Return day and time in JST, without the year."""
        when = datetime.fromtimestamp(timestamp_ms // 1_000, JST)
        return (
            f"{when.month}/{when.day} {when.hour}:{when.minute:02}" if self.language == "ja" else f"{when:%d %b %H:%M}"
        )

    def month_day(self, start_s: int) -> str:
        """Return the day in JST, without the year and without a time."""
        when = datetime.fromtimestamp(start_s, JST)
        return f"{when.month}/{when.day}" if self.language == "ja" else f"{when.day} {when:%b}"

    def date(self, day: date) -> str:
        """Return a calendar day with its weekday."""
        if self.language == "ja":
            return f"{day.year}年{day.month}月{day.day}日({WEEKDAYS_JA[day.weekday()]})"
        return f"{day:%a} {day.day} {day:%B %Y}"

    def period(self, period: Period) -> str:
        """Return a period with its day."""
        return period.label(self.language)

    def clock(self, period: Period) -> str:
        """Return a period's hours only."""
        start = datetime.fromtimestamp(period.start_s, JST)
        end = datetime.fromtimestamp(period.end_s, JST)
        end_hour = 24 if (end.hour, end.minute) == (0, 0) else end.hour
        return f"{start.hour}:{start.minute:02}–{end_hour}:{end.minute:02}"

    def short_period(self, period: Period) -> str:
        """Return a period with its day, without the year."""
        start = datetime.fromtimestamp(period.start_s, JST)
        day = f"{start.month}月{start.day}日" if self.language == "ja" else f"{start.day} {start:%b}"
        return f"{day} {self.clock(period)}"

    def year(self, period: Period) -> str:
        """Return the year that a period of about a year lies in."""
        return str(datetime.fromtimestamp(period.start_s + period.duration_s // 2, UTC).year)

    def source(self, source: int) -> str:
        """Return the name of a source."""
        return self.t(f"source.{TEXTURE[Source(source)]}")

    def area(self, area: int) -> str:
        """Return the name of an area."""
        return self.text(AREA_TEXT[Area(area)])

    def power(self, watts: int) -> str:
        """Return power in W, kW or MW."""
        if watts < 1_000:
            return f"{watts} W"
        if watts < 1_000_000:
            return f"{watts / 1_000:,.1f}".removesuffix(".0") + " kW"
        return f"{watts / 1_000_000:,.1f}".removesuffix(".0") + " MW"

    def ratio(self, per_mille: int) -> str:
        """Return a ratio with two decimals, cut so that it never looks better than it is."""
        return f"{per_mille // 1_000}.{per_mille % 1_000 // 10:02}"


def texture(source: int) -> str:
    """Return the name of a source's colour and texture."""
    return TEXTURE[Source(source)]
