# SPDX-License-Identifier: MIT
"""wrk.py - runs wrk, and parses its output."""
import re
import subprocess

import machine
from processes import cpu_s, cpu_since


def run(url, connections, seconds, load_cores, pids, close=False):
    """Runs one round. Closed loop: every connection sends a request as soon as it has its response. Returns
    requests per second and the server's CPU time per request in microseconds."""
    threads = max(1, min(len(load_cores), connections))
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "5s"]
    argv += ["-H", "Connection: close"] if close else []
    before = cpu_s(pids)
    process = subprocess.Popen([*argv, url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True)
    machine.pin(process.pid, load_cores)
    try:
        output = process.communicate(timeout=seconds + 20)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    used = cpu_since(before)
    counted = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", output)
    rate = re.search(r"Requests/sec:\s*([\d.]+)", output)
    if not counted or not rate or int(counted[1]) == 0:
        raise RuntimeError(f"{url}: wrk did not count anything: {output}")
    errors = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    faults = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)",
                       output)
    if errors or (faults and not close and any(int(n) for n in faults.groups())):
        raise RuntimeError(f"{url}: not only hits: {output}")
    return {"rate": float(rate[1]), "cpu_us": used / int(counted[1]) * 1e6}
