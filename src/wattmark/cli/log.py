"""``wattmark log``: look at the log: checkpoint, entries, proofs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattmark.cli.given import read_input, read_key
from wattmark.cli.policy import ALL, POLICY, QUORUM, WITNESS, WITNESS_URL, policy_of
from wattmark.cli.say import EXIT_FINDINGS, EXIT_UNAVAILABLE, error_line, print_json, say, tell, warn
from wattmark.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattmark.flows.sequence import Record

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_JSON = tell(Text(en="Print JSON, one object per line.", ja="JSONで出力(1行1オブジェクト)。"))
_FROM = tell(Text(en="First log index.", ja="最初のログ番号。"))
_COUNT = tell(Text(en="Number of entries.", ja="件数。"))
_FOLLOW = tell(Text(en="Wait for new entries until interrupted.", ja="新しい記録を待ち続ける(中断まで)。"))
_INDEX = tell(Text(en="Log index.", ja="ログ番号。"))
_PROOF = tell(Text(en="A tlog-proof file.", ja="tlog-proofファイル。"))
_ENTRY = tell(
    Text(
        en="The entry it is about (a file of 176 bytes, or hexadecimal).",
        ja="対象の記録(176バイトのファイルか16進数)。",
    )
)
_KEY = tell(Text(en="Public key of the log, or a file that holds it.", ja="ログの検証鍵、またはそのファイル。"))
_WITNESSED = tell(
    Text(en="Under the last checkpoint that witnesses cosigned.", ja="立会人が連署した最新のチェックポイントで。")
)
_EVERY = tell(Text(en="Go on, once every so many seconds.", ja="この秒数ごとに繰り返す。"))
_TIMEOUT = tell(Text(en="Longest wait for one witness [s].", ja="立会人1件の待ち時間の上限(秒)。"))
_OUT = tell(Text(en="File to write the entry's bytes to.", ja="記録のバイト列の出力先。"))

log = typer.Typer(
    no_args_is_help=True,
    help=tell(
        Text(en="Look at the log: checkpoint, entries, proofs.", ja="ログを見る(チェックポイント・記録・証明)。")
    ),
)


@log.command("checkpoint")
def checkpoint(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Print the last signed checkpoint.

    最新の署名付きチェックポイントを表示する。
    """
    from wattmark.ledger.checkpoint import open_checkpoint
    from wattmark.wiring import Platform

    with Platform.open(home, read_only=True) as platform:
        text = platform.sequencer.checkpoint_text or ""
        if not as_json:
            typer.echo(text, nl=False)
            return
        signed = open_checkpoint(text, platform.keys.vkey, platform.settings.origin)
        print_json(
            {
                "origin": signed.origin,
                "size": signed.size,
                "root": signed.root.hex(),
                "vkey": platform.keys.vkey,
                "note": text,
            }
        )


