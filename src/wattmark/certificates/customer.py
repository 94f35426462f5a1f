"""A plan customer's own proof as a file: their rows under the one total that the log holds.

::

    {"format": "wattmark-plan-proof@v1",
     "record": {"record": base64, "proof": tlog-proof text},      the BULK_ROOT record of the plan
     "rows": [{"row": base64, "wh": n, "salt": base64, "proof": base64}, ...],
     "facts": {...}}                                               re-derived, never trusted

Steps of the verification, cited by number in the code:

1. Strict JSON of the known version.
2. The record lies in the pinned log, was accepted, and is the root of a plan.
3. Every row is the canonical bytes of one customer's serial range, its Wh the length of the range,
   inside the period of the record; no row twice.
4. Every row leads to the record's root, number of rows and total (sum tree): so these Wh are in a total
   that is fixed for everybody, and the same Wh cannot be shown to two customers.
5. The facts for people equal what the rows and the record say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattmark.certificates import fields
from wattmark.certificates.bundle import LoggedRecord, logged_record
from wattmark.certificates.records import BULK_PLAN, Record, RecordKind, read_record
from wattmark.certificates.verify import verify_logged
from wattmark.core.encoding import cbor_decode_strict, json_canonical
from wattmark.core.errors import MalformedInput, RuleViolated
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.ledger.note import Verifier, parse_vkey
from wattmark.ledger.sumtree import SumProof, verify_sum_proof

FORMAT: Final = "wattmark-plan-proof@v1"
MAX_BYTES: Final = 4 << 20
MAX_ROWS: Final = 4_096
"""Most rows of one customer and day: 48 half hours from many bundles each."""
MAX_WH: Final = (1 << 53) - 1

_ROW_SHAPE: Final = (bytes, int, int, int, int, int)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One row of the plan with its own Wh, salt and path in the sum tree."""

    row: bytes
    wh: int
    salt: bytes
    proof: SumProof


@dataclass(frozen=True, slots=True)
class PlanPart:
    """Serials ``[start, end)`` of a bundle that a customer used in a period."""

    period: Period
    bundle: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class VerifiedCustomer:
    """What a plan proof proves.

    Attributes:
        origin: the log.
        position: log index of the plan's record.
        pseudonym: name of the customer in the rows [16 bytes].
        parts: the customer's serial ranges.
        total_wh: energy of all customers in the record [Wh].
        rows: rows of all customers.
    """

    origin: str
    position: int
    pseudonym: bytes
    parts: tuple[PlanPart, ...]
    total_wh: int
    rows: int

    @property
    def quantity_wh(self) -> int:
        """Return the customer's energy [Wh]."""
        return sum(part.end - part.start for part in self.parts)

    def facts(self) -> dict[str, Any]:
        """Return the facts for people, as they stand in the file."""
        return {
            "pseudonym": self.pseudonym.hex(),
            "quantity_wh": self.quantity_wh,
            "total_wh": str(self.total_wh),
            "rows": self.rows,
            "parts": [
                {
                    "period_start_s": part.period.start_s,
                    "duration_s": part.period.duration_s,
                    "bundle": part.bundle,
                    "start": part.start,
                    "end": part.end,
                }
                for part in self.parts
            ],
        }


def seal_customer(
    record: LoggedRecord, rows: Sequence[CustomerRow], vkey: str | Verifier, origin: str | None = None
) -> bytes:
    """Return the file of a customer's proof; what cannot be verified is not made.

    Raises:
        Refused: as ``verify_customer``.
    """
    facts = _derive(record, rows, vkey, origin).facts()
    content = {
        "format": FORMAT,
        "record": {"record": fields.to_base64(record.entry), "proof": record.proof.format()},
        "rows": [
            {
                "row": fields.to_base64(row.row),
                "wh": row.wh,
                "salt": fields.to_base64(row.salt),
                "proof": fields.to_base64(row.proof.encode()),
            }
            for row in rows
        ],
        "facts": facts,
    }
    return json_canonical(content) + b"\n"


