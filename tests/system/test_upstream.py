# SPDX-License-Identifier: MIT
"""test_upstream.py - tests upstream faults with the real client over real sockets.

Two rules hold for every fault: a submit that may have been read is never retried, and a paid result is read
in the end. Rows have the ids of the fault catalogue. If a fault occurs before the upstream creates a batch,
the ledger stays empty; by default faults occur after it.
"""
import json
import socket

import pytest
from programs import KEY, KEY_VARIABLE

INFO = [{"email": "info@milvali.com", "status": "VALID"},
        {"email": "support@milvali.com", "status": "VALID"}]
ELSEWHERE = {"Location": "/elsewhere"}


def hex_of(text):
    return text.encode().hex()


def submit_answer(batch_id):
    """Returns the body of a submit's response with that batch_id, whatever it is."""
    return json.dumps({"batch_id": batch_id, "submit_for": "lookup_business_email",
                       "status": {"processing": 1, "completed": 0, "errored": 0, "total": 1,
                                  "batch_ready": False}})


# ---- a submit without a usable response: paid once, reported as unknown, never retried ----


LOST_ANSWERS = [
    pytest.param({"kind": "hang"}, id="U2 silence until the time is over"),
    pytest.param({"kind": "close"}, id="U3 FIN"),
    pytest.param({"kind": "reset"}, id="U4 RST"),
    pytest.param({"kind": "truncate"}, id="U11 less than announced"),
    pytest.param({"kind": "truncate", "bytes": 0}, id="U11 headers only"),
    pytest.param({"kind": "cut_no_length"}, id="U12 cut without a length"),
    pytest.param({"kind": "chunk_cut"}, id="U13 cut in a chunk"),
    pytest.param({"kind": "not_json"}, id="U14 a web page"),
    pytest.param({"kind": "body", "body": '{"submit_for":"x"}'}, id="U15 no batch_id"),
    pytest.param({"kind": "body", "body": submit_answer(None)}, id="U15 null"),
    pytest.param({"kind": "body", "body": submit_answer(7.5)}, id="U15 a fraction"),
    pytest.param({"kind": "body", "body": submit_answer("")}, id="U15 empty"),
    pytest.param({"kind": "body", "body": submit_answer("x" * 10240)}, id="U16 10 KB"),
    pytest.param({"kind": "body", "body": submit_answer("a\nb")}, id="U16 a line break"),
    pytest.param({"kind": "body", "body": "[]"}, id="U15 another shape"),
    pytest.param({"kind": "body", "body": ""}, id="U15 nothing"),
    pytest.param({"kind": "body", "status": 202, "body": ""}, id="U19 202 and no id"),
    pytest.param({"kind": "raw", "body_hex": hex_of("HTTP/1.1 204 No Content\r\n\r\n")},
                 id="U19 204"),
    pytest.param({"kind": "status", "status": 301, "headers": ELSEWHERE}, id="U28 301"),
    pytest.param({"kind": "status", "status": 302, "headers": ELSEWHERE}, id="U28 302"),
    pytest.param({"kind": "status", "status": 303, "headers": ELSEWHERE}, id="U28 303"),
    pytest.param({"kind": "status", "status": 307, "headers": ELSEWHERE}, id="U28 307"),
    pytest.param({"kind": "status", "status": 308, "headers": ELSEWHERE}, id="U28 308"),
    pytest.param({"kind": "status", "status": 400, "body": "<html>"}, id="U20 400 of a proxy"),
    pytest.param({"kind": "status", "status": 404}, id="U24 404"),
    pytest.param({"kind": "status", "status": 405}, id="U24 405"),
    pytest.param({"kind": "status", "status": 410}, id="U24 410"),
    pytest.param({"kind": "status", "status": 413}, id="U30 413"),
    pytest.param({"kind": "status", "status": 417}, id="U30 417"),
    pytest.param({"kind": "status", "status": 408}, id="U25 408"),
    pytest.param({"kind": "status", "status": 425}, id="U25 425"),
    pytest.param({"kind": "status", "status": 500}, id="U26 500"),
    pytest.param({"kind": "status", "status": 502}, id="U27 502"),
    pytest.param({"kind": "status", "status": 503}, id="U27 503 that names no time"),
    pytest.param({"kind": "status", "status": 503, "headers": {"Retry-After": "1"}},
                 id="U27 503 with Retry-After"),
    pytest.param({"kind": "status", "status": 504}, id="U27 504"),
    pytest.param({"kind": "raw", "body_hex": hex_of("HTTP/1.1 100 Continue\r\n\r\n")},
                 id="U29 100 and FIN"),
    pytest.param({"kind": "huge_headers"}, id="U31 2 MB of headers"),
    pytest.param({"kind": "huge_body"}, id="U32 100 MB"),
    pytest.param({"kind": "dribble", "byte_ms": 1000}, id="U33 too slow"),
    pytest.param({"kind": "garbage"}, id="U35 no HTTP"),
]


