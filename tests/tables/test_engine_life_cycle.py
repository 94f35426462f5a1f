"""The life of a lot: every state against every event, held against the drawn table; what is not in it refuses."""

import pytest

from reference.small_world import DAY, NOW_S, SLOT, SmallWorld
from wattmark.core.ids import derive_id, id_words
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import Kind
from wattmark.engine.outcomes import Outcome
from wattmark.tokens.lot import LIFE_CYCLE, Event, LotState

EXPIRY_S = NOW_S + DAY
ALICE, BOB = 3, 4

REFUSALS = """
state      | TRANSFER     SPLIT        RESERVE      OFFER        RELEASE          CANCEL         SELL RETIRE       EXPIRE       WITHDRAW     BANK
HELD       | ok           ok           ok           ok           LOT_NOT_RESERVED ORDER_NOT_OPEN -    ok           ok           ok           ok
RESERVED   | LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD ok               ORDER_NOT_OPEN -    LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD
OFFERED    | LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_IN_ORDER     ok             ok   LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD
RETIRED    | LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_RESERVED ORDER_NOT_OPEN -    LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD
EXPIRED    | LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_RESERVED ORDER_NOT_OPEN -    LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD
WITHDRAWN  | LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_RESERVED ORDER_NOT_OPEN -    LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD LOT_NOT_HELD
"""
"""OFFERED is RESERVED by an order; ``-``: no order of the lot is in the book, so a buyer finds nothing."""


class OneLot:
    """A lot of 100 Wh of alice's that was offered and taken back once, in the state asked for."""

    def __init__(self, state: str, *, past_its_date: bool = False) -> None:
        w = self.world = SmallWorld()
        w.at(NOW_S)
        w.account("alice", 6, cash=10**8)
        w.account("bob", 6, cash=10**8)
        w.do(Kind.SET_COVER, forward_wh=10_000, stored_wh=0, stress_price_sen=1)
        device = w.device("sun", ALICE, 1)
        self.lot = w.issue(device, 100, NOW_S - SLOT, expiry_s=EXPIRY_S)
        self.product = w.product("zaraba", self.lot, gate_close_ms=(EXPIRY_S + DAY) * 1000)
        w.sell("order", ALICE, 500, self.product, self.lot)
        if state == "OFFERED":
            w.at(EXPIRY_S if past_its_date else NOW_S)
            return
        self.cancel()
        if state == "RESERVED":
            w.do(Kind.RESERVE, ALICE, lot=self.lot, start=0, end=100, timeout_ms=(EXPIRY_S + 1) * 1000)
        elif state == "EXPIRED":
            w.at(EXPIRY_S)
            w.do(Kind.EXPIRE, lot=self.lot)
        elif state != "HELD":
            self.happen(Event.RETIRE if state == "RETIRED" else Event.WITHDRAW)
        if past_its_date:
            w.at(EXPIRY_S)

    def cancel(self) -> None:
        names = self.world.names
        self.world.do(Kind.CANCEL, ALICE, target_id_low=names["order_low"], target_id_high=names["order_high"])

    def wish(self, event: Event) -> tuple[Kind, int, dict[str, int]]:
        whole = {"lot": self.lot, "start": 0, "end": 100}
        names = self.world.names
        order = {"product": self.product, "price_sen_per_kwh": 500, "quantity_wh": 100, "start": 0, "tif": 0}
        table: dict[Event, tuple[Kind, int, dict[str, int]]] = {
            Event.TRANSFER: (Kind.TRANSFER, ALICE, whole | {"to_account": BOB}),
            Event.SPLIT: (Kind.SPLIT, ALICE, whole),
            Event.RESERVE: (Kind.RESERVE, ALICE, whole | {"timeout_ms": names["now"] + 1}),
            Event.OFFER: (Kind.PLACE_ORDER, ALICE, order | {"side": 2, "lot": self.lot}),
            Event.RELEASE: (Kind.RELEASE, ALICE, {"lot": self.lot}),
            Event.CANCEL: (
                Kind.CANCEL,
                ALICE,
                {"target_id_low": names["order_low"], "target_id_high": names["order_high"]},
            ),
            Event.SELL: (Kind.PLACE_ORDER, BOB, order | {"side": 1, "lot": 0}),
            Event.RETIRE: (
                Kind.RETIRE,
                ALICE,
                whole | {"beneficiary_account": ALICE, "claim": 3, "period_start_s": 0, "duration_s": 0},
            ),
            Event.EXPIRE: (Kind.EXPIRE, 0, {"lot": self.lot}),
            Event.WITHDRAW: (Kind.WITHDRAW, 0, whole | {"reason": 1}),
            Event.BANK: (Kind.BANK, ALICE, whole | {"rule": 1, "redeem_until_s": EXPIRY_S}),
        }
        return table[event]

    def happen(self, event: Event) -> None:
        kind, actor, fields = self.wish(event)
        self.world.do(kind, actor, **fields)

    def row(self) -> list[int]:
        return self.world.state.lots[self.lot].tolist()

    def state(self) -> LotState:
        return LotState(self.row()[4])


def cells() -> list[tuple[str, Event, str]]:
    heading, *rows = [line.split("|") for line in REFUSALS.strip().splitlines()]
    events = [Event[name] for name in heading[1].split()]
    assert events == list(Event)
    return [
        (state.strip(), event, cell) for state, line in rows for event, cell in zip(events, line.split(), strict=True)
    ]


