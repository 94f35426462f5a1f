"""Order messages as commands: what the WebSocket hands to the writer."""

from wattmark.api.batch import order_rows
from wattmark.api.messages import AmendOrder, CancelOrder
from wattmark.api.models import Body, CancelAll, PlaceOrder
from wattmark.core.ids import parse_id
from wattmark.engine.commands import Words
from wattmark.flows.place_orders import ANY_SESSION, EVERY_PRODUCT, plan_amend, plan_cancel, plan_cancel_all


def commands_of(body: Body, account: int, session: int = ANY_SESSION) -> Words:
    """Return the command of a ``place``, ``amend``, ``cancel`` or ``cancel_all``, ``int64 [1, 16]``.

    Args:
        body: of one of their models.
        account: who asks.
        session: that an order carries which names none.

    Raises:
        MalformedInput: an id of zeros, or fields that do not fit together.
    """
    if isinstance(body, PlaceOrder):
        if session and body.session is None:
            body = body.model_copy(update={"session": session})
            body.model_fields_set.add("session")
        return order_rows([body], account)
    if isinstance(body, AmendOrder):
        return plan_amend(
            identity=parse_id(body.id),
            account=account,
            target=parse_id(body.order, "order"),
            price_sen_per_kwh=body.price_sen_per_kwh,
            quantity_wh=body.quantity_wh,
        ).commands
    if isinstance(body, CancelOrder):
        return plan_cancel(identity=parse_id(body.id), account=account, target=parse_id(body.order, "order")).commands
    assert isinstance(body, CancelAll)
    return plan_cancel_all(
        identity=parse_id(body.id),
        actor=account,
        account=account,
        product=EVERY_PRODUCT if body.product is None else body.product,
        session=body.session or ANY_SESSION,
    ).commands
