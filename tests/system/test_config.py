# SPDX-License-Identifier: MIT
"""test_config.py - tests where a value comes from, what is reported about it, and what SIGHUP applies."""
import os
import re
import signal

import pytest

from programs import KEY, KEY_VARIABLE, run_to_end
from waiting import eventually

UPSTREAM = "http://127.0.0.1:1"
ENV = {KEY_VARIABLE: "k"}


def printed(*flags, env=None):
    """Parses --print-config: key to values, and key to their source."""
    ended = run_to_end("--print-config", *flags, env=env)
    assert ended.returncode == 0, ended
    values, origins, origin = {}, {}, None
    for line in ended.stdout.splitlines():
        if line.startswith("# ") and not line.endswith("="):
            origin = line[2:]
        elif line and not line.startswith("#"):
            key, value = line.split(" = ", 1)
            values.setdefault(key, []).append(value)
            origins[key] = origin
    return values, origins


def config(path, **values):
    lines = [f"{key.replace('_', '-')} = {v}" for key, value in values.items()
             for v in (value if isinstance(value, list) else [value])]
    path.write_text("# emailsd\n" + "\n".join(lines) + "\n")
    return str(path)


# ---- precedence

def test_config_precedence_is_flag_environment_file_default(tmp_path):
    path = config(tmp_path / "c", wait="3s", max_wait="4s", batch_size="5", threads="6")
    values, origins = printed("--config", path, "--wait", "1s",
                              env={"EMAILSD_WAIT": "2s", "EMAILSD_MAX_WAIT": "7s"})
    assert (values["wait"], origins["wait"]) == (["1s"], "from --wait on the command line")
    assert (values["max-wait"], origins["max-wait"]) == (["7s"], "from EMAILSD_MAX_WAIT")
    assert (values["batch-size"], origins["batch-size"]) == (["5"], f"from {path}, line 4")
    assert (values["submit-slots"], origins["submit-slots"]) == (["4"], "default")
    assert origins["store-rows"] == "default"


def test_config_file_is_named_by_the_environment(tmp_path):
    path = config(tmp_path / "c", wait="3s")
    assert printed(env={"EMAILSD_CONFIG": path})[0]["wait"] == ["3s"]


def test_config_listen_adds_up_and_replaces_a_weaker_source(tmp_path):
    path = config(tmp_path / "c", listen=["127.0.0.1:1", "127.0.0.1:2"])
    assert printed("--config", path)[0]["listen"] == ["127.0.0.1:1", "127.0.0.1:2"]
    flags = ["--listen", "127.0.0.1:3", "--listen", "127.0.0.1:4"]
    assert printed("--config", path, *flags)[0]["listen"] == ["127.0.0.1:3", "127.0.0.1:4"]


def test_print_config_prints_an_equivalent_file(tmp_path):
    first = printed("--wait", "90500ms", "--cache-size", "1536KiB", "--ttl-empty", "36h",
                    "--listen", "[::1]:80", "--listen", "127.0.0.1:81", "--upstream-insecure",
                    "--api-key-file", "/a b #c;d", "--log-level", "warn", "--log-format", "json",
                    "--unknown-hold", "0")
    again = tmp_path / "c"
    again.write_text(run_to_end("--print-config", "--wait", "90500ms", "--cache-size", "1536KiB",
                                "--ttl-empty", "36h", "--listen", "[::1]:80", "--listen",
                                "127.0.0.1:81", "--upstream-insecure", "--api-key-file", "/a b #c;d",
                                "--log-level", "warn", "--log-format", "json", "--unknown-hold",
                                "0").stdout)
    assert printed("--config", str(again))[0] == first[0]


def test_print_config_omits_a_password_in_a_url():
    ended = run_to_end("--print-config", "--upstream-url", "https://user:secret@example.org")
    assert ended.returncode == 2 and "secret" not in ended.stdout + ended.stderr


# ---- errors

