"""The order form: what was typed, the order it means, and which field is at fault when it means none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.ids import parse_id
from wattmark.flows.place_orders import Order
from wattmark.flows.platform import Platform
from wattmark.flows.queries import market as reads
from wattmark.flows.queries.lots import lot
from wattmark.market import layout as m
from wattmark.web.figures import parse_energy, parse_price, parse_whole
from wattmark.web.messages import MESSAGES
from wattmark.web.say import Say

Value = TypeVar("Value")

FIELDS: Final = ("id", "side", "kind", "price", "quantity", "lot", "tif")
MAX_CHARS: Final = 64
SIDES: Final = {"buy": m.BUY, "sell": m.SELL}
TIFS: Final = {"rest": m.TIF_REST, "ioc": m.TIF_IMMEDIATE}
DEFAULTS: Final = {"side": "buy", "kind": "limit", "tif": "rest"}
ADVANCED: Final = ("tif",)
"""Fields that are folded away while they hold what they hold at first."""
FORM_FIELD: Final = {
    "price_sen_per_kwh": "price",
    "quantity_wh": "quantity",
    "start": "lot",
    "tif": "tif",
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


def typed_form(posted: dict[str, str]) -> dict[str, str]:
    """Return what a posted form holds, cut to a sensible length; what is missing is as at first."""
    return {name: posted.get(name, DEFAULTS.get(name, "")).strip()[:MAX_CHARS] for name in FIELDS}


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
    reads.product(platform, product)
    reading = _Reading(values)
    identity = reading.number("id", parse_id)
    side = reading.choice("side", SIDES)
    tif = reading.choice("tif", TIFS)
    price_sen = reading.number("price", parse_price)
    quantity_wh = reading.number("quantity", parse_energy)
    number, start = 0, 0
    if side == m.SELL:
        number = reading.number("lot", lambda text: parse_whole(text, "lot"))
        start = reading.number("lot", lambda _: lot(platform, number).start)
    if reading.errors:
        raise FieldsRefused(reading.errors)
    return Order(identity, account, product, side, price_sen, quantity_wh, number, start, tif)


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

    def refuse(self, name: str, rule: str) -> None:
        """Keep that a field breaks the rule with a key."""
        self.errors.setdefault(name, MalformedInput("FIELD_INVALID", name, self._values[name], MESSAGES[rule]))


def choices_of(say: Say) -> dict[str, Any]:
    """Return the choices of the form's lists."""
    return {"tifs": [(name, say.t(f"order.tif_{name}")) for name in TIFS]}
