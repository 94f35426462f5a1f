"""``wattmark audit HOME``: re-derive everything; exit 1 when something does not hold."""

from pathlib import Path
from typing import Annotated

import typer

from wattmark.cli.say import EXIT_FINDINGS, print_json, say, tell
from wattmark.core.text import Text

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))
_QUICK = tell(
    Text(
        en="Bytes only: frames, hashes, tiles, checkpoint, lake files; no replay, no signatures of meters.",
        ja="バイト検査のみ(フレーム・ハッシュ・タイル・チェックポイント・レイク)。再実行と計器署名の検証は省く。",
    )
)
_MAX = tell(Text(en="Stop after this many findings.", ja="この件数の指摘で打ち切る。"))


def audit(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
    quick: Annotated[bool, typer.Option("--quick", help=_QUICK)] = False,
    most: Annotated[int, typer.Option("--max-findings", min=1, help=_MAX)] = 1_000,
) -> None:
    """Re-derive everything under HOME and name file and position of what does not hold.

    HOMEの全記録を再計算し、合わないもののファイルと位置を示す。
    """
    import itertools

    from wattmark.cli.progress import step_bars
    from wattmark.wiring import audit_home

    with step_bars(shown=not as_json) as steps:
        found = list(itertools.islice(audit_home(home, quick=quick, steps=steps), most))
    findings = [item.finding for item in found if item.is_truth]
    notes = [item.finding for item in found if not item.is_truth]
    if as_json:
        print_json(
            {
                "home": str(home),
                "findings": [finding.to_dict() for finding in findings],
                "notes": [note.to_dict() for note in notes],
            }
        )
    else:
        for finding in findings:
            typer.echo(f"{finding.file}\t{finding.position}\t{finding.rule}\t{finding.detail}")
        for note in notes:
            typer.echo(f"({note.file}\t{note.position}\t{note.rule}\t{note.detail})")
        say(
            Text(
                en=f"{len(findings)} finding(s), {len(notes)} note(s) on disposable files",
                ja=f"指摘 {len(findings)} 件、使い捨てファイルの注記 {len(notes)} 件",
            )
        )
    if findings:
        raise typer.Exit(EXIT_FINDINGS)
