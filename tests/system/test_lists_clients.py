# SPDX-License-Identifier: MIT
"""test_lists_clients.py - sends lists as users do, with curl and jq, and tests that other clients do not notice
them.
"""
import shutil
import subprocess

import pytest
from lists import check_lines, domains, paid, send, stream
from programs import PATIENCE_S
from waiting import eventually

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="no jq on this machine")


@pytest.fixture
def listed(tmp_path):
    """A file with three domains."""
    path = tmp_path / "domains.txt"
    path.write_text("".join(f"{domain}\n" for domain in domains(3)))
    return path


def run(*argv, stdin=None):
    return subprocess.run(argv, stdin=stdin or subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)


def curl(daemon, *arguments, target="/emails"):
    return run("curl", "-sS", *arguments, f"http://127.0.0.1:{daemon.address[1]}{target}")


@needs_curl
def test_curl_sends_a_file_and_reads_lines(daemon, sim, listed):
    done = curl(daemon, "-N", "--data-binary", f"@{listed}", "-H", "Content-Type: text/plain")
    assert done.returncode == 0, done
    assert done.stdout.count("\n") == 3
    assert paid(sim) == domains(3)


@needs_curl
@needs_jq
def test_jq_reads_the_lines(daemon, sim, listed):
    sim.behave(submit_delay_ms=200)
    lines = subprocess.Popen(["curl", "-sSN", "--data-binary", f"@{listed}", "-H", "Content-Type: text/plain",
                              f"http://127.0.0.1:{daemon.address[1]}/emails"], stdout=subprocess.PIPE)
    done = run("jq", "-r", "select(.count > 0) | .emails[].email", stdin=lines.stdout)
    assert lines.wait(PATIENCE_S) == 0 and done.returncode == 0, done
    assert sorted(done.stdout.split()) == sorted(f"{who}@{domain}" for domain in domains(3)
                                                 for who in ("info", "support"))


@needs_curl
def test_curl_that_removes_line_ends_is_rejected_with_the_remedy(daemon, sim, listed):
    done = curl(daemon, "-d", f"@{listed}")
    assert '"code":"unsupported-media-type"' in done.stdout
    assert "--data-binary" in done.stdout
    assert not sim.calls()["submit"]


@needs_curl
def test_curl_repeats_a_document_until_its_bulk_has_ended(daemon, sim, listed, tmp_path):
    """The first response is 504; curl waits for Retry-After, which follows from the lookups before, and sends the list
    again. It has ended by then, so it is read from the cache."""
    send(daemon, domains(100, "before"))
    sim.hold_submits()
    process = subprocess.Popen(
        ["curl", "-sSf", "--retry", "20", "--data-binary", f"@{listed}", "-H", "Content-Type: text/plain",
         "-o", tmp_path / "out.json", f"http://127.0.0.1:{daemon.address[1]}/emails?wait=1&format=json"],
        stderr=subprocess.PIPE)
    eventually(lambda: daemon.stderr().count("route=/emails status=504") == 1)
    sim.release_submits()
    assert process.wait(PATIENCE_S) == 0, process.stderr.read()
    assert (tmp_path / "out.json").read_text().count('"status":200') == 3
    assert len(sim.ledger()) == 103


@needs_curl
def test_curl_reports_a_stream_that_breaks(testbed, sim, listed):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    process = subprocess.Popen(["curl", "-sSN", "--data-binary", f"@{listed}", "-H", "Content-Type: text/plain",
                                f"http://127.0.0.1:{daemon.address[1]}/emails"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sim.reach(submit=1)
    daemon.kill()
    assert process.wait(PATIENCE_S) == 18


@needs_curl
def test_list_over_http_1_0_has_no_chunks(daemon, listed):
    done = curl(daemon, "-0", "-i", "--data-binary", f"@{listed}", "-H", "Content-Type: text/plain")
    assert done.returncode == 0, done
    assert "chunked" not in done.stdout.lower()
    assert done.stdout.count('"outcome"') == 3


# ---- other clients ----


def test_hits_are_answered_while_a_long_list_is_read_and_runs(testbed):
    """One worker. That it reads the list in portions is in unit/test_emails_bulk.c."""
    sim = testbed.simulator("--credits", "100000")
    daemon = testbed.daemon(sim, "--threads", "1", "--submit-slots", "3")
    daemon.lookup("known.com")
    other = daemon.connect()
    sim.hold_submits()
    reader = stream(daemon, domains(10000))
    for _ in range(10):
        assert other.get(daemon.question("known.com")).header("Cache-Status").startswith("emailsd; hit")
    sim.release_submits()
    n = 0
    while reader.line():
        n += 1
        if n % 500 == 0:
            assert other.get(daemon.question("known.com")).header("Cache-Status").startswith("emailsd; hit")
            assert daemon.lookup(f"single{n}.com").status == 200
    assert n == 10000
    assert len(sim.ledger()) == 10021


def test_access_log_names_a_list_and_what_it_cost(daemon):
    reader = stream(daemon, domains(3), headers={"X-Request-Id": "list-1"})
    check_lines(reader.lines(), 3)
    line = eventually(lambda: [line for line in daemon.stderr().splitlines() if "id=list-1" in line])[0]
    assert "level=info event=request" in line and "method=POST route=/emails status=200" in line
    assert f"outcome=bulk bulk={reader.bulk_id()} charged=yes" in line
