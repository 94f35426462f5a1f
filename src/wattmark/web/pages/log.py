"""The log: checkpoint, key, latest public records, one record with its proof, and the proof check."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from starlette.responses import PlainTextResponse, Response

from wattmark.api.routes.log import TEXT
from wattmark.core.errors import MalformedInput, Unavailable, UnknownReference
from wattmark.core.ids import id_hex
from wattmark.core.text import Text
from wattmark.engine.outcomes import RULES, Outcome
from wattmark.flows.cosign import REPLY_TEXT
from wattmark.flows.cosigning import Standing
from wattmark.flows.platform import Platform
from wattmark.flows.publication import READ_ONLY
from wattmark.flows.queries import records
from wattmark.flows.queries.plants import device
from wattmark.ledger.merkle import leaf_hash
from wattmark.tokens import layout as k
from wattmark.web.pages.checking import CheckResult, check_certificate, check_log_proof, is_certificate, proof_index
from wattmark.web.pages.energy import energy_values
from wattmark.web.pages.parts import Fact, Message
from wattmark.web.say import NO_VALUE, Say
from wattmark.web.visit import Visit, Visited

router = APIRouter()

Number = Annotated[int, Path(ge=0, le=(1 << 31) - 1)]
MS_PER_S: Final = 1_000
PROOF_CHARS: Final = 1_500_000
KEY_CHARS: Final = 512
TOO_LONG: Final = Text(en="a proof of at most 1.5 MB and a key of one line", ja="1.5MB以下の証明と1行の鍵")


@router.get("/log")
async def log_page(visit: Visited) -> Response:
    """Show the checkpoint, the key and the latest public records."""
    entries = await visit.context.run(records.latest_public)
    values = await visit.read(lambda platform: log_values(platform, entries, visit.say))
    reason = _refusing(visit.context.platform)
    message = None if reason is None else Message("no", visit.say.t("log.refusing"), (visit.say.text(reason),))
    use = visit.context.energy.use(visit.context.platform.sequencer.position)
    cosigning = visit.context.platform.cosigning
    standing = None if cosigning is None else await visit.context.run(lambda _: cosigning.standing())
    shown = {
        "log": values,
        "energy": energy_values(use, visit.say),
        "witnesses": None if standing is None else witness_values(standing, visit.say),
        "message": message,
    }
    return visit.page("log.html", shown)


@router.get("/log/{position}")
async def entry_page(position: Number, visit: Visited) -> Response:
    """Show a record as far as the visitor may see it, with its proof."""
    viewer, sees_all = _viewer(visit)
    found = await visit.context.run(lambda platform: records.entry(platform, position, viewer, sees_all=sees_all))
    proof = await visit.context.run(lambda platform: _proof_text(platform, position))
    return visit.page("entry.html", {"entry": {**entry_values(found, visit.say), "proof": proof}})


@router.get("/log/{position}/proof")
async def entry_proof(position: Number, visit: Visited) -> Response:
    """Return a record's inclusion proof as a file."""
    proof = await visit.context.run(lambda platform: platform.sequencer.inclusion(position))
    headers = {"Content-Disposition": f'attachment; filename="{position}.tlog-proof"'}
    return PlainTextResponse(proof.format(), headers=headers, media_type=TEXT)


@router.get("/verify")
async def verify_page(
    visit: Visited, position: Annotated[int | None, Query(ge=0, le=(1 << 31) - 1)] = None
) -> Response:
    """Show the form of the proof check, filled with a record's proof when one is named."""
    proof = ""
    if position is not None:
        proof = await visit.context.run(lambda platform: _proof_text(platform, position))
    return visit.page("verify.html", _form(proof, visit.context.platform.keys.vkey))


@router.post("/verify")
async def verify(visit: Visited) -> Response:
    """Check what was pasted, step by step."""
    fields = await visit.form()
    proof, key = fields.get("proof", ""), fields.get("key", "").strip()
    if len(proof) > PROOF_CHARS or len(key) > KEY_CHARS:
        raise MalformedInput("TOO_LONG", "proof", len(proof), TOO_LONG)
    result = await visit.context.run(lambda platform: _check(platform, proof, key, visit.say))
    title = visit.say.t("verify.good" if result.holds else "verify.bad")
    message = Message("ok" if result.holds else "no", title, result.lines)
    values = {**_form(proof, key), "steps": result.steps, "message": message}
    return visit.page("verify.html", values)


