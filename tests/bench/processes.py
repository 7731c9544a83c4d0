# SPDX-License-Identifier: MIT
"""processes.py - what the kernel knows of the servers: CPU time, resident memory, children."""
import os
import pathlib
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def _fields(pid):
    """The fields of /proc/PID/stat after the name, which may hold anything."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(pid):
    """A process and all that descend from it, by their ids."""
    parents = {}
    for entry in os.listdir("/proc"):
        try:
            parents[int(entry)] = int(_fields(entry)[1])
        except (ValueError, OSError):
            continue  # no process, or one that has just ended
    found, queue = [], [pid]
    while queue:
        found.append(queue.pop())
        queue += [child for child, parent in parents.items() if parent == found[-1]]
    return found


def cpu_s(pids):
    """{process: CPU time used so far}, in user and kernel mode. One that has ended is left out, as
    nginx's cache loader does after a minute."""
    used = {}
    for pid in pids:
        try:
            fields = _fields(pid)
        except FileNotFoundError:
            continue
        used[pid] = (int(fields[11]) + int(fields[12])) * TICK_S
    return used


def cpu_since(before):
    """CPU time in seconds that those processes have used since cpu_s() told `before`."""
    return sum(now - before[pid] for pid, now in cpu_s(before).items())


def resident_kib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def machine_times():
    """(all CPU time of the machine, what the hypervisor gave to others), in ticks."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    return sum(map(int, fields)), int(fields[7])


def settle(pid, quiet_s=0.3, patience_s=20):
    """Returns when the process has used next to no CPU time for a while: it has read all it got."""
    deadline = time.monotonic() + patience_s
    before = cpu_s([pid])
    while time.monotonic() < deadline:
        time.sleep(quiet_s)  # polls: nothing tells when a server has nothing left to do
        if cpu_since(before) < 1.5 * TICK_S:
            return
        before = cpu_s([pid])
