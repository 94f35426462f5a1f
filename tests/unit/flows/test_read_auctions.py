"""Auctions read back from the journal: their curves replay to what the engine cleared, whatever became of the orders."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from reference.block_world import FIRST_S, BlockDay
from reference.block_world import GATE_MS as BLOCKS_GATE_MS
from reference.engine_world import as_array
from reference.state_machine import Model
from wattmark.core.codes import Area, Source
from wattmark.core.errors import MalformedInput, UnknownReference
from wattmark.core.ids import derive_id
from wattmark.core.periods import KOMA_S, Period
from wattmark.crypto.hashing import sha256
from wattmark.engine.apply import apply
from wattmark.engine.batch import Batch
from wattmark.engine.commands import Words
from wattmark.engine.state import State
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.clear_together import AuctionPolicy, plan_clear_together
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.place_orders import Order, buy, plan_amend, plan_cancel, plan_orders, sell
from wattmark.flows.plan import Plan, join
from wattmark.flows.read_auctions import ClearedProduct, cleared_auctions, published_day
from wattmark.ledger.frames import Frame
from wattmark.market.layout import MODE_CALL
from wattmark.market.publish import PublishedSlot, published_prices
from wattmark.market.replay import Comparison, replay
from wattmark.testing.small_home import DAY, NIGHT_MS, SmallHome
from wattmark.tokens import layout as k
from wattmark.wiring import journal_frames

GATE_MS = NIGHT_MS + 60_000
PRODUCTS = 8


def random_day(home: Path, seed: int) -> SmallHome:
    """Orders of every kind that a call auction takes; some are amended, cancelled, or out of date at the gate."""
    small, chance = SmallHome(home), Random(seed)
    small.measure()
    platform = small.platform
    cash = plan_deposit_cash(identity=derive_id("cash"), account=small.consumer, amount_e5jpy=10**14)
    platform.execute_all(cash, NIGHT_MS)
    lots = small.held(small.producer)[8 : 8 + PRODUCTS]
    bundles = [platform.state.bundles[platform.state.lots[lot, k.L_BUNDLE]] for lot in lots]
    periods = [Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S])) for bundle in bundles]
    sizes = [small.size(lot) for lot in lots]
    listing = plan_list_products(
        area=Area.TOKYO,
        sources=[Source.SOLAR],
        periods=periods,
        gate_open_ms=0,
        gate_close_ms=GATE_MS,
        mode=MODE_CALL,
    )
    products = [one.result0 for one in platform.execute_all(listing, NIGHT_MS)]
    placed: list[Order] = []
    for product, lot, size in zip(products, lots, sizes, strict=True):
        for number in range(chance.randrange(8)):
            price = chance.choice([0, chance.randrange(800, 1_200)])
            order = buy(derive_id("buy", product, number), small.consumer, product, price, chance.randrange(1, size))
            placed.append(replace(order, expires_ms=chance.choice([0, 0, 0, NIGHT_MS + 10, GATE_MS])))
        if chance.random() < 0.8:
            half = size // 2
            prices = [chance.choice([0, chance.randrange(800, 1_200)]) for _ in range(2)]
            placed += [
                sell(derive_id("late", product), small.producer, product, prices[0], lot=lot, start=half, end=size),
                sell(derive_id("early", product), small.producer, product, prices[1], lot=lot, start=0, end=half),
            ]
    platform.execute_all(plan_orders(placed), NIGHT_MS)
    changes: list[Plan] = []
    for order in placed:
        kind = chance.randrange(6)
        identity = derive_id("change", order.identity)
        if kind == 0:
            changes.append(plan_cancel(identity=identity, account=order.account, target=order.identity))
        elif kind == 1 and order.price_sen_per_kwh:
            changes.append(
                plan_amend(
                    identity=identity,
                    account=order.account,
                    target=order.identity,
                    price_sen_per_kwh=chance.randrange(800, 1_200),
                    quantity_wh=max(1, order.quantity_wh // 2),
                )
            )
    platform.execute_all(join(changes), NIGHT_MS + 5)
    platform.execute_all(plan_clear_auctions(platform.state, GATE_MS), GATE_MS)
    small.close()
    return small


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> list[SmallHome]:
    return [random_day(tmp_path_factory.mktemp("auctions") / "home", seed) for seed in range(6)]


def read(small: SmallHome, source: int | None = None) -> list[ClearedProduct]:
    with journal_frames(small.home) as frames:
        return list(cleared_auctions(frames, DAY, source))


def test_the_curve_of_every_auction_clears_at_its_price(homes: list[SmallHome]) -> None:
    """Price and energy: a cancelled, amended or late order in the wrong place would move one of them."""
    traded = 0
    for small in homes:
        products = read(small)
        assert len(products) == PRODUCTS
        for slot, one in zip(published_day(products, DAY, 1), products, strict=True):
            replayed = replay(slot.curves)
            found = list(zip(replayed.price_sen.tolist(), replayed.lots.tolist(), strict=True))
            assert found == [(one.auction.price_sen or 0, one.auction.traded_wh)] * 2
            traded += one.auction.traded_wh > 0
    assert traded >= 2 * PRODUCTS, "most of the auctions trade"


def test_other_days_and_sources_are_not_told(homes: list[SmallHome]) -> None:
    assert read(homes[0], int(Source.WIND)) == []
    assert len(read(homes[0], int(Source.SOLAR))) == PRODUCTS
    with pytest.raises(UnknownReference, match="NO_AUCTIONS"):
        published_day([], DAY, 1)


def test_a_day_is_published_of_one_source_and_one_auction_per_slot(homes: list[SmallHome]) -> None:
    products = read(homes[0])
    with pytest.raises(MalformedInput, match="PRODUCT_TWICE"):
        published_day([*products, products[0]], DAY, 1)
    with pytest.raises(MalformedInput, match="SOURCE_AMBIGUOUS"):
        published_day([products[0], replace(products[1], source=2)], DAY, 1)


# ------------------------------------------------------------------------- auctions that were cleared together


def day_cleared_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> list[PublishedSlot]:
    """Two areas with blocks, hourly bids and limits between them; the journal is a list of batches."""
    state, model, batches = State(), Model(), []

    def keep(commands: Words, now_ms: int, payloads: tuple[bytes, ...] = ()) -> None:
        applied = apply(state, commands, now_ms)
        named = {sha256(payload): payload for payload in payloads}
        fresh = applied.fresh
        batches.append(Batch(now_ms, commands[fresh], applied.verdicts[fresh], np.empty((0, 16), np.uint8), named))

    for rows, now in BlockDay(seed, model, mistakes=0).day():
        if now >= BLOCKS_GATE_MS:
            break
        keep(as_array(rows), now)
        model.apply(rows, now)
    policy = AuctionPolicy({(1, 2): 200, (2, 1): 50}, {FIRST_S: {(1, 2): 10**6, (2, 1): 10**6}}, income_account=7)
    plan = plan_clear_together(state, policy, BLOCKS_GATE_MS)
    keep(plan.commands, BLOCKS_GATE_MS, plan.payloads)
    monkeypatch.setattr("wattmark.flows.read_auctions.decode_batch", lambda payload: batches[payload[0]])
    frames = [Frame(number, 0, bytes(32), bytes([number]), bytes(32)) for number in range(len(batches))]
    day = Period(FIRST_S, KOMA_S).jst_date()
    made = published_day(cleared_auctions(frames, day), day, 1)
    record = json.loads(plan.payloads[0])
    check_against(record, made)
    return made


def check_against(record: dict[str, Any], made: list[PublishedSlot]) -> None:
    assert len(made) == len(record["period_start_s"])
    for index, slot in enumerate(made):
        products = [one for one in record["products"] if one["period"] == index]
        for one in products:
            assert one["price_sen"] in {None, slot.result.area_sen[one["area"] - 1]}
        assert slot.result.contract_kwh == sum(one["sold_wh"] for one in products) // 1_000
        assert {area for group in slot.groups for area in group.areas} == {Area(one["area"]) for one in products}


def test_what_was_cleared_together_is_published_with_blocks_and_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every curve replays to its price: accepted blocks and full links stand in it without a limit (J22)."""
    split = 0
    for seed in range(5):
        made = day_cleared_together(seed, monkeypatch)
        for slot in made:
            comparison = Comparison(published_prices([slot]))
            comparison.add(slot.curves, replay(slot.curves))
            comparison.finish()
            assert comparison.differences == []
            split += len(slot.groups) == 3
    assert split
