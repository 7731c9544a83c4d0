# SPDX-License-Identifier: MIT
"""test_monitoring.py - compares docs/metrics.md with a running daemon.

check_monitoring.py compares rules and dashboard with the table of that page. This file compares the table
with /metrics, including labels and their values. So no rule depends on a value that never occurs.
"""
import re
import sys

import pytest
from programs import ROOT
from waiting import eventually

sys.path.append(str(ROOT / "tests" / "scripts"))
from check_monitoring import MATCHER, TABLE, metrics_of  # noqa: E402 - after the line that finds it

PAGE = (ROOT / TABLE).read_text("utf-8")


@pytest.fixture(scope="module")
def exposition(module_testbed):
    """Returns /metrics after a lookup, a hit, an upstream failure and a rejection."""
    sim = module_testbed.simulator()
    daemon = module_testbed.daemon(sim, "--credits-per-day", "10")
    for domain in ("milvali.com", "milvali.com", "milvali"):
        daemon.lookup(domain)
    sim.fault("submit", "status", status=401)
    daemon.lookup("rejected.com")

    def metrics_once_stopped():
        text = daemon.get("/metrics").body.decode("ascii")
        return text if re.search(r"^emailsd_submits_blocked.* 1$", text, re.M) else None

    return eventually(metrics_once_stopped)  # the engine publishes it after the response was sent


def test_metrics_table_has_the_types_of_the_daemon(exposition):
    rows = dict(re.findall(r"^\| `((?:emailsd|process)_[a-z_]+)` \| (\w+) \|", PAGE, re.M))
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", exposition, re.M))
    assert types
    assert {name: rows.get(name) for name in types} == types


def test_metrics_table_has_the_labels_of_the_daemon(exposition):
    metrics, seen = metrics_of(PAGE), 0
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? \S+$", exposition, re.M):
        found = {label: value for label, _, value in re.findall(MATCHER, labels)}
        assert set(found) == set(metrics[name]), f"{name}{labels}"
        for label, value in found.items():
            known = metrics[name][label]
            assert known is None or value in known, f'{name}: {label}="{value}" is not in {TABLE}'
        seen += 1
    assert seen > 50


def test_submits_blocked_has_every_reason_and_only_one_is_true(exposition):
    reasons = dict(re.findall(r'^emailsd_submits_blocked\{reason="(\S+)"\} (\d)$', exposition, re.M))
    assert set(reasons) == metrics_of(PAGE)["emailsd_submits_blocked"]["reason"]
    assert [reason for reason, value in reasons.items() if value == "1"] == ["upstream-auth"]