@pytest.mark.parametrize("fault", LOST_ANSWERS)
def test_submit_with_a_lost_response_is_unknown_and_not_repeated(testbed, sim, fault):
    silent = fault["kind"] in ("hang", "dribble")
    daemon = testbed.daemon(sim, "--submit-timeout", "2s" if silent else "60s")
    sim.fault("submit", **fault)
    problem = daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert (problem["charged"], problem["retryable"]) == ("maybe", True)
    assert sim.reach(submit=1, tasks=1)["submit"] == 1  # it may read it after the timeout
    assert len(sim.ledger()) == 1


def test_u5_connection_closed_before_the_request_pays_nothing_twice(daemon, sim):
    sim.fault("any", "accept_close")
    answer = daemon.lookup("milvali.com")
    calls = sim.calls()
    assert calls["accept_closed"] == 1
    if answer.status == 200:  # libcurl saw the end before it had sent a byte: retried
        assert calls["submit"] == 1
    else:
        answer.problem(502, "upstream-outcome-unknown")
        assert calls["submit"] == 0


def test_submit_with_a_lost_response_is_reported_to_all_waiters(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "3", "--batch-linger", "60s")
    sim.fault("submit", "reset")
    for client in [daemon.park(f"company{i}.com") for i in range(3)]:
        client.read().problem(502, "upstream-outcome-unknown")
    assert sim.calls()["submit"] == 1


# ---- a rejected submit: nothing was created, nothing is retried ----


@pytest.mark.parametrize("how, status, code", [
    pytest.param({"status": 400}, 502, "upstream-rejected", id="U20 400"),
    pytest.param({"status": 401}, 502, "upstream-auth", id="U21 401"),
    pytest.param({"status": 402}, 402, "credits-exhausted", id="U22 402"),
    pytest.param({"status": 403}, 502, "upstream-banned", id="U23 403"),
    pytest.param({"status": 401, "body": "<html>"}, 502, "upstream-error", id="U21 401 of a proxy"),
    pytest.param({"status": 403, "body": "<html>"}, 502, "upstream-error", id="U23 403 of a CDN"),
    pytest.param({"status": 422}, 502, "upstream-rejected", id="422"),
])
def test_submit_that_is_rejected_has_its_code_and_is_not_repeated(daemon, sim, how, status, code):
    sim.fault("submit", "status", after_creating=False, **how)
    assert daemon.lookup("milvali.com").problem(status, code)["charged"] == "no"
    calls = sim.calls()  # 401, 402 and 403 also read the balance
    assert (calls["submit"], calls["tasks"]) == (1, 0)


def test_upstream_message_is_passed_on_without_its_markup(daemon, sim):
    sim.fault("submit", "status", status=400, after_creating=False,
              body='{"detail":"CompanyName is required\\r\\nX-Injected: 1"}')
    answer = daemon.lookup("milvali.com")
    assert "CompanyName is required" in answer.problem(502, "upstream-rejected")["detail"]
    assert answer.header("X-Injected") is None


def test_upstream_key_rejected_is_502(testbed, sim):
    daemon = testbed.daemon(sim, env={KEY_VARIABLE: "another-key"})
    daemon.lookup("milvali.com").problem(502, "upstream-auth")
    assert sim.calls()["unauthorized"] in (1, 2)  # the submit, and the balance that confirms it


def test_upstream_without_credits_is_402_and_hits_are_served(daemon, sim):
    daemon.lookup("milvali.com")
    sim.behave(credits=0)
    assert daemon.lookup("other.com").problem(402, "credits-exhausted")["charged"] == "no"
    assert daemon.lookup("milvali.com").status == 200


# ---- a submit that was certainly not processed: retried ----


def test_u25_retry_after_is_obeyed(daemon, sim):
    sim.fault("submit", "status", status=429, headers={"Retry-After": "1"}, after_creating=False)
    answer = daemon.lookup("milvali.com")
    assert answer.json()["emails"] == INFO
    first, second = sim.requests("submit")
    assert second["at_ms"] - first["at_ms"] >= 990  # two clocks of whole milliseconds
    assert len(sim.ledger()) == 1


