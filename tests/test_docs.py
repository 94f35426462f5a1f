"""What the documentation says is run, followed and compared with the code.

A fence ```` ```console run ```` is run for real: each line that starts with ``$ `` is a command, in a
temporary folder that all blocks of one document share, with the project's own programs first on the PATH.
A command must end with 0, or with N if the line ends with ``# exit N``. Other lines are sample output. A fence
```` ```python file=NAME ```` is written to that file first. A server started in the background leaves its number in
``pid`` and is ended after the page.
"""

import contextlib
import importlib.metadata
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(
    [
        *REPOSITORY.glob("*.md"),
        *(REPOSITORY / "docs").rglob("*.md"),
        *(REPOSITORY / "changes").glob("*.md"),
        *(REPOSITORY / "src").rglob("*.md"),
    ]
)
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
EXIT = re.compile(r"\s+# exit (\d+)$")
COMMAND_SECONDS = 240


def name(document: Path) -> str:
    return str(document.relative_to(REPOSITORY))


def commands(document: Path) -> list[str]:
    blocks = [match for match in FENCE.finditer(document.read_text()) if match["info"].split() == ["console", "run"]]
    lines = "\n".join(match["body"].replace("\\\n", "") for match in blocks).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def files(document: Path) -> dict[str, str]:
    blocks = FENCE.finditer(document.read_text())
    return {name[1]: block["body"] for block in blocks if (name := re.search(r"file=(\S+)", block["info"]))}


def prose(document: Path) -> str:
    return FENCE.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+\s+(.*)$", prose(document), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("document", [document for document in DOCUMENTS if commands(document)], ids=name)
def test_what_a_page_tells_to_run_runs(document: Path, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "COLUMNS": "120"}
    for file, content in files(document).items():
        (tmp_path / file).write_text(content)
    try:
        run_lines(document, tmp_path, environment)
    finally:
        if (tmp_path / "pid").is_file():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def run_lines(document: Path, folder: Path, environment: dict[str, str]) -> None:
    for line in commands(document):
        expected = EXIT.search(line)
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", EXIT.sub("", line)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            text=True,
            check=False,
        )
        assert ran.returncode == (int(expected[1]) if expected else 0), f"$ {line}\n{ran.stdout[-4000:]}"


def test_the_documentation_has_commands_that_are_run() -> None:
    assert {"README.md", "docs/tutorial.md"} <= {name(document) for document in DOCUMENTS if commands(document)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for match in LINK.finditer(prose(document)):
        target, _, anchor = match["target"].partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (document.parent / target).resolve() if target else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            broken.append(match["target"])
    assert broken == []


def test_every_page_of_docs_can_be_reached_from_the_index() -> None:
    index = REPOSITORY / "docs" / "index.md"
    seen, waiting = set(), [index]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [match["target"].partition("#")[0] for match in LINK.finditer(prose(page))]
        waiting += [
            file
            for target in targets
            if target.endswith(".md") and (file := (page.parent / target).resolve()).is_file()
        ]
    assert [name(page) for page in sorted((REPOSITORY / "docs").rglob("*.md")) if page not in seen] == []


def test_the_reference_pages_say_what_the_code_says() -> None:
    """The tables of CLI, API, settings, commands and outcomes are made from the code by `make reference`."""
    ran = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_dependency_is_explained_with_its_licence() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[<>=!~ ;\[]", line)[0] for line in wanted}
    page = (REPOSITORY / "docs" / "dependencies.md").read_text()
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", page, re.MULTILINE))
    assert set(rows) == names
    for package in sorted(names):
        metadata = importlib.metadata.metadata(package)
        stated = metadata.get("License-Expression") or metadata.get("License") or ""
        classified = [
            line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier") or [] if line.startswith("License")
        ]
        known = " ".join([stated, *classified]).lower()
        first = re.split(r"[ ,(]", rows[package])[0].lower()
        family = {"apache-2.0": "apache", "bsd-3-clause": "bsd", "bsd-2-clause": "bsd", "mpl-2.0": "mozilla|mpl"}.get(
            first, first
        )
        assert re.search(family, known), f"{package}: the page says {rows[package]!r}, its metadata {known[:120]!r}"


def test_every_target_of_the_makefile_named_in_the_docs_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {match for document in DOCUMENTS for match in re.findall(r"`make ([a-z-]+)", document.read_text())}
    assert named - targets == set()
