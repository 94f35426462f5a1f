"""A home whose journal is in a database, which says who writes: the operator's command to take over."""

from pathlib import Path
from typing import Any

from wattmark.flows.settings import JOURNAL_FILE
from wattmark.wiring.home import read_settings
from wattmark.wiring.platform import Platform


def is_shared(home: Path) -> bool:
    """Return whether the journal of a home is in a database; that of a follower never is.

    Raises:
        MalformedInput: no platform there, or a setting breaks its rule.
    """
    return read_settings(home).journal != JOURNAL_FILE


def take_over_shared(home: Path) -> dict[str, Any]:
    """End the writer there is, fence it, sign what it left unsigned, and return what was done.

    Raises:
        MalformedInput: settings or keys are malformed.
        Unavailable: the database is not reached.
        Broken: something is missing here, such as a lake file, or does not hold; the writer there is goes on.
    """
    with Platform.open(home, takeover=True) as platform:
        return {
            "home": str(home),
            "epoch": platform.epoch,
            "last_sequence": platform.sequencer.sequence,
            "records": platform.sequencer.position,
        }
