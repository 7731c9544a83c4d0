# SPDX-License-Identifier: MIT
"""test_lists_restarts.py - tests a list of ten thousand companies whose daemon is restarted three times in the middle
of it: the client sends the list again each time, gets every result in the end, and nothing is paid for twice.

The reader decides where the middle is. Its window is small, and beyond 1,000 unread results no lookup starts: a list
of which n results have been read has at most about n + 2,300.
"""
import signal

from lists import charged, check_lines, codes, domains, hang_at, lines_of, outcomes, paid, send, stream
from reconciliation import breaches, flags_of, read_journal
from waiting import eventually

DISTINCT = domains(10000)
REPEATED = set(DISTINCT[::20])
# A repeat follows its first entry.
ENTRIES = [entry for domain in DISTINCT for entry in (domain, f"www.{domain}") if entry == domain or domain in REPEATED]
WINDOW = 64 * 1024
# One submit at a time, so that it is known what a kill finds.
FLAGS = ["--bulk-entries", str(len(ENTRIES)), "--batch-size", "100", "--submit-slots", "1", "--unknown-hold", "0",
         "--drain-timeout", "600s"]


def n_known(sim):
    """Returns the number of entries whose result is paid for."""
    known = set(paid(sim))
    return sum(entry.removeprefix("www.") in known for entry in ENTRIES)


def stop_after(daemon, sim, n_lines):
    """Stops the daemon when that many results have been read. Every entry has a line then, and its price is right."""
    before = set(paid(sim))
    reader = stream(daemon, ENTRIES, receive_buffer=WINDOW)
    lines = reader.lines(n_lines)
    daemon.deliver(signal.SIGTERM)
    lines += reader.lines()
    assert daemon.wait() == 0
    check_lines(lines, len(ENTRIES))
    assert codes(lines) == {"ok": n_known(sim), "draining": len(ENTRIES) - n_known(sim)}
    assert set(charged(lines)) == set(paid(sim)) - before


def kill_at(daemon, sim, domain, n_lines):
    """Kills the daemon while the submit of that domain hangs, which creates nothing. The results before it have
    arrived; the first n_lines are read meanwhile."""
    hang_at(sim, domain)
    reader = stream(daemon, ENTRIES, receive_buffer=WINDOW)
    lines = reader.lines(n_lines)
    eventually(lambda: sim.calls()["scripts"] == 1)
    lines += reader.lines(n_known(sim) - n_lines)
    assert codes(lines) == {"ok": n_known(sim)}
    daemon.kill()
    sim.say("DELETE", "/sim/faults")


def test_list_of_ten_thousand_survives_two_stops_and_a_kill(testbed, sim, store):
    def start():
        daemon = testbed.daemon(sim, *flags_of(store), *FLAGS)
        daemon.await_store()
        return daemon

    stop_after(start(), sim, 2000)
    assert 1900 <= len(sim.ledger()) < 4500
    kill_at(start(), sim, DISTINCT[5000], 4500)
    assert 4900 <= len(sim.ledger()) <= 5000
    stop_after(start(), sim, 6500)
    assert 6000 <= len(sim.ledger()) < 9500
    daemon = start()
    lines = lines_of(send(daemon, ENTRIES))
    check_lines(lines, len(ENTRIES))
    assert codes(lines) == {"ok": len(ENTRIES)}
    assert outcomes(lines)["duplicate"] == len(REPEATED)
    assert paid(sim) == sorted(DISTINCT)
    daemon.stop()
    assert breaches(sim.ledger(), read_journal(store)) == []
