"""Validation, estimation, editing: findings with evidence, and a verdict for each slot.

A verdict can be run again: it depends on the columns, the thresholds and the rule set alone, and
``evidence_hash`` ties a token to the signed leaf, the verdict and the rule set that gave it.
"""

from dataclasses import astuple, dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Final

import numpy as np

from wattmark.core.encoding import cbor_encode
from wattmark.core.text import Text
from wattmark.metering.labels import MintPolicy
from wattmark.metering.rules import RULES, Severity, Thresholds
from wattmark.metering.slots import Column, SlotColumns, in_sequence

RULE_SET_VERSION: Final = 1
"""Rises with every change of a rule's meaning; a verdict names it."""


class Verdict(IntEnum):
    """What becomes of a slot."""

    MINT = 1
    WITHHOLD = 2
    HOLD = 3
    REJECT = 4
    REPEAT = 5


VERDICT_TEXT: Final = {
    Verdict.MINT: Text(en="becomes tokens", ja="トークンを発行"),
    Verdict.WITHHOLD: Text(
        en="counted, but tier or label does not mint", ja="計上のみ(等級または区分により発行しない)"
    ),
    Verdict.HOLD: Text(en="held for a person or better evidence", ja="確認待ち"),
    Verdict.REJECT: Text(en="not believed", ja="不採用"),
    Verdict.REPEAT: Text(en="said before", ja="再送(採用済み)"),
}


@dataclass(frozen=True, slots=True)
class VeeFinding:
    """One rule that one slot breaks.

    Attributes:
        row: row of the columns.
        rule: id of the rule.
        severity: a ``Severity``.
        value: what was found, in the rule's unit.
        limit: what the rule allows.
        text: the rule in words.
    """

    row: int
    rule: str
    severity: int
    value: int
    limit: int
    text: Text

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        evidence = {"row": self.row, "rule": self.rule, "severity": Severity(self.severity).name.lower()}
        return {**evidence, "value": self.value, "limit": self.limit, "text": self.text.to_dict()}


def validate(columns: SlotColumns, thresholds: Thresholds | None = None) -> list[VeeFinding]:
    """Return every finding of the rule set, by row.

    Args:
        columns: slots in the order of arrival.
        thresholds: the operator's numbers; the reference's defaults without.
    """
    numbers = thresholds or Thresholds()
    order = in_sequence(columns)
    findings = []
    for rule in RULES:
        hits = rule.check(columns, order, numbers)
        for row, value, limit in zip(hits.rows.tolist(), hits.value.tolist(), hits.limit.tolist(), strict=True):
            findings.append(VeeFinding(row, rule.id, int(rule.severity), value, limit, rule.text))
    return sorted(findings, key=lambda finding: finding.row)


def decide(columns: SlotColumns, findings: list[VeeFinding], policy: MintPolicy) -> Column:
    """Return a ``Verdict`` for each slot, int64.

    A hard finding rejects, any other holds; a resend that says the same is a repeat; a tier or label that
    does not mint is counted without tokens. The first that applies counts, in this order.

    Args:
        columns: slots in the order of arrival.
        findings: those of ``validate`` on the same columns.
        policy: what the operator lets become tokens.
    """
    pairs = zip(columns.tier.tolist(), columns.label.tolist(), strict=True)
    verdict = np.array(
        [Verdict.MINT if policy.mints(tier, label) else Verdict.WITHHOLD for tier, label in pairs], dtype=np.int64
    )
    verdict[in_sequence(columns).resent] = Verdict.REPEAT
    worst = np.zeros(len(columns), dtype=np.int64)
    for finding in findings:
        worst[finding.row] = max(worst[finding.row], finding.severity)
    verdict[worst > 0] = Verdict.HOLD
    verdict[worst == Severity.HARD] = Verdict.REJECT
    return verdict


def rule_set_hash(thresholds: Thresholds, policy: MintPolicy) -> bytes:
    """Return the SHA-256 that names rules, thresholds and mint policy together."""
    rules = [[rule.id, rule.check.__name__, int(rule.severity)] for rule in RULES]
    mint = [sorted(map(int, policy.tiers)), sorted(map(int, policy.labels))]
    return sha256(cbor_encode([RULE_SET_VERSION, rules, list(astuple(thresholds)), mint])).digest()


def evidence_hash(leaf_hash: bytes, label: int, verdict: int, rules: bytes) -> bytes:
    """Return the SHA-256 that ties a token to its reading and to the verdict on it.

    Args:
        leaf_hash: hash of the signed leaf.
        label: its ``Label``.
        verdict: its ``Verdict``.
        rules: ``rule_set_hash``.
    """
    return sha256(cbor_encode([RULE_SET_VERSION, leaf_hash, int(label), int(verdict), rules])).digest()
