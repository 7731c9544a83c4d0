#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""steps.py FIRST_PID first|second - the steps of the package's lifecycle in the machine that check.sh has
booted.

The first run begins with the installation. The second begins after the machine was switched off and on, and
ends with the purge. Each step is a function whose docstring is the sentence that it proves; it may return
numbers to be printed after it. The steps depend on each other, so the first failure ends the run. What
systemd and the daemon report about it goes to standard error, and the exit status is 1.
"""
import json
import re
import sys
import time

from credentials import CONF, CONF_FILE, secured
from machine import SIM_ADDRESS, UNIT, Machine, eventually

KEY, NEW_KEY, WRONG_KEY = "key-that-nobody-may-read", "key-that-came-later", "key-that-nobody-knows"
KEY_FILE = "/etc/emailsd/openmart-api-key"
DROP_IN = "/run/systemd/system/emailsd.service.d/check.conf"
SOCKET = "emailsd.socket"
DYNAMIC_UIDS = range(61184, 65520)  # systemd.exec(5), DynamicUser=
DRAIN_S = 30
MOST_EXPOSED = 15  # of 100; tests/system/test_systemd_units.py checks the unit file for the same bound


# ---- installed and started ----


def installed_without_a_key(machine):
    """installed by dpkg while systemd runs: enabled, but skipped without a key"""
    machine.run("dpkg", "-i", "/root/emailsd.deb")
    assert machine.show("UnitFileState") == "enabled"
    assert machine.show("UnitFileState", SOCKET) == "disabled"
    assert (machine.state(), machine.show("ConditionResult")) == ("inactive", "no")
    machine.run("systemctl", "start", UNIT)
    assert machine.state() == "inactive"
    assert "emailsd" not in machine.run("systemctl", "--failed", "--no-legend")


def socket_without_a_key(machine):
    """the socket does not listen either: no client waits for a service that is skipped"""
    machine.run("systemctl", "start", SOCKET)
    assert (machine.state(SOCKET), machine.show("ConditionResult", SOCKET)) == ("inactive", "no")
    try:
        machine.ask("/livez")
        raise AssertionError("a process listens")
    except ConnectionRefusedError:
        pass
    assert "emailsd" not in machine.run("systemctl", "--failed", "--no-legend")


def started(machine):
    """started with a key: active as soon as it serves, not before"""
    machine.run("systemd-run", "--unit=openmart-sim", "--description=the upstream", "--property=DynamicUser=yes", "openmart-sim",
                "--listen", "%s:%d" % SIM_ADDRESS, "--submit-delay", "0", "--task-time", "0",
                "--api-key", KEY, "--api-key", NEW_KEY)
    eventually(lambda: "ready on" in machine.log(unit="openmart-sim.service"))
    machine.write(CONF_FILE, CONF, "0644")
    machine.write(KEY_FILE, KEY + "\n", "0600")
    before = time.monotonic()
    machine.run("systemctl", "start", UNIT)
    took_ms = (time.monotonic() - before) * 1000
    assert machine.ask("/readyz")[0] == 200
    assert (machine.state(), machine.show("SubState")) == ("active", "running")
    assert machine.show("StatusText") == "serving"
    assert "event=ready" in machine.log()
    return f"systemctl start took {took_ms:.0f} ms"


def the_key_is_a_credential(machine):
    """the key comes as a credential, which no other user can read; no environment and no argument contains
    it"""
    proc = f"/proc/{machine.pid()}"
    path = f"/run/credentials/{UNIT}/openmart-api-key"
    assert path in machine.run("cat", f"{proc}/cmdline")
    assert machine.run("cat", f"{proc}/root{path}") == KEY + "\n"
    assert machine.run("stat", "-c", "%a", f"{proc}/root{path}") in ("400\n", "440\n")
    nobody = ("setpriv", "--reuid=65534", "--clear-groups", "cat")
    assert machine.try_to(*nobody, path).returncode != 0
    assert machine.try_to(*nobody, KEY_FILE).returncode != 0
    assert KEY not in machine.run("cat", f"{proc}/environ", f"{proc}/cmdline")
    assert machine.try_to("ls", f"{proc}/root/etc/emailsd").returncode == 0


def looked_up(machine):
    """a lookup is paid for at the simulator, and the same result comes from the cache"""
    machine.look_up("milvali.com", "fwd=")
    machine.look_up("milvali.com", "hit")
    assert machine.bought("milvali.com") == 1


# ---- restrictions ----


def locked_in(machine):
    """every thread: a dynamic user, no capability, no new privileges, filtered calls; no core, not dumpable"""
    uids = machine.status_of("Uid")
    assert len(uids) == 1 and {int(uid) for uid in uids.pop().split()} <= set(DYNAMIC_UIDS), uids
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert machine.status_of(capabilities) == {"0" * 16}, capabilities
    assert machine.status_of("NoNewPrivs") == {"1"}
    assert machine.status_of("Seccomp") == {"2"}
    assert machine.run("sed", "-n", "s/^Seccomp:[[:space:]]*//p", "/proc/1/status") == "0\n"
    # The unit has several filters, one for each of its lines; the daemon adds one.
    filters = {int(n) for n in machine.status_of("Seccomp_filters")}
    assert len(filters) == 1 and min(filters) >= 2, filters
    # In /proc, the files of a process that is not dumpable belong to root.
    assert machine.run("stat", "-c", "%u", f"/proc/{machine.pid()}/environ") == "0\n"
    assert re.search(r"^Max core file size +0 +0 ", machine.run("cat", f"/proc/{machine.pid()}/limits"), re.M)
    return f"{filters.pop()} filters, {len(machine.run('ls', f'/proc/{machine.pid()}/task').split())} threads"


def walls_of_its_own(machine):
    """within the unit's restrictions the daemon can still apply its own, seccomp and Landlock"""
    [line] = re.findall(r"event=sandbox_applied (.*)", machine.log())
    assert re.fullmatch(r"seccomp=on landlock=(abi\d+|unsupported).*", line), line
    return line


