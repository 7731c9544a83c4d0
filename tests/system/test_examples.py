# SPDX-License-Identifier: MIT
"""test_examples.py - runs the programs of docs/examples as users would.

An example whose language is missing on this machine is skipped; curl, jq and Python are always there.
"""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import client_keys
import pytest
from programs import HOUR_MS, PATIENCE_S, ROOT, environment, tied
from relay import Relay
from scripted import Scripted, problem
from waiting import eventually

FOLDER = ROOT / "docs/examples"
COMMANDS = {  # of each example: its command, and further programs that it needs
    "list.sh": (["bash"], ["curl", "jq"]),
    "list.py": (["python3"], []),
    "list.mjs": (["node"], []),
    "list.go": (["go", "run"], []),
    "List.java": (["java"], ["javac"]),
    "lookup.sh": (["bash"], ["curl", "jq"]),
    "lookup.py": (["python3"], []),
    "get.sh": (["bash"], ["curl", "jq"]),
    "get.py": (["python3"], []),
    "get.mjs": (["node"], []),
    "get.go": (["go", "run"], []),
    "Get.java": (["java"], ["javac"]),
    "async.py": (["python3"], []),
}
MODULES = {"get.py": "urllib3", "async.py": "requests"}  # of Python, which the example needs
LISTS = [name for name in COMMANDS if name.lower().startswith("list")]
LOOKUPS = [name for name in COMMANDS if name.startswith("lookup")]
GETS = [name for name in COMMANDS if name.lower().startswith("get")]
SINGLE = [*GETS, "async.py"]  # one lookup, without events


def need(*programs):
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} is missing on this machine")


def need_module(name):
    if subprocess.run(["python3", "-c", f"import {name}"], capture_output=True, check=False).returncode:
        pytest.skip(f"the Python module {name} is missing on this machine")


class Example:
    """A program of docs/examples that runs, with the programs that it starts. Its output goes to files, so that it
    never waits for its reader."""

    def __init__(self, folder, name, url, argument, env=None):
        command, others = COMMANDS[name]
        need(command[0], *others)
        if name in MODULES:
            need_module(MODULES[name])
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(tied([*command, FOLDER / name, argument]), stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=err, start_new_session=True,
                                            env=environment({"EMAILSD_URL": url, **(env or {})}))

    def output(self):
        return self.out.read_text("utf-8")

    def errors(self):
        return self.err.read_text("utf-8")

    def shows(self, text):
        """Returns whether the program has printed the text, on either output; fails if it has ended without it."""
        has_ended = self.process.poll() is not None
        is_shown = text in self.output() + self.errors()
        assert is_shown or not has_ended, self.errors()
        return is_shown

    def finish(self, status=0):
        assert self.process.wait(PATIENCE_S) == status, self.errors()
        return self.output()

    def kill(self):
        with contextlib.suppress(ProcessLookupError):  # all have ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def run(tmp_path):
    """Starts examples that end with the test."""
    started = []

    def start(name, url, argument, env=None):
        started.append(Example(tmp_path, name, url, argument, env))
        return started[-1]

    yield start
    for example in started:
        example.kill()


@pytest.fixture
def listed(tmp_path):
    """Writes a file with one domain per line."""
    def write(*domains):
        path = tmp_path / "domains.txt"
        path.write_text("".join(f"{domain}\n" for domain in domains))
        return path
    return write


def addresses(domain):
    return f"info@{domain} support@{domain}"


def row(index, domain):
    return f"{index}\t{domain}\t{addresses(domain)}\n"


# ---- lists ----


@pytest.mark.parametrize("name", LISTS)
def test_list_example_prints_each_entry_once(testbed, sim, keys, run, listed, name):
    key = keys.add("reports")
    daemon = client_keys.start(testbed, sim, keys)
    path = listed("a.com", "milvali", "b.com", "www.a.com", "empty.com")
    output = run(name, daemon.urls[0], path, {"EMAILSD_KEY": key}).finish()
    assert sorted(output.splitlines(True)) == [
        row(0, "a.com"), "1\tmilvali\tinvalid-domain\n", row(2, "b.com"),
        f"3\twww.a.com\t{addresses('a.com')}\n", "4\tempty.com\t\n"]
    assert len(sim.ledger()) == 3


