# SPDX-License-Identifier: MIT
"""test_lookup.py - tests the product: one question, one paid lookup, the same response for all clients.

The simulator's ledger has the paid tasks: tests that say "free" or "once" read it.
"""
import datetime
import json
import re
from collections import Counter

import pytest
from waiting import eventually

DAY_S = 24 * 3600
EMPTY_TTL_S = DAY_S
FOUND_TTL_S = 30 * DAY_S
FAILED_TTL_S = 60

MISS = "emailsd; fwd=uri-miss; stored"
JOINED = "emailsd; fwd=uri-miss; collapsed; stored"


def ttl_of_hit(answer):
    """Returns the ttl of a Cache-Status that must be a hit."""
    match = re.fullmatch(r"emailsd; hit; ttl=(\d+)", answer.header("Cache-Status"))
    assert match, answer
    return int(match[1])


def is_jittered(seconds, ttl_s):
    """Returns whether a ttl is within the tenth by which each is randomly changed, minus the time that a
    test may take."""
    return 0.9 * ttl_s - 60 <= seconds <= 1.1 * ttl_s


def time_of(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


# ---- the response ----


def test_lookup_result_is_the_documented_json(daemon):
    answer = daemon.lookup("milvali.com")
    document = answer.json()
    assert answer.status == 200
    assert answer.header("Content-Type") == "application/json"
    assert list(document) == ["domain", "company_name", "emails", "count", "fetched_at",
                              "expires_at"]
    assert document["domain"] == "milvali.com"
    assert document["company_name"] == "Milvali"
    assert document["emails"] == [{"email": "info@milvali.com", "status": "VALID"},
                                  {"email": "support@milvali.com", "status": "VALID"}]
    assert document["count"] == 2
    fresh_for = time_of(document["expires_at"]) - time_of(document["fetched_at"])
    assert is_jittered(fresh_for.total_seconds(), FOUND_TTL_S)


def test_lookup_repeated_is_byte_for_byte_equal_and_free(sim, daemon):
    first, second = daemon.lookup("milvali.com"), daemon.lookup("milvali.com")
    assert first.header("Cache-Status") == MISS
    assert is_jittered(ttl_of_hit(second), FOUND_TTL_S)
    assert second.body == first.body
    assert second.header("ETag") == first.header("ETag")
    assert len(sim.ledger()) == 1


def test_lookup_headers_have_age_and_freshness(daemon):
    daemon.lookup("milvali.com")
    hit = daemon.lookup("milvali.com")
    life = int(re.fullmatch(r"private, max-age=(\d+)", hit.header("Cache-Control"))[1])
    assert life - int(hit.header("Age")) - ttl_of_hit(hit) in (0, 1)
    assert 0 <= int(hit.header("Age")) <= 60
    assert hit.header("Vary") == "Accept, Prefer"
    assert hit.header("Date").endswith(" GMT")
    assert re.fullmatch(r'"[^"]+"', hit.header("ETag"))


def test_submit_has_the_domain_and_a_name_made_from_it(sim, daemon):
    daemon.lookup("https://www.blue-bottle.com/contact")
    [task] = sim.ledger()
    assert (task["domain"], task["company_name"]) == ("blue-bottle.com", "Blue Bottle")
    assert (task["city"], task["state"], task["country"]) == (None, None, None)
    assert task["tracking_id"] and task["answered"]


def test_mailboxes_are_normalized_and_not_changed(sim, daemon):
    sim.rule("milvali.com", data=[
        {"email": "Sales@milvali.com", "status": "CATCH_ALL", "score": 7},
        {"email": "sales@Milvali.com", "status": "VALID"},
        {"status": "VALID"},
        {"email": None, "status": "VALID"},
        {"email": "jobs@elsewhere.com", "status": "VALID"},
    ])
    document = daemon.lookup("milvali.com").json()
    assert document["emails"] == [{"email": "Sales@milvali.com", "status": "CATCH_ALL"},
                                  {"email": "jobs@elsewhere.com", "status": "VALID"}]
    assert document["count"] == 2


def test_lookup_without_mailboxes_is_cached_for_a_day(sim, daemon):
    document = daemon.lookup("empty-milvali.com").json()
    assert (document["emails"], document["count"]) == ([], 0)
    assert is_jittered(ttl_of_hit(daemon.lookup("empty-milvali.com")), EMPTY_TTL_S)
    assert len(sim.ledger()) == 1


# ---- representations ----


@pytest.mark.parametrize("accept, content_type, body", [
    pytest.param(None, "application/json", None, id="no Accept"),
    pytest.param("*/*", "application/json", None, id="anything"),
    pytest.param("application/json", "application/json", None, id="json"),
    pytest.param("text/plain;q=0.5, application/json", "application/json", None, id="json first"),
    pytest.param("text/plain", "text/plain; charset=utf-8",
                 b"info@milvali.com\nsupport@milvali.com\n", id="plain"),
    pytest.param("text/*", "text/plain; charset=utf-8",
                 b"info@milvali.com\nsupport@milvali.com\n", id="some text"),
    pytest.param("text/csv", "text/csv; charset=utf-8; header=present",
                 b"email,status\r\ninfo@milvali.com,VALID\r\nsupport@milvali.com,VALID\r\n",
                 id="csv"),
    pytest.param("application/json;q=0, text/csv;q=0.1", "text/csv; charset=utf-8; header=present",
                 b"email,status\r\ninfo@milvali.com,VALID\r\nsupport@milvali.com,VALID\r\n",
                 id="csv rather than nothing"),
])
def test_accept_selects_the_format(daemon, accept, content_type, body):
    headers = {"Accept": accept} if accept else {}
    for answer in (daemon.lookup("milvali.com", headers), daemon.lookup("milvali.com", headers)):
        assert answer.status == 200
        assert answer.header("Content-Type") == content_type
        if body is None:
            assert answer.json()["count"] == 2
        else:
            assert answer.body == body


def test_formats_have_different_etags_and_are_paid_once(sim, daemon):
    forms = ["application/json", "text/plain", "text/csv"]
    tags = {daemon.lookup("milvali.com", {"Accept": form}).header("ETag") for form in forms}
    assert len(tags) == 3
    assert len(sim.ledger()) == 1


def test_accept_without_an_available_format_is_rejected_at_no_cost(sim, daemon):
    refused = daemon.lookup("milvali.com", {"Accept": "application/xml, image/*"})
    assert refused.problem(406, "not-acceptable")["charged"] == "no"
    assert sim.calls()["requests"] == 0


# ---- conditional requests ----


def test_etag_that_matches_gets_304_without_a_body(daemon):
    tag = daemon.lookup("milvali.com").header("ETag")
    answer = daemon.lookup("milvali.com", {"If-None-Match": tag})
    assert (answer.status, answer.body) == (304, b"")
    assert answer.header("ETag") == tag
    assert answer.header("Vary") == "Accept, Prefer"
    assert answer.header("Cache-Control").startswith("private, max-age=")
    assert ttl_of_hit(answer)


@pytest.mark.parametrize("form, status", [
    pytest.param("{tag}", 304, id="the tag"),
    pytest.param("W/{tag}", 304, id="weakly"),
    pytest.param('"other", {tag}', 304, id="in a list"),
    pytest.param("*", 304, id="any"),
    pytest.param('"other"', 200, id="another"),
    pytest.param("nonsense", 200, id="nonsense"),
    pytest.param("x" * 8000, 200, id="8 KB of nonsense"),
])
def test_if_none_match_follows_rfc_9110(daemon, form, status):
    tag = daemon.lookup("milvali.com").header("ETag")
    assert daemon.lookup("milvali.com", {"If-None-Match": form.format(tag=tag)}).status == status


def test_if_none_match_of_another_format_does_not_match(daemon):
    tag = daemon.lookup("milvali.com", {"Accept": "text/csv"}).header("ETag")
    assert daemon.lookup("milvali.com", {"If-None-Match": tag}).status == 200


def test_head_of_a_cached_result_has_the_headers_of_get(daemon):
    got = daemon.lookup("milvali.com")
    connection = daemon.connect()
    connection.send_get("/emails?domain=milvali.com", method="HEAD")
    head = connection.read("HEAD")
    assert head.status == 200
    for name in ("Content-Type", "Content-Length", "ETag", "Vary"):
        assert head.header(name) == got.header(name)
    assert ttl_of_hit(head)
    assert connection.get("/livez").body == b"ok\n", "no body came after the head"


def test_head_of_a_cached_result_honours_if_none_match(daemon):
    tag = daemon.lookup("milvali.com").header("ETag")
    assert daemon.lookup("milvali.com", {"If-None-Match": tag}, method="HEAD").status == 304


def test_head_without_a_cached_result_spends_nothing(sim, daemon):
    head = daemon.lookup("milvali.com", method="HEAD")
    assert (head.status, head.body) == (504, b"")
    assert head.header("Content-Type") == "application/problem+json"
    assert head.header("Cache-Status") == "emailsd; fwd=uri-miss"
    assert sim.calls()["requests"] == 0


@pytest.mark.parametrize("target", ["/emails?domain=milvali.com", "/emails?domain=com", "/readyz",
                                    "/metrics", "/openapi.yaml", "/problems/not-found", "/nowhere"])
def test_responses_forbid_content_sniffing(daemon, target):
    assert daemon.get(target).header("X-Content-Type-Options") == "nosniff"


# ---- request ids ----


@pytest.mark.parametrize("given", ["a", "0", "A-b_c.9", "x" * 64])
def test_request_id_that_is_valid_is_echoed(daemon, given):
    assert daemon.get("/livez", {"X-Request-Id": given}).header("X-Request-Id") == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a/b", "a\u00fc", "<b>"])
def test_request_id_that_is_invalid_is_replaced(daemon, given):
    made = daemon.get("/livez", {"X-Request-Id": given}).header("X-Request-Id")
    assert made != given
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", made)


def test_request_id_is_generated_if_absent(daemon):
    ids = {daemon.lookup("milvali.com").header("X-Request-Id") for _ in range(10)}
    assert len(ids) == 10


def test_problem_has_the_id_of_its_request(daemon):
    answer = daemon.lookup("com", {"X-Request-Id": "mine-1"})
    assert answer.problem(422, "public-suffix")["request_id"] == "mine-1"


# ---- equal and different questions ----


@pytest.mark.parametrize("first, second", [
    pytest.param({}, {"company_name": "Blue Bottle"}, id="the made name"),
    pytest.param({"company_name": "Blue Bottle"}, {}, id="the made name first"),
    pytest.param({}, {"company_name": "  BLUE bottle "}, id="the made name in other words"),
    pytest.param({"company_name": "BB AG"}, {"company_name": " bb ag "}, id="a name, folded"),
    pytest.param({"city": "Z\u00fcrich"}, {"city": " zu\u0308RICH "}, id="a city, NFC and folded"),
    pytest.param({"country": "US"}, {"country": "us"}, id="a country, folded"),
    pytest.param({}, {"city": ""}, id="an empty city"),
])
def test_question_in_another_spelling_is_a_hit(sim, daemon, first, second):
    one, two = daemon.lookup("blue-bottle.com", **first), daemon.lookup("blue-bottle.com", **second)
    assert ttl_of_hit(two)
    assert two.body == one.body
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("parameters", [
    pytest.param({"company_name": "Blue Bottle Coffee"}, id="another name"),
    pytest.param({"city": "Oakland"}, id="a city"),
    pytest.param({"state": "CA"}, id="a state"),
    pytest.param({"country": "US"}, id="a country"),
])
def test_question_with_a_name_or_a_place_is_another_question(sim, daemon, parameters):
    daemon.lookup("blue-bottle.com")
    assert daemon.lookup("blue-bottle.com", **parameters).header("Cache-Status") == MISS
    plain, narrowed = sim.ledger()
    [(field, value)] = parameters.items()
    assert narrowed[field] == value and plain[field] != value


def test_submit_has_the_place_normalized(sim, daemon):
    daemon.lookup("milvali.com", company_name=" Milvali GmbH ", city=" Zu\u0308rich", state="ZH",
               country="CH")
    [task] = sim.ledger()
    fields = [task[name] for name in ("company_name", "city", "state", "country")]
    assert fields == ["Milvali GmbH", "Z\u00fcrich", "ZH", "CH"]


# ---- concurrent requests ----


def test_concurrent_equal_questions_share_one_task(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "1", "--max-waiters", "200")
    sim.hold_submits()
    clients = [daemon.park("milvali.com") for _ in range(200)]
    daemon.await_waiters(200)
    assert daemon.is_full("milvali.com")
    sim.release_submits()
    answers = [client.read() for client in clients]
    assert {answer.status for answer in answers} == {200}
    assert len({(answer.body, answer.header("ETag")) for answer in answers}) == 1
    assert Counter(a.header("Cache-Status") for a in answers) == {MISS: 1, JOINED: 199}
    assert len(sim.ledger()) == 1


def test_concurrent_different_questions_share_one_batch(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "20", "--batch-linger", "60s")
    clients = {f"company{i}.com": daemon.park(f"company{i}.com") for i in range(20)}
    for domain, client in clients.items():
        assert client.read().json()["emails"][0]["email"] == f"info@{domain}"
    assert sim.calls()["submit"] == 1
    assert len({task["tracking_id"] for task in sim.ledger()}) == 20


def test_fast_task_is_returned_before_a_slow_one_of_its_batch(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    sim.rule("slow.com", time_ms=3600 * 1000)
    slow, fast = daemon.park("slow.com"), daemon.park("fast.com")
    assert fast.read().json()["domain"] == "fast.com"
    sim.rule("slow.com", time_ms=0)
    assert slow.read().json()["domain"] == "slow.com"
    assert sim.calls()["submit"] == 1


# ---- failed lookups ----


@pytest.mark.parametrize("domain", ["errored-milvali.com", "cancelled-milvali.com"])
def test_failed_task_is_returned_and_cached_for_a_minute(sim, daemon, domain):
    first, second = daemon.lookup(domain), daemon.lookup(domain)
    assert first.header("Cache-Status") == MISS
    assert ttl_of_hit(second) <= 1.1 * FAILED_TTL_S
    for answer in (first, second):
        problem = answer.problem(502, "lookup-failed")
        assert problem["retryable"] is True and problem["charged"] != "no"
        assert answer.header("Retry-After") is None  # clients would obey it, and pay again
    assert len(sim.ledger()) == 1


def test_failed_task_does_not_fail_the_others(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    bad, good = daemon.park("errored-milvali.com"), daemon.park("milvali.com")
    assert good.read().status == 200
    bad.read().problem(502, "lookup-failed")
    assert sim.calls()["submit"] == 1


# ---- the tracking id is the only link between a task and its question ----


@pytest.mark.parametrize("tracking", ["missing", "null", "empty", "number"])
def test_result_without_a_tracking_id_is_returned_to_no_client(testbed, sim, tracking):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    sim.rule("stray.com", tracking_id=tracking)
    stray, bound = daemon.park("stray.com"), daemon.park("bound.com")
    assert [e["email"] for e in bound.read().json()["emails"]] == ["info@bound.com",
                                                                   "support@bound.com"]
    answer = stray.read()
    answer.problem(502, "upstream-invalid-response")
    assert b"@" not in answer.body
    assert len(sim.ledger()) == 2


def test_results_without_any_tracking_id_are_returned_to_no_client(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    for domain in ("one.com", "two.com"):
        sim.rule(domain, tracking_id="missing")
    for client in [daemon.park("one.com"), daemon.park("two.com")]:
        client.read().problem(502, "upstream-invalid-response")


def test_results_are_matched_by_tracking_id_and_not_by_position(testbed, sim):
    daemon = testbed.daemon(sim, "--batch-size", "2", "--batch-linger", "60s")
    for domain in ("one.com", "two.com"):
        sim.rule(domain, tracking_id="swap", data=[{"email": f"x@{domain}", "status": "VALID"}])
    one, two = daemon.park("one.com"), daemon.park("two.com")
    assert one.read().json()["emails"][0]["email"] == "x@two.com"
    assert two.read().json()["emails"][0]["email"] == "x@one.com"


# ---- waiting ----


def test_wait_of_zero_is_202_and_a_repeat_is_free(sim, daemon):
    sim.hold_submits()
    early = daemon.lookup("milvali.com", wait=0)
    assert early.problem(504, "still-processing")["retryable"] is True
    assert 1 <= int(early.header("Retry-After")) <= 60
    sim.reach(submit=1)
    again = daemon.lookup("milvali.com", wait=0)
    assert again.problem(504, "still-processing")["charged"] == "maybe"
    sim.release_submits()
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


def test_wait_that_expires_is_504_and_the_lookup_continues(sim, daemon):
    sim.rule("milvali.com", time_ms=3600 * 1000)
    daemon.lookup("milvali.com", wait=1).problem(504, "still-processing")
    sim.rule("milvali.com", time_ms=0)
    eventually(lambda: daemon.lookup("milvali.com", method="HEAD").status == 200)
    assert ttl_of_hit(daemon.lookup("milvali.com"))
    assert len(sim.ledger()) == 1


def test_wait_defaults_to_the_option(testbed, sim):
    daemon = testbed.daemon(sim, "--wait", "0")
    sim.hold_submits()
    daemon.lookup("milvali.com").problem(504, "still-processing")


@pytest.mark.parametrize("wait, applied", [("300", None), ("301", "wait=300"),
                                           ("999999", "wait=300")])
def test_wait_over_the_maximum_is_clamped_and_returned(daemon, wait, applied):
    for expected in (applied, None):  # a hit does not wait
        answer = daemon.lookup("milvali.com", wait=wait)
        assert answer.status == 200
        assert answer.header("Preference-Applied") == expected


def test_wait_that_is_clamped_expires_earlier(testbed, sim):
    daemon = testbed.daemon(sim, "--max-wait", "1s")
    sim.hold_submits()
    answer = daemon.lookup("milvali.com", wait=3600)
    answer.problem(504, "still-processing")
    assert answer.header("Preference-Applied") == "wait=1"


def test_waiters_of_one_lookup_have_separate_deadlines(sim, daemon):
    sim.hold_submits()
    patient = daemon.park("milvali.com", wait=300)
    sim.reach(submit=1)
    daemon.lookup("milvali.com", wait=0).problem(504, "still-processing")
    sim.release_submits()
    answer = patient.read()
    assert (answer.status, answer.header("Cache-Status")) == (200, MISS)


def test_lookup_body_is_utf_8_json(sim, daemon):
    sim.rule("milvali.com", data=[{"email": "caf\u00e9@milvali.com", "status": "VALID"}])
    body = daemon.lookup("milvali.com").body
    assert json.loads(body.decode("utf-8"))["emails"][0]["email"] == "caf\u00e9@milvali.com"
