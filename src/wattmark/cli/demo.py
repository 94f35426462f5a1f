"""``wattmark demo``: a community on a real platform, run period by period, then served."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wattmark.cli.say import EXIT_FINDINGS, print_json, tell, warn
from wattmark.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattmark.simulation.community import Member
    from wattmark.simulation.run import Scene
    from wattmark.wiring import Platform

_HOME = tell(
    Text(
        en="Directory of the run; a run that was interrupted goes on there.",
        ja="実演のディレクトリ。中断した実演はそこから続きます。",
    )
)
_DAYS = tell(Text(en="Days to simulate.", ja="日数。"))
_HOMES = tell(Text(en="Homes.", ja="家の数。"))
_PLANTS = tell(Text(en="Plants.", ja="発電所の数。"))
_SEED = tell(Text(en="Seed: the same seed gives the same run.", ja="シード。同じ値なら同じ結果。"))
_DATA = tell(
    Text(
        en="Folder of measured records (docs/guides/demo.md); without it the world is generated.",
        ja="実測記録のフォルダ(docs/guides/demo.md)。省略時は生成した世界。",
    )
)
_NO_SERVE = tell(Text(en="Stop after the run, do not serve the pages.", ja="実演後に画面を配信しない。"))
_JSON = tell(Text(en="Print one JSON object and nothing else.", ja="JSONのみを出力。"))
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(Text(en="Port to listen on.", ja="待ち受けポート。"))


def demo(
    home: Annotated[Path, typer.Option("--home", help=_HOME)] = Path("wattmark-demo"),
    days: Annotated[int, typer.Option("--days", help=_DAYS)] = 3,
    homes: Annotated[int, typer.Option("--homes", help=_HOMES)] = 24,
    plants: Annotated[int, typer.Option("--plants", help=_PLANTS)] = 6,
    seed: Annotated[int, typer.Option("--seed", help=_SEED)] = 1,
    data: Annotated[Path | None, typer.Option("--data", help=_DATA)] = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help=_NO_SERVE)] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help=_PORT)] = 8000,
) -> None:
    """Run a community: meters sign, tokens are traded, banked, settled, proven; then serve its pages.

    架空の地域を動かす(計量・発行・取引・預け入れ・精算・証明)。その後、画面を配信する。
    """
    import time

    from wattmark.cli.progress import step_bars
    from wattmark.simulation.figures import figures_of, peak_mb
    from wattmark.simulation.run import make_scene, open_home, run
    from wattmark.simulation.world import Parameters
    from wattmark.wiring import audit_home

    started = time.perf_counter()
    parameters = Parameters(days, homes, plants, seed, data is not None).checked()
    scene = make_scene(parameters, data)
    with step_bars(shown=not as_json) as steps:
        with open_home(home, scene, steps) as platform:
            run(platform, scene, steps)
            figures = figures_of(platform)
        findings = [item.finding for item in audit_home(home, steps=steps) if item.is_truth]
    result: dict[str, Any] = {
        **figures.to_dict(),
        "home": str(home),
        "audit_findings": len(findings),
        "seconds": round(time.perf_counter() - started, 3),
        "peak_mb": peak_mb(),
    }
    if as_json:
        print_json(result)
    else:
        _tell_figures(result)
    if findings:
        for finding in findings[:_FINDINGS_SHOWN]:
            typer.echo("\t".join(finding.to_dict().values()), err=True)
        raise typer.Exit(EXIT_FINDINGS)
    if not no_serve:
        _serve(home, scene, host, port)


def _serve(home: Path, scene: "Scene", host: str, port: int) -> None:
    """Serve the pages; the platform's clock goes on where the simulated one stopped."""
    import time

    from wattmark.cli.serve import listen, serve_site
    from wattmark.wiring import Platform

    started = time.monotonic()
    with listen(host, port) as listening, Platform.open(home) as platform:
        ended_ms = platform.state.now_ms
        _tell_keys(scene)
        _tell_proofs(platform, scene)
        # With --json the standard output belongs to the one object.
        serve_site(platform, listening, lambda: ended_ms + int((time.monotonic() - started) * 1_000), warn)


