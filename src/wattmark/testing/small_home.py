"""A small platform on disk in which everything happens once: for tests of flows, wiring, commands and the audit."""

from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from wattmark.core.codes import Area, Role, Source, Tier
from wattmark.core.ids import derive_id
from wattmark.core.periods import DAY_S, Period, day_periods, jst_day_start_s
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.flows.bank_deposit import DepositWish, plan_bank_deposit, plan_deposit_cash, plan_set_cover
from wattmark.flows.ingest_slots import plan_ingest_slots
from wattmark.flows.issue_key import issue_key
from wattmark.flows.keys import Keys
from wattmark.flows.list_products import plan_list_products
from wattmark.flows.move_lots import plan_transfer
from wattmark.flows.open_account import open_account, plan_open_account
from wattmark.flows.place_orders import buy, plan_orders, sell
from wattmark.flows.register_device import plan_register_device, plan_register_meter_key, register_device
from wattmark.flows.seal_day import plan_seal_day
from wattmark.flows.settings import Settings
from wattmark.flows.settle_day import settle_day
from wattmark.flows.settle_plan import plan_settle_plan
from wattmark.ledger.note import NoteKey
from wattmark.settlement.columns import SpotPrices
from wattmark.settlement.plan import PlanDemand
from wattmark.testing.meters import SeededMeter, SignedDay
from wattmark.tokens import layout as k
from wattmark.wiring import Platform

DAY: Final = date(2021, 1, 4)
START_S: Final = jst_day_start_s(DAY)
"""00:00 JST of the day everything happens on [POSIX s]."""
NIGHT_MS: Final = (START_S + DAY_S + 3_600) * 1_000
"""01:00 JST of the day after, when it is settled [ms]."""
SECRET: Final = "5a" * 32
"""API key of the consumer."""
PSEUDONYMS: Final = (b"customer-number0", b"customer-number1")
SLOTS_PER_DELIVERY: Final = 12
SUN_WH: Final = tuple(max(0, 480 - 40 * abs(24 - slot)) for slot in range(48))
"""Energy of the plant in each slot [Wh]."""
LOAD_WH: Final = tuple(150 + 5 * slot for slot in range(48))
"""Energy of the home in each slot [Wh]."""


