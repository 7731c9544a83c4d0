#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""steps.py FIRST_PID first|second - what a Debian machine that check.sh has booted does with the
package: the steps of its first life, from the installation on, or of the second, after the machine was
switched off and on, up to the purge.

Each step is a function whose docstring is the sentence that it proves; it may return numbers to be
printed behind it. They build on each other, so the first that fails is the last: what systemd and the
daemon say of it goes to standard error, and the exit status is 1.
"""
import json
import re
import sys
import time

from machine import SIM_ADDRESS, UNIT, Machine, eventually

KEY, NEW_KEY, WRONG_KEY = "key-that-nobody-may-read", "key-that-came-later", "key-that-nobody-knows"
KEY_FILE = "/etc/emailsd/openmart-api-key"
CONF_FILE = "/etc/emailsd/emailsd.conf"
CONF = "upstream-url = http://127.0.0.1:8090\nbalance-every = 0\nttl-failed = 0\n"
DROP_IN = "/run/systemd/system/emailsd.service.d/check.conf"
SOCKET = "emailsd.socket"
DYNAMIC_UIDS = range(61184, 65520)  # systemd.exec(5), DynamicUser=
DRAIN_S = 30
MOST_EXPOSED = 15  # of 100, as tests/system/test_unit.py wants of the file


# ---- installed and started ----


def installed_without_a_key(machine):
    """installed by dpkg while systemd runs: enabled, and passed over as long as there is no key"""
    machine.run("dpkg", "-i", "/root/emailsd.deb")
    assert machine.show("UnitFileState") == "enabled"
    assert machine.show("UnitFileState", SOCKET) == "disabled"
    assert (machine.state(), machine.show("ConditionResult")) == ("inactive", "no")
    machine.run("systemctl", "start", UNIT)
    assert machine.state() == "inactive"
    assert "emailsd" not in machine.run("systemctl", "--failed", "--no-legend")


def socket_without_a_key(machine):
    """nor does the socket listen: nobody who connects is kept waiting for a service that is passed over"""
    machine.run("systemctl", "start", SOCKET)
    assert (machine.state(SOCKET), machine.show("ConditionResult", SOCKET)) == ("inactive", "no")
    try:
        machine.ask("/livez")
        raise AssertionError("somebody listens")
    except ConnectionRefusedError:
        pass
    assert "emailsd" not in machine.run("systemctl", "--failed", "--no-legend")


def started(machine):
    """started with a key: active when it serves, and not before"""
    machine.run("systemd-run", "--unit=openmart-sim", "--description=the vendor", "--property=DynamicUser=yes", "openmart-sim",
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
    """the key comes as a credential, which no other user can read, and is in no environment or argument"""
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
    """a lookup is bought from the simulator with it, and the same comes out of the cache"""
    machine.look_up("milvali.com", "fwd=")
    machine.look_up("milvali.com", "hit")
    assert machine.bought("milvali.com") == 1


# ---- behind walls ----


def locked_in(machine):
    """every thread: a dynamic user, no capability, no new privileges, filtered calls; no core, not dumpable"""
    uids = machine.status_of("Uid")
    assert len(uids) == 1 and {int(uid) for uid in uids.pop().split()} <= set(DYNAMIC_UIDS), uids
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert machine.status_of(capabilities) == {"0" * 16}, capabilities
    assert machine.status_of("NoNewPrivs") == {"1"}
    assert machine.status_of("Seccomp") == {"2"}
    assert machine.run("sed", "-n", "s/^Seccomp:[[:space:]]*//p", "/proc/1/status") == "0\n"
    # The unit's are several, one for each of its lines; the daemon's is one more.
    filters = {int(n) for n in machine.status_of("Seccomp_filters")}
    assert len(filters) == 1 and min(filters) >= 2, filters
    # The kernel gives what is in /proc of a process that is not dumpable to root.
    assert machine.run("stat", "-c", "%u", f"/proc/{machine.pid()}/environ") == "0\n"
    assert re.search(r"^Max core file size +0 +0 ", machine.run("cat", f"/proc/{machine.pid()}/limits"), re.M)
    return f"{filters.pop()} filters, {len(machine.run('ls', f'/proc/{machine.pid()}/task').split())} threads"


def walls_of_its_own(machine):
    """inside of the unit's walls the daemon can still build its own, seccomp and Landlock"""
    [line] = re.findall(r"event=sandbox_applied (.*)", machine.log())
    assert re.fullmatch(r"seccomp=on landlock=(abi\d+|unsupported).*", line), line
    return line


def walls_of_the_unit(machine):
    """even root, in its mounts, writes to its state only; other processes, homes and devices are hidden"""
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
    """in its mounts even root executes the daemon and the shell of the reload, and no other program"""
    among = ("nsenter", "--target", machine.pid(), "--mount")
    assert "emailsd " in machine.run(*among, "/usr/bin/emailsd", "--version")
    machine.run(*among, "/bin/sh", "-c", ":")
    for program in ("/usr/bin/env", "/usr/sbin/nologin", "/usr/local/bin/openmart-sim"):
        assert "Permission denied" in machine.try_to(*among, program).stderr, program


def little_exposed(machine):
    """systemd-analyze security finds little exposed in the unit that runs"""
    said = machine.run("systemd-analyze", "security", "--no-pager", f"--threshold={MOST_EXPOSED}", UNIT)
    [verdict] = re.findall(r"Overall exposure level for .*: (.*)$", said, re.M)
    return verdict.strip()