def walls_of_the_unit(machine):
    """within its mounts even root writes to its state only; other processes, homes and devices are hidden"""
    root = f"/proc/{machine.pid()}/root"
    for path in ("/etc", "/usr", "/var", "/run", "/run/lock", "/run/user", "/sys", "/home", "/root"):
        assert machine.try_to("touch", f"{root}{path}/x").returncode != 0, path
    machine.run("touch", f"{root}/var/lib/private/emailsd/x")
    machine.run("rm", f"{root}/var/lib/private/emailsd/x")
    assert machine.try_to("cat", f"{root}/root/emailsd.deb").returncode != 0
    assert machine.try_to("test", "-e", f"{root}/dev/kmsg").returncode != 0
    mounts = machine.run("cat", f"/proc/{machine.pid()}/mountinfo")
    assert re.search(r" /proc .*subset=pid", mounts) and re.search(r" /proc .*hidepid=invisible", mounts), mounts
    for space in ("user", "ipc"):
        assert machine.run("readlink", f"/proc/{machine.pid()}/ns/{space}") \
            != machine.run("readlink", f"/proc/1/ns/{space}"), space
    assert machine.run("stat", "-c", "%a", "/var/lib/private/emailsd", "/var/lib/private/emailsd/emailsd.db") \
        == "700\n600\n"


def nothing_else_to_execute(machine):
    """within its mounts even root executes only the daemon and the shell of the reload"""
    among = ("nsenter", "--target", machine.pid(), "--mount")
    assert "emailsd " in machine.run(*among, "/usr/bin/emailsd", "--version")
    machine.run(*among, "/bin/sh", "-c", ":")
    for program in ("/usr/bin/env", "/usr/sbin/nologin", "/usr/local/bin/openmart-sim"):
        assert "Permission denied" in machine.try_to(*among, program).stderr, program