def test_u25_429_without_retry_after_is_retried(daemon, sim):
    sim.fault("submit", "status", status=429, after_creating=False)
    assert daemon.lookup("milvali.com").status == 200
    assert sim.calls()["submit"] == 2


def test_u25_retry_after_of_an_hour_keeps_the_lookup_in_flight(daemon, sim):
    sim.fault("submit", "status", status=429, headers={"Retry-After": "3600"},
              after_creating=False)
    daemon.lookup("milvali.com", wait=1).problem(504, "still-processing")
    assert sim.calls()["submit"] == 1


def test_u25_429_several_times_does_not_fail_the_lookup(daemon, sim):
    sim.fault("submit", "status", times=3, status=429, after_creating=False)
    assert daemon.lookup("milvali.com").status == 200
    assert sim.calls()["submit"] == 4


def test_u6_connection_refused_fails_the_lookup(testbed):
    with socket.socket() as taken:  # bound and not listening: refuses connections, and no other process gets the port
        taken.bind(("127.0.0.1", 0))
        daemon = testbed.daemon(f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert daemon.lookup("milvali.com").problem(502, "upstream-error")["charged"] == "no"


# ---- odd but usable responses ----


@pytest.mark.parametrize("fault", [
    pytest.param({"kind": "delay", "ms": 300}, id="U1 late"),
    pytest.param({"kind": "dribble", "byte_ms": 1}, id="U33 byte by byte"),
    pytest.param({"kind": "body", "status": 201}, id="U19 201"),
    pytest.param({"kind": "body", "headers": {"X-Twice": "1", "x-twice": "2"}}, id="U34 headers"),
])
def test_submit_response_may_have_an_unusual_form(daemon, sim, fault):
    sim.fault("submit", **fault)
    assert daemon.lookup("milvali.com").json()["emails"] == INFO
    assert len(sim.ledger()) == 1


def test_u18_submit_for_another_service_is_ignored(daemon, sim):
    sim.behave(submit_for="lookup_people")
    assert daemon.lookup("milvali.com").status == 200


# ---- reads: a paid result is read in the end ----


@pytest.mark.parametrize("on, fault", [
    pytest.param("status", {"kind": "status", "status": 500, "times": 2}, id="status 500 twice"),
    pytest.param("status", {"kind": "status", "status": 404}, id="S1 not known yet"),
    pytest.param("status", {"kind": "body", "body": '{"processing":0,"completed":1,"errored":0,'
                                                    '"total":1,"batch_ready":"true"}'},
                 id="S3 ready is no boolean"),
    pytest.param("status", {"kind": "body", "body": '{"processing":0,"completed":-1,"errored":'
                                                    '9007199254740993,"total":7,'
                                                    '"batch_ready":false}'},
                 id="S4 counts that cannot be"),
    pytest.param("status", {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}},
                 id="S16 status 429"),
    pytest.param("status", {"kind": "status", "status": 503}, id="S16 status 503"),
    pytest.param("status", {"kind": "close"}, id="S17 status closed"),
    pytest.param("status", {"kind": "reset"}, id="S17 status reset"),
    pytest.param("status", {"kind": "dribble", "byte_ms": 1}, id="status byte by byte"),
    pytest.param("task_ids", {"kind": "truncate"}, id="ids truncated"),
    pytest.param("task_ids", {"kind": "cut_no_length"}, id="ids cut without a length"),
    pytest.param("task_ids", {"kind": "body", "body": "[]"}, id="S6 ids late"),
    pytest.param("task_ids", {"kind": "body", "body": "null"}, id="S6 ids null"),
    pytest.param("task", {"kind": "status", "status": 500}, id="task 500"),
    pytest.param("task", {"kind": "chunk_cut"}, id="task cut in a chunk"),
    pytest.param("task", {"kind": "not_json"}, id="task a web page"),
    pytest.param("task", {"kind": "garbage"}, id="task no HTTP"),
    pytest.param("task", {"kind": "huge_body"}, id="task 100 MB"),
    pytest.param("task", {"kind": "dribble", "byte_ms": 1}, id="task byte by byte"),
])
def test_reads_that_fail_for_a_while_recover(daemon, sim, on, fault):
    sim.fault(on, **fault)
    assert daemon.lookup("milvali.com").json()["emails"] == INFO
    assert sim.calls()["submit"] == 1


