# SPDX-License-Identifier: MIT
"""scenarios.py - what the daemon does while one of its allocations fails: thirteen short lives.

A scenario is a function with one argument, a Life: the daemon, the upstream, and ask(). Whatever the
scenario meets (connection refused, truncated responses) is a result that run.py judges. A scenario may
therefore assume success, but must not wait for what an ended daemon will never do: Life.until() does not.
"""
import dataclasses
import pathlib
import signal
import typing

from certificates import Authority
from programs import KEY, run_to_end
from waiting import eventually


class Files:
    """The files that daemons read; created once for all runs of a scenario."""

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
    """One daemon in one run. Its domains belong to this run only, because runs share the upstream."""

    def __init__(self, daemon, sim, files, name_of):
        self.daemon, self.sim, self.files, self.name_of = daemon, sim, files, name_of
        self.codes = []  # codes of the problems returned
        self.is_to_end = False

    def note(self, answer):
        if answer.status >= 400:
            self.codes.append(answer.json()["code"])
        return answer

    def get(self, path, headers=None):
        return self.note(self.daemon.get(path, headers))

    def lookup(self, domain, headers=None, method="GET", **parameters):
        return self.note(self.daemon.lookup(self.name_of(domain), headers, method, **parameters))

    def park(self, domain):
        return self.daemon.park(self.name_of(domain), wait=60)

    def until(self, condition):
        eventually(lambda: not self.daemon.is_running() or condition())

    def end(self):
        """A single call: a second one would wait for no caller."""
        if not self.is_to_end and self.daemon.is_running():
            self.daemon.deliver(signal.SIGTERM)
        self.is_to_end = True


def lookup(life):
    life.lookup("one.com")


def batch(life):
    for i in range(5):
        life.lookup(f"company{i}.com", wait=0)
    for i in range(5):
        life.lookup(f"company{i}.com")


def hits(life):
    life.lookup("one.com")
    for accept in ("application/json", "text/csv", "text/plain"):
        life.lookup("one.com", headers={"Accept": accept, "If-None-Match": '"x"', "Prefer": "wait=1"})


def forget(life):
    life.lookup("one.com")
    life.lookup("one.com", method="DELETE")
    life.lookup("one.com", cached=1)


def pages(life):
    for path in ("/metrics", "/usage", "/readyz?verbose", "/version", "/lookups/" + "0" * 32, "/nothing"):
        life.get(path)


def recovery(life):
    """The store has a batch in flight, of a daemon that was killed: see before()."""
    life.lookup("under-way.com")


def before_recovery(life):
    """Reads the log for a batch before it is on disk; the requests follow afterwards."""
    asked = life.sim.calls()["status"]
    life.sim.rule(life.name_of("under-way.com"), time_ms=60000)
    life.lookup("under-way.com", wait=0)
    life.until(lambda: life.sim.calls()["status"] > asked)
    life.daemon.kill()
    life.sim.rule(life.name_of("under-way.com"), time_ms=0)


def reload(life):
    """SIGHUP, with every file that the daemon reads."""
    life.lookup("one.com", {"X-API-Key": life.files.client_key})
    life.daemon.deliver(signal.SIGHUP)
    life.until(lambda: "event=reload" in life.daemon.stderr())
    life.get("/usage", {"X-API-Key": life.files.client_key})


def quota(life):
    """A client with a quota of one lookup requests two, and uses a wrong key, too."""
    headers = {"Authorization": f"Bearer {life.files.client_key}"}
    life.lookup("one.com", headers)
    life.lookup("two.com", headers)
    life.get("/usage", headers)
    life.lookup("one.com", {"X-API-Key": "wrong"})


def tls(life):
    life.lookup("one.com")
    life.lookup("one.com")


def split(life):
    """The upstream rejects four tasks together, and accepts each alone."""
    life.sim.fault("submit", "status", after_creating=False, status=400)
    waiting = [life.park(f"company{i}.com") for i in range(4)]
    for connection in waiting:
        life.note(connection.read())


def retry(life):
    """The response to a submit is lost; the operator's option resubmits it once."""
    life.sim.fault("submit", "close", after_creating=True)
    life.lookup("one.com")


def drain(life):
    """SIGTERM while three callers wait, and their submit is in flight."""
    before = life.sim.calls()["submit"]
    life.sim.hold_submits()
    waiting = [life.park("one.com") for _ in range(3)]
    life.until(lambda: life.sim.calls()["submit"] > before)
    life.until(lambda: life.daemon.metric("emailsd_waiters") == len(waiting))
    life.end()
    for connection in waiting:
        life.note(connection.read())


LONG = [{"email": f"{'department' * 5}{i}@company.com", "status": "VALID"} for i in range(1000)]


def large(life):
    """More than the initial size of a buffer, in all upstream responses."""
    life.sim.fault("submit", "huge_body", bytes=200000)
    life.sim.rule(life.name_of("one.com"), data=LONG)
    life.lookup("one.com")
    life.lookup("one.com", headers={"Accept": "text/csv"})


def nothing(_):
    return []


@dataclasses.dataclass
class Scenario:
    act: typing.Callable
    flags: typing.Callable = nothing  # called with the Files
    before: typing.Callable = None    # run in an earlier daemon, all of whose allocations succeed
    has_tls: bool = False
    may_be_paid_again: bool = False

    @property
    def name(self):
        return self.act.__name__


def _for_reload(files):
    return ["--client-keys-file", files.client_keys, "--config", files.config,
            "--api-key-file", files.api_key]


def _for_quota(files):
    return ["--client-keys-file", files.client_keys]


SCENARIOS = {s.name: s for s in (
    Scenario(lookup), Scenario(batch), Scenario(hits), Scenario(pages),
    Scenario(forget, lambda _: ["--allow-anonymous=admin"]),
    Scenario(recovery, before=before_recovery),
    Scenario(reload, _for_reload), Scenario(quota, _for_quota), Scenario(tls, has_tls=True),
    Scenario(split, lambda _: ["--batch-size", "4", "--batch-linger", "10s"]),
    Scenario(retry, lambda _: ["--submit-retry-unknown"], may_be_paid_again=True),
    Scenario(drain), Scenario(large))}