def little_exposed(machine):
    """systemd-analyze security reports little exposure of the running unit"""
    said = machine.run("systemd-analyze", "security", "--no-pager", f"--threshold={MOST_EXPOSED}", UNIT)
    [verdict] = re.findall(r"Overall exposure level for .*: (.*)$", said, re.M)
    return verdict.strip()


# ---- reloaded, restarted, killed ----


def reloaded(machine):
    """systemctl reload applies a changed configuration in the same process, and logs it"""
    pid = machine.pid()
    machine.write(CONF_FILE, CONF + "log-level = debug\ncache-size = 32MiB\n", "0644")
    machine.run("systemctl", "reload", UNIT)
    log = eventually(lambda: "event=reloaded" in machine.log() and machine.log())
    assert "event=restart_required option=cache-size" in log, log
    eventually(lambda: machine.show("SubState") == "running")
    assert (machine.pid(), machine.state(), machine.show("SubState")) == (pid, "active", "running")


def refused_reload(machine):
    """a rejected configuration is logged and changes nothing"""
    pid = machine.pid()
    machine.write(CONF_FILE, CONF + "log-level = loud\n", "0644")
    machine.run("systemctl", "reload", UNIT)
    eventually(lambda: "event=reload_rejected" in machine.log())
    assert (machine.pid(), machine.state()) == (pid, "active")
    machine.look_up("milvali.com", "hit")
    machine.write(CONF_FILE, CONF, "0644")
    machine.run("systemctl", "reload", UNIT)


def restarted(machine):
    """systemctl restart keeps the stored results"""
    before = machine.pid()
    machine.run("systemctl", "restart", UNIT)
    assert machine.pid() != before
    machine.look_up("milvali.com", "hit")
    assert machine.bought("milvali.com") == 1


def another_key(machine):
    """a restart applies another key"""
    machine.write(KEY_FILE, WRONG_KEY + "\n", "0600")
    machine.run("systemctl", "reload", UNIT)
    machine.look_up("stillold.com", "fwd=")  # systemd read the file at the start
    machine.run("systemctl", "restart", UNIT)
    assert machine.ask("/emails?domain=wrongkey.com")[0] in (502, 503)
    machine.write(KEY_FILE, NEW_KEY + "\n", "0600")
    machine.run("systemctl", "restart", UNIT)
    machine.look_up("newkey.com", "fwd=")


def commands(machine):
    """the commands reach the store of the dynamic user, with and without a running daemon"""
    inside = ("systemd-run", "-q", "--pipe", "--wait", "-p", "DynamicUser=yes", "-p", "User=emailsd", "-p",
              "StateDirectory=emailsd", "emailsd")
    assert json.loads(machine.run(*inside, "inspect", "--json"))["answers"]["found"] == 3
    machine.run(*inside, "pause")
    eventually(lambda: "event=paused" in machine.log())
    assert machine.ask("/emails?domain=paused.com")[0] == 503
    machine.run(*inside, "resume")
    eventually(lambda: "event=resumed" in machine.log())
    machine.look_up("paused.com", "fwd=")
    machine.run("systemctl", "stop", UNIT)
    assert json.loads(machine.run(*inside, "inspect", "--json"))["answers"]["found"] == 4
    machine.run("systemctl", "start", UNIT)
    machine.look_up("paused.com", "hit")
    machine.run("emailsd", "healthcheck")


def braked(machine):
    """systemctl kill -s SIGUSR1 and SIGUSR2 pause and resume it, without access to its store"""
    pid = machine.pid()
    for number, event, status in [("SIGUSR1", "paused", 503), ("SIGUSR2", "resumed", 200)]:
        before = machine.log().count(f"event={event}")
        machine.run("systemctl", "kill", "-s", number, UNIT)
        eventually(lambda: machine.log().count(f"event={event}") > before)
        assert machine.ask("/emails?domain=braked.com")[0] == status
    assert (machine.pid(), machine.state()) == (pid, "active")


