"""Progress bars on the standard error, so that the standard output stays clean for programs."""

from collections.abc import Iterator
from contextlib import contextmanager

from wattmark.cli.say import tell
from wattmark.flows.steps import Steps, no_steps


@contextmanager
def step_bars(*, shown: bool) -> Iterator[Steps]:
    """Yield a callback ``(step, done, total)`` that draws one bar per step on a terminal."""
    import sys

    if not shown or not sys.stderr.isatty():
        yield no_steps
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from wattmark.core.text import Text

    bars: dict[Text, TaskID] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:

        def draw(step: Text, done: int, total: int) -> None:
            if step not in bars:
                bars[step] = progress.add_task(tell(step), total=total)
            progress.update(bars[step], completed=done, total=total)

        yield draw
