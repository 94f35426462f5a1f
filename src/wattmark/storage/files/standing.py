"""A home's standing among the writers of its log, in a file of its own."""

from pathlib import Path

from wattmark.flows.replication import STANDING_FILE, Standing
from wattmark.storage.files.calls import LOCAL_DISK, Disk
from wattmark.storage.files.disk import replace_files


class FileStandings:
    """The standing of one home; see ``wattmark.flows.replication.Standings``."""

    def __init__(self, home: Path, *, disk: Disk = LOCAL_DISK) -> None:
        """Use a file below the home; it is created by the first ``store``."""
        self._home = home
        self._disk = disk

    def load(self) -> Standing:
        """Return the standing; that of a writer of epoch 0 where none was stored.

        Raises:
            MalformedInput: the file has another form.
        """
        try:
            data = self._disk.read(self._home / STANDING_FILE)
        except FileNotFoundError:
            return Standing()
        return Standing.parse(data)

    def store(self, standing: Standing) -> None:
        """Replace the standing.

        Raises:
            Unavailable: the disk is full or fails.
        """
        replace_files(self._home, [(STANDING_FILE, standing.to_bytes())], self._disk)
