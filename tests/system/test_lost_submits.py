# SPDX-License-Identifier: MIT
"""test_lost_submits.py - tests what resolves a submit whose response was lost, with the real binary: the upstream's
call of the notify URL, and `emailsd resolve`. Nothing is paid for twice. The tests send the calls."""
import json

import pytest

from programs import HOUR_MS, run_to_end
from reconciliation import flags_of, inspect, query
from waiting import eventually

URL = "https://emailsd.example/notify"  # the upstream of these tests does not call it; the tests do
STRANGER = "0" * 32


def token_of(store):
    """Returns the notify token of the last batch, which the upstream has received with each task."""
    return query(store, "SELECT notify_token FROM batches ORDER BY intended_ms DESC LIMIT 1")


@pytest.fixture
def lossy(testbed, sim, store):
    """A daemon that has lost the response to the submit of milvali.com."""
    sim.fault("submit", "close")
    daemon = testbed.daemon(sim, "--notify-url", URL, *flags_of(store))
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert len(inspect(store)["unknown"]) == 1
    return daemon


def chunks(*parts):
    """Returns the parts in the chunked coding, one piece each."""
    return iter([f"{len(part):x}\r\n{part}\r\n".encode() for part in parts] + [b"0\r\n\r\n"])


def await_result(daemon, sim, store):
    """Waits until the result is stored; checks that one task was paid for."""
    eventually(lambda: inspect(store)["tasks"]["answered"] == 1)
    answer = daemon.lookup("milvali.com", cached=1)
    assert answer.status == 200
    assert json.loads(answer.body)["count"] > 0
    assert len(sim.ledger()) == 1
    assert not inspect(store)["unknown"]


# ---- the upstream's call ----

@pytest.mark.parametrize("method, body", [
    ("POST", '{{"batch_id":"{batch}"}}'),
    ("POST", '{{"task_id":"{task}","status":"COMPLETED","data":[]}}'),
    ("PUT", "batch_id={batch}"),
    ("DELETE", "about task {task}"),
])
def test_notification_resolves_a_lost_submit(lossy, sim, store, method, body):
    row = sim.ledger()[0]
    body = body.format(batch=row["batch_id"], task=row["task_id"])
    assert lossy.request(method, f"/notify/{token_of(store)}", body=body).status == 204
    await_result(lossy, sim, store)
    assert "event=notify_received" in lossy.stderr()
    assert lossy.metric('emailsd_notifications_total{batch="unknown"}') == 1


def test_notification_in_the_query_resolves_a_lost_submit(lossy, sim, store):
    assert lossy.get(f"/notify/{token_of(store)}?batch_id={sim.ledger()[0]['batch_id']}").status == 204
    await_result(lossy, sim, store)


def test_notification_in_chunks_resolves_a_lost_submit(lossy, sim, store):
    parts = ['{"padding":"', "x" * 20000, '","batch_id":"', sim.ledger()[0]["batch_id"], '"}']
    answer = lossy.request("POST", f"/notify/{token_of(store)}", {"Transfer-Encoding": "chunked"},
                           chunks(*parts))
    assert answer.status == 204
    await_result(lossy, sim, store)


def test_notification_after_a_kill_resolves_a_lost_submit(testbed, lossy, sim, store):
    lossy.kill()
    again = testbed.daemon(sim, "--notify-url", URL, *flags_of(store))
    again.await_store()
    body = json.dumps({"task_id": sim.ledger()[0]["task_id"]})
    assert again.request("POST", f"/notify/{token_of(store)}", body=body).status == 204
    await_result(again, sim, store)


def test_notification_lets_a_poll_happen_now(testbed, sim, store):
    sim.behave(task_time_ms=HOUR_MS)
    daemon = testbed.daemon(sim, "--notify-url", URL, *flags_of(store))
    daemon.lookup("milvali.com", wait=0)
    sim.reach(status=1)
    sim.rule("milvali.com", time_ms=1)
    assert daemon.request("POST", f"/notify/{token_of(store)}").status == 204
    eventually(lambda: inspect(store)["tasks"]["answered"] == 1)


# ---- strangers ----

@pytest.mark.parametrize("headers", [
    {}, {"Origin": "https://other.example", "Sec-Fetch-Site": "cross-site"}, {"X-Forwarded-For": "192.0.2.1"},
    {"Authorization": "Bearer nonsense"}, {"Host": "emailsd.example"},
])
def test_notification_is_taken_from_everybody_and_reveals_nothing(lossy, sim, store, headers):
    calls = sum(sim.calls().values())
    known = lossy.request("POST", f"/notify/{token_of(store)}", headers, "{}")
    unknown = lossy.request("POST", f"/notify/{STRANGER}", headers, "{}")
    hidden = {"Date", "X-Request-Id"}
    assert known.status == unknown.status == 204
    assert [h for h in known.headers if h[0] not in hidden] == [h for h in unknown.headers if h[0] not in hidden]
    eventually(lambda: lossy.metric('emailsd_notifications_total{batch="none"}') == 1)
    assert sum(sim.calls().values()) == calls  # no read for either: neither names an id
    assert token_of(store) not in lossy.stderr()