@log.command("entries")
def entries(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    start: Annotated[int, typer.Option("--from", min=0, help=_FROM)] = 0,
    count: Annotated[int, typer.Option("--count", min=1, help=_COUNT)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Print entries: index, time, kind, outcome, fields.

    記録を表示する(番号・時刻・種別・結果・項目)。
    """
    from wattmark.wiring import log_reader

    with log_reader(home) as reader:
        _print_entries(reader.records(start, start + count), as_json=as_json)


@log.command("tail")
def tail(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    count: Annotated[int, typer.Option("--count", min=1, help=_COUNT)] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=_FOLLOW)] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Print the last entries, and with ``--follow`` those that come.

    最後の記録を表示する。--follow で続きを待つ。
    """
    import time

    from wattmark.wiring import log_reader

    with log_reader(home) as reader:
        position = max(reader.size - count, 0)
        while True:
            if position < reader.size:
                _print_entries(reader.records(position, reader.size), as_json=as_json)
            position = reader.size
            if not follow:
                return
            time.sleep(1)
            reader.catch_up()


@log.command("add-key")
def add_key(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Give the log an ML-DSA-44 key beside its Ed25519 key: checkpoints bear both signatures from the next start on.

    ログにML-DSA-44鍵を加える(次の起動から、チェックポイントに両方の署名が付く)。
    """
    from wattmark.wiring import add_subtree_key

    vkey = add_subtree_key(home)
    if as_json:
        print_json({"home": str(home), "vkey": vkey})
        return
    where = home / "keys" / "log-mldsa44.vkey"
    say(Text(en=f"Made the key; publish {where}.", ja=f"鍵を作りました。{where} を公開してください。"))


@log.command("proof")
def proof(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    index: Annotated[int, typer.Argument(min=0, help=_INDEX)],
    out: Annotated[Path | None, typer.Option("--entry-out", help=_OUT)] = None,
    witnessed: Annotated[bool, typer.Option("--witnessed", help=_WITNESSED)] = False,
) -> None:
    """Print the inclusion proof of an entry (C2SP tlog-proof).

    記録の包含証明を表示する(C2SP tlog-proof)。
    """
    from wattmark.flows.prove_retirement import logged_record
    from wattmark.wiring import Platform

    with Platform.open(home, read_only=True) as platform:
        logged = logged_record(platform, index, witnessed=witnessed)
        if out is not None:
            out.write_bytes(logged.entry)
        typer.echo(logged.proof.format(), nl=False)


@log.command("cosign")
def cosign(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    witness: Annotated[list[str] | None, typer.Option("--witness", metavar="VKEY=URL", help=WITNESS_URL)] = None,
    quorum: Annotated[int, typer.Option("--quorum", min=ALL, help=QUORUM)] = ALL,
    policy: Annotated[Path | None, typer.Option("--policy", help=POLICY)] = None,
    every: Annotated[float, typer.Option("--every", min=0, help=_EVERY)] = 0,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help=_TIMEOUT)] = 5,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Collect cosignatures of the last signed checkpoint: exit 0 if the quorum is met, 1 if a witness objects, else 3.

    最新チェックポイントの連署を集める(定足数に達すれば0、立会人が拒めば1、その他は3)。
    """
    import time

    from wattmark.core.errors import MalformedInput, Unavailable
    from wattmark.wiring import cosign_home, home_policy

    asked = policy_of(policy, witness or [], quorum) or home_policy(home)
    if asked is None:
        rule = Text(
            en="--policy, --witness VKEY=URL, or HOME/witness.policy",
            ja="--policy、--witness VKEY=URL、または HOME/witness.policy",
        )
        raise MalformedInput("ARGUMENTS", "witness", "", rule)
    while True:
        try:
            code = _show_collection(cosign_home(home, asked, timeout), as_json=as_json)
        except Unavailable as error:
            if not every:
                raise
            warn(error.reason)
        else:
            if not every:
                raise typer.Exit(code)
        time.sleep(every)


@log.command("check")
def check(
    file: Annotated[Path, typer.Argument(help=_PROOF)],
    entry: Annotated[str, typer.Option("--entry", help=_ENTRY)],
    key: Annotated[str, typer.Option("--key", help=_KEY)],
    witness: Annotated[list[str] | None, typer.Option("--witness", metavar="VKEY", help=WITNESS)] = None,
    quorum: Annotated[int, typer.Option("--quorum", min=ALL, help=QUORUM)] = ALL,
    policy: Annotated[Path | None, typer.Option("--policy", help=POLICY)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Check an inclusion proof offline: exit 0, or exit 1 and what fails.

    包含証明をオフラインで検証する(成立なら0、不成立なら1)。
    """
    from wattmark.core.errors import Refused
    from wattmark.ledger.merkle import leaf_hash
    from wattmark.ledger.note import parse_vkey
    from wattmark.ledger.policy import verify_policy
    from wattmark.ledger.proof import parse_log_proof, verify_log_proof

    data = read_input(file, "proof")
    content = _entry_bytes(entry)
    verifier = parse_vkey(read_key(key))
    asked = policy_of(policy, witness or [], quorum)
    try:
        log_proof = parse_log_proof(data.decode(errors="replace"))
        signed = verify_log_proof(log_proof, leaf_hash(content), verifier)
        cosigned = {} if asked is None else verify_policy(log_proof.checkpoint_text, asked, verifier).cosigned_s
    except Refused as error:
        if as_json:
            print_json({"valid": False, "error": error.to_dict()})
        else:
            typer.echo(error_line(error), err=True)
        raise typer.Exit(EXIT_FINDINGS) from error
    if as_json:
        found = {"valid": True, "origin": signed.origin, "size": signed.size, "index": log_proof.index}
        print_json(found if asked is None else {**found, "cosigned_s": cosigned})
        return
    say(
        Text(
            en=f"Entry {log_proof.index} is in the log {signed.origin} of {signed.size} entries.",
            ja=f"記録 {log_proof.index} はログ {signed.origin}({signed.size} 件)に含まれています。",
        )
    )


def _show_collection(collection: Any, *, as_json: bool) -> int:  # noqa: ANN401 - flows.cosign.Collection, imported late
    """Print how the witnesses took a checkpoint and return the exit code."""
    from wattmark.flows.cosign import REPLY_TEXT, Reply

    outcomes = collection.outcomes
    if as_json:
        print_json(
            {
                "origin": collection.checkpoint.origin,
                "size": collection.checkpoint.size,
                "root": collection.checkpoint.root.hex(),
                "quorum_met": collection.is_met,
                "note": collection.note,
                "witnesses": [
                    {"name": one.witness.name, "reply": one.reply.value, "detail": one.detail} for one in outcomes
                ],
            }
        )
    else:
        count, size = len(collection.cosigners), collection.checkpoint.size
        met = Text(en="the quorum is met", ja="定足数を満たしました")
        unmet = Text(en="too few: nothing was published", ja="定足数に足りず、公開していません")
        end = met if collection.is_met else unmet
        say(
            Text(
                en=f"{size} entries: {count} of {len(outcomes)} witnesses cosigned, {end.en}",
                ja=f"{size} 件: 立会人 {len(outcomes)} 者中 {count} 者が連署、{end.ja}",
            )
        )
        for one in outcomes:
            typer.echo(f"  {one.witness.name}\t{tell(REPLY_TEXT[one.reply])}\t{one.detail}".rstrip())
    if collection.is_met:
        return 0
    objects = any(one.reply in {Reply.REFUSED, Reply.AHEAD, Reply.INVALID} for one in outcomes)
    return EXIT_FINDINGS if objects else EXIT_UNAVAILABLE


def _entry_bytes(entry: str) -> bytes:
    try:
        return bytes.fromhex(entry)
    except ValueError:
        return read_input(Path(entry), "entry")


def _print_entries(records: "Iterable[Record]", *, as_json: bool) -> None:
    for record in records:
        shown = _entry(record)
        if as_json:
            print_json(shown)
        else:
            words = " ".join(f"{name}={value}" for name, value in shown["fields"].items())
            typer.echo(f"{shown['index']}\t{shown['timestamp_ms']}\t{shown['kind']}\t{shown['outcome']}\t{words}")


def _entry(record: "Record") -> dict[str, Any]:
    from wattmark.core.ids import id_hex
    from wattmark.engine import layout as e
    from wattmark.engine.commands import Kind, actor_of, fields, id_of, kind_of
    from wattmark.engine.outcomes import Outcome

    number = kind_of(record.command)
    return {
        "index": record.position,
        "timestamp_ms": int(record.verdict[e.V_TIMESTAMP_MS]),
        "kind": Kind(number).name if 1 <= number <= e.LAST_KIND else str(number),
        "id": id_hex(id_of(record.command)),
        "actor": actor_of(record.command),
        "outcome": Outcome(int(record.verdict[e.V_OUTCOME])).name,
        "results": [int(record.verdict[e.V_RESULT0]), int(record.verdict[e.V_RESULT1])],
        "fields": fields(record.command),
        "entry": record.entry.hex(),
    }
