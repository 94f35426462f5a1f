"""The auditor of the state: every law it keeps is broken once on purpose, and it says so."""

from collections.abc import Callable

import pytest

from reference.small_world import SmallWorld, block_world, small_world
from wattmark.engine import layout as e
from wattmark.engine.audit import LAWS, audit_state
from wattmark.market import layout as m
from wattmark.tokens import layout as k

Harm = Callable[[SmallWorld], None]


def cell(table: str, name: str, word: int, change: int) -> Harm:
    """Change one word of the row that a name of the small world stands for."""

    def harm(world: SmallWorld) -> None:
        row = world.names[name] if isinstance(name, str) else name
        world.state._arrays[table][row, word] += change

    return harm


def both(*harms: Harm) -> Harm:
    def harm(world: SmallWorld) -> None:
        for one in harms:
            one(world)

    return harm


def header(word: int, change: int) -> Harm:
    def harm(world: SmallWorld) -> None:
        world.state.header[word] += change

    return harm


def order_of(world: SmallWorld, name: str) -> int:
    return world.model.order_of[world.names[f"{name}_low"], world.names[f"{name}_high"]]


def open_sell(word: int, change: int) -> Harm:
    def harm(world: SmallWorld) -> None:
        world.state._arrays["orders"][order_of(world, "open_sell"), word] += change

    return harm


HARMS: dict[str, tuple[str, str, Harm]] = {
    "a Wh more counted as held": ("L1", "bundle 3", both(lambda w: _bundle(w, k.B_HELD_WH, 1))),
    "a Wh moved between counters": (
        "L1",
        "bundle 3",
        both(lambda w: _bundle(w, k.B_HELD_WH, 1), lambda w: _bundle(w, k.B_RETIRED_WH, -1)),
    ),
    "a Wh less issued": ("L1", "bundle 3", lambda w: _bundle(w, k.B_ISSUED_WH, -1)),
    "a lot grown over its neighbour": ("L2", "lot", cell("lots", "retired", k.L_END, 1)),
    "a lot shrunk": ("L2", "lot", cell("lots", "retired", k.L_START, 1)),
    "a retired lot held again": ("L1", "bundle 3", cell("lots", "retired", k.L_STATE, k.HELD - k.RETIRED)),
    "a lot of another bundle": ("L2", "lot", cell("lots", "retired", k.L_BUNDLE, -1)),
    "money from nowhere": ("L3", "accounts", cell("accounts", "alice", e.A_CASH_E5, 1)),
    "money held for nothing": ("L3", "account 4", cell("accounts", "bob", e.A_HELD_E5, 1)),
    "more spent than there is": (
        "L3",
        "account 6",
        both(cell("accounts", "dave", e.A_CASH_E5, -1), cell("accounts", "alice", e.A_CASH_E5, 1)),
    ),
    "credit nobody granted": ("L3", "accounts", cell("accounts", "dave", e.A_CREDIT_E5, 5)),
    "an order for more than its lot": ("L2", "order", open_sell(m.O_REMAINING_WH, 1)),
    "an order for another's lot": ("L2", "order", open_sell(m.O_ACCOUNT, 1)),
    "an order whose lot is free": ("L2", "order", cell("lots", "offered", k.L_REF, 1)),
    "a register gap": ("L4", "bundle 1", lambda w: _bundle(w, k.B_REG_FROM_WH, 1, 1)),
    "a register overlap": ("L4", "bundle 1", lambda w: _bundle(w, k.B_REG_FROM_WH, -1, 1)),
    "two bundles of one period": ("L4", "bundle 1", lambda w: _bundle(w, k.B_PERIOD_S, -1_800, 1)),
    "more minted than measured": ("L4", "device 0", cell("devices", "sun", k.D_REG_NEXT_WH, -20_000)),
    "a device that claims to have minted more": ("L4", "device 0", cell("devices", "sun", k.D_ISSUED_WH, 1)),
    "a slot that is nobody's": ("J22", "block", both(cell("blocks", "good", m.BL_OPEN_SLOTS, 1))),
    "a block that ended and still holds": ("J22", "block", cell("blocks", "full", m.BL_STATE, m.BLOCK_CANCELLED - 1)),
    "an accepted block with a slot too few": ("J22", "block", cell("blocks", "taken", m.BL_SLOTS, 1)),
    "a partner who does not know it": ("J22", "block", cell("blocks", "pair", m.BL_PARTNER, -1)),
    "a buy block that holds too little": (
        "J22",
        "block",
        both(cell("blocks", "full", m.BL_HELD_E5, -1), cell("accounts", "bob", e.A_HELD_E5, -1)),
    ),
    "a product that forgot a slot": ("J22", "product", cell("products", "due0", m.P_OPEN_SLOTS, -1)),
    "a debt forgotten": ("L9", "bank", header(e.H_OUTSTANDING_WH, -1)),
    "a claim that is none": ("L9", "bank", cell("lots", "claim", k.L_KIND, k.GENERATION - k.ENERGY_CLAIM)),
}


def _bundle(world: SmallWorld, word: int, change: int, row: int = 3) -> None:
    world.state._arrays["bundles"][row, word] += change


def world_of(harm: Harm) -> SmallWorld:
    """A harmed world: the small one, or that of blocks where the harm names something of it."""
    world = small_world()
    try:
        harm(world)
    except (KeyError, IndexError):
        world = block_world()
        harm(world)
    return world


def test_the_worlds_themselves_are_in_order() -> None:
    assert audit_state(small_world().state) == []
    assert audit_state(block_world().state) == []


@pytest.mark.parametrize("harm", HARMS)
def test_a_broken_law_is_found_and_named(harm: str) -> None:
    rule, position, change = HARMS[harm]
    world = world_of(change)
    findings = audit_state(world.state)
    assert any(finding.rule == rule and finding.position.startswith(position) for finding in findings), findings
    assert all(finding.file and finding.detail for finding in findings)


def test_every_law_is_broken_by_one_of_the_harms() -> None:
    found = set()
    for _, _, change in HARMS.values():
        world = world_of(change)
        found |= {law.__name__ for law in LAWS if law(world.state)}
    assert found == {law.__name__ for law in LAWS}
