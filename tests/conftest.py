"""Fixtures every test may use: where real data lies, and what to do when a server is missing."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from reference.postgres_server import PostgresServer, programs

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIRE_SERVICES = "WATTMARK_REQUIRE_SERVICES"
DATA_FOLDER = "WATTMARK_DATA"

# A busy machine is no counterexample: pytest-timeout ends what hangs.
hypothesis.settings.register_profile("wattmark", deadline=None)
hypothesis.settings.load_profile("wattmark")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top folder of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data files, kept outside the repository: $WATTMARK_DATA, else ../shared/data."""
    folder = Path(os.environ.get(DATA_FOLDER) or REPOSITORY.parent / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip(f"no real data here: {DATA_FOLDER} is not set and ../shared/data does not exist")
    return folder


def _require_service(name: str, *, available: object, install: str = "") -> None:
    if available:
        return
    reason = f"{name} is not available here" + (f" (Debian package {install})" if install else "")
    if os.environ.get(REQUIRE_SERVICES) == "1":
        pytest.fail(f"{reason}, and {REQUIRE_SERVICES}=1 says it must be", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def require_service() -> Callable[..., None]:
    """``require_service(name, available=..., install="debian-package")``.

    Skips the test with a reason when the service is missing, or fails it when WATTMARK_REQUIRE_SERVICES=1.
    """
    return _require_service


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the system's Chromium. Start it with CHROMIUM_FLAGS of the test's own choice."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    _require_service("Chromium", available=path, install="chromium")
    return str(path)


@pytest.fixture(scope="session")
def go() -> str:
    """The path of the Go compiler."""
    path = shutil.which("go")
    _require_service("Go", available=path, install="golang-go")
    return str(path)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server of the tests' own; each test uses a schema of its own."""
    binaries = programs()
    _require_service("PostgreSQL", available=binaries, install="postgresql")
    server = PostgresServer(Path(str(binaries)))
    try:
        yield server
    finally:
        server.remove()
