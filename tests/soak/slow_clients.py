#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""slow_clients.py - runs slowhttptest against the daemon in three ways, with a probe beside it.

500 connections each: endless headers (-H), endless bodies (-B), slowly read responses (-X). slowhttptest
ends when all its connections are closed. That is early, since a header has 8 s and a body on a GET is
rejected, so slowhttptest is started again until the time is over. Meanwhile a probe requests a cached
result every 100 ms on a new connection. Each time it must get a 200 in less than a second. The numbers are
printed; the exit status is 1 if a probe failed.

    make slow
"""
import argparse
import http.client
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "system")]

from programs import Daemon, Simulator  # noqa: E402 - after the line that finds it

QUESTION = "/emails?domain=milvali.com"
WAYS = {
    "-H": ["-H", "-i", "3", "-x", "10"],
    "-B": ["-B", "-i", "3", "-x", "10", "-s", "8192"],
    "-X": ["-X", "-w", "16", "-y", "32", "-n", "3", "-z", "8", "-k", "3"],
}


class Probe(threading.Thread):
    def __init__(self, address):
        super().__init__()
        self.address, self.is_over, self.times, self.failures = address, threading.Event(), [], 0

    def run(self):
        while not self.is_over.wait(0.1):
            begun = time.monotonic()
            connection = http.client.HTTPConnection(*self.address, timeout=5)
            try:
                connection.request("GET", QUESTION)
                self.failures += connection.getresponse().status != 200
            except (OSError, http.client.HTTPException):
                self.failures += 1
            finally:
                connection.close()
            self.times.append(time.monotonic() - begun)


def attack(address, way, connections, seconds):
    """Runs one way for that long. Returns whether every probe succeeded."""
    probe, end, codes = Probe(address), time.monotonic() + seconds, []
    url = f"http://{address[0]}:{address[1]}{QUESTION}"
    probe.start()
    while (left := round(end - time.monotonic())) > 0:
        done = subprocess.run(["slowhttptest", *WAYS[way], "-c", str(connections), "-r", "200", "-l", str(left),
                               "-p", "3", "-u", url], capture_output=True, text=True, timeout=left + 60,
                              check=False)
        codes.append(done.returncode)
        if done.returncode not in (0, 1):
            print(done.stdout[-500:], done.stderr[-500:])
            break
    probe.is_over.set()
    probe.join()
    times = sorted(probe.times)
    print(f"{way}: {connections} connections, {seconds} s, {len(codes)} times until all were closed or the time "
          f"was over; {len(times)} probes, {probe.failures} failed; median {times[len(times) // 2] * 1000:.1f} ms, "
          f"p99 {times[len(times) * 99 // 100] * 1000:.1f} ms, slowest {times[-1] * 1000:.1f} ms", flush=True)
    return probe.failures == 0 and times[-1] < 1 and set(codes) <= {0, 1}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="emailsd-slow-") as folder:
        folder = pathlib.Path(folder)
        sim = Simulator(folder / "sim.stderr")
        daemon = Daemon(folder / "daemon.stderr", sim.urls[0])
        try:
            daemon.lookup("milvali.com")
            for way in WAYS:
                good = attack(daemon.address, way, arguments.connections, arguments.seconds) and good
        finally:
            daemon.stop()
            sim.stop()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
