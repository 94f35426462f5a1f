"""The VEE rules as a rule book: readings on the left, what is found on the right.

One line is one slot in the order of arrival: channel, start and length in slots of 30 minutes, register before
and after, energy as delivered; `cap` is the rated power in W and 2,000 where not said, `tier` 3, `label` 1.
After `->` stand the rule ids in order, then the verdict. `ok` is no finding.
"""

import numpy as np
import pytest

from wattmark.metering.labels import MintPolicy
from wattmark.metering.rules import Thresholds
from wattmark.metering.slots import SlotColumns
from wattmark.metering.vee import RULE_SET_VERSION, Verdict, decide, evidence_hash, rule_set_hash, validate

DAY_S = 1_774_969_200 // 86_400 * 86_400  # 00:00 UTC
SLOT_S = 1_800

BOOK = {
    "plain days": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     10            -> ok           MINT
        1  1     1   10    30     20            -> ok           MINT
        1  2     1   30    30      0            -> ok           MINT
        2  0     1   500   900   400            -> ok           MINT
    """,
    "arrival order does not matter": """
        ch start len from  to energy            -> rules        verdict
        1  2     1   30    30      0            -> ok           MINT
        2  0     1   500   900   400            -> ok           MINT
        1  0     1   0     10     10            -> ok           MINT
        1  1     1   10    30     20            -> ok           MINT
    """,
    "R1 range": """
        ch start len from  to     energy        -> rules        verdict
        1  0     1   -5    10     15            -> R1           REJECT
        2  0     1   2**53 2**53  0             -> R1,R1        REJECT
        3  0     1   0     2**41  2**41  cap=2**36 -> R1,V10,V10 REJECT
        4  0     1   2**41 0      -2**41        -> R1,V3,V5     REJECT
    """,
    "S3 grid, overlap, future": """
        ch start len from  to energy            -> rules        verdict
        1  0.5   1   0     10     10            -> S3           REJECT
        2  0     1   0     10     10            -> ok           MINT
        2  0.5   1   10    20     10            -> S3,S3        REJECT
        3  0     2   0     10     10  label=3   -> ok           MINT
        3  1     1   10    20     10            -> S3           REJECT
        4  0     1   0     10     10  ago=-900  -> ok           MINT
        5  0     1   0     10     10  ago=-901  -> S3           REJECT
    """,
    "S4 slot length as registered": """
        ch start len from  to energy            -> rules        verdict
        1  0     2   0     10     10            -> S4           REJECT
        2  0     0.5 0     10     10            -> S4           REJECT
        3  0     3   0     10     10  label=3   -> ok           MINT
        4  0     2.5 0     10     10  label=3   -> S4           REJECT
        5  0     0   0     10     10  label=3   -> S4,V10       REJECT
    """,
    "V1 a gap holds the slot after it": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     10            -> ok           MINT
        1  4     1   10    90     80            -> V1           HOLD
        1  5     1   90    95      5            -> ok           MINT
        2  5     1   90    95      5            -> ok           MINT
        3  0     1   0     10     10            -> ok           MINT
        3  2     1   20    30     10            -> V1           HOLD
    """,
    "a gap that the register bridges is no gap": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     10            -> ok           MINT
        1  1     3   10    90     80  label=3   -> ok           MINT
        1  4     1   90    95      5            -> ok           MINT
    """,
    "V2 keep the first, use a resend once or not at all": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     10            -> ok           MINT
        1  0     1   0     10     10            -> ok           REPEAT
        1  0     1   0     11     11            -> V2           REJECT
        1  1     1   10    20     10            -> ok           MINT
        1  0     1   1     10      9            -> V2           REJECT
    """,
    "V3 a register never falls": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   50    40    -10            -> V3,V5        REJECT
        2  0     1   0     50     50            -> ok           MINT
        2  1     1   40    60     20            -> V3           REJECT
        3  0     1   0     50     50            -> ok           MINT
        3  2     1   40    60     20            -> V1,V3        REJECT
    """,
    "V4 energy is the advance, registers tile": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     11            -> V4           REJECT
        2  0     1   0     10     11  tier=0    -> ok           WITHHOLD
        3  0     1   0     10     12  tier=0    -> V4           REJECT
        4  0     1   0     10     10            -> ok           MINT
        4  1     1   11    20      9            -> V4           REJECT
        5  0     1   0     10     11  tier=1    -> V4           REJECT
    """,
    "V5 one way": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     0      -1  tier=0    -> V5           REJECT
    """,
    "V10 capacity of a slot is soft, of a day hard": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     1050   1050          -> ok           MINT
        2  0     1   0     1051   1051          -> V10          HOLD
        2  1     1   1051  1052      1          -> ok           MINT
        3  0     1   0     50400  50400         -> V10          HOLD
        4  0     1   0     50400  50400         -> V10,V10      REJECT
        4  1     1   50400 50401  1             -> V10          REJECT
        5  18    1   0     30000  30000         -> V10          HOLD
        5  47    1   30000 60000  30000         -> V1,V10       HOLD
        6  0     1   0     1   1        cap=0   -> V10,V10      REJECT
    """,
    "what does not mint is counted": """
        ch start len from  to energy            -> rules        verdict
        1  0     1   0     10     10  label=2   -> ok           MINT
        1  1     1   10    20     10  label=4   -> ok           WITHHOLD
        1  2     1   20    30     10  label=5   -> ok           WITHHOLD
        1  3     1   30    40     10  label=6   -> ok           WITHHOLD
        1  4     1   40    50     10  label=7   -> ok           WITHHOLD
        2  0     1   0     10     10  tier=0    -> ok           WITHHOLD
        3  0     1   0     10     10  tier=1    -> ok           WITHHOLD
        4  0     1   0     10     10  tier=2    -> ok           MINT
    """,
}


