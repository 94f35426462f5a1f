"""Fuzz the parsers of what others write: seeded, or guided by coverage.

    tools/fuzz.py                                     list the targets
    tools/fuzz.py seeded [--inputs N] [--seed S]      inputs of our own mutations, counts per target
    tools/fuzz.py coverage [--inputs N] [--seconds S] inputs found by atheris, one process per target

Both take the targets of ``tests/fuzz`` with what they check; ``--group`` and ``--target`` choose some. Coverage needs
atheris: ``make fuzz`` installs it beside the virtual environment where there is a wheel for this Python. Inputs that
are findings are kept below ``--out``.
"""

import argparse
import contextlib
import logging
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[0] = str(REPOSITORY / "tests")  # in place of tools/, whose reference.py would hide tests/reference

MAX_INPUT_S = 20
MAX_MEMORY_MB = 2_048
CHECK_EVERY = 4_096
ROUND = 25_000
"""Inputs per process: atheris 3.0 keeps what an instrumented comparison of arrays returns, as many bytes as the input has."""
STATS = re.compile(r"stat::(\w+):\s+(\d+)")


def main() -> int:
    """Run what the command line asks for; 1 when there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", nargs="?", choices=["list", "seeded", "coverage", "one"], default="list")
    parser.add_argument("--group", default="")
    parser.add_argument("--target", default="")
    parser.add_argument(
        "--inputs", type=int, default=0, help="per target; as in the tests when 0 (coverage: 1,000,000)"
    )
    parser.add_argument("--seconds", type=int, default=0, help="most time per target, for coverage")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "fuzz")
    asked = parser.parse_args()
    logging.getLogger("wattmark").setLevel(logging.CRITICAL)
    if asked.mode == "one":
        return guided(asked)
    from fuzz.targets import GROUPS, targets_of

    findings = 0
    for group in GROUPS:
        if asked.group not in {"", group}:
            continue
        with tempfile.TemporaryDirectory() as folder, targets_of(group, Path(folder)) as targets:
            for target in targets:
                if asked.target not in {"", target.name}:
                    continue
                if asked.mode == "list":
                    print(f"{group:<8} {target.name:<24} {len(target.seeds):>3} seeds {target.runs:>8,} in the tests")
                elif asked.mode == "seeded":
                    findings += seeded(target, asked)
                else:
                    findings += coverage(target, asked)
    return 1 if findings else 0


def seeded(target, asked) -> int:  # noqa: ANN001 - a target of tests/fuzz
    """Run a target over seeded inputs."""
    from fuzz.running import Finding, fuzz

    try:
        print(fuzz(target, asked.inputs or target.runs, asked.seed), flush=True)
    except Finding as finding:
        print(f"FINDING {finding}", flush=True)
        return 1
    return 0


def coverage(target, asked) -> int:  # noqa: ANN001 - a target of tests/fuzz
    """Run a target in processes of its own, guided by coverage, from a corpus of its seeds."""
    name = re.sub(r"\W+", "-", target.name)
    corpus, found = asked.out / "corpus" / name, asked.out / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    wanted, done, memory, edges, failed = asked.inputs or 1_000_000, 0, 0, "-", False
    began = time.monotonic()
    while done < wanted and not failed and (not asked.seconds or time.monotonic() - began < asked.seconds):
        left = max(1, asked.seconds - int(time.monotonic() - began)) if asked.seconds else 0
        command = [sys.executable, __file__, "one", "--group", target.group, "--target", target.name]
        command += [
            "--inputs",
            str(min(ROUND, wanted - done)),
            "--seconds",
            str(left),
            "--seed",
            str(asked.seed + done),
        ]
        ran = subprocess.run(  # noqa: S603 - ourselves
            [*command, "--out", str(asked.out)], capture_output=True, text=True, check=False, errors="replace"
        )
        stats = {key: int(value) for key, value in STATS.findall(ran.stderr)}
        done, memory = done + stats.get("number_of_executed_units", 0), max(memory, stats.get("peak_rss_mb", 0))
        edges = re.findall(r"cov: (\d+)", ran.stderr)[-1:] or edges
        failed = ran.returncode != 0
        if failed:
            print(ran.stderr[-4_000:], ran.stdout[-1_000:], flush=True)
    rate = done / (time.monotonic() - began)
    print(
        f"{target.name:<24} {done:>9,} inputs {rate:>8,.0f}/s  edges {edges[0]:>5}  corpus {len(list(corpus.iterdir())):>5}"
        f"  memory {memory:>5} MB  {'FINDING' if failed else 'no finding'}",
        flush=True,
    )
    return failed


def guided(asked) -> int:  # noqa: ANN001 - the parsed command line
    """Be the process of one target."""
    import atheris

    source = REPOSITORY / "src"
    kernels = [".".join(path.relative_to(source).with_suffix("").parts) for path in source.rglob("*kernels.py")]
    with atheris.instrument_imports(include=["wattmark"], exclude=kernels):  # numba compiles no instrumented code
        from fuzz.running import Finding, Report, judge, outcome
        from fuzz.targets import targets_of

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        targets = stack.enter_context(targets_of(asked.group, Path(folder)))
        (target,) = (one for one in targets if one.name == asked.target)
        report, state = Report(target.name), target.state()
        expected = [outcome(target, data) for data in target.seeds]

        def one_input(data: bytes) -> None:
            judge(target, data, report)
            if report.inputs % CHECK_EVERY == 0:
                if target.state() != state:
                    raise Finding("the state has changed")
                if [outcome(target, seed) for seed in target.seeds] != expected:
                    raise Finding("a seed is no longer read as before")

        def mutate(data: bytes, longest: int, seed: int) -> bytes:
            changed = atheris.Mutate(data, longest)
            fixed = target.fix(bytearray(changed)) if target.fix is not None and seed % 2 else changed
            return fixed[:longest]

        name = re.sub(r"\W+", "-", target.name)
        options = [
            *("-print_final_stats=1", f"-runs={asked.inputs}", f"-seed={asked.seed}", f"-timeout={MAX_INPUT_S}"),
            *(f"-rss_limit_mb={MAX_MEMORY_MB}", f"-max_len={1 << 16}", f"-max_total_time={asked.seconds}"),
            *(f"-artifact_prefix={asked.out}/findings/{name}-", str(asked.out / "corpus" / name)),
        ]
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        atheris.Setup([__file__, *options], one_input, custom_mutator=mutate if target.fix else None)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
