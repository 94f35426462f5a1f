import json
from dataclasses import replace

import pytest

from reference.certificate_world import BUNDLE, KEY, STRANGER, changed, world
from wattmark.certificates.check import verify_file
from wattmark.certificates.customer import CustomerRow, seal_customer, verify_customer
from wattmark.core.errors import Refused
from wattmark.ledger.sumtree import SumProof

VKEY = KEY.vkey


def rows() -> list[CustomerRow]:
    return [CustomerRow(row.row, row.quantity_wh, row.salt, row.proof) for row in world().proof.rows]


def sealed() -> bytes:
    return seal_customer(world().log.logged(6), rows(), VKEY)


def test_a_customer_proves_their_part_of_the_total() -> None:
    found = verify_file(sealed(), VKEY)
    assert (found.quantity_wh, found.total_wh, found.rows, found.position) == (42, 70, 2, 6)
    assert found.pseudonym == bytes([2]) * 16
    assert [(part.bundle, part.start, part.end) for part in found.parts] == [(BUNDLE, 188, 230)]


def test_no_other_customer_s_row_is_shown() -> None:
    assert bytes([1]) * 16 not in b"".join(row.row for row in rows())
    assert len(rows()) == 1


def mutated() -> dict[str, tuple[list[CustomerRow], str]]:
    [row] = rows()
    other = replace(row, row=row.row[:-1] + bytes([row.row[-1] ^ 1]))
    return {
        "none": ([], "NO_ROWS"),
        "twice": ([row, row], "ROW_TWICE"),
        "more Wh": ([replace(row, wh=43)], "OTHER_QUANTITY"),
        "other serials": ([other], "OTHER_QUANTITY"),
        "other salt": ([replace(row, salt=bytes(16))], "SUM_PROOF_INVALID"),
        "other rows": ([replace(row, proof=replace(row.proof, rows=3))], "OTHER_ROWS"),
        "other index": ([replace(row, proof=replace(row.proof, index=0))], "SUM_PROOF_INVALID"),
        "no siblings": ([replace(row, proof=SumProof(1, 2, ()))], "SUM_PROOF_INVALID"),
        "no row": ([replace(row, row=b"\x80")], "ROW_MALFORMED"),
    }


@pytest.mark.parametrize("case", mutated(), ids=str)
def test_every_mutation_is_refused(case: str) -> None:
    changed, code = mutated()[case]
    with pytest.raises(Refused, match=code):
        seal_customer(world().log.logged(6), changed, VKEY)


def test_a_record_that_is_not_the_plan_s_is_refused() -> None:
    with pytest.raises(Refused, match="RECORD_KIND"):
        seal_customer(world().log.logged(2), rows(), VKEY)
    with pytest.raises(Refused, match="SIGNATURE"):
        verify_customer(sealed(), STRANGER.vkey)


def test_rows_of_two_customers_are_no_one_s_proof() -> None:
    both = [CustomerRow(row.row, row.quantity_wh, row.salt, row.proof) for one in world().proofs for row in one.rows]
    with pytest.raises(Refused, match="OTHER_CUSTOMER"):
        seal_customer(world().log.logged(6), both, VKEY)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"bulk_kind": 4}, "NOT_A_PLAN"),
        ({"rows": 3}, "OTHER_ROWS"),
        ({"total_wh": 71}, "SUM_PROOF_INVALID"),
        ({"period_start_s": 0}, "OTHER_PERIOD"),
        ({"period_start_s": 1 << 40}, "OTHER_PERIOD"),
    ],
)
def test_a_record_that_says_otherwise_is_refused(fields: dict[str, int], code: str) -> None:
    with pytest.raises(Refused, match=code):
        seal_customer(changed(world().log, 6, **fields).logged(6), rows(), VKEY)


def test_facts_are_re_derived_not_believed() -> None:
    content = json.loads(sealed())
    for name in content["facts"]:
        changed = {**content, "facts": {**content["facts"], name: 1e9}}
        with pytest.raises(Refused, match="FACTS_DIFFER"):
            verify_file(json.dumps(changed).encode(), VKEY)
    with pytest.raises(Refused, match="FORMAT_UNKNOWN"):
        verify_customer(json.dumps({**content, "format": "wattmark-certificate@v1"}).encode(), VKEY)