def test_reads_of_every_kind_may_fail_in_one_batch(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "10", "--batch-linger", "60s")
    sim.fault("status", "status", status=502)
    sim.fault("task_ids", "reset")
    sim.fault("task", "truncate", times=5)
    clients = {f"company{i}.com": daemon.park(f"company{i}.com") for i in range(10)}
    for domain, client in clients.items():
        assert client.read().json()["emails"][0]["email"] == f"info@{domain}"
    assert sim.say("GET", "/sim/faults") == []
    assert (sim.calls()["submit"], len(sim.ledger())) == (1, 10)


@pytest.mark.parametrize("behaviour", [
    pytest.param({"shuffle_task_ids": True}, id="shuffled"),
    pytest.param({"duplicate_task_ids": True}, id="S7 twice"),
    pytest.param({"extra_foreign_task_ids": 5}, id="S7 foreign"),
    pytest.param({"list_only_at_end": True}, id="late"),
    pytest.param({"status_filter": "ignore"}, id="unfiltered"),
    pytest.param({"shuffle_task_ids": True, "duplicate_task_ids": True,
                  "extra_foreign_task_ids": 3}, id="all of it"),
])
def test_task_list_may_be_unordered_or_have_foreign_ids(testbed, sim, behaviour):
    daemon = testbed.daemon(sim, "--batch-size", "8", "--batch-linger", "60s")
    sim.behave(**behaviour)
    for round_number in range(2):  # the second finds foreign ids of the first
        clients = {f"company{i}.com": daemon.park(f"company{i}.com", city=f"{round_number}")
                   for i in range(8)}
        for domain, client in clients.items():
            assert client.read().json()["emails"][0]["email"] == f"info@{domain}"
    assert len(sim.ledger()) == 16


def test_s5_batch_of_failed_tasks_ends_immediately(daemon, sim):
    sim.behave(status_filter="ignore")
    daemon.lookup("errored.com").problem(502, "lookup-failed")


def test_upstream_key_rejected_in_flight_loses_no_paid_result(daemon, sim):
    sim.fault("status", "status", status=401)
    assert daemon.lookup("milvali.com").json()["emails"] == INFO