class SmallHome:
    """A platform and the names of what is in it.

    Attributes:
        home: its directory.
        platform: open for writing until ``close``.
        producer: account of the plant's owner.
        consumer: account of the home's owner.
        plant: device number of the plant.
        dwelling: device number of the home.
        plant_day: the plant's readings.
        dwelling_day: the home's readings.
    """

    def __init__(self, home: Path, **changes: Any) -> None:  # noqa: ANN401 - whatever `Settings` has
        """Make the platform with its accounts, devices and keys; nothing is measured yet.

        Args:
            home: an absent directory.
            **changes: settings that are to differ from those of the other tests.
        """
        self.home = home
        settings = Settings(
            origin="test.example/small",
            name=Text(en="Small home", ja="小さな家"),
            segment_bytes=1 << 20,
            reserve_bytes=0,
        ).with_changes(**changes)
        keys = Keys(NoteKey(settings.origin, bytes([1]) * 32), bytes([2]) * 32, bytes([3]) * 32)
        self.platform = Platform.create(home, settings, START_S * 1_000, keys)
        self.producer = self._account("producer", Role.PRODUCER | Role.CONSUMER)
        self.consumer = self._account("consumer", Role.CONSUMER)
        self.pv, self.load = SeededMeter("plant", device=0), SeededMeter("home", device=1)
        self.plant = self._device(self.pv, self.producer, Source.SOLAR, k.CHANNEL_PRODUCTION)
        self.dwelling = self._device(self.load, self.consumer, 0, k.CHANNEL_CONSUMPTION)
        issue_key(
            self.platform,
            identity=derive_id("key"),
            account=self.consumer,
            roles=Role.CONSUMER,
            secret=SECRET,
            now_ms=START_S * 1_000,
        )
        self.plant_day: SignedDay = self.pv.day(DAY, SUN_WH)
        self.dwelling_day: SignedDay = self.load.day(DAY, LOAD_WH)

    def measure(self) -> None:
        """Deliver the day's slot envelopes in four parts, then both seals."""
        for first in range(0, 48, SLOTS_PER_DELIVERY):
            last = first + SLOTS_PER_DELIVERY
            envelopes = [*self.plant_day.slots[first:last], *self.dwelling_day.slots[first:last]]
            received_ms = (START_S + last * 1_800) * 1_000
            delivery = plan_ingest_slots(
                self.platform, envelopes, identity=derive_id("delivery", first), received_ms=received_ms
            )
            self.platform.execute_all(delivery.plan, received_ms)
        seals = [self.plant_day.seal, self.dwelling_day.seal]
        received_ms = self.plant_day.received_ms + 60_000
        sealed = plan_seal_day(self.platform, seals, identity=derive_id("seal"), received_ms=received_ms)
        self.platform.execute_all(sealed.plan, received_ms)

    def trade(self) -> None:
        """Bring money and cover, sell the noon slot on the market, give three slots away, bank one."""
        money = plan_deposit_cash(identity=derive_id("cash"), account=self.consumer, amount_e5jpy=10**11)
        cover = plan_set_cover(identity=derive_id("cover"), forward_wh=10**6, stored_wh=0, stress_price_sen=25_100)
        self.platform.execute_all(money + cover, NIGHT_MS)
        held = self.held(self.producer)
        noon = held[len(held) // 2]
        bundle = self.platform.state.bundles[self.platform.state.lots[noon, k.L_BUNDLE]]
        period = Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S]))
        product = self.platform.execute_one(
            plan_list_products(
                area=Area.TOKYO,
                sources=[Source.SOLAR],
                periods=[period],
                gate_open_ms=0,
                gate_close_ms=NIGHT_MS + DAY_S * 1_000,
            ),
            NIGHT_MS,
        ).result0
        size = self.size(noon)
        orders = [
            sell(derive_id("sell"), self.producer, product, 1_200, lot=noon, start=0, end=size),
            buy(derive_id("buy"), self.consumer, product, 1_300, size),
        ]
        self.platform.execute_all(plan_orders(orders), NIGHT_MS)
        for lot in held[:3]:
            given = plan_transfer(
                identity=derive_id("gift", lot),
                actor=self.producer,
                lot=lot,
                start=0,
                end=self.size(lot),
                to_account=self.consumer,
            )
            self.platform.execute_all(given, NIGHT_MS)
        for lot in held[-2:]:
            given = plan_transfer(
                identity=derive_id("plan gift", lot),
                actor=self.producer,
                lot=lot,
                start=0,
                end=self.size(lot),
                to_account=e.OPERATOR,
            )
            self.platform.execute_all(given, NIGHT_MS)
        banked = held[4]
        wish = DepositWish(derive_id("bank"), banked, 0, self.size(banked), 1)
        self.platform.execute_all(plan_bank_deposit(self.platform.state, wish, NIGHT_MS), NIGHT_MS)

    def settle(self) -> None:
        """Settle the day and the plan, and publish."""
        settle_day(self.platform, DAY, prices(), NIGHT_MS)
        lots = self.platform.state.lots
        mine = self.held(e.OPERATOR)
        starts = self.platform.state.bundles[lots[mine, k.L_BUNDLE], k.B_PERIOD_S]
        customers = np.tile(np.arange(2), len(mine))
        demand = PlanDemand(
            customers, np.repeat(starts, 2), np.full(len(customers), 1_800), np.full(len(customers), 10_000)
        )
        plan = plan_settle_plan(self.platform, DAY, demand, PSEUDONYMS, e.OPERATOR)
        self.platform.execute_all(plan.plan, NIGHT_MS)
        self.platform.publish()

    def run(self) -> "SmallHome":
        """Do everything once and return self."""
        self.measure()
        self.trade()
        self.settle()
        return self

    def close(self) -> None:
        """Close the platform."""
        self.platform.close()

    def held(self, account: int) -> list[int]:
        """Return the lots an account holds, by row."""
        lots = self.platform.state.lots
        return [int(row) for row in np.flatnonzero((lots[:, k.L_OWNER] == account) & (lots[:, k.L_STATE] == k.HELD))]

    def size(self, lot: int) -> int:
        """Return the energy of a lot [Wh]."""
        row = self.platform.state.lots[lot]
        return int(row[k.L_END] - row[k.L_START])

    def _account(self, name: str, roles: int) -> int:
        plan = plan_open_account(
            identity=derive_id("account", name),
            roles=roles,
            profile={"name": {"en": name, "ja": name}},
            salt=bytes(16),
        )
        return open_account(self.platform, plan, START_S * 1_000)

    def _device(self, meter: SeededMeter, owner: int, source: int, role: int) -> int:
        text = {
            "meter_id": meter.signer.meter_id.hex(),
            "channel": meter.signer.channel,
            "name": {"en": "x", "ja": "x"},
        }
        plan = plan_register_device(
            identity=derive_id("device", meter.device),
            account=owner,
            area=Area.TOKYO,
            source=source,
            capacity_w=5_000,
            channel_role=role,
            tier=Tier.T3,
            text=text,
            register_open_wh=meter.record.register_open_wh,
        )
        device = register_device(self.platform, plan, START_S * 1_000)
        assert device == meter.device, "a seeded meter is told its device number beforehand"
        key = plan_register_meter_key(
            identity=derive_id("meter key", device),
            device=device,
            alg=meter.signer.alg,
            kid=meter.signer.kid,
            public_key=meter.signer.public_key,
            valid_from_ms=0,
        )
        self.platform.execute_one(key, START_S * 1_000)
        return device


def prices(sen_per_kwh: int = 1_500) -> SpotPrices:
    """Return one price for every half hour of the day in Tokyo [sen/kWh]."""
    starts = np.array([period.start_s for period in day_periods(DAY)])
    return SpotPrices(np.full(48, int(Area.TOKYO)), starts, np.full(48, 1_800), np.full(48, sen_per_kwh))
