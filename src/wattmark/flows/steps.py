"""Progress of long work, told to whoever asked; never read back."""

from collections.abc import Callable

from wattmark.core.text import Text

Steps = Callable[[Text, int, int], None]
"""Called with (name of the step, units done, units in total)."""


def no_steps(step: Text, done: int, total: int) -> None:
    """Tell nobody."""
    del step, done, total
