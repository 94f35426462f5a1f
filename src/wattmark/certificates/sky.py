"""Where the sun stands: the hour and the day of a stamp set its height."""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from wattmark.core.codes import Area
from wattmark.core.periods import JST

LATITUDE_LONGITUDE: Final = {
    Area.HOKKAIDO: (43.1, 141.3),
    Area.TOHOKU: (38.3, 140.9),
    Area.TOKYO: (35.7, 139.7),
    Area.CHUBU: (35.2, 136.9),
    Area.HOKURIKU: (36.7, 137.2),
    Area.KANSAI: (34.7, 135.5),
    Area.CHUGOKU: (34.4, 132.5),
    Area.SHIKOKU: (34.3, 134.0),
    Area.KYUSHU: (33.6, 130.4),
}
"""A central city of each area [degrees north, degrees east]."""

TILT_DEGREES: Final = 23.44
JST_MERIDIAN_DEGREES: Final = 135.0


@dataclass(frozen=True, slots=True)
class Sun:
    """Altitude above the horizon and hour angle, negative before noon [degrees]."""

    altitude: float
    hour_angle: float


def sun_at(middle_s: int, area: int) -> Sun:
    """Return the sun at a moment, to about one degree, which is all a picture needs.

    Declination ``-23.44 cos(360/365.25 (day + 10))`` and mean solar time (Cooper 1969 simplified).
    """
    moment = datetime.fromtimestamp(middle_s, JST)
    latitude, longitude = LATITUDE_LONGITUDE[Area(area)]
    day = moment.timetuple().tm_yday
    declination = -math.radians(TILT_DEGREES) * math.cos(2 * math.pi * (day + 10) / 365.25)
    minutes = moment.hour * 60 + moment.minute + (longitude - JST_MERIDIAN_DEGREES) * 4
    angle = math.radians((minutes - 720) / 4)
    sine = math.sin(math.radians(latitude)) * math.sin(declination) + math.cos(math.radians(latitude)) * math.cos(
        declination
    ) * math.cos(angle)
    return Sun(round(math.degrees(math.asin(sine)), 2), round(math.degrees(angle), 2))
