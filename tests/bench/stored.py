# SPDX-License-Identifier: MIT
"""stored.py - measurement 5: a start with very many stored results.

The daemon makes the store and pays for one lookup. Its row is then copied, with keys, domains and bodies of
other questions. So this file needs to know only those three columns of the schema, and how a key is made:
SHA-256 over the question's five parts, each followed by a NUL, of which only the domain is given
(server/model/question.c).
"""
import hashlib
import sqlite3
import time

import machine
import testbed as testbeds
from processes import resident_kib
from tables import Table, number
from testbed import Testbed, fetch, must_be_hit

TEMPLATE = "template.com"


def key_of(domain):
    return hashlib.sha256(domain.encode() + b"\0" * 5).digest()


def _copy(value, domain):
    """Returns a column of the template for another domain; text and blobs alike."""
    if isinstance(value, bytes):
        return value.replace(TEMPLATE.encode(), domain.encode()).replace(b"Template", b"Company")
    return value.replace(TEMPLATE, domain).replace("Template", "Company")


def _fill(path, n):
    """Adds n copies of the stored result."""
    with sqlite3.connect(path) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(answers)")]
        rows = database.execute("SELECT * FROM answers").fetchall()
        if len(rows) != 1:
            raise RuntimeError(f"{len(rows)} answers in the store, not the one that was paid for")
        template = dict(zip(columns, rows[0]))
        if template["key"] != key_of(TEMPLATE):
            raise RuntimeError("the keys of the store are made otherwise than this bench believes")
        for column in [name for name in columns if name in ("id", "rowid")]:
            columns.remove(column)

        def row(i):
            domain = f"company-{i:07}.com"
            changed = {"key": key_of(domain), "domain": domain,
                       "body": _copy(template["body"], domain)}
            return [changed.get(column, template[column]) for column in columns]

        places = ",".join("?" * len(columns))
        database.execute("PRAGMA synchronous=OFF")
        database.executemany(f"INSERT INTO answers ({','.join(columns)}) VALUES ({places})",
                             (row(i) for i in range(n)))
    database.close()


def _start(testbed, simulator, url):
    began = time.monotonic()
    daemon = testbed.emailsd(simulator, "--store", url, "--store-rows", "2000000",
                            "--threads", "1", cores=machine.CORES[:1])
    return daemon, time.monotonic() - began


def _stop(testbed, daemon):
    daemon.stop()
    testbed.running.remove(daemon)


def _first_hit(daemon, domain):
    """Returns milliseconds. The response must be a hit from the store."""
    began = time.monotonic()
    fetch(daemon.address[1], "/livez")
    connected = time.monotonic()
    must_be_hit(daemon.address[1], f"/emails?domain={domain}")
    return (time.monotonic() - connected) * 1000, (connected - began) * 1000


def measure(quick):
    n = 100000 if quick else 1000000
    table = Table(f"Start with {n:,} stored answers", ["", "empty store", f"{n:,} answers"])
    if "--store" not in testbeds.options_of_emailsd():
        table.note("Skipped: this emailsd has no --store.")
        return [table]
    with Testbed() as testbed:
        path = testbed.directory / "state" / "emailsd.db"
        path.parent.mkdir(mode=0o700)
        simulator = testbed.simulator(cores=machine.CORES[1:])
        daemon, empty_s = _start(testbed, simulator, f"sqlite:{path}")
        empty_kib = resident_kib(daemon.process.pid)
        fetch(daemon.address[1], f"/emails?domain={TEMPLATE}")
        template_ms = _first_hit(daemon, TEMPLATE)[0]
        _stop(testbed, daemon)
        _fill(path, n)
        submits = simulator.calls()["submit"]
        daemon, full_s = _start(testbed, simulator, f"sqlite:{path}")
        full_kib = resident_kib(daemon.process.pid)
        first_ms, other_ms = _first_hit(daemon, f"company-{n // 2:07}.com")
        if simulator.calls()["submit"] != submits:
            raise RuntimeError("the first hit was a paid lookup")
        size_mib = sum(file.stat().st_size for file in path.parent.iterdir()) / 2**20
    table.add("start to 'ready', ms", number(empty_s * 1000, 0), number(full_s * 1000, 0))
    table.add("resident memory at 'ready', MiB", number(empty_kib / 1024, 1),
              number(full_kib / 1024, 1))
    table.add("first hit, ms", f"{template_ms:.2f} (from memory)", f"{first_ms:.2f}")
    table.note(f"On disk {size_mib:,.0f} MiB. A hit's time includes the connection and Python's "
               f"client; /livez right before took {other_ms:.2f} ms.")
    return [table]
