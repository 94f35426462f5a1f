"""Where compiled kernels are kept: one folder per state of all kernel sources.

The compiler keeps a function until its own file changes and does not know that a function it calls, in another
file, has. A folder named by the digest of every kernel and layout file makes an old rule impossible to run.
"""

import hashlib
import os
from pathlib import Path
from typing import Final

CACHE_VARIABLE: Final = "NUMBA_CACHE_DIR"
DIGEST_CHARS: Final = 16
PATTERNS: Final = ("*/*kernels.py", "*/layout.py")


def kernel_digest(package: Path) -> str:
    """Return 16 hexadecimal digits over the names and bytes of all kernel and layout files of a package."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in PATTERNS for path in package.glob(pattern)):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:DIGEST_CHARS]


def choose_cache(package: Path) -> None:
    """Name the folder in the environment, unless the user chose one or has no writable home.

    Without a writable home the compiler keeps its own habit: beside the sources, else nowhere.
    """
    base = os.environ.get("XDG_CACHE_HOME", "") or os.path.expanduser("~/.cache")  # noqa: PTH111 - never raises
    parent = Path(base)
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if parent.is_absolute() and os.access(parent, os.W_OK):
        os.environ.setdefault(CACHE_VARIABLE, str(Path(base, "wattmark", f"kernels-{kernel_digest(package)}")))