def killed(machine):
    """kill -9: systemd starts it again, with its stored results"""
    before = machine.pid()
    machine.run("systemctl", "kill", "-s", "KILL", UNIT)
    machine.until_served_by_another(before)
    assert machine.show("NRestarts") == "1"
    machine.look_up("milvali.com", "hit")


def watched(machine):
    """the watchdog ends a hanging daemon and starts it again; a working daemon keeps running"""
    assert machine.show("WatchdogUSec") == "30s"
    machine.write(DROP_IN, "[Service]\nWatchdogSec=1\n", "0644")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    before, beat = machine.pid(), ""
    for _ in range(4):  # two per second: twice the limit passes
        beat = eventually(lambda: machine.next_beat(beat))
    assert machine.pid() == before
    machine.run("systemctl", "kill", "-s", "STOP", UNIT)
    machine.until_served_by_another(before)
    assert "Watchdog timeout" in machine.log("-u", UNIT)
    machine.run("rm", DROP_IN)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    machine.look_up("milvali.com", "hit")


def tried_again(machine):
    """a failed start is repeated, more often than systemd's limit, until its cause is fixed"""
    assert machine.show("RestartUSec") == "5s"
    machine.write(DROP_IN, "[Service]\nRestartSec=50ms\n", "0644")
    machine.write(CONF_FILE, CONF + "log-level = loud\n", "0644")
    machine.run("systemctl", "daemon-reload")
    assert machine.try_to("systemctl", "restart", UNIT).returncode != 0
    eventually(lambda: int(machine.show("NRestarts")) > 12)
    machine.write(CONF_FILE, CONF, "0644")
    eventually(machine.is_served)
    assert machine.state() == "active"
    tries = machine.show("NRestarts")
    machine.run("rm", DROP_IN)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    machine.look_up("milvali.com", "hit")
    return f"{tries} tries"


# ---- stop ----


def stopped_in_the_middle(machine):
    """systemctl stop waits for the submit in flight and succeeds in time; the result is paid for once"""
    machine.sim("/sim/behaviour", "PUT", '{"submit_delay_ms": 3000}')
    submits = json.loads(machine.sim("/sim/calls"))["submit"]
    assert machine.ask("/emails?domain=midway.com&async=1")[0] == 202
    machine.sim(f"/sim/wait?submit={submits + 1}")
    before = time.monotonic()
    machine.run("systemctl", "stop", UNIT)
    took_s = time.monotonic() - before
    assert (machine.show("Result"), machine.state()) == ("success", "inactive")
    assert machine.show("ExecMainStatus") == "0"
    assert 1 < took_s < DRAIN_S, took_s
    machine.sim("/sim/behaviour", "PUT", '{"submit_delay_ms": 0}')
    machine.run("systemctl", "start", UNIT)
    assert machine.ask("/emails?domain=midway.com")[0] == 200
    assert machine.bought("midway.com") == 1
    return f"systemctl stop took {took_s:.1f} s, the submit 3"


def activated(machine):
    """the socket's first connection starts the service, and connections during a restart are served"""
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "start", SOCKET)
    assert (machine.state(), machine.state(SOCKET)) == ("inactive", "active")
    machine.look_up("milvali.com", "hit")
    assert machine.state() == "active"
    assert "event=sockets_inherited" in machine.log()
    for _ in range(3):
        before = machine.pid()
        machine.run("systemctl", "restart", "--no-block", UNIT)
        while machine.pid() == before:
            machine.look_up("milvali.com", "hit")
        machine.look_up("milvali.com", "hit")
    before = machine.pid()
    machine.run("systemctl", "kill", "-s", "KILL", UNIT)
    machine.look_up("milvali.com", "hit")
    machine.until_served_by_another(before)
    machine.run("systemctl", "stop", SOCKET, UNIT)
    assert (machine.state(), machine.show("Result")) == ("inactive", "success")
    machine.run("systemctl", "start", UNIT)


