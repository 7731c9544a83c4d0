# SPDX-License-Identifier: MIT
"""notices.py - a stage whose daemons have a notify URL, and whose upstream calls it.

All daemons of the stage listen on one address, one after the other, because the upstream calls the URL that it
got from an earlier one. So a call may reach the daemon that submitted, a later one, or none. Some submits
lose their response after the tasks were created; a call can resolve them. One that reached a daemon that was
killed may have been for nothing: that lookup stays listed as unknown.
"""
import os
import socket

from waiting import eventually

WHEN = {"created": 1, "done": 1, "twice": 2, "reversed": 1}  # and the calls for each task
BODIES = ["task", "batch", "form", "mixed"]  # mixed: some name no id
DELAYS_MS = [0, 20, 300]
LOST_PERCENT = 15
LOSSES = [{"kind": "close"}, {"kind": "reset"},
          {"kind": "status", "status": 503, "headers": {"Retry-After": "1"}}]
LOST_AT_END = 3  # fewer than what opens the circuit


def _free_address():
    """An address that only this process uses, so that its port stays free between two daemons."""
    pid = os.getpid()
    host = f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"
    with socket.create_server((host, 0)) as listener:
        return f"{host}:{listener.getsockname()[1]}"


class Notices:
    def __init__(self, sim, dice):
        self.sim = sim
        self.address = _free_address()
        self.flags = ("--listen", self.address, "--notify-url", f"http://{self.address}/notify")
        self.when = dice.choice(list(WHEN))
        sim.behave(notify=self.when, notify_body=dice.choice(BODIES),
                   notify_delay_ms=dice.choice(DELAYS_MS))
        for loss in LOSSES:
            sim.say("POST", "/sim/faults",
                    {"on": "submit", "percent": LOST_PERCENT // len(LOSSES),
                     "seed": dice.randrange(1 << 30), "after_creating": True, "fault": loss})

    def lose_and_resolve(self, daemon, domains):
        """Loses the submits of these domains; returns when calls have resolved them, and no call is left."""
        self.sim.say("DELETE", "/sim/faults")
        self.sim.behave(notify_body="task")
        for domain in domains:
            self.sim.fault("submit", "close")
            daemon.lookup(domain)  # unknown, unless the call came before
            eventually(lambda of=domain: daemon.lookup(of, cached=1).status == 200)
        eventually(self._all_called)

    def _all_called(self):
        calls = self.sim.calls()
        return calls["notified"] + calls["notify_failed"] >= WHEN[self.when] * calls["tasks"]
