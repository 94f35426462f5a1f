"""Bodies of requests: strict, closed, with units in their names; the state machine decides what they mean."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from wattmark.api.commit import MAX_BATCH
from wattmark.core.energy import MAX_WH
from wattmark.core.money import MAX_AMOUNT_E5, MAX_PRICE_SEN, MIN_PRICE_SEN

MAX_ROW: Final = (1 << 31) - 1
MAX_TIME_S: Final = 1 << 38
MAX_SESSION: Final = (1 << 53) - 1
"""Largest number that every reader of JSON takes for what it is."""
NAME_CHARS: Final = 200
STORY_CHARS: Final = 4_000

Id = Annotated[
    str, Field(pattern="^[0-9a-f]{32}$", description="128 bits chosen by you; the same id again is the same command")
]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hexadecimal")]
Row = Annotated[int, Field(ge=0, le=MAX_ROW)]
Wh = Annotated[int, Field(ge=1, le=MAX_WH, description="watt-hours")]
Register = Annotated[int, Field(ge=0, le=MAX_WH, description="cumulative register [Wh]")]
Serial = Annotated[int, Field(ge=0, le=MAX_WH, description="serial number of a Wh inside its bundle")]
PriceSen = Annotated[int, Field(ge=MIN_PRICE_SEN, le=MAX_PRICE_SEN, description="0.01 JPY/kWh")]
AmountE5 = Annotated[int, Field(ge=1, le=MAX_AMOUNT_E5, description="10^-5 JPY")]
TimeS = Annotated[int, Field(ge=0, le=MAX_TIME_S, description="POSIX seconds")]
TimeMs = Annotated[int, Field(ge=0, le=MAX_TIME_S * 1_000, description="POSIX milliseconds")]
Session = Annotated[int, Field(ge=1, le=MAX_SESSION, description="number of a connection, chosen by the client")]
DurationS = Annotated[int, Field(ge=1, le=366 * 86_400, description="seconds")]


class Body(BaseModel):
    """A request's body: whole numbers are whole, and unknown fields are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Command(Body):
    """A body that becomes one command."""

    id: Id


class Words(Body):
    """A text in both languages."""

    en: Annotated[str, Field(min_length=1, max_length=STORY_CHARS)]
    ja: Annotated[str, Field(min_length=1, max_length=STORY_CHARS)]


class OpenAccount(Command):
    """Opens an account."""

    roles: Annotated[
        int, Field(ge=1, le=31, description="bits: operator 1, producer 2, consumer 4, auditor 8, collector 16")
    ]
    credit_limit_e5jpy: Annotated[int, Field(ge=0, le=MAX_AMOUNT_E5, description="10^-5 JPY")] = 0
    name: Annotated[str, Field(min_length=1, max_length=NAME_CHARS)]


class RegisterKey(Command):
    """Registers an API key; the key itself never leaves its holder."""

    key_sha256: Annotated[Sha256, Field(description="SHA-256 of the 64 hexadecimal digits of the key, without wm_")]
    roles: Annotated[int, Field(ge=1, le=31, description="some of the account's roles")]


class RegisterDevice(Command):
    """Registers one channel of a metered device."""

    account: Row
    area: Annotated[int, Field(ge=1, le=9, description="market area (J8)")]
    source: Annotated[int, Field(ge=0, le=7, description="0 for consumption")]
    capacity_w: Annotated[int, Field(ge=1, le=1 << 36, description="W")]
    channel_role: Annotated[int, Field(ge=1, le=2, description="1 production, 2 consumption")]
    tier: Annotated[int, Field(ge=0, le=4, description="evidence tier")] = 2
    resolution_s: Annotated[int, Field(description="300, 900, 1800 or 3600")] = 1_800
    register_open_wh: Register = 0
    meter_id: Annotated[str, Field(pattern="^([0-9a-f]{2}){8,16}$", description="8 to 16 bytes in hexadecimal")]
    channel: Annotated[int, Field(ge=0, le=255)] = 0
    name: Words
    story: Words


class RegisterMeterKey(Command):
    """Lets a public key sign for a device."""

    alg: Annotated[Literal[-7, -8], Field(description="-7 ES256, -8 EdDSA")]
    kid: Annotated[str, Field(pattern="^([0-9a-f]{2}){4,32}$", description="key id, 4 to 32 bytes in hexadecimal")]
    public_key: Annotated[str, Field(pattern="^([0-9a-f]{2}){32,65}$", description="hexadecimal")]
    valid_from_ms: TimeMs


class Amount(Command):
    """Money in or out."""

    amount_e5jpy: AmountE5


class SetCover(Command):
    """Declares what covers the bank besides its collateral account (K4)."""

    forward_wh: Register
    stored_wh: Register
    stress_price_sen: PriceSen