@pytest.mark.parametrize(("state", "event", "cell"), cells(), ids=str)
def test_every_state_against_every_event(state: str, event: Event, cell: str) -> None:
    one = OneLot(state, past_its_date=event is Event.EXPIRE)
    drawn = LIFE_CYCLE.get((one.state(), event))
    before = one.row()
    if cell == "ok":
        assert drawn is not None, "the table of `lot.py` does not know this"
        one.happen(event)
        assert one.state() is drawn
    elif cell == "-":
        one.happen(event)  # a buy order, which rests: nothing is for sale
        assert one.row() == before
    else:
        kind, actor, fields = one.wish(event)
        assert one.world.refused(kind, actor, **fields) is Outcome[cell]
        assert one.row() == before
    assert audit_state(one.world.state) == []


def test_the_drawn_table_and_the_matrix_hold_the_same_pairs() -> None:
    passed = {
        (LotState["RESERVED" if state == "OFFERED" else state], event) for state, event, cell in cells() if cell == "ok"
    }
    assert passed == set(LIFE_CYCLE)


def test_what_is_retired_expired_or_withdrawn_never_comes_back() -> None:
    final = {LotState.RETIRED, LotState.EXPIRED, LotState.WITHDRAWN}
    assert not [pair for pair in LIFE_CYCLE if pair[0] in final]


@pytest.mark.parametrize("state", ["HELD", "RESERVED", "OFFERED", "RETIRED", "EXPIRED", "WITHDRAWN"])
def test_a_part_of_a_lot_is_refused_what_the_whole_is_refused(state: str) -> None:
    """There is no way around the matrix through a range, nor through a stranger."""
    for event in (Event.TRANSFER, Event.SPLIT, Event.RESERVE, Event.RETIRE, Event.WITHDRAW, Event.BANK):
        one = OneLot(state)
        kind, actor, fields = one.wish(event)
        fields |= {"start": 10, "end": 20}
        if state == "HELD":
            taken, _ = one.world.do(kind, actor, **fields)
            assert one.world.state.lots[taken, 1:3].tolist() == [10, 20]
            assert sorted(one.world.state.lots[:, 1:3].tolist()) == [[0, 10], [10, 20], [20, 100]]
        else:
            assert one.world.refused(kind, actor, **fields) is Outcome.LOT_NOT_HELD
        assert audit_state(one.world.state) == []


RANGES = """
takes        | leaves in the old row | new rows
[0, 100)     | [0, 100)              |
[0, 30)      | [30, 100)             | [0, 30)
[60, 100)    | [0, 60)               | [60, 100)
[30, 60)     | [0, 30)               | [30, 60) [60, 100)
[99, 100)    | [0, 99)               | [99, 100)
[0, 1)       | [1, 100)              | [0, 1)
"""


@pytest.mark.parametrize("line", RANGES.strip().splitlines()[1:])
def test_the_taken_part_is_a_new_row_and_the_left_remainder_keeps_the_old_one(line: str) -> None:
    """ADR 0002; the whole lot keeps its row."""

    def spans(text: str) -> list[list[int]]:
        return [[int(x) for x in part.split(",")] for part in text.replace("[", "").split(")") if part.strip()]

    takes, leaves, new = map(spans, line.split("|"))
    one = OneLot("HELD")
    start, end = takes[0]
    taken, _ = one.world.do(Kind.SPLIT, ALICE, lot=one.lot, start=start, end=end)
    assert one.world.state.lots[:, 1:3].tolist() == leaves + new
    assert one.world.state.lots[taken, 1:3].tolist() == [start, end]


def test_a_lot_reserved_with_a_time_out_is_released_by_its_owner_at_once_and_by_the_operator_after_it() -> None:
    one = OneLot("RESERVED")
    one.world.at(EXPIRY_S)
    assert one.world.refused(Kind.RELEASE, 0, lot=one.lot) is Outcome.NOT_OWNER
    one.world.at(EXPIRY_S + 1)
    assert one.world.refused(Kind.RELEASE, BOB, lot=one.lot) is Outcome.NOT_OWNER
    one.world.do(Kind.RELEASE, 0, lot=one.lot)
    assert one.state() is LotState.HELD
    one.world.do(Kind.EXPIRE, 0, lot=one.lot)
    assert one.state() is LotState.EXPIRED


def test_a_date_counts_from_its_first_millisecond() -> None:
    one = OneLot("HELD")
    one.world.names["now"] = EXPIRY_S * 1000 - 1
    assert one.world.refused(Kind.EXPIRE, 0, lot=one.lot) is Outcome.LOT_NOT_EXPIRED
    one.world.do(Kind.SPLIT, ALICE, lot=one.lot, start=0, end=50)
    one.world.names["now"] += 1
    assert one.world.refused(Kind.SPLIT, ALICE, lot=one.lot, start=50, end=60) is Outcome.LOT_EXPIRED
    one.world.do(Kind.EXPIRE, 0, lot=one.lot)


def test_an_order_whose_tokens_have_expired_is_not_filled_but_ended() -> None:
    one = OneLot("OFFERED", past_its_date=True)
    one.happen(Event.SELL)
    assert one.state() is LotState.HELD
    assert one.world.state.orders[:, 7].tolist() == [3, 1]  # the sell is cancelled, the buy rests
    one.world.do(Kind.EXPIRE, 0, lot=one.lot)
    assert audit_state(one.world.state) == []


def test_an_order_names_the_command_that_placed_it_and_nothing_else() -> None:
    """Ids of other commands, and of refused orders, name no order."""
    one = OneLot("OFFERED")
    for number in range(1, one.world.count + 1):
        low, high = id_words(derive_id("small-world", number))
        if (low, high) == (one.world.names["order_low"], one.world.names["order_high"]):
            continue
        refused = one.world.refused(Kind.CANCEL, 0, target_id_low=low, target_id_high=high)
        assert refused is Outcome.UNKNOWN_ORDER
