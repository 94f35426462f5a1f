"""The order form: what was typed, the order it means, and which field is at fault when it means none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from wattmark.core.codes import Area
from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.ids import parse_id
from wattmark.flows.place_orders import Order
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.lots import lot
from wattmark.market import layout as m
from wattmark.web.figures import parse_energy, parse_price, parse_time, parse_whole
from wattmark.web.messages import MESSAGES
from wattmark.web.say import Say

Value = TypeVar("Value")

FIELDS: Final = ("id", "side", "kind", "price", "quantity", "area", "lot", "tif", "until", "minimum", "shown", "own")
MAX_CHARS: Final = 64
SIDES: Final = {"buy": m.BUY, "sell": m.SELL}
KINDS: Final = {"limit": 0, "market": 1}
TIFS: Final = {
    "rest": m.TIF_REST,
    "until": m.TIF_REST,
    "ioc": m.TIF_IMMEDIATE,
    "fok": m.TIF_ALL_OR_NONE,
    "post": m.TIF_POST_ONLY,
}
OWN: Final = {
    "newest": m.STP_NEWEST,
    "oldest": m.STP_OLDEST,
    "both": m.STP_BOTH,
    "less": m.STP_DECREMENT,
}
"""What gives way when an order meets another one of the same account."""
DEFAULTS: Final = {"side": "buy", "kind": "limit", "tif": "rest", "own": "newest"}
ADVANCED: Final = ("kind", "tif", "until", "minimum", "shown", "own")
"""Fields that are folded away while they hold what they hold at first."""
MARKET_PRICE_SEN: Final = 0
FORM_FIELD: Final = {
    "price_sen_per_kwh": "price",
    "quantity_wh": "quantity",
    "start": "lot",
    "expires_ms": "until",
    "min_quantity_wh": "minimum",
    "display_wh": "shown",
    "self_trade": "own",
}
"""Field of a command -> field of the form, where the names differ."""


@dataclass(frozen=True, slots=True)
class OrderForm:
    """A form as it is shown: what its fields hold, and what is wrong with them.

    Attributes:
        values: field -> text.
        errors: field -> rule, in the visitor's language.
    """

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_unfolded(self) -> bool:
        """Return whether a folded field differs from what it holds at first, or is at fault."""
        return any(name in self.errors or self.values[name] != DEFAULTS.get(name, "") for name in ADVANCED)


class FieldsRefused(MalformedInput):
    """Several fields of a form that have not the required form.

    Attributes:
        errors: what is refused of each field.
    """

    def __init__(self, errors: dict[str, Refused]) -> None:
        """Keep the refusals; the first one speaks for all."""
        first = next(iter(errors.values()))
        super().__init__(first.code, first.field, first.value, first.rule)
        self.errors = errors


def empty_form(identity: str, **values: str) -> OrderForm:
    """Return a form before anything is typed, with what is known already."""
    return OrderForm({name: DEFAULTS.get(name, "") for name in FIELDS} | {"id": identity} | values)


def typed(posted: dict[str, str], names: Iterable[str] = FIELDS) -> dict[str, str]:
    """Return what a posted form holds, cut to a sensible length; what is missing is as at first."""
    return {name: posted.get(name, DEFAULTS.get(name, "")).strip()[:MAX_CHARS] for name in names}


def refused_form(values: dict[str, str], error: Refused, identity: str, say: Say) -> OrderForm:
    """Return the form with what was typed and the rule at each field that is at fault."""
    refused = error.errors if isinstance(error, FieldsRefused) else {form_field(error): error}
    shown = {name: say.text(item.rule) for name, item in refused.items() if name in FIELDS and name != "id"}
    return OrderForm(values | {"id": identity}, shown)


def form_field(error: Refused) -> str:
    """Return the field of the form that a refusal speaks of; its own name when the form has none."""
    return FORM_FIELD.get(error.field, error.field)


def read_order(platform: Platform, product: int, values: dict[str, str], account: int) -> Order:
    """Return the order that a form means.

    Raises:
        UnknownReference: there is no such product.
        FieldsRefused: fields that are no figures, or contradict one another.
    """
    item = reads.product(platform, product)
    reading = _Reading(values)
    identity = reading.number("id", parse_id)
    side, kind = reading.choice("side", SIDES), reading.choice("kind", KINDS)
    tif = reading.choice("tif", TIFS)
    price_sen = MARKET_PRICE_SEN
    if kind == KINDS["market"]:
        reading.wish(not values["price"], "price", "order.market_price_rule")
        if item.mode == m.MODE_CONTINUOUS and values["tif"] == "rest":
            tif = m.TIF_IMMEDIATE  # it cannot rest: what does not trade at once is deleted (J41)
    else:
        price_sen = reading.number("price", parse_price)
    quantity_wh = reading.number("quantity", parse_energy)
    number = start = area = expires_ms = 0
    if side == m.SELL:
        number = reading.number("lot", lambda text: parse_whole(text, "lot"))
        start = reading.number("lot", lambda _: lot(platform, number).start)
    elif item.area == m.EVERY_AREA:
        area = reading.number("area", lambda text: parse_whole(text, "area"))
    if values["tif"] == "until":
        expires_ms = reading.number("until", lambda text: parse_time(text, "until"))
    else:
        reading.wish(not values["until"], "until", "order.until_other_rule")
    minimum_wh = reading.number("minimum", lambda text: _energy_or_none(text, "minimum"))
    shown_wh = reading.number("shown", lambda text: _energy_or_none(text, "shown"))
    own = reading.choice("own", OWN)
    if reading.errors:
        raise FieldsRefused(reading.errors)
    return Order(
        identity,
        account,
        product,
        side,
        price_sen,
        quantity_wh,
        lot=number,
        start=start,
        tif=tif,
        expires_ms=expires_ms,
        min_quantity_wh=minimum_wh,
        display_wh=shown_wh,
        self_trade=own,
        area=area,
    )


def _energy_or_none(text: str, field: str) -> int:
    return parse_energy(text, field) if text else 0


class _Reading:
    """Reads fields one by one and collects what is wrong with them; a field at fault reads as 0."""

    def __init__(self, values: dict[str, str]) -> None:
        self._values = values
        self.errors: dict[str, Refused] = {}

    def number(self, name: str, parse: Callable[[str], int]) -> int:
        """Return a field's figure."""
        if name not in self.errors:
            try:
                return parse(self._values[name])
            except Refused as error:
                self.errors[name] = error
        return 0

    def choice(self, name: str, choices: dict[str, int]) -> int:
        """Return the code of a choice."""
        value = self._values[name]
        if value in choices:
            return choices[value]
        self.refuse(name, "order.choice_rule")
        return 0

    def wish(self, holds: bool, name: str, rule: str) -> None:
        """Keep that a field breaks the rule with a key, unless it holds."""
        if not holds:
            self.refuse(name, rule)

    def refuse(self, name: str, rule: str) -> None:
        """Keep that a field breaks the rule with a key."""
        self.errors.setdefault(name, MalformedInput("FIELD_INVALID", name, self._values[name], MESSAGES[rule]))


def choices_of(item: reads.Product, say: Say) -> dict[str, list[tuple[str, str]]]:
    """Return the choices of the form's lists: value and words."""
    areas = [(str(int(area)), say.area(area)) for area in Area] if item.area == m.EVERY_AREA else []
    return {
        "kinds": [(name, say.t(f"order.kind_{name}")) for name in KINDS],
        "tifs": [(name, say.t(f"order.tif_{name}")) for name in TIFS],
        "own": [(name, say.t(f"order.own_{name}")) for name in OWN],
        "areas": [("", say.t("order.choose")), *areas] if areas else [],
    }
