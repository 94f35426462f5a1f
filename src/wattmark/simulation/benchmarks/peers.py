"""Other projects' engines, each in a process of its own and from an environment of its own, if there is one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PEERS_PYTHON = "WATTMARK_PEERS_PYTHON"
PEER_SECONDS = 120


def peers_python() -> Path | None:
    """Return the interpreter that has the peers: ``$WATTMARK_PEERS_PYTHON``, else ``.venv-peers`` beside ours."""
    named = os.environ.get(PEERS_PYTHON)
    found = Path(named) if named else Path(sys.prefix).parent / ".venv-peers" / "bin" / "python"
    return found if found.is_file() else None


def run_peer(script: str, *arguments: str) -> dict[str, float] | None:
    """Run a peer's script, which prints one JSON object of numbers; ``None`` where the peer is absent or fails.

    The script ends with 77 where its module is not installed. A peer that takes longer than ``PEER_SECONDS`` or
    breaks is not listed: it has no figure. Files that it leaves where it stands (logs) go with the folder.
    """
    python = peers_python()
    if python is None:
        return None
    try:
        with tempfile.TemporaryDirectory() as folder:
            ran = subprocess.run(  # noqa: S603 - our own script, a fixed interpreter
                [str(python), "-c", script, *arguments],
                capture_output=True,
                text=True,
                timeout=PEER_SECONDS,
                check=False,
                cwd=folder,
            )
    except subprocess.TimeoutExpired:
        return None
    if ran.returncode != 0:
        return None
    numbers: dict[str, float] = json.loads(ran.stdout.strip().splitlines()[-1])
    return numbers
