# SPDX-License-Identifier: MIT
"""scenarios.py - what the daemon does while an allocation of it fails: thirteen short lives.

A scenario is a function that gets a Life: the daemon, the vendor, and ask(). Whatever it meets on the
way (refused connections, cut answers) is an end that run.py judges; so it may assume that all goes
well, and must not wait for what an ended daemon will never do: Life.until() does not.
"""
import dataclasses
import pathlib
import signal
import typing

from certificates import Authority
from programs import KEY, run_to_end
from waiting import eventually


class Files:
    """What daemons are given to read: made once for all runs of a scenario."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        made = run_to_end("key", "new", "reports").stdout.split()
        self.client_key = made[1]
        self.client_keys = self._write("keys", f"reports {made[4]} quota=1 rate=1000\n")
        self.api_key = self._write("api-key", KEY)
        self.config = self._write("config", "wait = 60s\nmax-wait = 100s\n")

    def _write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    def certificate(self):
        authority = Authority(self.folder)
        cert, key = authority.sign("here")
        return authority.context(), ["--tls-cert", str(cert), "--tls-key", str(key)]


class Life:
    """One daemon in one run. Names of domains belong to this run alone: runs share the vendor."""

    def __init__(self, daemon, sim, files, name_of):
        self.daemon, self.sim, self.files, self.name_of = daemon, sim, files, name_of
        self.codes = []  # of the problems that were answered
        self.is_to_end = False

    def note(self, answer):
        if answer.status >= 400:
            self.codes.append(answer.json()["code"])
        return answer

    def get(self, path, headers=None):
        return self.note(self.daemon.get(path, headers))

    def ask(self, domain, headers=None, method="GET", **parameters):
        return self.note(self.daemon.ask(self.name_of(domain), headers, method, **parameters))

    def park(self, domain):
        return self.daemon.park(self.name_of(domain), wait=60)

    def until(self, condition):
        eventually(lambda: not self.daemon.is_running() or condition())

    def end(self):
        """Once: the second time it would not wait for anybody."""
        if not self.is_to_end and self.daemon.is_running():
            self.daemon.deliver(signal.SIGTERM)
        self.is_to_end = True


def lookup(life):
    life.ask("one.com")


def batch(life):
    for i in range(5):
        life.ask(f"company{i}.com", wait=0)
    for i in range(5):
        life.ask(f"company{i}.com")


def hits(life):
    life.ask("one.com")
    for accept in ("application/json", "text/csv", "text/plain"):
        life.ask("one.com", headers={"Accept": accept, "If-None-Match": '"x"', "Prefer": "wait=1"})


def forget(life):
    life.ask("one.com")
    life.ask("one.com", method="DELETE")
    life.ask("one.com", cached=1)


def pages(life):
    for path in ("/metrics", "/usage", "/readyz?verbose", "/version", "/lookups/" + "0" * 32, "/nothing"):
        life.get(path)


def recovery(life):
    """The store holds a batch under way, of a daemon that was killed: see before()."""
    life.ask("under-way.com")


def before_recovery(life):
    """The log tells of a batch before it is on disk; it is being asked for only afterwards."""
    asked = life.sim.calls()["status"]
    life.sim.rule(life.name_of("under-way.com"), time_ms=60000)
    life.ask("under-way.com", wait=0)
    life.until(lambda: life.sim.calls()["status"] > asked)
    life.daemon.kill()
    life.sim.rule(life.name_of("under-way.com"), time_ms=0)


def reload(life):
    """SIGHUP, with every file that it reads."""
    life.ask("one.com", {"X-API-Key": life.files.client_key})
    life.daemon.deliver(signal.SIGHUP)
    life.until(lambda: "event=reload" in life.daemon.stderr())
    life.get("/usage", {"X-API-Key": life.files.client_key})


def quota(life):
    """A client who may buy one lookup, asks for two, and has a wrong key, too."""
    headers = {"Authorization": f"Bearer {life.files.client_key}"}
    life.ask("one.com", headers)
    life.ask("two.com", headers)
    life.get("/usage", headers)
    life.ask("one.com", {"X-API-Key": "wrong"})


def tls(life):
    life.ask("one.com")
    life.ask("one.com")


def split(life):
    """The vendor refuses four together, and takes them two by two."""
    life.sim.fault("submit", "status", after_creating=False, status=400)
    waiting = [life.park(f"company{i}.com") for i in range(4)]
    for connection in waiting:
        life.note(connection.read())


def retry(life):
    """The answer to a submit is lost; the operator wants it sent once more."""
    life.sim.fault("submit", "close", after_creating=True)
    life.ask("one.com")


def drain(life):
    """SIGTERM while three wait, and their submit is under way."""
    before = life.sim.calls()["submit"]
    life.sim.hold_submits()
    waiting = [life.park("one.com") for _ in range(3)]
    life.until(lambda: life.sim.calls()["submit"] > before)
    life.daemon.settle()
    life.end()
    for connection in waiting:
        life.note(connection.read())


LONG = [{"email": f"{'department' * 5}{i}@company.com", "status": "VALID"} for i in range(1000)]


def large(life):
    """More than a buffer's small beginnings, of all that the vendor says."""
    life.sim.fault("submit", "huge_body", bytes=200000)
    life.sim.rule(life.name_of("one.com"), data=LONG)
    life.ask("one.com")
    life.ask("one.com", headers={"Accept": "text/csv"})


def nothing(_):
    return []


@dataclasses.dataclass
class Scenario:
    act: typing.Callable
    flags: typing.Callable = nothing  # given the Files
    before: typing.Callable = None    # in the life of a daemon before, all of whose allocations work
    has_tls: bool = False
    may_buy_again: bool = False

    @property
    def name(self):
        return self.act.__name__


def _for_reload(files):
    return ["--client-keys-file", files.client_keys, "--config", files.config,
            "--api-key-file", files.api_key]


def _for_quota(files):
    return ["--client-keys-file", files.client_keys]


SCENARIOS = {s.name: s for s in (
    Scenario(lookup), Scenario(batch), Scenario(hits), Scenario(forget), Scenario(pages),
    Scenario(recovery, before=before_recovery),
    Scenario(reload, _for_reload), Scenario(quota, _for_quota), Scenario(tls, has_tls=True),
    Scenario(split, lambda _: ["--batch-size", "4", "--batch-linger", "10s"]),
    Scenario(retry, lambda _: ["--submit-retry-unknown"], may_buy_again=True),
    Scenario(drain), Scenario(large))}