# ---- reloaded, restarted, killed ----


def reloaded(machine):
    """systemctl reload takes a changed configuration over, in the same process, and the log says so"""
    pid = machine.pid()
    machine.write(CONF_FILE, CONF + "log-level = debug\ncache-size = 32MiB\n", "0644")
    machine.run("systemctl", "reload", UNIT)
    log = eventually(lambda: "event=reloaded" in machine.log() and machine.log())
    assert "event=restart_required option=cache-size" in log, log
    eventually(lambda: machine.show("SubState") == "running")
    assert (machine.pid(), machine.state(), machine.show("SubState")) == (pid, "active", "running")


def refused_reload(machine):
    """one that is refused is told in the log, and changes nothing"""
    pid = machine.pid()
    machine.write(CONF_FILE, CONF + "log-level = loud\n", "0644")
    machine.run("systemctl", "reload", UNIT)
    eventually(lambda: "event=reload_rejected" in machine.log())
    assert (machine.pid(), machine.state()) == (pid, "active")
    machine.look_up("milvali.com", "hit")
    machine.write(CONF_FILE, CONF, "0644")
    machine.run("systemctl", "reload", UNIT)


def restarted(machine):
    """systemctl restart keeps the answers"""
    before = machine.pid()
    machine.run("systemctl", "restart", UNIT)
    assert machine.pid() != before
    machine.look_up("milvali.com", "hit")
    assert machine.bought("milvali.com") == 1


def another_key(machine):
    """another key is taken over by a restart"""
    machine.write(KEY_FILE, WRONG_KEY + "\n", "0600")
    machine.run("systemctl", "reload", UNIT)
    machine.look_up("stillold.com", "fwd=")  # systemd read the file at the start
    machine.run("systemctl", "restart", UNIT)
    assert machine.ask("/emails?domain=wrongkey.com")[0] in (502, 503)
    machine.write(KEY_FILE, NEW_KEY + "\n", "0600")
    machine.run("systemctl", "restart", UNIT)
    machine.look_up("newkey.com", "fwd=")


def commands(machine):
    """the commands reach the store of the dynamic user, while the daemon runs and while it does not"""
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
    """systemctl kill -s SIGUSR1 and SIGUSR2 pause and resume it, without a way to its store"""
    pid = machine.pid()
    for number, event, status in [("SIGUSR1", "paused", 503), ("SIGUSR2", "resumed", 200)]:
        before = machine.log().count(f"event={event}")
        machine.run("systemctl", "kill", "-s", number, UNIT)
        eventually(lambda: machine.log().count(f"event={event}") > before)
        assert machine.ask("/emails?domain=braked.com")[0] == status
    assert (machine.pid(), machine.state()) == (pid, "active")


def killed(machine):
    """kill -9: systemd starts it again, with its answers"""
    before = machine.pid()
    machine.run("systemctl", "kill", "-s", "KILL", UNIT)
    machine.until_served_by_another(before)
    assert machine.show("NRestarts") == "1"
    machine.look_up("milvali.com", "hit")


def watched(machine):
    """a daemon that hangs is ended by the watchdog and started again; one that turns is not"""
    assert machine.show("WatchdogUSec") == "30s"
    machine.write(DROP_IN, "[Service]\nWatchdogSec=1\n", "0644")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    before, beat = machine.pid(), ""
    for _ in range(4):  # two in a second: twice the limit goes by
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
    """a start that fails is tried again, more often than systemd's limit, until what was wrong is mended"""
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


# ---- its end ----


def stopped_in_the_middle(machine):
    """systemctl stop waits for the submit under way and is a success in time; the answer is bought once"""
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
    """the socket's first connection starts the service, and who comes while it restarts is served"""
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
    """the journal has its lines, no key and no address; systemd complains only of what was done to it"""
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
    """an upgrade to the next version restarts it, and keeps the configuration and the answers"""
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
    """it starts with the machine, and has its answers"""
    assert machine.state() == "active"
    assert machine.show("NRestarts") == "0"
    machine.look_up("milvali.com", "hit")
    last = machine.log("-b", "-1", "-u", UNIT)
    assert "event=stopped" in last, last[-500:]


def purged(machine):
    """purged while it runs: stopped, and neither unit, nor state, nor key, nor process is left"""
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
              refused_reload, restarted, another_key, commands, braked, killed, watched, tried_again,
              stopped_in_the_middle, activated, told, upgraded],
    "second": [started_with_the_machine, purged],
}


def complain(machine, why):
    """What helps to find out."""
    print(f"{type(why).__name__}: {why}", file=sys.stderr)
    for words in (["systemctl", "status", "--no-pager", "-l", UNIT],
                  ["journalctl", "-q", "--no-pager", "-b", "-n", "40"]):
        print(machine.try_to(*words).stdout, file=sys.stderr)


def main():
    machine = Machine(sys.argv[1])
    for step in STEPS[sys.argv[2]]:
        try:
            numbers = step(machine)
        except Exception as why:  # whatever it is, the step has failed
            print(f"FAIL {step.__doc__}", flush=True)
            complain(machine, why)
            return 1
        print(f"ok   {step.__doc__}{': ' + numbers if numbers else ''}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