@pytest.mark.parametrize("text, words", [
    ("wait = 90", "c:1: wait: invalid value '90': must be a time"),
    ("wait = 90s\nwait = 91s", "c:2: 'wait' is given twice"),
    ("wiat = 90s", "c:1: 'wiat' is not a known option"),
    ("--wait = 90s", "'--wait' is not a known option"),
    ("help = 1", "'help' is not allowed in a configuration file"),
    ("config = d", "'config' is not allowed in a configuration file"),
    ("batch = b-1", "'batch' is not allowed in a configuration file"),
    ("not-taken = 1", "'not-taken' is not allowed in a configuration file"),
    ("\nwait", "c:2: must be of the form"),
    ("[daemon]\nwait = 1s", "sections are not allowed"),
    ("upstream-insecure = yes", "c:1: upstream-insecure: invalid value 'yes': must be 0 or 1"),
    ("threads = 999", "c:1: threads: invalid value '999'"),
])
def test_config_file_error_names_the_line(tmp_path, text, words):
    path = tmp_path / "c"
    path.write_text(text + "\n")
    ended = run_to_end("--check-config", "--config", str(path), env=ENV)
    assert ended.returncode == 2 and words in ended.stderr, ended


def test_config_unknown_variable_is_rejected():
    for flags in ([], ["--check-config"], ["--print-config"], ["healthcheck"]):
        ended = run_to_end(*flags, env={**ENV, "EMAILSD_CREDITS_PERDAY": "50"})
        assert ended.returncode == 2 and "'EMAILSD_CREDITS_PERDAY'" in ended.stderr, ended


def test_check_config_reports_what_a_start_would(tmp_path):
    good = run_to_end("--check-config", env=ENV)
    assert (good.returncode, good.stdout) == (0, "configuration OK\n")
    open_key = tmp_path / "key"
    open_key.write_text("k")
    open_key.chmod(0o644)
    for flags, env, words in [
            ([], {}, "missing API key"),
            (["--config", "/nonexistent"], ENV, "/nonexistent: No such file"),
            (["--api-key-file", str(open_key)], {}, "is readable by others"),
            (["--upstream-url", "http://example.org"], ENV, "in plaintext"),
            (["--listen", "localhost"], ENV, "reachable from other machines"),
            (["--listen", "nowhere", "--allow-anonymous"], ENV, "must be ADDR:PORT"),
            (["--store", "postgres://x"], ENV, "invalid store 'postgres'"),
            (["--store", f"sqlite:{open_key}/emailsd.db"], ENV, "Not a directory"),
            (["--client-keys-file", "/nonexistent"], ENV, "No such file")]:
        ended = run_to_end("--check-config", *flags, env=env)
        assert ended.returncode == 2 and words in ended.stderr, ended
        assert ended.stdout == ""


def test_check_config_touches_neither_store_nor_port(tmp_path, testbed, sim):
    daemon = testbed.daemon(sim, "--store", f"sqlite:{tmp_path}/own.db")
    host, port = daemon.address
    ended = run_to_end("--check-config", "--listen", f"{host}:{port}", "--store",
                       f"sqlite:{tmp_path}/own.db", env=ENV)
    assert ended.returncode == 0, ended


# ---- SIGHUP

def reload(daemon, word):
    """Requests a reload and waits until the log reports its end once more."""
    before = daemon.stderr().count(word)
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.stderr().count(word) > before)


def start(testbed, sim, path):
    return testbed.daemon(sim, "--config", path)


def test_reload_applies_limits_and_the_log_level(tmp_path, testbed, sim):
    path = config(tmp_path / "c", credits_per_day="1", max_wait="300s")
    daemon = start(testbed, sim, path)
    daemon.lookup("one.com")
    daemon.lookup("two.com").problem(402, "credits-exhausted")
    config(tmp_path / "c", credits_per_day="2", max_wait="100s", log_format="json")
    reload(daemon, '"event":"reloaded"')
    response = daemon.lookup("two.com", {"Prefer": "wait=200"})
    assert response.status == 200 and response.header("Preference-Applied") == "wait=100"
    daemon.lookup("three.com").problem(402, "credits-exhausted")
    assert daemon.stderr().splitlines()[-1].startswith('{"ts":')


