# SPDX-License-Identifier: MIT
"""processes.py - what the kernel reports about the servers: CPU time, resident memory, children."""
import os
import pathlib
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def _fields(pid):
    """Returns the fields of /proc/PID/stat after the name, which may contain anything."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid):
    """Returns the ids of a process and of all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        try:
            parents[int(entry)] = int(_fields(entry)[1])
        except (ValueError, OSError):
            continue  # not a process, or one that has just ended
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += [child for child, parent in parents.items() if parent == found[-1]]
    return found


def cpu_s(pids):
    """Returns {process: CPU time so far}, in user and kernel mode. A process that has ended is skipped;
    nginx's cache loader ends after a minute."""
    used = {}
    for pid in pids:
        try:
            fields = _fields(pid)
        except FileNotFoundError:
            continue
        used[pid] = (int(fields[11]) + int(fields[12])) * TICK_S
    return used


def cpu_since(before):
    """Returns the CPU time in seconds that those processes have used since cpu_s() returned `before`."""
    return sum(now - before[pid] for pid, now in cpu_s(before).items())


def _status_kib(pid, name):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0


def resident_kib(pid):
    return _status_kib(pid, "VmRSS")


def peak_kib(pid):
    """Returns the most resident memory that the process has had."""
    return _status_kib(pid, "VmHWM")


def machine_times():
    """Returns (all CPU time of the machine, what the hypervisor gave to others), in ticks."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, fields)), int(fields[7])


def settle(pid, quiet_s=0.3, patience_s=20):
    """Returns when the process has used almost no CPU time for a while: it has read all its input."""
    deadline = time.monotonic() + patience_s
    before = cpu_s([pid])
    while time.monotonic() < deadline:
        time.sleep(quiet_s)  # polls: no event shows that a server is idle
        if cpu_since(before) < 1.5 * TICK_S:
            return
        before = cpu_s([pid])
