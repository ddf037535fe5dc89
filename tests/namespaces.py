"""Daemons in network namespaces of their own, which can be cut off from each other, and the end of all that."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest

from xapid.testing.processes import Daemon

MASK = 24


class Namespaces:
    """``number`` namespaces on one bridge, on which this process has an address too. Use as a context manager.

    Addresses are of 198.18.0.0/15, which nobody else uses.
    """

    def __init__(self, number: int, find: Callable[[str], str]) -> None:
        """``find`` is the fixture ``tool``. Skips the test where namespaces cannot be made."""
        self._ip, self._ss = find("ip"), find("ss")
        tag = f"{os.getpid() % 100_000}"
        self._bridge = f"xb{tag}"
        self._network = f"198.{18 + os.getpid() // 250 % 2}.{os.getpid() % 250 + 2}"
        self.names = [f"xapid-{tag}-{n}" for n in range(1, number + 1)]
        self._links = [(f"xv{tag}-{n}", f"xw{tag}-{n}") for n in range(1, number + 1)]
        self._daemons: list[Daemon] = []

    def address(self, number: int) -> str:
        """Of a namespace, by its number from 0."""
        return f"{self._network}.{number + 1}"

    def start(self, number: int, *flags: str) -> Daemon:
        """A daemon in a namespace, stopped at the end."""
        prefix = (self._ip, "netns", "exec", self.names[number])
        daemon = Daemon("--bind", self.address(number), "--ephemeral", *flags, prefix=prefix)
        self._daemons.append(daemon)
        return daemon

    def cut(self, one: int, other: int) -> None:
        """Nothing passes between two namespaces any more, and connections break."""
        for here, there in ((one, other), (other, one)):
            self._run("-n", self.names[here], "route", "add", "unreachable", f"{self.address(there)}/32")
        for here, there in ((one, other), (other, one)):
            kill = [self._ip, "netns", "exec", self.names[here], self._ss, "-K", "dst", self.address(there)]
            subprocess.run(kill, capture_output=True, check=False)  # where the kernel cannot, silence does it later

    def heal(self, one: int, other: int) -> None:
        """Everything passes again."""
        for here, there in ((one, other), (other, one)):
            self._run("-n", self.names[here], "route", "del", "unreachable", f"{self.address(there)}/32")

    def __enter__(self) -> Self:
        try:
            self._make()
        except subprocess.CalledProcessError as problem:
            self._remove()
            pytest.skip(f"namespaces cannot be made here: {problem.stderr.decode().strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for daemon in self._daemons:
            daemon.close()
        self._remove()

    def _make(self) -> None:
        self._run("link", "add", self._bridge, "type", "bridge")
        self._run("addr", "add", f"{self._network}.254/{MASK}", "dev", self._bridge)
        self._run("link", "set", self._bridge, "up")
        for number, (name, (outer, inner)) in enumerate(zip(self.names, self._links, strict=True)):
            self._run("netns", "add", name)
            self._run("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name)
            self._run("link", "set", outer, "master", self._bridge, "up")
            self._run("-n", name, "addr", "add", f"{self.address(number)}/{MASK}", "dev", inner)
            self._run("-n", name, "link", "set", inner, "up")
            self._run("-n", name, "link", "set", "lo", "up")

    def _remove(self) -> None:
        for name in self.names:
            subprocess.run([self._ip, "netns", "del", name], capture_output=True, check=False)
        subprocess.run([self._ip, "link", "del", self._bridge], capture_output=True, check=False)

    def _run(self, *words: str) -> None:
        subprocess.run([self._ip, *words], capture_output=True, check=True)
