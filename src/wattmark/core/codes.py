"""Codes that stand in records: areas (J8), sources, roles, evidence tiers."""

from enum import IntEnum, IntFlag
from typing import Final

from wattmark.core.text import Text


class Area(IntEnum):
    """Market areas as JEPX numbers them (J8)."""

    HOKKAIDO = 1
    TOHOKU = 2
    TOKYO = 3
    CHUBU = 4
    HOKURIKU = 5
    KANSAI = 6
    CHUGOKU = 7
    SHIKOKU = 8
    KYUSHU = 9


class Source(IntEnum):
    """What a producing device turns into electricity; 0 in a record means consumption."""

    SOLAR = 1
    WIND = 2
    HYDRO = 3
    BIOMASS = 4
    GEOTHERMAL = 5
    STORAGE = 6
    OTHER = 7


class Role(IntFlag):
    """What an account or a key may do; one may have several."""

    OPERATOR = 1
    PRODUCER = 2
    CONSUMER = 4
    AUDITOR = 8
    COLLECTOR = 16


class Tier(IntEnum):
    """Evidence tier of a reading (metering reference, section 3)."""

    T0 = 0
    T1 = 1
    T2 = 2
    T3 = 3
    T4 = 4


AREA_TEXT: Final = {
    Area.HOKKAIDO: Text(en="Hokkaido", ja="北海道"),
    Area.TOHOKU: Text(en="Tohoku", ja="東北"),
    Area.TOKYO: Text(en="Tokyo", ja="東京"),
    Area.CHUBU: Text(en="Chubu", ja="中部"),
    Area.HOKURIKU: Text(en="Hokuriku", ja="北陸"),
    Area.KANSAI: Text(en="Kansai", ja="関西"),
    Area.CHUGOKU: Text(en="Chugoku", ja="中国"),
    Area.SHIKOKU: Text(en="Shikoku", ja="四国"),
    Area.KYUSHU: Text(en="Kyushu", ja="九州"),
}

SOURCE_TEXT: Final = {
    Source.SOLAR: Text(en="solar", ja="太陽光"),
    Source.WIND: Text(en="wind", ja="風力"),
    Source.HYDRO: Text(en="hydro", ja="水力"),
    Source.BIOMASS: Text(en="biomass", ja="バイオマス"),
    Source.GEOTHERMAL: Text(en="geothermal", ja="地熱"),
    Source.STORAGE: Text(en="storage", ja="蓄電"),
    Source.OTHER: Text(en="other", ja="その他"),
}

ROLE_TEXT: Final = {
    Role.OPERATOR: Text(en="operator", ja="運営者"),
    Role.PRODUCER: Text(en="producer", ja="発電者"),
    Role.CONSUMER: Text(en="consumer", ja="需要家"),
    Role.AUDITOR: Text(en="auditor", ja="監査人"),
    Role.COLLECTOR: Text(en="collector", ja="収集家"),
}
