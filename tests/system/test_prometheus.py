# SPDX-License-Identifier: MIT
"""test_prometheus.py - runs a Prometheus with the delivered files: it scrapes the daemon, and each rule and
each query of the dashboard finds data.

The test replaces the address of the daemon, which the container engine's DNS server provides, and the
scrape interval.
"""
import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request

import pytest
from postgres import Store
from programs import PATIENCE_S, ROOT, run_to_end, tied
from waiting import eventually

SHIPPED = ROOT / "docker" / "monitoring"
PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="no prometheus on this machine")

FOUND_BY_NAME = re.compile(r"dns_sd_configs:\n\s+- .*\n")
EVERY = re.compile(r"interval: [0-9]+[sm]\b")
LISTENING = re.compile(r'msg="Listening on" address=(\S+)')

# Values for Grafana's variables.
VARIABLES = {"$instance": ".*", "$__rate_interval": "10s"}


class Prometheus:
    def __init__(self, folder, target):
        self.stderr = folder / "stderr"
        fixed = ("static_configs:\n      - {targets: ['%s:%d'], labels: {__meta_dns_name: emailsd}}\n"
                 % target)
        self._copy(folder / "prometheus.yaml", {EVERY: "interval: 1s", FOUND_BY_NAME: fixed})
        self._copy(folder / "alerts.yaml", {EVERY: "interval: 1s"})
        with open(self.stderr, "wb") as stderr:
            self.process = subprocess.Popen(
                tied([PROMETHEUS, f"--config.file={folder}/prometheus.yaml",
                      f"--storage.tsdb.path={folder}/data", "--web.listen-address=127.0.0.1:0"]),
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
        self.address = eventually(self._address)
        eventually(lambda: "ready to receive web requests" in self.output())

    @staticmethod
    def _copy(path, replaced):
        text = (SHIPPED / path.name).read_text("utf-8")
        for pattern, words in replaced.items():
            text, n = pattern.subn(words, text)
            assert n, f"{pattern.pattern!r} is not in {path.name}"
        path.write_text(text, "utf-8")

    def output(self):
        return self.stderr.read_text("utf-8")

    def _address(self):
        assert self.process.poll() is None, self.output()
        listening = LISTENING.search(self.output())
        return listening and listening[1]

    def query(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            document = json.load(answer)
        assert document["status"] == "success", document
        return document["data"]

    def has(self, question):
        for name, value in VARIABLES.items():
            question = question.replace(name, value)
        return bool(self.query("query", query=question)["result"])

    def stop(self):
        self.process.terminate()
        assert self.process.wait(PATIENCE_S) == 0, self.output()


@pytest.fixture
def daemon(testbed, sim, postgres):
    """A daemon with every event that the dashboard shows. With PostgreSQL, it has every metric."""
    store = Store(postgres, "test_prometheus").flags
    daemon = testbed.daemon(sim, "--credits-per-day", "100", *store, "--balance-every", "1s")
    sim.rule("empty.com", data=[])
    sim.fault("submit", "close")
    for domain in ("lost.com", "milvali.com", "milvali.com", "empty.com", "milvali"):
        daemon.lookup(domain)
    assert run_to_end("pause", *store).returncode == 0
    return daemon


@pytest.fixture
def prometheus(tmp_path, daemon):
    folder = tmp_path / "prometheus"
    folder.mkdir()
    running = Prometheus(folder, daemon.address)
    yield running
    running.stop()


def test_prometheus_scrapes_and_alerts_with_the_delivered_files(prometheus, daemon):
    """In one run of Prometheus, which takes seconds to start."""
    reads_the_daemon_under_the_name_that_rules_and_dashboard_use(prometheus)
    evaluates_every_rule(prometheus)
    finds_something_for_each_question_of_the_dashboard(prometheus)
    notices_a_daemon_that_is_paused_and_one_that_is_gone(prometheus, daemon)


def reads_the_daemon_under_the_name_that_rules_and_dashboard_use(prometheus):
    target = eventually(lambda: [target for target in prometheus.query("targets")["activeTargets"]
                                 if target["health"] == "up"])[0]
    assert target["lastError"] == ""
    assert target["labels"] == {"job": "emailsd", "instance": "emailsd"}


def evaluates_every_rule(prometheus):
    def evaluated():
        rules = [rule for group in prometheus.query("rules")["groups"] for rule in group["rules"]]
        return all(rule["health"] != "unknown" for rule in rules) and rules

    eventually(lambda: prometheus.has("emailsd_build_info"))
    rules = eventually(evaluated)
    assert len(rules) > 20
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}


def finds_something_for_each_question_of_the_dashboard(prometheus):
    dashboard = json.loads((SHIPPED / "emailsd.json").read_text("utf-8"))
    questions = {target["expr"] for panel in dashboard["panels"]
                 for target in panel.get("targets", [])}
    assert len(questions) > 30
    unanswered = sorted(questions)

    def query_again():
        unanswered[:] = [question for question in unanswered if not prometheus.has(question)]
        return unanswered

    try:
        eventually(lambda: not query_again())
    except AssertionError:
        assert unanswered == []


def notices_a_daemon_that_is_paused_and_one_that_is_gone(prometheus, daemon):
    def noticed():
        return {alert["labels"]["alertname"] for alert in prometheus.query("alerts")["alerts"]}

    eventually(lambda: noticed() == {"EmailsdPaused"})
    daemon.stop()
    eventually(lambda: noticed() == {"EmailsdDown"})
