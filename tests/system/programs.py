# SPDX-License-Identifier: MIT
"""programs.py - the daemon and the simulator of the upstream as real processes.

A Testbed starts programs and ends exactly those, by their process ids, in reverse order. For each it checks
that the exit status is 0 and that no sanitizer reported a fault. So every test also tests a clean shutdown.
A program counts as started when its line is on stdout; other output is stored for the tests. DAEMON_BIN and
SIM_BIN name the programs; the release build is the default.
"""
import http.client
import json
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import time
import urllib.parse

import contract
from waiting import PATIENCE_S, eventually
from wire import Connection, Response

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMAILSD = os.environ.get("DAEMON_BIN", str(ROOT / "build/release/emailsd"))
SIMULATOR = os.environ.get("SIM_BIN", str(ROOT / "build/release/openmart-sim"))
KEY_VARIABLE = "OPENMART_API_KEY"
KEY = "test-key"
HOUR_MS = 3600 * 1000

REPORTS = ["ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error",
           "WARNING: ThreadSanitizer"]
STATE = tempfile.TemporaryDirectory(prefix="emailsd-state-")  # of programs that name no store
PROXY = re.compile(r"(?i)(https?|all|no)_proxy")


def is_sanitized(which=b"at"):
    """Returns whether the daemon was built with AddressSanitizer or ThreadSanitizer; which = b"t": the
    latter."""
    program = pathlib.Path(EMAILSD).read_bytes()
    return any(b"__%csan_init" % letter in program for letter in which)



