"""Hosts for tests with several processes: network namespaces on one bridge where root and ip are there, else loopback.

Programs start from a process that has everything imported and compiled, so that a round of a test takes what the
program takes and not what Python takes to start. Each is a process of its own and dies by SIGKILL as any other.
"""

import ctypes
import itertools
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
NUMBERS = itertools.count()
CLONE_NEWNET = 0x40000000


def has_namespaces() -> bool:
    """Return whether network namespaces can be made here."""
    if os.geteuid() or shutil.which("ip") is None:
        return False
    name = f"wmtry{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode == 0
    if made:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    return made


class Program:
    """A command of ours that runs on a host."""

    def __init__(self, process: BaseProcess, log: Path) -> None:
        self._process, self._log = process, log

    @property
    def is_running(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process.is_alive():
            os.kill(self.pid, signal.SIGKILL)
        self._process.join()

    def stop(self, timeout_s: float = 20) -> int | None:
        if self._process.is_alive():
            os.kill(self.pid, signal.SIGTERM)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 30) -> int | None:
        """Return the exit code."""
        self._process.join(timeout_s)
        if self._process.is_alive():
            self.kill()
            raise AssertionError(f"still running\n{self.output()}")
        return self._process.exitcode

    def await_line(self, words: str, timeout_s: float = 30) -> None:
        until = time.monotonic() + timeout_s
        while words not in self.output():
            if time.monotonic() > until or not self.is_running:
                raise AssertionError(f"no {words!r} in: {self.output()}")
            time.sleep(0.005)


class Host:
    """One machine: an address, and perhaps a namespace with a link that can be cut."""

    def __init__(self, hosts: "Hosts", address: str, namespace: str = "", link: str = "") -> None:
        self._hosts, self.address, self._namespace, self._link = hosts, address, namespace, link

    def run(self, *arguments: object, key: str = "") -> Program:
        """Start ``wattmark`` with these arguments."""
        log = self._hosts.folder / f"{len(self._hosts.programs)}-{arguments[0]}.log"
        words = [str(word) for word in arguments]
        process = self._hosts.context.Process(target=_main, args=(self._namespace, words, str(log), key), daemon=True)
        process.start()
        program = Program(process, log)
        self._hosts.programs.append(program)
        return program

    def cut(self) -> bool:
        """Take the host off the network; ``False`` where there is no link of its own."""
        if self._link:
            subprocess.run(["ip", "link", "set", self._link, "down"], check=True)
        return bool(self._link)

    def join(self) -> None:
        """Put the host back on the network."""
        if self._link:
            subprocess.run(["ip", "link", "set", self._link, "up"], check=True)


class Hosts:
    """Some hosts, made at the beginning and removed at the end."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self._count = folder, count
        self.programs: list[Program] = []
        self.kind = "network namespaces" if has_namespaces() else "loopback addresses"
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["reference.warm"])
        number = next(NUMBERS)
        self._tag = f"wm{os.getpid() % 100_000}{chr(97 + number % 26)}"
        self._net = f"10.{os.getpid() % 199 + 50}.{(os.getpid() // 199 * 26 + number) % 255}"

    def __enter__(self) -> list[Host]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(TESTS))
            patch.setenv("PYTHONPATH", str(TESTS))
            first = self.context.Process(target=int)  # starts the process that everything is forked from
            first.start()
            first.join()
        if self.kind != "network namespaces":
            return [Host(self, f"127.0.0.{number + 11}") for number in range(self._count)]
        try:
            _ip("link", "add", self._tag, "type", "bridge")
            _ip("addr", "add", f"{self._net}.1/24", "dev", self._tag)
            _ip("link", "set", self._tag, "up")
            return [self._namespace(number) for number in range(self._count)]
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        for program in self.programs:
            program.kill()
        if self.kind == "network namespaces":
            for number in range(self._count):
                _ip("netns", "del", f"{self._tag}n{number}", check=False)
            _ip("link", "del", self._tag, check=False)

    def _namespace(self, number: int) -> Host:
        name, inner, outer = (f"{self._tag}{letter}{number}" for letter in "nio")
        address = f"{self._net}.{number + 11}"
        _ip("netns", "add", name)
        _ip("link", "add", outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", name)
        _ip("link", "set", outer, "master", self._tag)
        _ip("link", "set", outer, "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", inner)
        _ip("-n", name, "link", "set", inner, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        return Host(self, address, name, outer)


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)


def _main(namespace: str, arguments: list[str], log: str, key: str) -> None:
    """Run in the new process."""
    if namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/var/run/netns/{namespace}").open() as file:
            assert libc.setns(file.fileno(), CLONE_NEWNET) == 0, ctypes.get_errno()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.update({"LC_ALL": "C.UTF-8", "WATTMARK_API_KEY": key})
    from wattmark.cli.main import run

    code = run(arguments)
    sys.stdout.flush()
    os._exit(code)
