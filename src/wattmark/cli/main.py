"""The command table and the outermost error handler: no input ends in a traceback."""

import sys
from typing import Annotated, Any, Final

import typer

from wattmark import __version__
from wattmark.cli.audit import audit
from wattmark.cli.bench import bench
from wattmark.cli.demo import demo
from wattmark.cli.follow import follow
from wattmark.cli.import_ import import_
from wattmark.cli.init import init
from wattmark.cli.jepx import jepx
from wattmark.cli.log import log
from wattmark.cli.market import market
from wattmark.cli.prove import prove
from wattmark.cli.say import EXIT_OK, EXIT_UNAVAILABLE, EXIT_WRONG_INPUT, error_line, exit_code, tell
from wattmark.cli.serve import serve
from wattmark.cli.takeover import followers, takeover
from wattmark.cli.verify import verify
from wattmark.cli.witness import witness
from wattmark.core.errors import WattmarkError
from wattmark.core.text import Text

commands: Final = typer.Typer(
    name="wattmark",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=tell(
        Text(
            en="Registry, exchange, settlement and proofs for metered watt-hours.",
            ja="計量された電力量(Wh)の登録・取引・精算・証明。",
        )
    ),
)

_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[2]
"""``ClickException``: Typer brings a click of its own and does not export it."""
EXIT_INTERRUPTED: Final = 130
_ERROR: Final = Text(en="error", ja="エラー")
_READ_MODEL: Final = Text(en="read model", ja="参照用データベース")
_LANG_HELP: Final = tell(Text(en="Language of messages: ja or en.", ja="表示言語: ja または en。"))
_VERSION_HELP: Final = tell(Text(en="Show the version and exit.", ja="版を表示して終了。"))


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@commands.callback()
def _options(
    lang: Annotated[str, typer.Option("--lang", metavar="[ja|en]", help=_LANG_HELP)] = "",
    version: Annotated[  # noqa: ARG001 - handled by the callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help=_VERSION_HELP)
    ] = False,
) -> None:
    if lang not in {"", "ja", "en"}:
        rule = tell(Text(en="ja or en", ja="ja または en"))
        raise typer.BadParameter(rule, param_hint="--lang")


commands.command("demo")(demo)
commands.command("init")(init)
commands.command("serve")(serve)
commands.command("follow")(follow)
commands.command("followers")(followers)
commands.command("takeover")(takeover)
commands.command("import")(import_)
commands.command("audit")(audit)
commands.command("prove")(prove)
commands.command("verify")(verify)
commands.command("bench")(bench)
commands.add_typer(jepx, name="jepx")
commands.add_typer(log, name="log")
commands.add_typer(market, name="market")
commands.add_typer(witness, name="witness")


def run(arguments: list[str] | None = None) -> int:
    """Run the program on the arguments (default: the process's own) and return its exit code."""
    try:
        code = typer.main.get_command(commands)(args=arguments, prog_name="wattmark", standalone_mode=False)
    except WattmarkError as error:
        if _was_interrupted(error):
            return EXIT_INTERRUPTED
        typer.echo(error_line(error), err=True)
        return exit_code(error)
    except _USAGE_ERROR as error:
        _show_usage(error)
        return EXIT_WRONG_INPUT
    except (typer.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # Typer's answer when the reader has seen enough
            return EXIT_OK
        raise
    except OSError as error:
        typer.echo(f"{tell(_ERROR)}: {error.filename or 'file'}: {error.strerror or error}", err=True)
        return EXIT_UNAVAILABLE
    except Exception as error:
        if type(error).__module__ != "sqlite3":  # not imported here: help would wait for it
            raise
        typer.echo(f"{tell(_ERROR)}: {tell(_READ_MODEL)}: {error}", err=True)
        return EXIT_UNAVAILABLE
    return code if isinstance(code, int) else EXIT_OK


def _was_interrupted(error: BaseException) -> bool:
    """Return whether Ctrl-C came first: a writer stopped in the middle of a write refuses to be closed in order."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _show_usage(error: Any) -> None:  # noqa: ANN401 - the usage error of whichever click Typer brings
    """Print one line for a wrong argument, the help for a command without one."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        typer.echo(context.get_help())
        return
    hint = f" ({context.command_path} --help)" if context is not None else ""
    typer.echo(f"{tell(_ERROR)}: {' '.join(error.format_message().split())}{hint}", err=True)


def app() -> None:
    """Run the program: the entry point of the ``wattmark`` script."""
    sys.exit(run())