@pytest.mark.parametrize("name", LISTS)
def test_list_example_shows_results_as_they_arrive(daemon, sim, run, listed, name):
    daemon.lookup("a.com")
    sim.hold_submits()
    example = run(name, daemon.urls[0], listed("b.com", "a.com"))
    eventually(lambda: example.shows(row(1, "a.com")))
    assert example.output() == row(1, "a.com")
    sim.release_submits()
    assert example.finish() == row(1, "a.com") + row(0, "b.com")


@pytest.mark.parametrize("name", LISTS)
def test_list_example_continues_after_its_stream_breaks(daemon, sim, run, listed, name):
    """The stream breaks inside a line. That must not count as its result, nor as the end of the list."""
    domains = [f"company{i}.com" for i in range(20)]
    with Relay(daemon) as relay:
        relay.cut_behind = b'"input":"company7.com","status":2'
        output = run(name, relay.url, listed(*domains)).finish()
        assert relay.n_cut == 1
    assert sorted(output.splitlines(True)) == sorted(row(i, domain) for i, domain in enumerate(domains))
    assert sorted(task["domain"] for task in sim.ledger()) == sorted(domains)


@pytest.mark.parametrize("name", LISTS)
def test_list_example_continues_after_a_restart(testbed, sim, run, listed, name):
    """The daemon ends entries that it has not submitted as `draining`, which is no result."""
    store = ["--store", f"sqlite:{testbed.directory}/examples.db"]
    daemon = testbed.daemon(sim, *store, "--drain-timeout", "300s", "--batch-size", "1", "--submit-slots", "1")
    daemon.lookup("a.com")
    sim.hold_submits()
    with Relay(daemon) as relay:
        example = run(name, relay.url, listed("a.com", *(f"company{i}.com" for i in range(3))))
        eventually(lambda: example.shows(row(0, "a.com")))
        sim.reach(submit=2)  # of a.com, and of the first of the others
        relay.lead_nowhere()
        daemon.deliver(signal.SIGTERM)
        eventually(lambda: "event=engine_drain_started" in daemon.stderr())
        sim.release_submits()
        assert daemon.wait() == 0
        assert len(sim.ledger()) == 2, "one was known, and one was submitted"
        relay.lead_to(testbed.daemon(sim, *store))
        output = example.finish()
    assert sorted(output.splitlines(True)) == [
        row(0, "a.com"), *(row(i + 1, f"company{i}.com") for i in range(3))]
    assert len(sim.ledger()) == 4


@pytest.mark.parametrize("name", LISTS)
def test_list_example_gives_up_if_its_request_is_wrong(testbed, sim, keys, run, listed, name):
    keys.add("reports")
    daemon = client_keys.start(testbed, sim, keys)
    example = run(name, daemon.urls[0], listed("a.com"), {"EMAILSD_KEY": "wrong"})
    assert example.process.wait(PATIENCE_S) != 0
    assert example.output() == ""
    assert "401" in example.errors()


# ---- one lookup ----


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup_example_shows_phases_and_addresses(daemon, sim, run, name):
    sim.hold_submits()
    example = run(name, daemon.urls[0], "milvali.com")
    eventually(lambda: example.shows("submitting"))
    assert example.output() == ""
    sim.release_submits()
    assert example.finish().split() == addresses("milvali.com").split()


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup_example_ends_with_the_problem(daemon, sim, run, name):
    sim.rule("failing.com", state="ERRORED", data=None)
    example = run(name, daemon.urls[0], "failing.com")
    assert example.finish(1) == ""
    assert example.errors()


# ---- one lookup, with timeouts and retries ----


def shorten_retry_after(daemon):
    """Retry-After follows from the average duration of the lookups so far, beginning with half a minute."""
    for i in range(40):
        daemon.await_result(f"known{i}.com")


def await_polls(sim):
    """Waits until the daemon polls a batch that is not ready. So it has recorded its id, and a restart continues it."""
    eventually(lambda: sim.ledger("milvali.com"))
    sim.reach(status=sim.calls()["status"] + 1)


def store_of(testbed):
    return ["--store", f"sqlite:{testbed.directory}/examples.db"]


