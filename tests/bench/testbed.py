# SPDX-License-Identifier: MIT
"""testbed.py - starts the programs to be measured, and ends exactly these, by their process ids.

The daemon and the simulator are started as the system tests start them. If the benchmark dies, its programs
end, too. All programs listen on loopback and keep their files in one temporary directory.
"""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
import programs  # noqa: E402  the path comes first

import machine  # noqa: E402
from origin import BODY_BYTES, PATH  # noqa: E402

BIN = pathlib.Path(programs.EMAILSD).parent / "tests/bench"
MAILBOXES = ["info", "support", "sales", "contact", "office"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def options_of_emailsd():
    return programs.run_to_end("--help").stdout


def fetch(port, path, timeout=30):
    """Sends one request on a new connection; returns status, headers with lower-case names, and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()
    finally:
        connection.close()


def must_be_hit(port, path):
    status, headers, body = fetch(port, path)
    if status != 200 or "; hit" not in headers.get("cache-status", ""):
        raise RuntimeError(f"{path}: {status} {headers} {body[:200]!r} is not a hit")
    return headers, body


class Foreign:
    """A peer: a program that prints nothing when it is ready, and that ends at SIGTERM."""

    def __init__(self, argv, port, log):
        with open(log, "wb") as output:
            self.process = subprocess.Popen(programs.tied(argv), stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output)
        self.log = log
        deadline = time.monotonic() + 15
        while not self._accepts(port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{argv[0]} does not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)  # polls

    @staticmethod
    def _accepts(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Testbed:
    """The programs of one measurement, which end in reverse order. Their files are on the disk of the
    sources: /tmp may be in memory, and a store there would cost nothing."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="emailsd-bench-", dir=ROOT / "build")
        self.directory = pathlib.Path(self.folder.name)
        self.running = []
        self.n_logs = 0
        return self

    def __exit__(self, *exception):
        for program in reversed(self.running):
            try:
                program.stop()
            except AssertionError as fault:
                print(f"bench: at the end: {str(fault)[-500:]}", file=sys.stderr)
        self.folder.cleanup()

    def log(self):
        self.n_logs += 1
        return self.directory / f"{self.n_logs}.log"

    def add(self, program, cores=None):
        self.running.append(program)
        if cores:
            machine.pin(program.process.pid, cores)
        return program

    def simulator(self, *flags, cores=None):
        return self.add(programs.Simulator(self.log(), "--credits", "10000000", *flags), cores)

    def emailsd(self, simulator, *flags, cores=None, program=programs.EMAILSD):
        """Starts the daemon with its defaults, except that it has a store of its own instead of the user's."""
        argv = [program, "--listen", "127.0.0.1:0", "--upstream-url", simulator.urls[0],
                "--log-level", "warn", *flags]
        if "--store" not in flags and "--store" in options_of_emailsd():
            argv += ["--store", f"sqlite:{self.directory}/{len(self.running)}.db"]
        env = programs.environment({programs.KEY_VARIABLE: programs.KEY})
        return self.add(programs.Program(argv, env, self.log()), cores)

    def ours(self, name, *arguments, cores=None):
        """Starts a program of this folder that prints a line when it is ready."""
        argv = [str(BIN / name), *map(str, arguments)]
        return self.add(programs.Program(argv, dict(os.environ), self.log()), cores)

    def foreign(self, argv, port, cores):
        return self.add(Foreign(argv, port, self.log()), cores)


def seed(simulator, port):
    """Puts the response that all servers send into the daemon's cache: a body of BODY_BYTES. Returns its
    ETag and the body."""
    def rule(domain, extra):
        names = [*MAILBOXES[:-1], MAILBOXES[-1] + "x" * extra]
        simulator.rule(domain, data=[{"email": f"{n}@{domain}", "status": "VALID"} for n in names])

    trial = "milvale.com"  # as long as the name that is measured
    rule(trial, 0)
    length = len(fetch(port, PATH.replace("milvali.com", trial))[2])
    if length > BODY_BYTES:
        raise RuntimeError(f"a body has {length} bytes already without padding")
    rule("milvali.com", BODY_BYTES - length)
    fetch(port, PATH)
    headers, body = must_be_hit(port, PATH)
    if len(body) != BODY_BYTES or json.loads(body)["count"] != len(MAILBOXES):
        raise RuntimeError(f"not the answer to measure with: {body!r}")
    return headers["etag"], body