@pytest.mark.parametrize("token", ["", "x", "0" * 31, "0" * 33, "A" * 32, "0" * 31 + "g", "..", STRANGER + "/x"])
def test_notification_with_a_malformed_token_is_not_found(lossy, token):
    lossy.request("POST", f"/notify/{token}", body="{}").problem(404, "not-found")


def test_notification_without_the_option_is_not_found(daemon):
    daemon.request("POST", f"/notify/{STRANGER}", body="").problem(404, "not-found")
    daemon.request("POST", f"/notify/{STRANGER}", body="{}").problem(404, "not-found")


@pytest.mark.parametrize("size", [0, 1, 65536])
def test_notification_of_that_size_is_taken(lossy, size):
    assert lossy.request("POST", f"/notify/{STRANGER}", body="x" * size).status == 204


def test_notification_that_is_too_large_is_rejected(lossy):
    headers = {"Content-Length": "65537"}
    lossy.request("POST", f"/notify/{STRANGER}", headers, "").problem(413, "body-too-large")
    lossy.request("POST", f"/notify/{STRANGER}", {"Transfer-Encoding": "chunked"},
                  chunks("x" * 65536, "x")).problem(413, "body-too-large")


@pytest.mark.parametrize("url", ["emailsd.example/notify", "ftp://a/b", "https://u:p@a/b", "https://a/b?c", "https://"])
def test_notify_url_that_is_invalid_is_rejected_at_the_start(url, tmp_path):
    status, words = (run := run_to_end("--check-config", "--notify-url", url,
                                       env={"OPENMART_API_KEY": "key"})).returncode, run.stderr
    assert status == 2
    assert "--notify-url" in words


# ---- the operator ----

def resolve(store, *words):
    return run_to_end("resolve", *words, *flags_of(store))


def test_resolve_resumes_a_batch_beside_the_daemon(lossy, sim, store):
    tracking_id = inspect(store)["unknown"][0]["tracking_id"]
    run = resolve(store, tracking_id, "--batch", sim.ledger()[0]["batch_id"])
    assert (run.returncode, run.stdout) == (0, "resumed: the results of the batch are read now\n"), run.stderr
    await_result(lossy, sim, store)
    assert "event=batch_resolved" in lossy.stderr()


def test_resolve_resumes_a_batch_for_the_next_start(testbed, lossy, sim, store):
    lossy.stop()
    tracking_id = inspect(store)["unknown"][0]["tracking_id"]
    run = resolve(store, tracking_id, "--batch", sim.ledger()[0]["batch_id"])
    assert (run.returncode, run.stdout) == (0, "recorded: the id is checked when emailsd is started\n")
    await_result(testbed.daemon(sim, *flags_of(store)), sim, store)


def test_resolve_with_the_id_of_another_batch_changes_nothing(lossy, sim, store):
    lossy.lookup("other.com")
    lost, other = sim.ledger()
    tracking_id = inspect(store)["unknown"][0]["tracking_id"]
    run = resolve(store, tracking_id, "--batch", other["batch_id"])
    assert run.returncode == 1
    assert "does not contain this lookup; nothing was changed" in run.stderr
    assert inspect(store)["unknown"][0]["tracking_id"] == tracking_id
    run = resolve(store, tracking_id, "--batch", lost["batch_id"])
    assert (run.returncode, run.stdout) == (0, "resumed: the results of the batch are read now\n"), run.stderr
    eventually(lambda: lossy.lookup("milvali.com", cached=1).status == 200)
    assert len(sim.ledger()) == 2


def test_resolve_not_taken_frees_the_question_and_refunds_the_credit(testbed, sim, store):
    sim.fault("submit", "close", after_creating=False)
    daemon = testbed.daemon(sim, "--credits-per-day", "1", *flags_of(store))
    daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    daemon.lookup("other.com").problem(402, "credits-exhausted")
    run = resolve(store, inspect(store)["unknown"][0]["tracking_id"], "--not-taken")
    assert run.returncode == 0, run.stderr
    eventually(lambda: daemon.lookup("milvali.com").status == 200)
    assert len(sim.ledger()) == 1


def test_resolve_explains_what_is_wrong(lossy, sim, store):
    tracking_id = inspect(store)["unknown"][0]["tracking_id"]
    wrong = [((tracking_id,), 2, "usage"), ((), 2, "usage"),
             ((tracking_id, "--batch", "x", "--not-taken"), 2, "usage"),
             ((tracking_id, "--batch", " a"), 2, "--batch"),
             ((tracking_id, "--batch", ""), 2, "--batch"),
             (("nonsense", "--batch", "x"), 1, "unknown tracking id"),
             (("nonsense", "--not-taken"), 1, "unknown tracking id")]
    for words, status, text in wrong:
        run = resolve(store, *words)
        assert run.returncode == status, (words, run.stderr)
        assert text in run.stderr
    resolve(store, tracking_id, "--batch", sim.ledger()[0]["batch_id"])
    await_result(lossy, sim, store)
    run = resolve(store, tracking_id, "--not-taken")
    assert run.returncode == 1
    assert "outcome" in run.stderr
