"""Compiled kernels are kept by the digest of all their sources."""

import os
from pathlib import Path

import pytest

from wattmark.core.kernel_cache import CACHE_VARIABLE, choose_cache, kernel_digest


@pytest.fixture
def package(tmp_path: Path) -> Path:
    for name in ("tokens/kernels.py", "tokens/layout.py", "engine/token_kernels.py", "engine/apply.py"):
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "package"


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ("tokens/kernels.py", True),
        ("tokens/layout.py", True),
        ("engine/token_kernels.py", True),
        ("engine/apply.py", False),
    ],
)
def test_a_change_of_any_kernel_source_chooses_another_folder(package: Path, changed: str, *, differs: bool) -> None:
    before = kernel_digest(package)
    (package / changed).write_text("changed")
    assert (kernel_digest(package) != before) is differs


def test_bytes_moved_between_files_differ(package: Path) -> None:
    before = kernel_digest(package)
    (package / "tokens/kernels.py").rename(package / "tokens/more_kernels.py")
    assert kernel_digest(package) != before


def test_the_users_choice_stands(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(CACHE_VARIABLE, "chosen")
    choose_cache(package)
    assert os.environ[CACHE_VARIABLE] == "chosen"
    monkeypatch.delenv(CACHE_VARIABLE)
    choose_cache(package)
    assert Path(os.environ[CACHE_VARIABLE]) == tmp_path / "cache" / "wattmark" / f"kernels-{kernel_digest(package)}"
    monkeypatch.delenv(CACHE_VARIABLE)
