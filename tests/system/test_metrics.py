# SPDX-License-Identifier: MIT
"""test_metrics.py - tests the values of /metrics after typical events."""
import os
import re
import subprocess
import time

import pytest
from tracing import Tracing, can_trace, thread_of

from waiting import PATIENCE_S, eventually

SAMPLE = re.compile(r'([a-z_]+)(\{[^}]*\})? ([0-9.e+-]+)')


def read(daemon):
    """Parses samples: name and labels, as one text, to value."""
    answer = daemon.get("/metrics")
    assert answer.status == 200
    assert answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for line in answer.body.decode("ascii").splitlines():
        if not line.startswith("#"):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            assert name + (labels or "") not in samples, line
            samples[name + (labels or "")] = float(value)
    return samples


def test_metrics_pass_promtool(daemon):
    daemon.lookup("milvali.com")
    daemon.lookup("milvali.com")
    daemon.lookup("milvali")
    text = daemon.get("/metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), done


def test_metrics_count_requests_by_outcome(testbed, sim):
    daemon = testbed.daemon(sim, "--credits-per-day", "10", "--threads", "4")
    sim.rule("empty.com", data=[])
    daemon.lookup("milvali.com")
    for _ in range(5):
        daemon.lookup("milvali.com")
    daemon.lookup("empty.com")
    daemon.lookup("other.com", cached=1)
    daemon.lookup("milvali")
    sim.fault("submit", "close")
    daemon.lookup("lost.com")
    metrics = eventually(lambda: (now := read(daemon))["emailsd_cache_entries"] == 2
                      and now["emailsd_credits_spent"] == 3 and now)
    assert metrics['emailsd_http_requests_total{route="/emails",code="200"}'] == 7
    assert metrics['emailsd_http_requests_total{route="/emails",code="504"}'] == 1
    assert metrics['emailsd_http_requests_total{route="/emails",code="400"}'] == 1
    assert metrics['emailsd_http_requests_total{route="/emails",code="502"}'] == 1
    assert metrics['emailsd_http_request_duration_seconds_count{route="/emails"}'] == 10
    assert metrics['emailsd_cache_outcomes_total{outcome="hit"}'] == 5
    assert metrics['emailsd_cache_outcomes_total{outcome="miss"}'] == 3
    assert metrics['emailsd_cache_outcomes_total{outcome="refused"}'] == 1
    assert metrics['emailsd_lookups_total{result="found"}'] == 1
    assert metrics['emailsd_lookups_total{result="empty"}'] == 1
    assert metrics['emailsd_lookups_total{result="upstream-outcome-unknown"}'] == 1
    assert metrics["emailsd_unknown_outcomes_total"] == 1
    assert metrics['emailsd_upstream_requests_total{operation="submit",code="200"}'] == 2
    assert metrics['emailsd_upstream_requests_total{operation="submit",code="none"}'] == 1
    assert metrics['emailsd_batches_total{trigger="linger"}'] == 3
    assert metrics["emailsd_batch_tasks_count"] == 3
    assert metrics["emailsd_credits_limit"] == 10
    assert metrics["emailsd_credits_left"] == 7
    assert metrics["emailsd_credits_saved_total"] == 5
    assert metrics["emailsd_store_usable"] == 1
    assert metrics["emailsd_waiters_max"] == 10000
    assert (metrics["emailsd_streams"], metrics["emailsd_streams_max"]) == (0, 256)
    assert metrics["emailsd_store_calls_pending"] >= 0 and metrics["emailsd_store_lag_seconds"] >= 0
    assert metrics["emailsd_store_group_calls_sum"] >= 8, "3 intents, 2 batch ids, 3 ends"
    for kind in ("journal", "read"):
        assert metrics[f'emailsd_store_call_duration_seconds_count{{class="{kind}"}}'] >= 3


def test_metrics_show_waiting_and_joined_requests(testbed, sim):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    waiting = [daemon.park("milvali.com") for _ in range(3)]
    metrics = eventually(lambda: (now := read(daemon))["emailsd_waiters"] == 3
                         and now["emailsd_lookups_coalesced_total"] == 2 and now)  # none waits for the store
    assert metrics["emailsd_lookups"] == 1
    assert metrics["emailsd_http_connections"] >= 4
    waiting[0].close()
    eventually(lambda: read(daemon)["emailsd_waiters_abandoned_total"] == 1)
    sim.release_submits()
    assert [c.read().status for c in waiting[1:]] == [200, 200]
    eventually(lambda: (now := read(daemon))["emailsd_waiters"] == 0 and now["emailsd_lookups"] == 0)


def test_metrics_show_a_queue_that_waits_for_a_slot(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-slots", "1", "--batch-size", "2")
    sim.hold_submits()
    daemon.lookup("first.com", wait=0)
    sim.reach(submit=1)
    for i in range(3):
        daemon.lookup(f"other{i}.com", wait=0)
    eventually(lambda: (now := read(daemon))["emailsd_queue_tasks"] == 3
               and now["emailsd_queue_oldest_seconds"] > 0)
    sim.release_submits()
    metrics = eventually(lambda: (now := read(daemon))['emailsd_lookups_total{result="found"}'] == 4
                      and now["emailsd_queue_tasks"] == 0 and now)
    assert metrics['emailsd_batches_total{trigger="full"}'] == 1
    assert metrics['emailsd_batches_total{trigger="slot"}'] == 1
    assert metrics["emailsd_queue_oldest_seconds"] == 0
    assert metrics['emailsd_batch_tasks_bucket{le="1"}'] == 2
    assert metrics['emailsd_batch_tasks_bucket{le="2"}'] == 3
    assert metrics["emailsd_batch_tasks_sum"] == 4


@pytest.mark.parametrize("status, reason", [(401, "upstream-auth"), (402, "credits-exhausted"),
                                            (403, "upstream-banned")])
def test_metrics_show_what_blocks_submits(testbed, sim, status, reason):
    daemon = testbed.daemon(sim)
    sim.fault("submit", "status", status=status)
    daemon.lookup("milvali.com")
    metrics = eventually(lambda: (now := read(daemon))[f'emailsd_submits_blocked{{reason="{reason}"}}'] and now)
    assert sum(v for k, v in metrics.items() if k.startswith("emailsd_submits_blocked")) == 1


def test_metrics_show_the_upstream_balance(testbed):
    sim = testbed.simulator("--credits", "4321")
    daemon = testbed.daemon(sim, "--balance-every", "20ms")
    metrics = eventually(lambda: (now := read(daemon)).get("emailsd_upstream_balance_credits") and now)
    assert metrics["emailsd_upstream_balance_credits"] == 4321
    assert "event=upstream_balance credits=4321" in daemon.stderr()
    eventually(lambda: len(sim.requests("balance")) >= 3)
    assert "emailsd_credits_limit" not in metrics and "emailsd_credits_left" not in metrics


def test_metrics_without_a_readable_balance_have_the_rest(testbed, sim):
    sim.fault("balance", "status", times=-1, status=500)
    daemon = testbed.daemon(sim, "--balance-every", "5ms")
    eventually(lambda: read(daemon).get('emailsd_upstream_requests_total{operation="balance",code="500"}', 0) > 3)
    assert "emailsd_upstream_balance_credits" not in read(daemon)
    assert daemon.lookup("milvali.com").status == 200


def test_metrics_of_the_process_are_those_of_the_kernel(daemon):
    metrics = read(daemon)
    pid = daemon.process.pid
    assert metrics["process_threads"] == len(os.listdir(f"/proc/{pid}/task"))
    assert metrics["process_resident_memory_bytes"] > 1 << 20
    assert metrics["process_virtual_memory_bytes"] > metrics["process_resident_memory_bytes"]
    assert 5 < metrics["process_open_fds"] < metrics["process_max_fds"]
    started = os.stat(f"/proc/{pid}").st_ctime
    assert abs(metrics["process_start_time_seconds"] - started) < PATIENCE_S


def test_metrics_are_written_at_most_once_a_second(testbed, sim):
    """All workers share a document, which shows by its own number of requests when it was written."""
    daemon = testbed.daemon(sim, "--threads", "4")
    begun = time.monotonic()
    documents = [daemon.get("/metrics").body for _ in range(200)]
    took_s = time.monotonic() - begun
    numbers = [int(re.search(rb'route="/metrics",code="200"} (\d+)', text)[1]) for text in documents
               if b'route="/metrics"' in text]
    assert len(set(documents)) <= took_s + 1
    assert numbers == sorted(numbers), "no counter goes backwards from one worker to the next"


@pytest.mark.skipif(not can_trace(), reason="strace is missing, or may not attach (root may)")
def test_metrics_count_descriptors_without_listing_them(testbed, sim, tmp_path):
    """A list would take a millisecond for each thousand connections, in which the worker serves no client."""
    daemon = testbed.daemon(sim, "--threads", "1")
    before = read(daemon)["process_open_fds"]
    with Tracing(thread_of(daemon, "http-0"), tmp_path / "calls", "trace=getdents64,sendto,writev,sendmsg"):
        connected = [daemon.connect() for _ in range(20)]
        assert all(client.get("/livez").status == 200 for client in connected)
        eventually(lambda: read(daemon)["process_open_fds"] >= before + 20)
    calls = (tmp_path / "calls").read_text()
    assert "HTTP/1.1 200" in calls and "getdents64" not in calls


def test_metrics_have_no_domain_client_or_address_as_label(testbed, sim):
    daemon = testbed.daemon(sim)
    daemon.lookup("milvali.com", {"X-Request-Id": "milvali-request"})
    daemon.get("/milvali")
    text = daemon.get("/metrics").body.decode()
    assert "milvali" not in text and "127.0.0.1" not in text and "@" not in text
