# SPDX-License-Identifier: MIT
"""test_denied_domains.py - tests which names are rejected before anything is paid: the operator's list, and
unknown top-level domains."""
import signal

import pytest

from programs import KEY_VARIABLE, ROOT, run_to_end
from waiting import eventually

UPSTREAM = ("--upstream-url", "http://127.0.0.1:1")
INSTALLED = ROOT / "packaging/consumer-mail-domains.txt"


@pytest.fixture
def denied(tmp_path):
    path = tmp_path / "denied"
    path.write_text("gmail.com\n")
    return path


def start(testbed, sim, denied):
    return testbed.daemon(sim, "--deny-domains", str(denied), "--allow-anonymous=admin")


def reload(daemon, event):
    before = daemon.stderr().count(f"event={event}")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.stderr().count(f"event={event}") > before)


def test_denied_domain_costs_nothing(testbed, sim, denied):
    daemon = start(testbed, sim, denied)
    for text in ("gmail.com", "mail.GMAIL.com", "https://gmail.com/x", "someone@gmail.com"):
        problem = daemon.lookup(text).problem(422, "denied-domain")
        assert "'gmail.com'" in problem["detail"] and problem["charged"] == "no"
    assert daemon.lookup("gmail.com", method="HEAD").status == 422
    daemon.lookup("gmail.com", cached=1).problem(422, "denied-domain")
    assert sim.calls()["submit"] == 0
    assert daemon.lookup("milvali.com").status == 200
    assert "event=denied_domains_loaded domains=1" in daemon.stderr()


def test_denied_domains_reload_is_atomic(testbed, sim, denied):
    """A result that is stored, and known to the response cache, is denied too from the reload on."""
    daemon = start(testbed, sim, denied)
    connection = daemon.connect()
    for _ in range(3):
        assert connection.get(daemon.question("milvali.com")).status == 200
    denied.write_text("gmail.com\nmilvali.com\nnot a domain\n")
    reload(daemon, "reload_rejected")
    assert "line 3: not a registrable domain" in daemon.stderr()
    assert connection.get(daemon.question("milvali.com")).status == 200
    denied.write_text("# only this one\nmilvali.com\n")
    reload(daemon, "reloaded")
    eventually(lambda: connection.get(daemon.question("milvali.com")).status == 422)
    connection.get(daemon.question("milvali.com")).problem(422, "denied-domain")
    eventually(lambda: daemon.lookup("gmail.com").status == 200)
    assert daemon.lookup("milvali.com", method="DELETE").status == 204  # its result is still stored


def test_denied_domains_option_is_reloaded(testbed, sim, denied, tmp_path):
    config = tmp_path / "emailsd.conf"
    config.write_text("# no list\n")
    daemon = testbed.daemon(sim, "--config", str(config))
    assert daemon.lookup("gmail.com").status == 200
    config.write_text(f"deny-domains = {denied}\n")
    reload(daemon, "reloaded")
    eventually(lambda: daemon.lookup("gmail.com").status == 422)
    config.write_text("# no list again\n")
    reload(daemon, "reloaded")
    eventually(lambda: daemon.lookup("gmail.com").status == 200)
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("text, words", [
    ("gmail.com\nmail.gmail.com\n", "line 2: a name below a registrable domain"),
    ("", "contains no domains"),
    (None, "No such file"),
])
@pytest.mark.parametrize("check", [[], ["--check-config"]])
def test_denied_domains_bad_file_prevents_the_start(tmp_path, text, words, check):
    path = tmp_path / "denied"
    if text is not None:
        path.write_text(text)
    ended = run_to_end("--deny-domains", str(path), *UPSTREAM, *check, env={KEY_VARIABLE: "k"})
    assert ended.returncode == 2 and words in ended.stderr and "--deny-domains" in ended.stderr, ended


def test_denied_domains_list_of_consumer_mail_providers_is_valid(testbed, sim):
    daemon = start(testbed, sim, INSTALLED)
    for domain in ("gmail.com", "outlook.com", "gmx.de", "yahoo.co.uk"):
        daemon.lookup(domain).problem(422, "denied-domain")
    assert daemon.lookup("google.com").status == 200


def test_unknown_suffix_is_accepted_on_demand(testbed, sim):
    daemon = testbed.daemon(sim, "--allow-unknown-suffixes")
    assert daemon.lookup("www.milvali.newtld").json()["domain"] == "milvali.newtld"
    daemon.lookup("milvali.test").problem(422, "special-use-domain")