class ListProduct(Command):
    """Lists a product."""

    area: Annotated[
        int, Field(ge=0, le=9, description="market area (J8); 0: every area, as far as capacity goes (J38)")
    ]
    source: Annotated[int, Field(ge=1, le=7)]
    period_start_s: TimeS
    duration_s: DurationS
    gate_open_ms: TimeMs
    gate_close_ms: TimeMs
    mode: Annotated[Literal[1, 2], Field(description="1 continuous, 2 call auction")] = 1
    scope: Annotated[
        Literal[0, 1, 2], Field(description="0 one period, 1 banked of a year, 2 certificates of a year")
    ] = 0


class PlaceOrder(Command):
    """Places an order; a sell order names the lot and the first serial it sells."""

    product: Row
    side: Annotated[Literal["buy", "sell"], Field(description="buy or sell")]
    type: Annotated[Literal["limit", "market"], Field(description="market: at any price, without one of its own")] = (
        "limit"
    )
    price_sen_per_kwh: Annotated[PriceSen | None, Field(description="a limit order's limit, 0.01 JPY/kWh")] = None
    quantity_wh: Wh
    lot: Row | None = None
    start: Serial | None = None
    time_in_force: Annotated[
        Literal["rest", "ioc", "fok", "post_only"] | None,
        Field(
            description="rest until the gate or expires_ms; ioc: what is not filled at once is cancelled; fok: all at"
            " once or nothing; post_only: refused if it would trade at once. Default: rest, of a market order ioc"
        ),
    ] = None
    expires_ms: Annotated[TimeMs | None, Field(ge=1, description="good till then [POSIX ms]")] = None
    min_quantity_wh: Annotated[Wh | None, Field(description="at least so much at once, or refused")] = None
    display_wh: Annotated[Wh | None, Field(description="iceberg: so much is shown at a time")] = None
    self_trade: Annotated[
        Literal["cancel_newest", "cancel_oldest", "cancel_both", "decrement"],
        Field(description="what gives way when two orders of one account would trade"),
    ] = "cancel_newest"
    session: Annotated[Session | None, Field(description="cancelled with this connection")] = None
    area: Annotated[
        int | None, Field(ge=1, le=9, description="a buyer's area (J8), in a product of all areas only")
    ] = None


class PlaceOrders(Body):
    """Places many orders; each has an outcome of its own."""

    orders: Annotated[list[PlaceOrder], Field(min_length=1, max_length=MAX_BATCH)]


class Amend(Command):
    """Changes price and whole quantity of an order that rests."""

    price_sen_per_kwh: PriceSen
    quantity_wh: Annotated[Wh, Field(description="the whole quantity, what is filled included")]


class CancelAll(Command):
    """Cancels what rests of the account's orders: all, those of a product, those of a connection."""

    product: Annotated[Row | None, Field(description="all products without it")] = None
    session: Annotated[Session | None, Field(description="all orders without it")] = None


class SetLimits(Command):
    """Bounds for the prices of a product and for what one account may buy of it."""

    low_sen: Annotated[int, Field(ge=0, le=MAX_PRICE_SEN, description="lowest price [sen/kWh]; 0: none")] = 0
    high_sen: Annotated[int, Field(ge=0, le=MAX_PRICE_SEN, description="highest price [sen/kWh]; 0: none")] = 0
    position_wh: Annotated[int, Field(ge=0, le=MAX_WH, description="net bought and open, of one account; 0: none")] = 0


class SetTrading(Command):
    """Halts a product, or lets it go on."""

    trading: Annotated[Literal["resume", "halt"], Field(description="resume or halt")]
    reason: Annotated[int, Field(ge=0, le=MAX_ROW, description="a number of the operator's own")] = 0


class AnswerCapacity(Command):
    """Says how much may flow between the areas of the pair that waits (J38)."""

    granted_wh: Annotated[int, Field(ge=0, le=MAX_WH, description="watt-hours")]


class OpenRoute(Command):
    """Says that the capacity between two areas has changed (J39)."""

    from_area: Annotated[int, Field(ge=1, le=9, description="market area (J8)")]
    to_area: Annotated[int, Field(ge=1, le=9, description="market area (J8)")]


class Range(Command):
    """A serial range of a lot."""

    start: Serial
    end: Annotated[int, Field(ge=1, le=MAX_WH, description="serial after the last")]


class Transfer(Range):
    """Gives a range to another account."""

    to_account: Row


class Reserve(Range):
    """Holds a range back until released, or until its time is over."""

    timeout_ms: TimeMs


class Retire(Range):
    """Uses a range up; it can never be used again."""

    beneficiary_account: Row
    claim: Annotated[Literal[1, 2, 3], Field(description="1 same slot, 2 banked, 3 certificate")]
    period_start_s: TimeS = 0
    duration_s: Annotated[int, Field(ge=0, le=366 * 86_400, description="seconds")] = 0


class Bank(Range):
    """Puts a range into the bank under a redemption rule (K3, K5)."""

    rule: Annotated[int, Field(ge=1, le=1_000, description="version of the redemption rule")] = 1
