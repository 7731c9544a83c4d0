# SPDX-License-Identifier: MIT
"""machine.py - the booted machine for the steps: its commands, its units, its daemon.

Runs in the machine's network and so shares its loopback; enters the rest of it with nsenter.
"""
import http.client
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system")]

from waiting import eventually  # noqa: E402 - after the line that finds it

ADDRESS, SIM_ADDRESS = ("127.0.0.1", 8080), ("127.0.0.1", 8090)
UNIT = "emailsd.service"
PATIENCE_S = 90


class Machine:
    def __init__(self, first_pid):
        self.enter = ["nsenter", "--target", first_pid, "--mount", "--uts", "--ipc", "--net", "--pid",
                      "--cgroup", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
                      "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]

    def try_to(self, *words, **more):
        """Runs a command in the machine; its status is not checked."""
        return subprocess.run([*self.enter, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False, **more)

    def run(self, *words):
        """Returns the output of a command that has to succeed."""
        done = self.try_to(*words)
        assert done.returncode == 0, f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def write(self, path, text, mode):
        subprocess.run([*self.enter, "sh", "-c", 'umask 077 && mkdir -p "${0%/*}" && cat >"$0" && chmod "$1" "$0"',
                        path, mode], input=text, text=True, timeout=PATIENCE_S, check=True)

    # ---- systemd

    def show(self, name, unit=UNIT):
        """Returns a property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def state(self, unit=UNIT):
        return self.show("ActiveState", unit)

    def pid(self):
        """Returns the daemon's process id, as the machine counts it."""
        return self.show("MainPID")

    def next_beat(self, last):
        """Returns the time of the last watchdog ping, if that is not `last`."""
        beat = self.show("WatchdogTimestampMonotonic")
        return beat if beat != last else None

    def log(self, *options, unit=UNIT):
        """Returns the journal's lines of a unit; of its current run only, unless options say otherwise."""
        self.run("journalctl", "--sync")
        mine = options or ("_SYSTEMD_INVOCATION_ID=" + self.show("InvocationID", unit),)
        return self.run("journalctl", "-q", "-o", "cat", "--no-pager", *mine)

    def status_of(self, field):
        """Returns that line of the daemon's /proc/PID/status, for each of its threads."""
        files = self.run("sh", "-c", f"cat /proc/{self.pid()}/task/*/status")
        return {" ".join(words.split()) for words in re.findall(rf"^{field}:(.*)$", files, re.M)}

    # ---- the daemon and the simulator

    def ask(self, target, address=ADDRESS, method="GET", body=None):
        """Returns (status, headers, body) of one request; OSError if no process listens."""
        connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
        try:
            connection.request(method, target, body)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def look_up(self, domain, how):
        """Returns a response of 200 whose Cache-Status contains `how`: "hit" or "fwd=..."."""
        status, headers, body = self.ask(f"/emails?domain={domain}")
        assert status == 200, f"{status} {body}"
        assert how in headers["Cache-Status"], headers["Cache-Status"]
        assert f"info@{domain}" in body, body

    def sim(self, target, method="GET", body=None):
        status, _, said = self.ask(target, SIM_ADDRESS, method, body)
        assert status == 200, f"{target}: {status} {said}"
        return said

    def bought(self, domain):
        """Returns the number of tasks."""
        return self.sim(f"/sim/ledger?domain={domain}").count('"task_id"')

    def is_served(self):
        try:
            return self.ask("/readyz")[0] == 200
        except OSError:
            return False

    def until_served_by_another(self, than):
        """Waits until a daemon with another pid is ready."""
        eventually(lambda: self.pid() not in ("0", than) and self.state() == "active" and self.is_served(),
                   PATIENCE_S)