def test_batch_that_never_finishes_ends_with_its_lifetime(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-lifetime", "1s")
    sim.rule("milvali.com", state="PROCESSING", time_ms=3600 * 1000)
    problem = daemon.lookup("milvali.com").problem(502, "upstream-outcome-unknown")
    assert problem["charged"] == "maybe"
    assert len(sim.ledger()) == 1


# ---- the content of a task ----


@pytest.mark.parametrize("body, emails", [
    pytest.param('"data":null', [], id="S11 null"),
    pytest.param('"x":1', [], id="S11 absent"),
    pytest.param('"data":[]', [], id="S11 empty"),
    pytest.param('"data":[{"email":"a@b.com","status":"SOMETHING_NEW"}]',
                 [{"email": "a@b.com", "status": "SOMETHING_NEW"}], id="S14 a new status"),
    pytest.param('"data":[{"email":"a@b.com"}]', [{"email": "a@b.com", "status": "UNKNOWN"}],
                 id="S14 no status"),
    pytest.param('"data":[{"email":"a@else.com","status":"VALID"}]',
                 [{"email": "a@else.com", "status": "VALID"}], id="S15 of another domain"),
    pytest.param('"data":[{"email":"a\\r\\nb@c.com"},{"email":"a\\u0000@c.com"},{"email":'
                 '"<script>@c.com"},{"email":7},{"email":"' + 10240 * "x" + '@c.com"},7,null,'
                 '{"email":"ok@c.com","status":"VALID"}]',
                 [{"email": "ok@c.com", "status": "VALID"}], id="S13 what is no address"),
    pytest.param('"data":[{"email":"q\\"uote@c.com","status":"VALID"}]',
                 [{"email": 'q"uote@c.com', "status": "VALID"}], id="a quote"),
])
def test_task_content_of_any_shape_is_handled(daemon, sim, body, emails):
    sim.rule("milvali.com", raw_task_body='{"task_id":"{{task_id}}","status":"COMPLETED",'
                                          '"tracking_id":"{{tracking_id}}",' + body + "}")
    answer = daemon.lookup("milvali.com")
    assert answer.status == 200, answer
    assert answer.json()["emails"] == emails


def test_s13_mailbox_that_is_not_utf_8_is_dropped(daemon, sim):
    task = (b'{"task_id":"{{task_id}}","status":"COMPLETED","tracking_id":"{{tracking_id}}",'
            b'"data":[{"email":"caf\xe9@c.com"},{"email":"ok@c.com","status":"VALID"}]}')
    sim.rule("milvali.com", raw_task_body_hex=task.hex())
    answer = daemon.lookup("milvali.com")
    assert answer.json()["emails"] == [{"email": "ok@c.com", "status": "VALID"}]
    answer.body.decode("utf-8")


def test_s12_thousands_of_mailboxes_are_truncated_and_marked(daemon, sim):
    sim.rule("milvali.com", data=[{"email": f"box{i}@milvali.com", "status": "VALID"}
                                  for i in range(5000)])
    document = daemon.lookup("milvali.com").json()
    assert (document["count"], len(document["emails"])) == (1000, 1000)
    assert document["truncated"] is True
    assert document["emails"][999]["email"] == "box999@milvali.com"


# ---- the requests to the upstream ----


def test_submit_has_its_own_connection(daemon, sim):
    for domain in ("one.com", "two.com", "three.com"):
        assert daemon.lookup(domain).status == 200
    requests = sim.requests()
    submits = [r["connection_number"] for r in requests if r["call"] == "submit"]
    others = [r["connection_number"] for r in requests if r["call"] != "submit"]
    assert len(set(submits)) == 3
    assert not set(submits) & set(others)
    assert len(set(others)) < len(others), "reads share connections"


def test_upstream_requests_have_exactly_the_expected_headers(daemon, sim):
    daemon.lookup("milvali.com")
    requests = sim.requests()
    assert {r["call"] for r in requests} == {"submit", "status", "task_ids", "task"}
    for request in requests:
        assert request["version"] == "HTTP/1.1"
        auth = "X-API-Key" if request["call"] == "submit" else "both"
        assert (request["auth"], request["authorized"]) == (auth, True)
        assert request["user_agent"].startswith("emailsd/")
        assert request["accept"] == "application/json"
        assert (request["expect"], request["accept_encoding"]) == (None, "gzip, deflate")
        assert request["host"] == "%s:%d" % sim.address
        assert request["content_type"] == ("application/json" if request["call"] == "submit"
                                           else None)


@pytest.mark.parametrize("path, seen", [
    pytest.param("/", "", id="a slash"),
    pytest.param("/proxied", "/proxied", id="a path"),
    pytest.param("/proxied/", "/proxied", id="a path and a slash"),
])
def test_upstream_url_may_have_a_path(testbed, sim, path, seen):
    daemon = testbed.daemon(sim.urls[0] + path)
    daemon.lookup("milvali.com", wait=0)
    sim.reach(requests=1)
    assert sim.requests()[0]["path"] == seen + "/api/v1/task/batch/lookup_business_email"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy",
                                  "ALL_PROXY"])
def test_proxy_in_the_environment_is_ignored(testbed, sim, name):
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        url = "http://127.0.0.1:%d" % proxy.getsockname()[1]
        daemon = testbed.daemon(sim, env={KEY_VARIABLE: KEY, name: url})
        assert daemon.lookup("milvali.com").status == 200
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_reads_stay_within_the_rate_limit(testbed, sim):
    daemon = testbed.daemon(sim, "--reads-per-second", "2", "--batch-size", "10",
                          "--batch-linger", "60s")
    clients = [daemon.park(f"company{i}.com") for i in range(10)]
    assert {client.read().status for client in clients} == {200}
    times = [r["at_ms"] for r in sim.requests() if r["call"] != "submit"]
    assert len(times) >= 12
    # The simulator notes when it reads a request, which may be later than it was sent.
    assert times[-1] - times[0] >= 1000, "the last two are due after five seconds"


def test_submits_stay_within_their_slots(testbed, sim):
    daemon = testbed.daemon(sim, "--submit-slots", "2", "--batch-size", "1")
    sim.hold_submits()
    clients = [daemon.park(f"company{i}.com") for i in range(5)]
    daemon.await_waiters(5)
    sim.reach(submit=2)
    daemon.lookup("company4.com", wait=1).problem(504, "still-processing")
    assert sim.calls()["submit"] == 2
    sim.release_submits()
    assert {client.read().status for client in clients} == {200}
    assert (sim.calls()["submit"], len(sim.ledger())) == (5, 5)
