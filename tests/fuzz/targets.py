"""Every target, by group. What a group reads is written by others: a disk, a mirror, a log, a witness, an exchange, a meter."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fuzz import (
    exchange_targets,
    journal_targets,
    note_targets,
    order_targets,
    reading_targets,
    record_targets,
    tile_targets,
    witness_targets,
)
from fuzz.running import Target

GROUPS: dict[str, Callable[[Path, ExitStack], list[Target]]] = {
    "journal": journal_targets.targets,
    "tiles": tile_targets.targets,
    "notes": note_targets.targets,
    "witness": witness_targets.targets,
    "orders": order_targets.targets,
    "exchange": exchange_targets.targets,
    "records": record_targets.targets,
    "readings": reading_targets.targets,
}


@contextmanager
def targets_of(group: str, folder: Path) -> Iterator[list[Target]]:
    """The targets of a group; they keep their files below ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made = GROUPS[group](folder, stack)
        assert all(target.group == group for target in made)
        assert len({target.name for target in made}) == len(made)
        yield made