def test_reload_of_an_invalid_file_changes_nothing(tmp_path, testbed, sim):
    path = config(tmp_path / "c", credits_per_day="1")
    daemon = start(testbed, sim, path)
    daemon.lookup("one.com")
    config(tmp_path / "c", credits_per_day="9", wait="soon")
    reload(daemon, "event=reload_rejected")
    assert "c:3: wait: invalid value 'soon'" in daemon.stderr()
    daemon.lookup("two.com").problem(402, "credits-exhausted")
    os.unlink(path)
    reload(daemon, "event=reload_rejected")
    daemon.lookup("two.com").problem(402, "credits-exhausted")


def restarts_needed(daemon):
    return re.findall(r"event=restart_required option=(\S+)", daemon.stderr())


def test_reload_names_options_that_require_a_restart(tmp_path, testbed, sim):
    path = config(tmp_path / "c", cache_size="64MiB")
    daemon = start(testbed, sim, path)
    config(tmp_path / "c", cache_size="32MiB", store_rows="5")
    reload(daemon, "event=reloaded")
    assert restarts_needed(daemon) == ["cache-size", "store-rows"]
    config(tmp_path / "c", cache_size="32MiB")
    reload(daemon, "event=reloaded")
    assert restarts_needed(daemon) == ["cache-size", "store-rows", "cache-size"]
    config(tmp_path / "c", cache_size="64MiB")
    reload(daemon, "event=reloaded")
    assert len(restarts_needed(daemon)) == 3, "it is again what it was at the start"


def test_reload_checks_the_key_file_in_use(tmp_path, testbed, sim):
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    path = config(tmp_path / "c", api_key_file=key)
    daemon = testbed.daemon(sim, "--config", path, env={})
    config(tmp_path / "c", api_key_file=tmp_path / "missing")
    for _ in range(3):
        reload(daemon, "event=reloaded")
    assert restarts_needed(daemon) == ["api-key-file"] * 3
    key.chmod(0o644)
    reload(daemon, "event=reload_rejected")
    assert f"API key: {key} is readable by others" in daemon.stderr()
    assert daemon.lookup("milvali.com").status == 200


def test_reload_changes_the_drain_timeout(tmp_path, testbed, sim):
    path = config(tmp_path / "c", drain_timeout="10min")
    daemon = start(testbed, sim, path)
    sim.hold_submits()
    waiting = daemon.park("milvali.com")
    sim.reach(submit=1)
    config(tmp_path / "c", drain_timeout="0")
    reload(daemon, "event=reloaded")
    assert restarts_needed(daemon) == []
    daemon.deliver(signal.SIGTERM)
    waiting.read().problem(503, "draining")
    assert daemon.wait() == 0


def test_reload_without_changes_names_no_option(tmp_path, testbed, sim):
    path = config(tmp_path / "c", wait="90s")
    daemon = testbed.daemon(sim.urls[0] + "//", "--config", path)
    reload(daemon, "event=reloaded")
    assert "restart_required" not in daemon.stderr()
    assert daemon.lookup("milvali.com").status == 200


def test_reload_cannot_enable_client_keys(tmp_path, testbed, sim):
    path = config(tmp_path / "c")
    daemon = start(testbed, sim, path)
    config(tmp_path / "c", client_keys_file=tmp_path / "keys")
    line = re.search("line  (.*)", run_to_end("key", "new", "a").stdout)[1]
    (tmp_path / "keys").write_text(line + "\n")
    reload(daemon, "event=reload_rejected")
    assert "requires a restart" in daemon.stderr()
    assert daemon.lookup("milvali.com").status == 200
