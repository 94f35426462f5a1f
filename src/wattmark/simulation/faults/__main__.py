"""``python -m wattmark.simulation.faults``: play faults by a seed, count what became of them."""

import argparse
import importlib
import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wattmark.simulation.faults.campaign import KINDS, play_again, run_campaign
from wattmark.simulation.faults.case import Tally
from wattmark.simulation.faults.oracle import Twin
from wattmark.simulation.faults.recording import MakeOracle


def main(arguments: list[str] | None = None) -> int:
    """Run a campaign, or one case of it; return 1 when a law was broken."""
    options = _parser().parse_args(arguments)
    make_oracle = _oracle(options.oracle)
    kinds = tuple(options.kind) or tuple(KINDS)
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    if options.step is not None:
        tally = play_again(kinds[0], options.seed, options.step, make_oracle)
    else:
        columns = (TextColumn("faults"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            bar = progress.add_task("faults", total=options.faults)
            tally = run_campaign(
                int(options.seed),
                options.faults,
                make_oracle,
                kinds=kinds,
                on_progress=lambda tally: _show(tally, progress, bar, options.faults),
            )
    spent = {
        "seconds": round(time.perf_counter() - started_s, 1),
        "cpu_s": round(time.process_time() - started_cpu_s, 1),
    }
    summary = {"seed": options.seed, "oracle": options.oracle} | spent | summarise(tally)
    sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    if options.step is not None:
        sys.stderr.writelines(f"FAILED {failure}\n" for failure in tally.failures)
    return 1 if tally.failures else 0


def _show(tally: Tally, progress: Progress, bar: TaskID, faults: int) -> None:
    """Move the bar, and say each failure once, when it is found."""
    said = int(progress.tasks[0].fields.get("said", 0))
    for failure in tally.failures[said:]:
        progress.console.print(f"FAILED {failure}", markup=False, highlight=False, soft_wrap=True)
    progress.update(bar, completed=min(tally.faults, faults), said=len(tally.failures))


def summarise(tally: Tally) -> dict[str, Any]:
    """Return counts by kind of fault and by outcome, for JSON."""
    kinds: dict[str, dict[str, int]] = {}
    for (kind, outcome), count in sorted(tally.outcomes.items()):
        kinds.setdefault(kind, {})[outcome] = count
    return {
        "faults": tally.faults,
        "failures": tally.failures,
        "trace": tally.trace,
        "by_kind": kinds,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m wattmark.simulation.faults", description=__doc__)
    parser.add_argument("--seed", default="1", help="a number; with --step the seed that a failure printed")
    parser.add_argument("--faults", type=int, default=10_000, help="how many faults to play")
    parser.add_argument("--kind", action="append", default=[], choices=list(KINDS), help="only these; may be repeated")
    parser.add_argument("--step", type=int, help="play this case of one kind and one seed alone")
    parser.add_argument("--oracle", default="", help="module:name of another state machine to believe")
    return parser


def _oracle(name: str) -> MakeOracle:
    if not name:
        return Twin
    module, _, attribute = name.partition(":")
    found: MakeOracle = getattr(importlib.import_module(module), attribute)
    return found


if __name__ == "__main__":
    sys.exit(main())
