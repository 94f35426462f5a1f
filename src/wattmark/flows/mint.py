"""From verified slots to ISSUE commands: what is minted, what only moves the register, what is left out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wattmark.core.codes import Tier
from wattmark.core.ids import derive_id
from wattmark.core.periods import DAY_S
from wattmark.engine.commands import Kind, command
from wattmark.engine.layout import MS_PER_S, OPERATOR
from wattmark.engine.state import State
from wattmark.flows.plan import Commands
from wattmark.flows.settings import Settings
from wattmark.metering.labels import MintPolicy
from wattmark.metering.slots import columns_of
from wattmark.metering.vee import Verdict, decide, validate
from wattmark.metering.verify import VerifiedSlot
from wattmark.tokens import layout as k


@dataclass(frozen=True, slots=True)
class MintRules:
    """The operator's policy on what becomes tokens.

    Attributes:
        policy: tiers and labels that mint.
        expiry_days: life of a token after its period [days].
    """

    policy: MintPolicy
    expiry_days: int


def mint_rules(settings: Settings) -> MintRules:
    """Return the policy the settings name: tiers from ``minimum_tier`` up, T0 only where it is said so."""
    tiers = {int(tier) for tier in Tier if tier >= settings.minimum_tier and tier != Tier.T0}
    if settings.mint_t0:
        tiers.add(int(Tier.T0))
    return MintRules(MintPolicy(tiers=frozenset(tiers)), settings.token_expiry_days)


def issue_id(evidence: bytes) -> int:
    """Return the id of the ISSUE command of a reading: minting it again is a retry."""
    return derive_id("issue", evidence)


def issue_rows(state: State, slots: Sequence[VerifiedSlot], rules: MintRules, received_ms: int) -> list[Commands]:
    """Return the ISSUE commands of verified slots, in order.

    1. Only production channels mint; consumption is kept as evidence and nothing else.
    2. A slot without energy makes no command, nor one whose verdict is to reject: the register does not move.
    3. Registers tile (L4): each command starts where the one before ended. Energy between them that was never
       minted (a rejected slot, or one that ended after its receipt) is withheld with the next slot.
    4. Whatever is not to be minted (``verdicts_of``) or is longer than the channel's slot is withheld: the register
       moves and no token is made.
    """
    rows: list[Commands] = []
    register_wh: dict[int, int] = {}
    for slot, verdict in zip(slots, verdicts_of(state, slots, rules, received_ms), strict=True):
        device = state.devices[slot.device]
        if device[k.D_ROLE] != k.CHANNEL_PRODUCTION or verdict in (Verdict.REJECT, Verdict.REPEAT):  # 1, 2
            continue
        reg_from_wh = register_wh.get(slot.device, int(device[k.D_REG_NEXT_WH]))
        resolution_s = int(device[k.D_RESOLUTION_S])
        if slot.reg_to_wh <= reg_from_wh or slot.leaf.t_end * MS_PER_S > received_ms:  # 2, 3
            continue
        register_wh[slot.device] = slot.reg_to_wh
        whole = reg_from_wh == slot.reg_from_wh and slot.duration_s == resolution_s
        rows.append(
            command(
                Kind.ISSUE,
                id=issue_id(slot.hash),
                actor=OPERATOR,
                flags=0 if whole and verdict == Verdict.MINT else k.WITHHELD_FLAG,  # 3, 4
                device=slot.device,
                period_start_s=slot.leaf.t_end - resolution_s,
                duration_s=resolution_s,
                reg_from_wh=reg_from_wh,
                reg_to_wh=slot.reg_to_wh,
                expiry_s=slot.leaf.t_end + rules.expiry_days * DAY_S,
                tier=int(device[k.D_TIER]),
                hash=slot.hash,
            )
        )
    return rows


def verdicts_of(state: State, slots: Sequence[VerifiedSlot], rules: MintRules, received_ms: int) -> list[Verdict]:
    """Return what becomes of each verified slot under the VEE rules and the mint policy."""
    registered = state.devices[np.array([slot.device for slot in slots], np.int64)] if slots else state.devices[:0]
    columns = columns_of(
        slots,
        registered[:, k.D_CAPACITY_W].tolist(),
        registered[:, k.D_TIER].tolist(),
        registered[:, k.D_RESOLUTION_S].tolist(),
        received_ms,
    )
    return [Verdict(one) for one in decide(columns, validate(columns), rules.policy).tolist()]
