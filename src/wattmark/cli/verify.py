"""``wattmark verify FILE --key VKEY``: what does a proof file prove? Offline; needs nothing of the platform."""

from pathlib import Path
from typing import Annotated

import typer

from wattmark.cli.given import read_input, read_key
from wattmark.cli.policy import ALL, POLICY, QUORUM, WITNESS, policy_of
from wattmark.cli.say import EXIT_FINDINGS, error_line, print_json, say, tell
from wattmark.core.errors import Refused
from wattmark.core.text import Text

_FILE = tell(Text(en="Certificate or plan proof (JSON).", ja="証明書またはプラン証明(JSON)。"))
_KEY = tell(
    Text(
        en="Public key of the log (or a file that holds it), from a source you trust, never from the proof.",
        ja="ログの検証鍵(またはそのファイル)。証明書からではなく、信頼できる入手先から。",
    )
)
_ORIGIN = tell(Text(en="Origin of the log (default: the key's name).", ja="ログの起点名(省略時は鍵の名前)。"))
_EVIDENCE = Text(en="leads back to", ja="さかのぼれる先")
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))


def verify(
    file: Annotated[Path, typer.Argument(help=_FILE)],
    key: Annotated[str, typer.Option("--key", help=_KEY)],
    origin: Annotated[str, typer.Option("--origin", help=_ORIGIN)] = "",
    witness: Annotated[list[str] | None, typer.Option("--witness", metavar="VKEY", help=WITNESS)] = None,
    quorum: Annotated[int, typer.Option("--quorum", min=ALL, help=QUORUM)] = ALL,
    policy: Annotated[Path | None, typer.Option("--policy", help=POLICY)] = None,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Verify a proof file offline: exit 0 and the facts, or exit 1 and the first step that fails.

    証明ファイルをオフラインで検証する(成立なら終了コード0と内容、不成立なら1と最初の失敗)。
    """
    from wattmark.certificates.check import verify_file, verify_witnessed
    from wattmark.certificates.verify import EVIDENCE_TEXT, VerifiedCertificate
    from wattmark.ledger.note import parse_vkey

    data = read_input(file, "file")
    verifier = parse_vkey(read_key(key))
    asked = policy_of(policy, witness or [], quorum)
    try:
        proven = verify_file(data, verifier, origin or None)
        cosigned = {} if asked is None else verify_witnessed(data, verifier, asked)
    except Refused as error:
        if as_json:
            print_json({"file": str(file), "valid": False, "error": error.to_dict()})
        else:
            typer.echo(error_line(error), err=True)
        raise typer.Exit(EXIT_FINDINGS) from error
    if as_json:
        found = {"file": str(file), "valid": True, "origin": proven.origin, "facts": proven.facts()}
        if isinstance(proven, VerifiedCertificate):
            found["evidence"] = proven.evidence.value
        print_json(found if asked is None else {**found, "cosigned_s": cosigned})
        return
    say(Text(en=f"Proven by the log {proven.origin}:", ja=f"ログ {proven.origin} により証明されました:"))
    for name, value in proven.facts().items():
        typer.echo(f"  {name}: {value}")
    if isinstance(proven, VerifiedCertificate):
        typer.echo(f"  {tell(_EVIDENCE)}: {tell(EVIDENCE_TEXT[proven.evidence])}")
    if asked is not None:
        say(Text(en=f"Cosigned by {', '.join(cosigned)}", ja=f"連署した立会人: {', '.join(cosigned)}"))