def number(text: str) -> float:
    sign, text = (-1, text[1:]) if text.startswith("-") else (1, text)
    base, power = text.split("**") if "**" in text else (text, "1")
    value = float(base) ** int(power) if "." in base else int(base) ** int(power)
    return sign * value


def read(book: str) -> tuple[SlotColumns, list[list[str]], list[str]]:
    rows, rules, verdicts = [], [], []
    for line in book.strip().splitlines()[1:]:
        left, right = line.split("->")
        words = left.split()
        ch, start, length, from_wh, to_wh, energy = map(number, words[:6])
        extra = {"cap": 2_000, "tier": 3, "label": 1, "ago": 0}
        extra |= {name: number(value) for name, value in (word.split("=") for word in words[6:])}
        start_s, duration_s = DAY_S + int(start * SLOT_S), int(length * SLOT_S)
        rows.append(
            (ch, start_s, duration_s, from_wh, to_wh, energy, extra["label"], extra["tier"], extra["cap"], SLOT_S,
             start_s + duration_s + extra["ago"])
        )  # fmt: skip
        found, verdict = right.split()
        rules.append([] if found == "ok" else found.split(","))
        verdicts.append(verdict)
    columns = np.array(rows, dtype=np.int64).T
    return SlotColumns(*(np.ascontiguousarray(column) for column in columns)), rules, verdicts


@pytest.mark.parametrize("page", BOOK)
def test_rule_book(page):
    columns, rules, verdicts = read(BOOK[page])
    findings = validate(columns)
    found = [[finding.rule for finding in findings if finding.row == row] for row in range(len(columns))]
    assert found == rules
    assert [Verdict(verdict).name for verdict in decide(columns, findings, MintPolicy())] == verdicts


def test_findings_carry_their_evidence():
    columns, _, _ = read(BOOK["V1 a gap holds the slot after it"])
    finding = validate(columns)[0]
    assert (finding.value, finding.limit) == (3, 0)
    assert finding.to_dict()["severity"] == "hold"
    assert set(finding.to_dict()["text"]) == {"en", "ja"}
    columns, _, _ = read(BOOK["V10 capacity of a slot is soft, of a day hard"])
    assert [(f.value, f.limit) for f in validate(columns) if f.row == 1] == [(1_051, 1_050)]
    assert [(f.value, f.limit) for f in validate(columns) if f.row == 4] == [(50_400, 1_050), (50_401, 50_400)]


def test_nothing_to_read():
    columns = SlotColumns(*(np.empty(0, dtype=np.int64) for _ in range(11)))
    assert validate(columns) == []
    assert decide(columns, [], MintPolicy()).tolist() == []


def test_the_operator_may_let_unsigned_and_edited_readings_mint():
    columns, _, _ = read(BOOK["what does not mint is counted"])
    policy = MintPolicy(tiers=frozenset({0, 1, 2, 3, 4}))
    names = [Verdict(verdict).name for verdict in decide(columns, [], policy)]
    assert names == ["MINT"] + ["WITHHOLD"] * 4 + ["MINT"] * 3
    assert policy.mints(3, 4, sign_offs=2)
    assert not policy.mints(3, 4, sign_offs=1)
    assert not policy.mints(3, 5, sign_offs=9)


def test_a_verdict_is_tied_to_its_rule_set():
    policy = MintPolicy()
    base = rule_set_hash(Thresholds(), policy)
    assert base == rule_set_hash(Thresholds(), MintPolicy())
    others = {
        rule_set_hash(Thresholds(capacity_permille=1_100), policy),
        rule_set_hash(Thresholds(), MintPolicy(tiers=frozenset({0, 2, 3, 4}))),
    }
    assert base not in others
    leaf = b"l" * 32
    hashes = {
        evidence_hash(leaf, 1, Verdict.MINT, base),
        evidence_hash(leaf, 2, Verdict.MINT, base),
        evidence_hash(leaf, 1, Verdict.HOLD, base),
        evidence_hash(leaf, 1, Verdict.MINT, next(iter(others))),
    }
    assert len(hashes) == 4
    assert RULE_SET_VERSION >= 1