@pytest.mark.parametrize("name", SINGLE)
def test_single_example_joins_its_lookup_after_the_wait(testbed, sim, run, name):
    """Its first response is 504, or 202 with `async`."""
    daemon = testbed.daemon(sim, "--wait", "1s", "--max-wait", "1s")
    shorten_retry_after(daemon)
    before = daemon.stderr()
    sim.hold_submits()
    example = run(name, daemon.urls[0], "milvali.com")
    eventually(lambda: re.search(r"status=(504|202)", daemon.stderr()[len(before):]))
    sim.release_submits()
    assert example.finish().split() == addresses("milvali.com").split()
    assert len(sim.ledger("milvali.com")) == 1


@pytest.mark.parametrize("name", GETS)
def test_get_example_repeats_a_503_of_a_server_that_stops(testbed, sim, run, name):
    daemon = testbed.daemon(sim, *store_of(testbed))
    sim.behave(task_time_ms=HOUR_MS)
    with Relay(daemon) as relay:
        example = run(name, relay.url, "milvali.com")
        await_polls(sim)
        daemon.await_waiters(1)
        relay.lead_nowhere()
        daemon.deliver(signal.SIGTERM)
        assert daemon.wait() == 0
        assert "status=503" in daemon.stderr()
        relay.lead_to(testbed.daemon(sim, *store_of(testbed)))
        sim.behave(task_time_ms=0)
        assert example.finish().split() == addresses("milvali.com").split()
    assert len(sim.ledger("milvali.com")) == 1


@pytest.mark.parametrize("cut_behind", [b"HTTP/1.", b'"emails":'])
@pytest.mark.parametrize("name", SINGLE)
def test_single_example_repeats_after_its_connection_breaks(daemon, sim, run, name, cut_behind):
    if name == "async.py" and cut_behind == b'"emails":':
        pytest.skip("requests repeats nothing once it reads a body; the document says so")
    if name == "async.py":
        shorten_retry_after(daemon)
    with Relay(daemon) as relay:
        relay.cut_behind = cut_behind
        output = run(name, relay.url, "milvali.com").finish()
        assert relay.n_cut == 1
    assert output.split() == addresses("milvali.com").split()
    assert len(sim.ledger("milvali.com")) == 1


@pytest.mark.parametrize("domain, code, paid", [
    ("milvali", "invalid-domain", 0), ("failing.com", "lookup-failed", 1), ("other.com", "quota-exceeded", 0)])
@pytest.mark.parametrize("name", GETS)
def test_get_example_ends_with_a_final_error(testbed, sim, keys, run, name, domain, code, paid):
    """What a repeated request would pay for again, or what only the next day helps against, is final too."""
    key = keys.add("reports", "quota=1")
    daemon = client_keys.start(testbed, sim, keys)
    sim.rule("failing.com", state="ERRORED", data=None)
    if code == "quota-exceeded":
        daemon.lookup("milvali.com", keys.bearer("reports"))
    example = run(name, daemon.urls[0], domain, {"EMAILSD_KEY": key})
    assert example.finish(1) == ""
    assert f"{code}: " in example.errors()
    assert len(sim.ledger(domain)) == paid


def test_async_example_ends_with_the_problem(daemon, sim, run):
    shorten_retry_after(daemon)
    sim.rule("failing.com", state="ERRORED", data=None)
    example = run("async.py", daemon.urls[0], "failing.com")
    assert example.finish(1) == ""
    assert "lookup-failed: " in example.errors()
    assert len(sim.ledger("failing.com")) == 1


def test_async_example_starts_again_after_a_restart(testbed, sim, run):
    daemon = testbed.daemon(sim, *store_of(testbed))
    shorten_retry_after(daemon)
    sim.behave(task_time_ms=HOUR_MS)
    with Relay(daemon) as relay:
        example = run("async.py", relay.url, "milvali.com")
        await_polls(sim)
        relay.lead_nowhere()
        daemon.kill()
        relay.lead_to(testbed.daemon(sim, *store_of(testbed)))
        sim.behave(task_time_ms=0)
        assert example.finish().split() == addresses("milvali.com").split()
    assert len(sim.ledger("milvali.com")) == 1


# ---- prepared responses ----

RESULT = {"index": 0, "input": "milvali.com", "status": 200, "outcome": "hit", "charged": "no",
          "emails": [{"email": "info@milvali.com"}]}