def environment(extra=None):
    """Returns the environment of this process without variables that configure the daemon, plus `extra`."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("EMAILSD_") and name != KEY_VARIABLE and not PROXY.fullmatch(name)
    }
    env["STATE_DIRECTORY"] = STATE.name
    if "COVERAGE" in os.environ:
        env["EMAILSD_SANDBOX"] = "off"  # it would prevent that the counts are written at the end
    env.update(extra or {})
    return env


def tied(argv):
    """Returns the command that runs `argv` so that the kernel kills it when this process ends: a test run
    that is killed leaves no programs running. Not a preexec_fn, which makes Python copy its whole address
    space at each start (five times the processor time)."""
    return ["setpriv", "--pdeathsig", "KILL", *map(str, argv)]


def run_to_end(*flags, env=None):
    """Runs the daemon where it is expected to end: returns its status, stdout and stderr, as text."""
    return subprocess.run([EMAILSD, *flags], env=environment(env), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)


class Program:
    """A process that prints "... ready on URL" on stdout, once for each of its addresses."""

    def __init__(self, argv, env, log, n_addresses=1):
        self.log = log
        self.name = str(argv[0])
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(tied(argv), env=env, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr)
        self.stdout = b""
        self.was_checked = False
        try:
            self.urls = self._await_ready(n_addresses)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        self.address = self.address_of(self.urls[0])

    def _await_ready(self, n_lines):
        deadline = time.monotonic() + PATIENCE_S
        pipe = self.process.stdout.fileno()
        while self.stdout.count(b"\n") < n_lines:
            left = deadline - time.monotonic()
            assert select.select([pipe], [], [], max(left, 0))[0], f"not ready: {self.stderr()}"
            data = os.read(pipe, 4096)
            assert data, f"ended instead of getting ready: {self.stderr()}"
            self.stdout += data
        return re.findall(r"^\S+ ready on (https?://\S+)$", self.stdout.decode(), re.M)

    @staticmethod
    def address_of(url):
        parts = urllib.parse.urlsplit(url)
        return parts.hostname, parts.port

    def stderr(self):
        return self.log.read_text("latin-1")

    def is_running(self):
        return self.process.poll() is None

    def deliver(self, number):
        self.process.send_signal(number)

    def wait(self):
        """Waits for the end and returns the status; then all of stdout is available."""
        try:
            self.stdout += self.process.communicate(timeout=PATIENCE_S)[0]
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.communicate()
        return self.process.returncode

    def kill(self):
        """Kills it as a power loss would: no handler runs, no line is printed."""
        self.was_checked = True
        self.process.kill()
        self.wait()

    def stop(self, number=signal.SIGTERM):
        """Ends the program and checks its exit. No-op if it has already ended."""
        if self.was_checked:
            return
        self.was_checked = True
        if self.is_running():
            self.deliver(number)
        status, words = self.wait(), self.stderr()
        assert not any(report in words for report in REPORTS), words
        assert status == 0, f"{self.name} ended with {status}: {words}"
        assert self.stdout.count(b"\n") == len(self.urls), f"more than ready: {self.stdout!r}"


class Simulator(Program):
    """The upstream. Tests read and control it below /sim/ (see its README)."""

    def __init__(self, log, *flags):
        argv = [SIMULATOR, "--submit-delay", "0", "--task-time", "0", *flags]
        super().__init__(argv, environment(), log)
        self.control = http.client.HTTPConnection(*self.address, timeout=PATIENCE_S)

    def say(self, method, path, document=None):
        """Sends one control request, always on the same connection."""
        body = None if document is None else json.dumps(document)
        self.control.request(method, path, body)
        answer = self.control.getresponse()
        data = answer.read()
        assert answer.status == 200, f"{method} {path}: {answer.status} {data!r}"
        return json.loads(data)

    def calls(self):
        return self.say("GET", "/sim/calls")

    def ledger(self, domain=None):
        """Returns the paid tasks, one row each."""
        return self.say("GET", "/sim/ledger" + (f"?domain={domain}" if domain else ""))

    def requests(self, call=None):
        """Returns the requests received, oldest first."""
        return [r for r in self.say("GET", "/sim/requests") if call in (None, r["call"])]

    def reach(self, **numbers):
        """Returns the counters as soon as each of those named has reached its number."""
        query = urllib.parse.urlencode({**numbers, "timeout_ms": PATIENCE_S * 1000})
        return self.say("GET", f"/sim/wait?{query}")

    def rule(self, domain, **keys):
        return self.say("PUT", f"/sim/domains/{domain}", keys)

    def behave(self, **keys):
        return self.say("PUT", "/sim/behaviour", keys)

    def fault(self, on, kind, times=1, after_creating=True, **how):
        """Makes the next `times` calls of that name fail."""
        return self.say("POST", "/sim/faults",
                        {"on": on, "times": times, "after_creating": after_creating,
                         "fault": {"kind": kind, **how}})

    def hold_submits(self):
        self.behave(submit_delay_ms=HOUR_MS)

    def release_submits(self):
        self.behave(submit_delay_ms=0)


class Daemon(Program):
    """emailsd. Connections opened through it are closed with it."""

    def __init__(self, log, upstream, *flags, env=None, n_addresses=1):
        listen = [] if "--listen" in flags else ["--listen", "127.0.0.1:0"]
        argv = [EMAILSD, *listen, "--upstream-url", upstream, "--batch-linger", "1ms",
                "--reads-per-second", "0", "--log-level", "debug"]
        argv += [] if "--threads" in flags else ["--threads", "2"]
        argv += [] if {"--wait", "--config"} & set(flags) else ["--wait", "300s"]  # a machine may be busy
        argv += [] if {"--drain-timeout", "--config"} & set(flags) else ["--drain-timeout", "0"]
        # The balance is read some time after the start: a request that other tests do not expect.
        argv += [] if "--balance-every" in flags else ["--balance-every", "0"]
        argv += [] if "--store" in flags else ["--store", f"sqlite:{log.with_suffix('.db')}"]
        self.connections = []
        # Daemons that follow each other in a test have one state directory.
        env = {"STATE_DIRECTORY": str(log.parent / "state"), **({KEY_VARIABLE: KEY} if env is None else env)}
        super().__init__([*argv, *flags], environment(env), log, n_addresses)

    def request(self, method, target, headers=None, body=None):
        """Sends one request on a new connection, with Python's own client. Fails if openapi.yaml does not have
        the status and the error code of the response."""
        connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE_S)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            response = Response(f"HTTP/{answer.version / 10}", answer.status, answer.getheaders(), answer.read())
            contract.check(method, target, response)
            return response
        finally:
            connection.close()

    def get(self, target, headers=None):
        return self.request("GET", target, headers)

    def lookup(self, domain, headers=None, method="GET", **parameters):
        return self.request(method, self.question(domain, **parameters), headers)

    def await_result(self, domain):
        """Repeats a lookup until it succeeds."""
        return eventually(lambda: (answer := self.lookup(domain)).status == 200 and answer)

    @staticmethod
    def question(domain, **parameters):
        return "/emails?" + urllib.parse.urlencode({"domain": domain, **parameters})

    def connect(self, from_host=""):
        connection = Connection(self.address, from_host)
        self.connections.append(connection)
        return connection

    def park(self, domain, **parameters):
        """Sends a request without reading the response; returns the connection."""
        connection = self.connect()
        connection.send_get(self.question(domain, **parameters))
        return connection

    def metric(self, sample):
        """Returns the value of a sample of /metrics, named with its labels; 0 if it is missing. The document is
        up to a second old: a second call may not see what happened since the first."""
        found = re.search(rf"^{re.escape(sample)} (\d+)$", self.get("/metrics").body.decode(), re.M)
        return int(found[1]) if found else 0

    def await_store(self):
        """Returns when the store is open. After a kill, PostgreSQL first lets the killed process connect again."""
        eventually(lambda: self.get("/readyz").status == 200)

    def await_waiters(self, n):
        """Returns when `n` requests wait for a lookup: park() only sends."""
        eventually(lambda: self.get("/readyz?verbose").json()["checks"]["waiters"] == n)

    def await_expiry(self, domain, headers=None):
        """Waits until the cached result of the domain has expired, with requests that cost nothing."""
        def has_expired():
            status = self.lookup(domain, headers, cached=1).header("Cache-Status")
            return re.match(r"emailsd; hit; ttl=-\d", status or "")
        eventually(has_expired)

    def is_full(self, domain):
        """Returns whether all slots of --max-waiters are in use. Sends a request for what another caller
        waits for, so that it pays for nothing, and that leaves a slot after a second. Call await_waiters()
        first, or it could take the slot of an earlier request that has not arrived."""
        return self.lookup(domain, wait=1).status == 503

    def stop(self, number=signal.SIGTERM):
        super().stop(number)
        for connection in self.connections:
            connection.close()


class Testbed:
    """Starts programs, and ends them."""

    def __init__(self, directory):
        self.directory = directory
        self.programs = []

    def _log(self):
        return pathlib.Path(self.directory) / f"{len(self.programs)}.stderr"

    def _add(self, program):
        self.programs.append(program)
        return program

    def start(self, kind, *arguments, **how):
        """Starts a program of another class, whose constructor takes the log first."""
        return self._add(kind(self._log(), *arguments, **how))

    def simulator(self, *flags):
        return self._add(Simulator(self._log(), *flags))

    def daemon(self, upstream, *flags, **how):
        """`upstream` is a simulator or a URL. The given flags override those of all tests."""
        url = upstream if isinstance(upstream, str) else upstream.urls[0]
        return self._add(Daemon(self._log(), url, *flags, **how))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        faults = []
        for program in reversed(self.programs):
            try:
                program.stop()
            except AssertionError as fault:
                faults.append(str(fault))
            print(f"--- stderr of {program.name}\n{program.stderr()[-4000:]}")
        assert not faults, "\n".join(faults)