def _tell_proofs(platform: "Platform", scene: "Scene") -> None:
    """Print commands that prove something about this run to anybody, offline."""
    from wattmark.engine.commands import Kind
    from wattmark.metering.decode import period_of_day
    from wattmark.simulation.community import Part, plan_pseudonym
    from wattmark.simulation.setup import account_id

    community, day = scene.community, scene.world.day(scene.world.parameters.days - 1)
    accounts = {
        part: found[1][2]
        for part in (Part.RETAILER, Part.HOME)
        if (found := platform.sequencer.find(account_id(community.seed, community.of_part(part)[0].index))) is not None
    }
    retired = platform.views.account_events(int(accounts[Part.HOME]), kind=Kind.RETIRE, limit=1)
    program = f"wattmark prove {platform.home}"
    rows = [(tell(_AUDIT), f"wattmark audit {platform.home}")]
    rows += [(tell(_USED), f"{program} --position {event.position} --out used.json") for event in retired]
    for customer in community.of_part(Part.PLAN_HOME)[:1]:
        pseudonym = plan_pseudonym(community.seed, period_of_day(day), customer).hex()
        plan = f"{program} --customer {pseudonym} --day {day} --retailer {accounts[Part.RETAILER]} --out plan.json"
        rows.append((tell(_PLAN_PROOF.format(name=tell(customer.name))), plan))
    rows.append((tell(_VERIFY), f"wattmark verify used.json --key {platform.home}/keys/log.vkey"))
    warn(Text(en="Try in another window:", ja="別の画面で試すには:"))
    _print_rows(rows, err=True)


def _tell_keys(scene: "Scene") -> None:
    """Print log-in keys to the standard error: derived from the seed, so they guard nothing."""
    from wattmark.simulation.community import Part, api_key, operator_key

    community = scene.community
    roofs = {meter.member for meter in community.production}
    shown: list[Sequence[Member]] = [
        community.of_part(part)[:2] for part in Part if part not in {Part.HOME, Part.PLAN_HOME}
    ]
    shown += [
        [member for member in community.of_part(Part.HOME) if (member.index in roofs) is has][:1]
        for has in (True, False)
    ]
    rows = [(tell(Text(en="Operator", ja="運営者")), operator_key(community.seed))]
    rows += [
        (
            tell(member.name) + (tell(_WITH_PANELS) if member.part is Part.HOME and member.index in roofs else ""),
            api_key(community.seed, member),
        )
        for members in shown
        for member in members
    ]
    warn(Text(en="Log-in keys of this demonstration:", ja="この実演のログインキー:"))
    _print_rows(rows, err=True)


def _tell_figures(result: dict[str, Any]) -> None:
    from wattmark.core.energy import format_wh

    rows = []
    for name, label in _LABELS.items():
        value = result[name]
        shown = format_wh(value) if name.endswith("_wh") else f"{value:,}" if isinstance(value, int) else str(value)
        rows.append((tell(label), shown))
    _print_rows(rows, err=False)


def _print_rows(rows: list[tuple[str, str]], *, err: bool) -> None:
    """Print two columns; nothing is cut, since hashes and keys are there to be copied."""
    from rich.cells import cell_len

    width = max(cell_len(label) for label, _ in rows)
    for label, value in rows:
        typer.echo(f"  {label}{' ' * (width - cell_len(label))}  {value}", err=err)


_FINDINGS_SHOWN = 20
_AUDIT = Text(en="Audit everything", ja="すべてを監査")
_USED = Text(en="Prove that tokens were used", ja="使用の証明")
_PLAN_PROOF = Text(en="A plan customer's own proof ({name})", ja="プラン需要家本人の証明({name})")
_VERIFY = Text(en="Verify a proof, offline", ja="証明をオフラインで検証")
_WITH_PANELS = Text(en=" (with panels)", ja="(太陽光あり)")
_LABELS = {
    "periods": Text(en="periods settled", ja="精算したコマ"),
    "readings": Text(en="sealed readings", ja="封印済み検針値"),
    "envelopes_verified": Text(en="signed envelopes accepted", ja="受理した署名付き検針"),
    "envelopes_refused": Text(en="forged envelopes refused", ja="拒否した偽の検針"),
    "minted_wh": Text(en="tokens issued", ja="発行"),
    "traded_wh": Text(en="traded", ja="取引"),
    "retired_wh": Text(en="retired", ja="償却"),
    "banked_wh": Text(en="banked", ja="預け入れ"),
    "residual_wh": Text(en="used without a token", ja="トークンのない使用"),
    "expired_wh": Text(en="expired", ja="期限切れ"),
    "cash_sum_e5jpy": Text(en="sum of all cash (must be 0)", ja="現金の総和(0であること)"),
    "log_size": Text(en="records in the log", ja="ログの記録数"),
    "root": Text(en="root of the log", ja="ログの根"),
    "state_hash": Text(en="state hash", ja="状態ハッシュ"),
    "audit_findings": Text(en="findings of the audit", ja="監査の指摘"),
    "seconds": Text(en="seconds", ja="秒"),
    "peak_mb": Text(en="peak memory [MiB]", ja="最大メモリ[MiB]"),
}