PROGRESS = {"phase": "queued", "elapsed_s": 0, "expected_s": 1}


def reply(status, headers, members):
    """Returns a response of `Scripted` with one line of JSON."""
    return status, headers, json.dumps(members, separators=(",", ":")) + "\n", True


def failed(status, headers):
    return status, headers, problem(status, "some-code", detail="not now"), True


@pytest.mark.parametrize("name", GETS)
def test_get_example_repeats_three_statuses_with_retry_after(run, name):
    temporary = [failed(status, {"Retry-After": "1"}) for status in (429, 503, 504)]
    with Scripted(*temporary, reply(200, {}, RESULT)) as server:
        assert run(name, server.urls[0], "milvali.com").finish() == "info@milvali.com\n"
        assert len(server.requests) == 4


@pytest.mark.parametrize("status, headers", [
    (429, {}), (504, {}), (503, {}), (402, {"Retry-After": "1"}), (502, {"Retry-After": "1"})])
@pytest.mark.parametrize("name", SINGLE)
def test_single_example_repeats_no_other_error(run, name, status, headers):
    """504 without Retry-After is `not-cached`; 503 always has it."""
    with Scripted(failed(status, headers)) as server:
        example = run(name, server.urls[0], "milvali.com")
        example.finish(1)
        assert "some-code: not now" in example.errors()
        assert len(server.requests) == 1


@pytest.mark.parametrize("name", GETS)
def test_get_example_repeats_after_the_page_of_a_proxy(run, name):
    page = {"Content-Type": "text/html"}
    with Scripted((502, page, "<html></html>\n", True), reply(200, {}, RESULT)) as server:
        assert run(name, server.urls[0], "milvali.com").finish() == "info@milvali.com\n"
        assert len(server.requests) == 2


def test_shell_example_does_not_wait_after_its_last_attempt(run):
    """Its last response would make it wait for an hour. The pauses before are shorter than emailsd sends them."""
    with Scripted(*[failed(503, {"Retry-After": "0"})] * 9, failed(503, {"Retry-After": "3600"})) as server:
        example = run("get.sh", server.urls[0], "milvali.com")
        example.finish(1)
        assert "some-code: not now" in example.errors()
        assert len(server.requests) == 10


def responses_for(name):
    """Returns what makes an example request every path that it knows, and then succeed."""
    if name in LOOKUPS:
        event = f"event: result\ndata: {json.dumps(RESULT)}\n\n"
        return [(200, {"Content-Type": "text/event-stream"}, event, True)]
    if name == "async.py":
        started = {"Location": "/lookups/1", "Retry-After": "0"}
        return [reply(202, started, PROGRESS), reply(200, {}, RESULT)]
    return [reply(200, {}, RESULT)]


@pytest.mark.parametrize("name", COMMANDS)
def test_example_accepts_a_url_with_a_path(run, listed, name):
    argument = listed("milvali.com") if name in LISTS else "milvali.com"
    with Scripted(*responses_for(name)) as server:
        assert "info@milvali.com" in run(name, server.urls[0] + "/proxied/", argument).finish()
        paths = [path.partition("?")[0] for path, _ in server.requests]
    assert paths == ["/proxied/emails", *(["/proxied/lookups/1"] if name == "async.py" else [])]


# ---- keys ----


def arguments_of_group(group):
    """Returns the arguments of all programs of a process group."""
    words = b""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if os.getpgid(int(folder.name)) == group:
                words += (folder / "cmdline").read_bytes()
    return words


@pytest.mark.parametrize("name", [name for name in COMMANDS if name.endswith(".sh")])
def test_shell_example_keeps_its_key_out_of_the_arguments(testbed, sim, keys, run, listed, name):
    key = keys.add("reports")
    daemon = client_keys.start(testbed, sim, keys)
    sim.hold_submits()
    argument = listed("milvali.com") if name in LISTS else "milvali.com"
    example = run(name, daemon.urls[0], argument, {"EMAILSD_KEY": key})
    sim.reach(submit=1)  # so curl waits, and the server has accepted its key
    words = arguments_of_group(example.process.pid)
    assert b"/emails" in words and key.encode() not in words
    sim.release_submits()
    assert example.finish().split()[-2:] == addresses("milvali.com").split()