def log_values(platform: Platform, entries: list[records.Entry], say: Say) -> dict[str, Any]:
    """Return what the log's page shows."""
    sequencer, state = platform.sequencer, platform.state
    bundles = state.bundles
    return {
        "checkpoint": platform.published_checkpoint or "",
        "vkey": platform.keys.vkey,
        "facts": [
            Fact(say.t("log.size"), f"{sequencer.position:,}", "log.size"),
            Fact(say.t("log.published"), f"{sequencer.published_size:,}", "log.published"),
            Fact(say.t("log.accounts"), f"{state.count('accounts'):,}"),
            Fact(say.t("log.bundles"), f"{state.count('bundles'):,}"),
            Fact(say.t("log.issued"), say.energy(int(bundles[:, k.B_ISSUED_WH].sum()))),
            Fact(say.t("log.retired"), say.energy(int(bundles[:, k.B_RETIRED_WH].sum()))),
        ],
        "entries": [
            {
                "position": item.position,
                "when": say.time(item.timestamp_ms),
                "what": say.t(f"record.{item.kind}"),
                "about": about_words(platform, item, say),
            }
            for item in entries
        ],
    }


def witness_values(standing: Standing, say: Say) -> dict[str, Any]:
    """Return who cosigned the log, when, and whether that is enough."""
    known = len(standing.witnesses)
    sentence = say.t(
        "witness.met" if standing.is_met else "witness.unmet",
        needed=standing.needed,
        known=known,
        size=f"{standing.size:,}",
    )
    rows = [
        {
            "name": one.name,
            "size": f"{one.size:,}" if one.size else NO_VALUE,
            "when": say.time(one.time_s * MS_PER_S) if one.time_s else NO_VALUE,
            "reply": NO_VALUE if one.reply is None else say.text(REPLY_TEXT[one.reply]),
        }
        for one in standing.witnesses
    ]
    return {"is_met": standing.is_met, "sentence": sentence, "rows": rows}


def _refusing(platform: Platform) -> Text | None:
    """Return why nothing new is written at present, ``None`` where it is, or where nobody expects it."""
    try:
        platform.sequencer.check_writing()
    except Unavailable as error:
        return None if error.reason is READ_ONLY else error.reason
    return None


def about_words(platform: Platform, item: records.Entry, say: Say) -> str:
    """Return what a public record is about, in a few words."""
    fields = item.fields
    if item.outcome:
        return Outcome(item.outcome).name
    if "device" in fields and fields["device"] < platform.state.count("devices"):
        maker = device(platform, fields["device"])
        name = say.text(maker.name) if maker.is_plant else say.t("record.meter")
        if "reg_to_wh" in fields:
            return f"{name} · {say.energy(fields['reg_to_wh'] - fields['reg_from_wh'])}"
        return name
    if "total_wh" in fields:
        return say.t("record.rows", rows=f"{fields['rows']:,}", energy=say.energy(fields["total_wh"]))
    if "product" in fields:
        return f"#{fields['product']}"
    return ""


def entry_values(found: records.Entry, say: Say) -> dict[str, Any]:
    """Return what a record's page shows."""
    shown = found.kind != 0
    what = say.t(f"record.{found.kind}") if shown else say.t("entry.private_what")
    fields = []
    if shown:
        outcome = Outcome(found.outcome)
        fields = [
            Fact("id", id_hex(found.identity)),
            Fact("actor", str(found.actor)),
            *(Fact(name, f"{value:,}") for name, value in found.fields.items()),
            Fact(say.t("entry.outcome"), f"{outcome.name}: {say.text(RULES[outcome].text)}"),
            Fact("result0", f"{found.result0:,}"),
            Fact("result1", f"{found.result1:,}"),
        ]
    return {
        "position": found.position,
        "sentence": say.t("entry.sentence", what=what, when=say.time(found.timestamp_ms)),
        "fields": fields,
    }


def _viewer(visit: Visit) -> tuple[int | None, bool]:
    visitor = visit.visitor
    return (None, False) if visitor is None else (visitor.account, visitor.sees_all)


def _proof_text(platform: Platform, position: int) -> str:
    try:
        return platform.sequencer.inclusion(position).format()
    except UnknownReference:
        return ""


def _form(proof: str, key: str) -> dict[str, Any]:
    return {"proof": proof, "key": key, "steps": (), "message": None}


def _check(platform: Platform, proof: str, key: str, say: Say) -> CheckResult:
    if is_certificate(proof):
        return check_certificate(proof, key, say)
    index = proof_index(proof)
    leaf = None
    if index is not None and index < platform.sequencer.position:
        leaf = leaf_hash(platform.sequencer.record(index).entry)
    return check_log_proof(proof, key, leaf, say)
