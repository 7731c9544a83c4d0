# SPDX-License-Identifier: MIT
"""machine.py - the machine: its cores, how programs are assigned to them, its description.

The available cores are split once: the first ones for the server under test, the rest for the load
generator. If there are too few, programs share a core, and the tables say which. With fewer than two cores,
no result would be meaningful.
"""
import os
import pathlib
import platform
import re
import subprocess
import time

CORES = sorted(os.sched_getaffinity(0))


def cores_for(n_workers):
    """Returns (cores of the server, cores of its load). If none is left for the load, it shares the last one
    of the server."""
    return CORES[:n_workers], CORES[n_workers:] or CORES[-1:]


def note_sharing(table, n_cores, effect):
    """Adds a caveat to the table if the machine has fewer cores than the measurement should have."""
    if len(CORES) < n_cores:
        table.note(f"Caveat: {len(CORES)} cores instead of {n_cores}. {effect}")


def pin(pid, cores):
    """Moves every thread of a process to these cores; later threads and children inherit them."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(thread), cores)


def describe():
    cpuinfo = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.M)
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', pathlib.Path("/etc/os-release").read_text(),
                              re.M))
    debian = pathlib.Path("/etc/debian_version")
    memory_kib = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    version = debian.read_text().strip() if debian.exists() else ""
    return {
        "CPU": f"{model[1] if model else platform.machine()}, {len(CORES)} cores",
        "memory": f"{memory_kib / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "system": f"{release.get('PRETTY_NAME', platform.system())} {version}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load before": f"{os.getloadavg()[0]:.2f} (average of one minute)",
    }


def version_of(*command):
    """Returns the first line of a program's version output; None if the program is missing."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        return None
    return (result.stdout + result.stderr).split("\n")[0]
