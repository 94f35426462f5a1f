"""Messages of the WebSocket: one JSON object each, strict as every body; what each may hold, and what is answered.

A message has an ``op`` and the fields of its model below; ``tag`` is the client's own and comes back with the answer.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError

from wattmark.api.bodies import read_json
from wattmark.api.errors import error_body, refusal_fields, validation_error
from wattmark.api.models import Amend, Body, CancelAll, Command, Id, PlaceOrder, Row, Session
from wattmark.core.errors import MalformedInput, Refused, Unavailable
from wattmark.core.text import Text

MAX_MESSAGE_BYTES: Final = 16 << 10
MAX_TAG_CHARS: Final = 64
MAX_HEARTBEAT_S: Final = 60
DAYS_OF_A_YEAR_S: Final = 366 * 86_400


class Login(Body):
    """Says who speaks: by a key, or as the handshake's ``Authorization`` has said already.

    Orders placed over the socket carry ``session``, and are cancelled when the socket ends.
    """

    key: Annotated[str, Field(max_length=200, description="wm_ and 64 hexadecimal digits")] | None = None
    session: Session | None = None
    heartbeat_s: Annotated[
        int, Field(ge=1, le=MAX_HEARTBEAT_S, description="the server tells every so often; three times silent ends it")
    ] = 10


class Subscribe(Body):
    """Follows a product from now on, or from after ``sequence``."""

    product: Row
    channel: Literal["book", "top", "trades", "candles"] = "book"
    sequence: Annotated[int, Field(ge=0, le=(1 << 53) - 1, description="the last number seen")] | None = None
    interval_s: Annotated[int, Field(ge=1, le=DAYS_OF_A_YEAR_S, description="of candles, whole seconds")] = 1_800
    align: Literal["jst", "utc"] = "jst"


class Unsubscribe(Body):
    """Follows a product's channel no more."""

    product: Row
    channel: Literal["book", "top", "trades", "candles"] = "book"


class AmendOrder(Amend):
    """Amends the order placed by a command."""

    order: Id


class CancelOrder(Command):
    """Cancels the order placed by a command."""

    order: Id


class Heartbeat(Body):
    """Says that the client is there."""


OPS: Final[dict[str, type[Body]]] = {
    "login": Login,
    "subscribe": Subscribe,
    "unsubscribe": Unsubscribe,
    "place": PlaceOrder,
    "amend": AmendOrder,
    "cancel": CancelOrder,
    "cancel_all": CancelAll,
    "heartbeat": Heartbeat,
}
"""What can be asked for."""

TOO_LONG: Final = Text(en=f"at most {MAX_MESSAGE_BYTES} bytes", ja=f"{MAX_MESSAGE_BYTES}バイト以下")
AN_OBJECT: Final = Text(en="a JSON object with an op", ja="opを持つJSONオブジェクト")
AN_OP: Final = Text(en=f"one of {', '.join(OPS)}", ja=f"{', '.join(OPS)}のいずれか")
A_TAG: Final = Text(en=f"a text of at most {MAX_TAG_CHARS} characters", ja=f"{MAX_TAG_CHARS}文字以下の文字列")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a known form.

    Attributes:
        op: what is asked for.
        tag: to come back with the answer; empty without one.
        body: its fields.
    """

    op: str
    tag: str
    body: Body

    def answer(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        """Return the answer to it."""
        return {"type": "answer", "op": self.op, **self._marks(), **fields}

    def refused(self, error: Refused | Unavailable) -> dict[str, Any]:
        """Return the refusal of it."""
        return {"type": "error", "op": self.op, **self._marks(), **error_fields(error)}

    def _marks(self) -> dict[str, str]:
        marks = {"tag": self.tag} if self.tag else {}
        return marks | ({"id": self.body.id} if isinstance(self.body, Command) else {})


class BadMessage(Exception):  # noqa: N818 - as the error tree
    """A message without its form, and the answer to it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        """Keep the answer."""
        super().__init__(answer)
        self.answer = answer


def read_message(text: str) -> Message:
    """Return a message.

    Raises:
        BadMessage: no JSON, no known op, a field without its form, an unknown field; names field, value and rule.
    """
    op = tag = ""
    try:
        data = text.encode("utf-8", "surrogatepass")
        if len(data) > MAX_MESSAGE_BYTES:
            raise MalformedInput("TOO_LONG", "message", len(data), TOO_LONG)
        value = read_json(data)
        if not isinstance(value, dict):
            raise MalformedInput("NOT_AN_OBJECT", "message", repr(value), AN_OBJECT)
        given = value.pop("tag", "")
        if not isinstance(given, str) or len(given) > MAX_TAG_CHARS:
            raise MalformedInput("FIELD_INVALID", "tag", given if isinstance(given, int) else repr(given), A_TAG)
        tag = given
        wanted = value.pop("op", "")
        if not isinstance(wanted, str) or wanted not in OPS:
            raise MalformedInput("UNKNOWN_OP", "op", wanted if isinstance(wanted, (int, str)) else repr(wanted), AN_OP)
        op = wanted
        return Message(op, tag, OPS[op].model_validate(value))
    except Refused as error:
        refusal = error
    except RequestValidationError as error:
        refusal = validation_error(error)
    except ValidationError as error:
        refusal = validation_error(RequestValidationError(error.errors()))
    if refusal.field == "key":
        refusal = MalformedInput(refusal.code, refusal.field, "", refusal.rule)  # no secret is sent back
    marks = {name: mark for name, mark in (("op", op), ("tag", tag)) if mark}
    raise BadMessage({"type": "error", **marks, **error_fields(refusal)})


def error_fields(error: Refused | Unavailable) -> dict[str, Any]:
    """Return an error in the one form of the API."""
    if isinstance(error, Unavailable):
        return error_body("UNAVAILABLE", "", "", error.reason)
    return {"error": refusal_fields(error)}
