# SPDX-License-Identifier: MIT
"""outage.py - measurement 9: how soon paid lookups continue when PostgreSQL can be used again.

Each outage lasts until the daemon has noticed it, and then some seconds, so that its pauses between attempts have
grown. Meanwhile a stored result is asked for again and again. From the moment when the server or the network works
again, new questions are asked until one gets its result. system/test_postgres_faults.py tests what callers get; here
is how soon.
"""
import http.client
import itertools
import json
import signal
import time

import machine
from tables import Table, number
from testbed import Testbed, fetch

from pg_proxy import TO_DAEMON, PgProxy  # modules of the system tests; testbed.py adds their path
from postgres import Postgres

GOAL_MS = 2000
LASTS_S = 4
SUBMIT_MS = 10
KNOWN = "/emails?domain=known.com"


class Place:
    """A server behind a network, both of which can fail, and a daemon that uses them."""

    def __init__(self, testbed):
        simulator = testbed.simulator("--submit-delay", f"{SUBMIT_MS}ms", "--task-time", "0", cores=machine.CORES[1:])
        self.server = Postgres()
        testbed.running.append(self)
        self.proxy = PgProxy(self.server)
        self.daemon = testbed.emailsd(simulator, "--store", self.proxy.url, "--batch-linger", "0",
                                      cores=machine.CORES[:1])
        self.port = self.daemon.address[1]
        self.names = (f"/emails?domain=question-{i}.com" for i in itertools.count())
        self.hits_ms = []

    def stop(self):
        self.proxy.close()
        self.server.close()

    def is_usable(self):
        return json.loads(fetch(self.port, "/readyz?verbose")[2])["checks"]["store"] == "usable"

    def ask(self):
        """Asks a new question; returns whether it got its result."""
        status = fetch(self.port, next(self.names))[0]
        if status not in (200, 503):
            raise RuntimeError(f"a lookup got {status}")
        return status == 200

    def hit(self, connection):
        began = time.monotonic()
        connection.request("GET", KNOWN)
        answer = connection.getresponse()
        answer.read()
        self.hits_ms.append((time.monotonic() - began) * 1000)
        if answer.status != 200:
            raise RuntimeError(f"a stored result got {answer.status} during the outage")

    def await_outage(self):
        """Asks until the daemon knows that the store is away; then serves hits for a while."""
        while self.is_usable():
            fetch(self.port, f"{next(self.names)}&wait=0")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        end = time.monotonic() + LASTS_S
        while time.monotonic() < end:
            self.hit(connection)
            time.sleep(0.01)  # the pace of the hits
        connection.close()

    def resume(self):
        """Returns how many ms after now a new question gets its result."""
        began = time.monotonic()
        while not self.ask():
            time.sleep(0.01)  # polls
        return (time.monotonic() - began) * 1000

    def set_read_only(self, value):
        self.server.query_text(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        self.server.query_text("SELECT pg_reload_conf()")


def _crash(place):
    place.server.stop(signal.SIGQUIT)
    place.await_outage()
    place.server.start()
    return place.resume()


def _no_port(place):
    place.proxy.close_port()
    place.await_outage()
    place.proxy.listen()
    return place.resume()


def _frozen(place):
    place.proxy.freeze(TO_DAEMON)
    place.await_outage()
    place.proxy.thaw()
    return place.resume()


def _read_only(place):
    place.set_read_only("on")
    place.await_outage()
    place.set_read_only("off")
    return place.resume()


def _terminated(place):
    """The sessions alone; the next ones work."""
    place.server.query_text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
    return place.resume()


OUTAGES = {
    "server crashed, and started again": _crash,
    "port closed, and opened again": _no_port,
    "replies held back, and released": _frozen,
    "server read-only, and writable again": _read_only,
    "sessions terminated": _terminated,
}


def measure(quick):
    rounds = 2 if quick else 8
    table = Table("From the end of an outage to the first new result, ms", ["", "median", "longest", "goal"])
    with Testbed() as testbed:
        place = Place(testbed)
        if fetch(place.port, KNOWN)[0] != 200:
            raise RuntimeError("the result to serve during the outages was not found")
        for name, outage in OUTAGES.items():
            took = sorted(outage(place) for _ in range(rounds))
            table.add(name, number(took[len(took) // 2], 0), number(took[-1], 0), f"{GOAL_MS:,}")
        hits = sorted(place.hits_ms)
    table.note(f"Each outage lasts {LASTS_S} s from when the daemon has noticed it, but for the last; {rounds} times. "
               f"{len(hits):,} hits meanwhile: median {hits[len(hits) // 2]:.1f} ms, 99 of 100 within "
               f"{hits[len(hits) * 99 // 100]:.1f} ms. The times include the submit of {SUBMIT_MS} ms and Python's "
               "client.")
    return [table]