def verify_customer(data: bytes, vkey: str | Verifier, origin: str | None = None) -> VerifiedCustomer:
    """Return what a customer's proof file proves; see the steps above.

    Args:
        data: the file.
        vkey: public key of the log, pinned by the reader.
        origin: the log's origin; the key's name when ``None``.

    Raises:
        Refused: the first step that does not hold.
    """
    content = fields.read_object(data, (FORMAT,), MAX_BYTES)  # 1
    found = fields.members(content, "proof", {"format", "record", "rows", "facts"})
    record = logged_record(found["record"], "record", payload=False)
    rows = [_row(value) for value in fields.items(found["rows"], "rows", MAX_ROWS)]
    customer = _derive(record, rows, vkey, origin)
    if not fields.same(found["facts"], customer.facts()):  # 5
        rule = Text(en="what the rows and the record say", ja="行と記録の内容と一致すること")
        raise RuleViolated("FACTS_DIFFER", "facts", found["facts"], rule)
    return customer


def _row(value: object) -> CustomerRow:
    found = fields.members(value, "rows", {"row", "wh", "salt", "proof"})
    return CustomerRow(
        fields.base64_bytes(found["row"], "rows.row"),
        fields.whole(found["wh"], "rows.wh", 0, MAX_WH),
        fields.base64_bytes(found["salt"], "rows.salt"),
        SumProof.decode(fields.base64_bytes(found["proof"], "rows.proof")),
    )


def _derive(
    logged: LoggedRecord, rows: Sequence[CustomerRow], vkey: str | Verifier, origin: str | None
) -> VerifiedCustomer:
    verifier = parse_vkey(vkey) if isinstance(vkey, str) else vkey
    checkpoint = verify_logged(logged, verifier, origin)  # 2
    record = read_record(logged.entry, RecordKind.BULK_ROOT)
    if record.fields["bulk_kind"] != BULK_PLAN:
        raise _refused("NOT_A_PLAN", "bulk_kind", record.fields["bulk_kind"])
    if not rows:
        raise _refused("NO_ROWS", "rows", 0)
    if len({row.proof.index for row in rows}) != len(rows):
        raise _refused("ROW_TWICE", "rows", len(rows))
    parts, pseudonyms = [], set()
    for row in rows:
        pseudonym, part = _part(row, record)  # 3
        if row.proof.rows != record.fields["rows"]:
            raise _refused("OTHER_ROWS", "rows", row.proof.rows)
        verify_sum_proof(row.row, row.wh, row.salt, row.proof, record.root, record.fields["total_wh"])  # 4
        pseudonyms.add(pseudonym)
        parts.append(part)
    if len(pseudonyms) != 1:
        raise _refused("OTHER_CUSTOMER", "pseudonym", len(pseudonyms))
    return VerifiedCustomer(
        origin=checkpoint.origin,
        position=logged.proof.index,
        pseudonym=pseudonyms.pop(),
        parts=tuple(parts),
        total_wh=record.fields["total_wh"],
        rows=record.fields["rows"],
    )


def _part(row: CustomerRow, record: Record) -> tuple[bytes, PlanPart]:
    item = cbor_decode_strict(row.row)
    if type(item) is not list or tuple(type(value) for value in item) != _ROW_SHAPE:
        rule = Text(en="[pseudonym, period, duration, bundle, start, end]", ja="[仮名, 期間, 長さ, ロット, 始, 終]")
        raise MalformedInput("ROW_MALFORMED", "rows.row", row.row[:32].hex(), rule)
    pseudonym, start_s, duration_s, bundle, start, end = item
    first_s, length_s = record.fields["period_start_s"], record.fields["duration_s"]
    if not (first_s <= start_s and duration_s > 0 and start_s + duration_s <= first_s + length_s):
        raise _refused("OTHER_PERIOD", "rows.period_start_s", start_s)
    if not (0 <= start < end and end - start == row.wh):
        raise _refused("OTHER_QUANTITY", "rows.wh", row.wh)
    return pseudonym, PlanPart(Period(start_s, duration_s), bundle, start, end)


_RULES: Final = {
    "NOT_A_PLAN": Text(en="the root of a plan", ja="プラン配分の根"),
    "NO_ROWS": Text(en="at least one row", ja="1行以上"),
    "ROW_TWICE": Text(en="each row once", ja="各行は1回のみ"),
    "OTHER_ROWS": Text(en="the number of rows in the record", ja="記録の行数"),
    "OTHER_CUSTOMER": Text(en="rows of one customer", ja="1人の需要家の行のみ"),
    "OTHER_PERIOD": Text(en="a period inside the record's", ja="記録の期間内"),
    "OTHER_QUANTITY": Text(en="Wh = end - start of the serials", ja="Whが番号の範囲と一致すること"),
}


def _refused(code: str, field: str, value: object) -> RuleViolated:
    return RuleViolated(code, field, value, _RULES[code])
