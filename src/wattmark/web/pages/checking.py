"""A proof check in steps that a person can read: what holds, what does not, what was not reached.

The steps are those of ``certificates.verify``; the verifier itself raises at the first that fails, and the
code of its error says which one that was.
"""

from dataclasses import dataclass
from typing import Final

from wattmark.certificates.bundle import parse_bundle
from wattmark.certificates.check import verify_file
from wattmark.certificates.customer import VerifiedCustomer
from wattmark.certificates.verify import EVIDENCE_TEXT, VerifiedCertificate, verify_logged
from wattmark.core.errors import Refused
from wattmark.core.text import Text
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.note import parse_vkey
from wattmark.ledger.proof import LogProof, verify_log_proof
from wattmark.web.say import Say

HOLDS, FAILS, NOT_REACHED = "ok", "no", "note"
STEPS: Final = (
    Text(en="The file has a known form.", ja="ファイルの形式が正しい。"),
    Text(
        en="Its records are in the log: the hashes lead to a checkpoint signed with this key.",
        ja="記録が台帳にある: ハッシュをたどると、この鍵で署名されたチェックポイントに着く。",
    ),
    Text(
        en="The tokens were issued, and later retired; both were accepted.",
        ja="発行と、そののちの償却が、どちらも受け付けられている。",
    ),
    Text(en="What was retired lies inside what was issued.", ja="償却した番号は、発行した番号の範囲内にある。"),
    Text(en="The claim fits the time it was made.", ja="使用の主張が、発電の時間帯と合っている。"),
    Text(en="The plant is the one that is registered.", ja="発電所は登録されたものである。"),
    Text(en="The meter's key is registered for that plant.", ja="メーターの鍵はその発電所に登録されている。"),
    Text(
        en="The reading is the one the tokens were issued on, and its signature holds.",
        ja="検針値は発行のもとになったもので、署名も正しい。",
    ),
    Text(en="The facts in plain words are what the records say.", ja="書かれた内容が、記録と一致している。"),
)
"""The numbered steps of ``certificates.verify``, in plain words."""
CUSTOMER_STEPS: Final = (
    STEPS[0],
    Text(
        en="Your rows are in the retailer's sum, which does not exceed what was produced, under a checkpoint signed with this key.",
        ja="あなたの分は、発電量を超えない合計の一部であり、この鍵で署名されたチェックポイントに含まれる。",
    ),
)
PROOF_STEPS: Final = (
    Text(en="It is a tlog-proof.", ja="tlog-proofの形式である。"),
    Text(en="Its checkpoint is signed with this key.", ja="チェックポイントはこの鍵で署名されている。"),
    Text(
        en="The hashes lead from the record held here to that checkpoint.",
        ja="ハッシュをたどると、この台帳の記録からそのチェックポイントに着く。",
    ),
)
_CODES: Final = {
    "CHECKPOINTS_DIFFER": 2,
    "ISSUED_AFTER": 3,
    "WITHHELD": 3,
    "OTHER_BUNDLE": 4,
    "SERIALS_OUTSIDE": 4,
    "CLAIM_UNKNOWN": 5,
    "FACTS_DIFFER": 9,
}
_FIELDS: Final = (("reading", 8), ("meter_key", 7), ("device", 6), ("period", 5))


@dataclass(frozen=True, slots=True)
class Checked:
    """One step with its verdict."""

    name: str
    tone: str
    verdict: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All steps, and what was proven or refused in one paragraph."""

    holds: bool
    steps: tuple[Checked, ...]
    lines: tuple[str, ...]


def check_certificate(text: str, vkey: str, say: Say) -> CheckResult:
    """Return each step of a certificate's or plan proof's verification."""
    data = text.strip().encode() + b"\n"
    try:
        found = verify_file(data, vkey)
    except Refused as error:
        return _result(STEPS, _step_of(data, vkey, error), error, say)
    if isinstance(found, VerifiedCustomer):
        return CheckResult(holds=True, steps=_all_hold(CUSTOMER_STEPS, say), lines=())
    return CheckResult(holds=True, steps=_all_hold(STEPS, say), lines=_proven(found, say))


def check_log_proof(text: str, vkey: str, leaf: bytes | None, say: Say) -> CheckResult:
    """Return each step of a bare inclusion proof; ``leaf`` is the hash of the record held here, if there is one."""
    failed = 1
    try:
        proof = LogProof.parse(text.replace("\r\n", "\n"))
        failed = 2
        open_checkpoint(proof.checkpoint_text, vkey, parse_vkey(vkey).name)
        failed = 3
        checkpoint = verify_log_proof(proof, leaf or b"", vkey, parse_vkey(vkey).name)
    except Refused as error:
        return _result(PROOF_STEPS, failed, error, say)
    line = say.t("verify.proven_record", position=f"{proof.index:,}", size=f"{checkpoint.size:,}")
    return CheckResult(holds=True, steps=_all_hold(PROOF_STEPS, say), lines=(line,))


def proof_index(text: str) -> int | None:
    """Return the log index a bare proof is about, ``None`` when it is none."""
    try:
        return LogProof.parse(text.replace("\r\n", "\n")).index
    except Refused:
        return None


def is_certificate(text: str) -> bool:
    """Return whether a text looks like a JSON certificate rather than a bare proof."""
    return text.lstrip().startswith("{")


def _proven(found: VerifiedCertificate, say: Say) -> tuple[str, ...]:
    plant = say.text(found.plant) if found.plant is not None else say.t("verify.some_plant", device=found.device)
    values = {
        "quantity": say.exact_energy(found.quantity_wh),
        "plant": plant,
        "produced": say.period(found.produced),
        "position": f"{found.position:,}",
    }
    evidence = say.t("verify.evidence", evidence=say.text(EVIDENCE_TEXT[found.evidence]))
    return say.t("verify.proven", **values), evidence


def _step_of(data: bytes, vkey: str, error: Refused) -> int:
    try:
        bundle = parse_bundle(data)
    except Refused:
        return 1
    try:
        verifier = parse_vkey(vkey)
        for logged in (bundle.retire, bundle.issue, bundle.device, bundle.meter_key):
            if logged is not None:
                verify_logged(logged, verifier)
    except Refused:
        return 2
    by_field = next((step for name, step in _FIELDS if error.field.startswith(name)), 3)
    return _CODES.get(error.code, by_field)


def _all_hold(steps: tuple[Text, ...], say: Say) -> tuple[Checked, ...]:
    return tuple(Checked(say.text(step), HOLDS, say.t("verify.ok")) for step in steps)


def _result(steps: tuple[Text, ...], failed: int, error: Refused, say: Say) -> CheckResult:
    rows = []
    for number, step in enumerate(steps, 1):
        if number < failed:
            rows.append(Checked(say.text(step), HOLDS, say.t("verify.ok")))
        elif number == failed:
            rows.append(Checked(say.text(step), FAILS, say.t("verify.no"), error.message(say.language)))
        else:
            rows.append(Checked(say.text(step), NOT_REACHED, say.t("verify.skipped")))
    return CheckResult(holds=False, steps=tuple(rows), lines=(error.message(say.language),))