def told(machine):
    """the journal has its lines, no key and no address; systemd complains only about what the test did"""
    everything = machine.log("-b")
    for event in ("ready", "batch_submitted", "lookup_finished", "request", "reloaded", "draining", "stopped"):
        assert f"event={event} " in everything or f"event={event}\n" in everything, event
    for secret in (KEY, NEW_KEY, WRONG_KEY, "info@"):
        assert secret not in everything, secret
    complaints = [line for line in machine.log("-b", "_PID=1", "-p", "warning").splitlines() if "emailsd" in line]
    expected = (r"Watchdog timeout|Failed with result '(signal|watchdog|exit-code)'|Killing process|code=killed|"
                r"Failed to start emailsd|code=exited, status=2")
    assert not [line for line in complaints if not re.search(expected, line)], "\n".join(complaints)
    return f"{len(machine.log('-u', UNIT).splitlines())} lines of the unit"


def upgraded(machine):
    """an upgrade to the next version restarts it, and keeps the configuration and the stored results"""
    before, version = machine.pid(), machine.run("emailsd", "--version")
    machine.run("dpkg", "-i", "/root/emailsd-next.deb")
    eventually(machine.is_served)
    assert machine.pid() != before
    [following] = re.findall(r"\((\S+)\)", machine.run("emailsd", "--version"))
    assert f"({following.removesuffix('+1')})" in version and following.endswith("+1"), following
    assert f'"revision":"{following}"' in machine.ask("/version")[2]
    assert machine.run("cat", CONF_FILE) == CONF
    machine.look_up("milvali.com", "hit")


# ---- after the machine was switched off and on ----


def started_with_the_machine(machine):
    """it starts with the machine, and has its stored results"""
    assert machine.state() == "active"
    assert machine.show("NRestarts") == "0"
    machine.look_up("milvali.com", "hit")
    last = machine.log("-b", "-1", "-u", UNIT)
    assert "event=stopped" in last, last[-500:]


def purged(machine):
    """purged while it runs: stopped, and no unit, state, key or process remains"""
    machine.run("dpkg", "--purge", "emailsd")
    for path in ("/var/lib/emailsd", "/var/lib/private/emailsd", "/etc/emailsd",
                 "/etc/systemd/system/multi-user.target.wants/emailsd.service"):
        assert machine.try_to("test", "-e", path).returncode != 0, path
    assert machine.show("LoadState") == "not-found"
    assert "emailsd" not in machine.try_to("sh", "-c", "cat /proc/[0-9]*/comm").stdout.split()
    assert "emailsd" not in machine.run("systemctl", "--failed", "--no-legend")


STEPS = {
    "first": [installed_without_a_key, socket_without_a_key, started, the_key_is_a_credential, looked_up, locked_in,
              walls_of_its_own, walls_of_the_unit, nothing_else_to_execute, little_exposed, reloaded,
              refused_reload, restarted, another_key, secured, commands, braked, killed, watched, tried_again,
              stopped_in_the_middle, activated, told, upgraded],
    "second": [started_with_the_machine, purged],
}


def complain(machine, why):
    """Prints what helps to find the cause."""
    print(f"{type(why).__name__}: {why}", file=sys.stderr)
    for words in (["systemctl", "status", "--no-pager", "-l", UNIT],
                  ["journalctl", "-q", "--no-pager", "-b", "-n", "40"]):
        print(machine.try_to(*words).stdout, file=sys.stderr)


def main():
    machine = Machine(sys.argv[1])
    for step in STEPS[sys.argv[2]]:
        try:
            numbers = step(machine)
        except Exception as why:  # any exception is a failure of the step
            print(f"FAIL {step.__doc__}", flush=True)
            complain(machine, why)
            return 1
        print(f"ok   {step.__doc__}{': ' + numbers if numbers else ''}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
