"""House rules that no linter knows. Each test names the offending files, so that it can be mended at once."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "wattmark"
MAX_FILE_BYTES = 600_000
MAX_KERNEL_LINES = 500
MAX_MODULE_LINES = 700
FRAGMENT_KINDS = {"added", "changed", "fixed", "removed", "security"}

# Spelled in pieces, so that this file does not break its own rules.
REGISTRY_HOSTS = [
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "npmjs" + ".com",
    "deb." + "debian.org",
    "proxy." + "golang.org",
    "crates" + ".io",
]
MACHINE_PATHS = re.compile("|".join(["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/[a-z]", "[A-Z]:" + r"\\Users"]))
JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9f]")
WORK_LEFT = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|X" + r"XX)\b")


@cache
def tracked() -> list[Path]:
    """Every file of the repository, as git sees it."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True)
    files = [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]
    return [file for file in files if file.is_file()]


@cache
def texts() -> dict[str, str]:
    """Path and text of every tracked file that is text."""
    found = {}
    for file in tracked():
        try:
            found[str(file.relative_to(REPOSITORY))] = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def packages() -> list[Path]:
    return sorted(folder for folder in SOURCE.iterdir() if folder.is_dir() and any(folder.glob("*.py")))


def test_no_file_names_a_package_registry() -> None:
    assert [(name, host) for name, text in texts().items() for host in REGISTRY_HOSTS if host in text] == []


def test_the_lock_holds_versions_and_hashes_but_no_address() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in lock
    requirements = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(requirements) > 40
    assert all("==" in line and line.endswith("\\") for line in requirements)
    assert lock.count("--hash=sha256:") > len(requirements)


def test_the_lock_satisfies_every_dependency() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=!~ ;\[]", line)[0].lower().replace("_", "-") for line in wanted}
    locked = {line.split("==")[0] for line in (REPOSITORY / "requirements.lock").read_text().splitlines()}
    assert names - locked == set()
    peers = {line.split("==")[0] for line in project["optional-dependencies"]["peers"]}
    assert peers & locked == set(), "peers are measured beside us, never installed with us"


def test_no_file_holds_a_path_of_one_machine() -> None:
    assert [(name, hit.group()) for name, text in texts().items() if (hit := MACHINE_PATHS.search(text))] == []


def test_no_file_is_huge() -> None:
    assert [(str(file), size) for file in tracked() if (size := file.stat().st_size) > MAX_FILE_BYTES] == []


def test_nothing_is_left_to_be_done_later() -> None:
    skipped = {"tests/test_tidy.py", "pyproject.toml"}
    assert [
        (name, hit.group()) for name, text in texts().items() if name not in skipped and (hit := WORK_LEFT.search(text))
    ] == []


def test_no_third_party_or_built_material_is_tracked() -> None:
    folders = {"node_modules", "vendor", "third_party", "dist", "build"}
    suffixes = (".min.js", ".min.css", ".woff2", ".whl", ".so", ".pyc")
    assert [
        str(file)
        for file in tracked()
        if folders & set(file.relative_to(REPOSITORY).parts) or file.name.endswith(suffixes)
    ] == []


def test_every_package_has_its_page() -> None:
    engines = [folder for folder in (SOURCE / "storage").glob("*") if (folder / "__init__.py").is_file()]
    assert [str(folder) for folder in packages() + engines if not (folder / "README.md").is_file()] == []


def test_every_package_is_a_package() -> None:
    folders = {file.parent for file in SOURCE.rglob("*.py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_package_has_its_layer() -> None:
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "layers")["layers"]
    placed = {name.strip(" ()") for line in layers for name in line.split("|")}
    found = {folder.name for folder in packages()} | {file.stem for file in SOURCE.glob("*.py")} - {"__init__"}
    assert found - placed == set()


def test_templates_hold_no_japanese_text() -> None:
    templates = (SOURCE / "web" / "templates").rglob("*.*")
    assert [str(file) for file in templates if JAPANESE.search(file.read_text(encoding="utf-8"))] == []


def test_pages_load_nothing_from_another_host() -> None:
    files = [file for file in (SOURCE / "web").rglob("*") if file.suffix in {".html", ".css", ".js", ".jinja", ".j2"}]
    loads = re.compile(
        r"""(?:src|href|action)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?(?:https?:)?//|import\s.*["']https?:"""
    )
    assert [(str(file), hit.group()) for file in files if (hit := loads.search(file.read_text(encoding="utf-8")))] == []


def test_kernels_stay_readable() -> None:
    kernels = list(SOURCE.rglob("*kernels.py"))
    assert kernels
    assert [(str(file), n) for file in kernels if (n := len(file.read_text().splitlines())) >= MAX_KERNEL_LINES] == []


def test_modules_stay_short() -> None:
    files = list(SOURCE.rglob("*.py"))
    assert [(str(file), n) for file in files if (n := len(file.read_text().splitlines())) > MAX_MODULE_LINES] == []


def test_every_silenced_rule_gives_its_reason() -> None:
    bare = re.compile(r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[\w, -]+\])?)\s*$", re.MULTILINE)
    sources = {name: text for name, text in texts().items() if name.startswith("src/") and name.endswith(".py")}
    assert [(name, hit.group()) for name, text in sources.items() if (hit := bare.search(text))] == []


def test_folders_of_tests_are_not_packages() -> None:
    assert [str(file) for file in (REPOSITORY / "tests").rglob("__init__.py")] == []


def test_fragments_are_named_by_topic_and_kind() -> None:
    fragments = [file for file in (REPOSITORY / "changes").iterdir() if file.name != "README.md"]
    name = re.compile(r"[a-z0-9-]+\.(" + "|".join(sorted(FRAGMENT_KINDS)) + r")\.md")
    assert fragments
    assert [file.name for file in fragments if not name.fullmatch(file.name)] == []


def test_decisions_are_numbered_without_gaps() -> None:
    files = sorted(file.name for file in (REPOSITORY / "docs" / "adr").glob("[0-9]*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    for name in files:
        text = (REPOSITORY / "docs" / "adr" / name).read_text()
        assert all(heading in text for heading in ("## Context", "## Options", "## Decision")), name


@pytest.mark.parametrize("script", [".ci/run", "tools/make-venv", "tools/system-packages"])
def test_scripts_can_be_run(script: str) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-s", script], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )
    assert listed.stdout.startswith("100755"), f"{script} is not executable in the index"
    subprocess.run(["sh" if script.startswith("tools") else "bash", "-n", script], cwd=REPOSITORY, check=True)
