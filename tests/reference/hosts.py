"""Hosts of the tests' own: network namespaces with a cable from each to the first one, where root may make them."""

import os
import shutil
import subprocess

SERVER = "10.99.0.1"
"""Address of the first host, from every other one."""


def can_make_hosts() -> bool:
    """Whether this machine lets the test make network namespaces."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"wm{os.getpid()}try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode == 0:
        _ip("netns", "del", name)
    return made.returncode == 0


class Hosts:
    """A server's host and others, each with a cable to it that can be cut."""

    def __init__(self, others: int) -> None:
        self._names = [f"wm{os.getpid()}h{number}" for number in range(others + 1)]
        server = self._names[0]
        for name in self._names:
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", server, "addr", "add", f"{SERVER}/32", "dev", "lo")
        for number, name in enumerate(self._names[1:], start=1):
            _ip("link", "add", f"v{number}", "netns", server, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("-n", server, "addr", "add", f"10.99.{number}.1/30", "dev", f"v{number}")
            _ip("-n", server, "link", "set", f"v{number}", "up")
            _ip("-n", name, "addr", "add", f"10.99.{number}.2/30", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "up")
            _ip("-n", name, "route", "add", f"{SERVER}/32", "via", f"10.99.{number}.1")

    def on(self, number: int) -> list[str]:
        """What is put before a command to run it on a host; 0 is the server's."""
        return ["ip", "netns", "exec", self._names[number]]

    def cut(self, number: int) -> None:
        """Cut the cable of a host: nobody is told."""
        _ip("-n", self._names[0], "link", "set", f"v{number}", "down")

    def mend(self, number: int) -> None:
        """Put the cable back."""
        _ip("-n", self._names[0], "link", "set", f"v{number}", "up")

    def remove(self) -> None:
        for name in self._names:
            _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
