# SPDX-License-Identifier: MIT
"""test_sandbox.py - tests the restrictions of the real daemon, as the kernel reports them.

All other tests here show that the lists suffice: each of their daemons runs under both layers.
unit/test_sandbox*.c tries from the inside what the layers deny.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import programs
import pytest
from certificates import Authority, Relay
from programs import EMAILSD, KEY, KEY_VARIABLE, is_sanitized, run_to_end
from client_keys import Keys
from tracing import Victim, can_trace, tracer
from waiting import eventually


plain_build_only = pytest.mark.skipif(is_sanitized(), reason="a sanitizer needs what is forbidden")


def sandbox_state(daemon):
    """Returns the one line about it, as a dictionary."""
    [line] = re.findall(r"event=sandbox_applied (.*)", daemon.stderr())
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line))


def of_each_thread(daemon, field):
    """Returns that line of /proc/PID/task/*/status for all threads; some may end meanwhile."""
    values = []
    for task in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = (task / "status").read_text()
            values.append(re.search(rf"^{field}:\s*(\S+)", status, re.M)[1])
    assert len(values) >= 4  # main, engine, two workers
    return values


def landlock_abi():
    """Returns the kernel's result of landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)."""
    code = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
    answer = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, check=True)
    return int(answer.stdout)


@plain_build_only
def test_sandbox_covers_every_thread_before_the_first_request(daemon):
    assert set(of_each_thread(daemon, "NoNewPrivs")) == {"1"}
    assert set(of_each_thread(daemon, "Seccomp")) == {"2"}
    abi = landlock_abi()
    assert sandbox_state(daemon)["seccomp"] == "on"
    assert sandbox_state(daemon)["landlock"] == (f"abi{abi}" if abi > 0 else "unsupported")
    words = daemon.stderr()
    assert words.index("event=sandbox_applied") < words.index("event=ready")


WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="wants to be root, and mount namespaces")
def test_sandbox_allows_name_resolution(testbed, sim, tmp_path):
    """Resolves through a thread of libcurl and glibc's resolver: threads that start later, the files of
    /etc, netlink. Addresses and localhost would need none of these."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 upstream.emailsd.test\n")
    daemon = testbed.start(Victim, sim.urls[0].replace("127.0.0.1", "upstream.emailsd.test"),
                         "--upstream-insecure",
                         command=["unshare", "-m", "sh", "-c", WITH_HOSTS, str(hosts)])
    assert daemon.lookup("milvali.com").status == 200
    assert set(of_each_thread(daemon, "Seccomp")) == ({"0"} if is_sanitized() else {"2"})


@plain_build_only
@pytest.mark.parametrize("which, seccomp, landlock", [
    ("on", "on", "abi"), ("seccomp", "on", "off"), ("landlock", "off", "abi"), ("off", "off", "off")])
def test_sandbox_layers_can_be_disabled_separately(testbed, sim, which, seccomp, landlock):
    if landlock == "abi" and landlock_abi() < 1:
        pytest.skip("this kernel has no Landlock")
    daemon = testbed.daemon(sim, "--sandbox", which)
    state = sandbox_state(daemon)
    assert state["seccomp"] == seccomp and state["landlock"].startswith(landlock)
    assert "reason" not in state
    assert set(of_each_thread(daemon, "Seccomp")) == {"2" if seccomp == "on" else "0"}
    assert set(of_each_thread(daemon, "NoNewPrivs")) == {"1"}
    assert daemon.lookup("milvali.com").status == 200


def test_sandbox_is_off_under_a_sanitizer_and_logged(daemon):
    if not is_sanitized():
        assert "reason" not in sandbox_state(daemon)
    else:
        assert sandbox_state(daemon) == {"seccomp": "off", "landlock": "off",
                                "reason": '"disabled in sanitizer builds"'}


@pytest.mark.parametrize("value", ["", "1", "yes", "ON", "on,off"])
def test_sandbox_option_must_be_a_known_word(value):
    ended = run_to_end("--sandbox", value, env={KEY_VARIABLE: KEY})
    assert ended.returncode == 2 and "--sandbox" in ended.stderr


@plain_build_only
@pytest.mark.skipif(not can_trace(), reason="wants strace, and to be root")
def test_sandbox_without_kernel_support_is_logged_and_serves(testbed, sim):
    calls = "landlock_create_ruleset,seccomp"
    daemon = testbed.start(Victim, sim.urls[0], command=tracer(
        os.devnull, f"trace={calls}", f"inject={calls}:error=ENOSYS"))
    assert re.search("level=warn event=sandbox_applied seccomp=unsupported landlock=unsupported "
                     'reason="landlock: not supported by this kernel; seccomp: ', daemon.stderr())
    assert set(of_each_thread(daemon, "Seccomp")) == {"0"}
    assert daemon.lookup("milvali.com").status == 200


# ---- files that change while it runs ----


def test_sandbox_allows_a_key_replaced_through_a_link(testbed, sim, tmp_path):
    """As Kubernetes renews a secret: a link to a folder is replaced, folders appear and disappear."""
    def key_in(name, key):
        (tmp_path / name).mkdir(0o700)
        (tmp_path / name / "key").write_text(key)
        (tmp_path / name / "key").chmod(0o600)
        (tmp_path / "link").symlink_to(name)
        (tmp_path / "link").rename(tmp_path / "data")

    key_in("old", "a-key-that-is-wrong")
    (tmp_path / "key").symlink_to("data/key")
    daemon = testbed.daemon(sim, "--api-key-file", str(tmp_path / "key"), env={})
    assert daemon.lookup("milvali.com").status == 502
    key_in("new", KEY)
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.lookup("example.org").status == 200)


@plain_build_only
@pytest.mark.skipif(landlock_abi() < 1, reason="this kernel has no Landlock")
@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_sandbox_hides_keys_outside_of_the_configuration(testbed, sim, tmp_path, sandbox):
    for name, key in [("keys", "a-key-that-is-wrong"), ("elsewhere", KEY)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "real").write_text(key)
        (tmp_path / name / "real").chmod(0o600)
    named = tmp_path / "keys" / "key"
    named.symlink_to("real")
    (tmp_path / "store").mkdir(0o700)
    daemon = testbed.daemon(sim, "--api-key-file", str(named), "--sandbox", sandbox,
                          "--store", f"sqlite:{tmp_path}/store/emailsd.db", env={})
    daemon.lookup("milvali.com").problem(502, "upstream-auth")
    (tmp_path / "keys" / "new").symlink_to("../elsewhere/real")
    (tmp_path / "keys" / "new").rename(named)
    daemon.deliver(signal.SIGHUP)
    if sandbox == "off":
        eventually(lambda: daemon.lookup("milvali.com").status == 200)
    else:
        eventually(lambda: "event=reload_rejected" in daemon.stderr())
        assert f"API key: {named}: Permission denied" in daemon.stderr()
        daemon.lookup("milvali.com").problem(502, "upstream-auth")
        assert not sim.ledger()


# ---- what a hostile environment or a crash could expose ----


def test_sandbox_no_tls_session_keys_are_written(testbed, sim, tmp_path):
    """libcurl would open the file as soon as it starts."""
    log = tmp_path / "keylog"
    daemon = testbed.daemon(sim, env={KEY_VARIABLE: KEY, "SSLKEYLOGFILE": str(log)})
    assert daemon.get("/livez").status == 200
    assert not log.exists()


EVIL = """#include <stdio.h>
__attribute__((constructor)) static void came_in(void)
{
    FILE *here = fopen(HERE, "w");
    if (here)
        fclose(here);
}
"""
LOADS_IT = """openssl_conf = all
[all]
providers = theirs
[theirs]
default = usual
evil = foreign
[usual]
activate = 1
[foreign]
module = {module}
activate = 1
"""


def test_sandbox_no_library_is_loaded_by_openssl_conf(testbed, sim, tmp_path):
    """OpenSSL reads that file when it is first used, and loads what the file names."""
    here, module, conf = tmp_path / "here", tmp_path / "evil.so", tmp_path / "openssl.cnf"
    (tmp_path / "evil.c").write_text(EVIL)
    subprocess.run(["cc", "-shared", "-fPIC", f'-DHERE="{here}"', "-o", module, tmp_path / "evil.c"], check=True)
    conf.write_text(LOADS_IT.format(module=module))
    env = {"OPENSSL_CONF": str(conf)}
    subprocess.run(["openssl", "list", "-providers"], env={**os.environ, **env}, capture_output=True, check=False)
    assert here.exists(), "the control"
    here.unlink()
    relay = Relay(sim.address, *Authority(tmp_path).sign("upstream"))
    daemon = testbed.daemon(relay.url, "--upstream-ca", str(tmp_path / "authority.pem"), "--sandbox", "off",
                          env={KEY_VARIABLE: KEY, **env})
    assert daemon.lookup("milvali.com").status == 200, "over OpenSSL"
    assert not here.exists()


IN_FOLDER = 'cd "$0" && ulimit -c "$(ulimit -H -c)" && exec "$@"'


def leaves_cores(directory):
    """Returns whether a program that permits cores and crashes leaves a core there; the control."""
    subprocess.run(["sh", "-c", IN_FOLDER, directory, "sh", "-c", "kill -SEGV $$"], check=False)
    cores = list(directory.iterdir())
    for core in cores:
        core.unlink()
    return bool(cores)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_crash_leaves_no_core(testbed, sim, tmp_path, number, sandbox):
    folder = tmp_path / "cores"
    folder.mkdir()
    if is_sanitized() or not leaves_cores(folder):
        pytest.skip("nothing leaves a core here")

    keys = Keys(tmp_path)
    key = keys.add("reports")
    daemon = testbed.start(Victim, sim.urls[0], "--sandbox", sandbox, "--client-keys-file",
                         str(keys.path), command=["sh", "-c", IN_FOLDER, str(folder)])
    assert daemon.lookup("milvali.com", keys.bearer("reports")).status == 200
    sim.hold_submits()  # and its key is in use, too
    daemon.connect().send_get("/emails?domain=example.org", keys.line("reports"))
    sim.reach(submit=2)
    daemon.deliver(number)
    assert daemon.wait() == -number
    daemon.was_checked = True
    assert not list(folder.iterdir())
    assert key not in daemon.stderr()


NOBODY = 65534


def owner_of_files(pid):
    """Returns the owner of a process's files below /proc: root, if it is not dumpable (proc(5))."""
    return os.stat(f"/proc/{pid}/environ").st_uid


def test_process_is_not_dumpable_whatever_the_core_limit(testbed, sim, tmp_path, monkeypatch):
    """So no other program of the same user can read its memory, or its environment with the key."""
    command, user = [], os.geteuid()
    if user == 0:
        command, user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"], NOBODY
    if is_sanitized():
        pytest.skip("a leak checker needs it to be dumpable")
    with tempfile.TemporaryDirectory() as folder:  # that no other user may enter, unlike the test's
        os.chmod(folder, 0o755)
        monkeypatch.setattr(programs, "EMAILSD", shutil.copy(EMAILSD, folder))
        daemon = testbed.start(Victim, sim.urls[0], "--store", "memory:", "--sandbox", "off", command=command)
    with subprocess.Popen([*command, "cat"], stdin=subprocess.PIPE) as control:
        eventually(lambda: os.readlink(f"/proc/{control.pid}/exe").endswith("/cat"))
        assert owner_of_files(control.pid) == user
        control.stdin.close()
    pid = daemon.process.pid
    assert owner_of_files(pid) == 0
    look = subprocess.run([*command, "cat", f"/proc/{pid}/environ"], capture_output=True, check=False)
    assert look.returncode == 1 and look.stdout == b"", look
    assert b"Permission denied" in look.stderr
    assert f"Uid:\t{user}\t" in pathlib.Path(f"/proc/{pid}/status").read_text()
