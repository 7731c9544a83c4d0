# SPDX-License-Identifier: MIT
"""test_clients.py - tests which clients are admitted, their quotas and rate limits, and that keys stay
secret."""
import os
import re
import signal
import time

import pytest

from client_keys import start
from programs import KEY_VARIABLE, run_to_end
from waiting import eventually

UPSTREAM = ("--upstream-url", "http://127.0.0.1:1")


# ---- admission

CLOSED = ["/emails?domain=milvali.com", "/lookups/" + "0" * 32, "/usage"]
OPEN = ["/livez", "/version", "/metrics", "/openapi.yaml", "/", "/docs", "/ui/page.js", "/problems/unauthorized"]


def test_c12_only_a_correct_key_is_accepted(testbed, sim, keys):
    right = keys.add("reports")
    keys.add("other")
    daemon = start(testbed, sim, keys)
    for path in CLOSED:
        wrong = [{}, {"Authorization": "Bearer " + right[:-1]}, {"X-API-Key": right + "0"},
                 {"X-API-Key": right.upper()}, {"Authorization": "Basic " + right},
                 {"X-API-Key": keys.lines["reports"].split()[1]},
                 {"X-API-Key": right, "Authorization": "Bearer " + right}]
        for headers in wrong:
            refused = daemon.get(path, headers)
            assert refused.problem(401, "unauthorized")["charged"] == "no"
            assert refused.header("WWW-Authenticate") == "Bearer"
    assert sim.ledger() == []
    assert daemon.get(CLOSED[0], {"X-API-Key": right}).status == 200
    again = daemon.get(CLOSED[0], {"authorization": "bearer " + right})
    assert again.status == 200 and "hit" in again.header("Cache-Status")
    passed_on = {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": right}  # a proxy uses its own
    assert daemon.get(CLOSED[0], passed_on).status == 200
    # A known client's response must not be served to an unknown client.
    daemon.get(CLOSED[0]).problem(401, "unauthorized")
    for path in OPEN:
        assert daemon.get(path).status == 200


def test_client_rights_are_enforced(testbed, sim, keys):
    keys.add("plain")
    keys.add("reader", "cached_only")
    keys.add("fresh", "allow_refresh")
    keys.add("boss", "admin")
    daemon = start(testbed, sim, keys)
    domain = "milvali.com"
    refused = daemon.lookup(domain, keys.bearer("reader")).problem(504, "not-cached")
    assert "never pays" in refused["detail"]
    refused = daemon.lookup(domain, keys.bearer("plain"), cached=1).problem(504, "not-cached")
    assert "never pays" not in refused["detail"]
    assert sim.ledger() == []
    assert daemon.lookup(domain, keys.bearer("plain")).status == 200
    assert daemon.lookup(domain, keys.bearer("reader")).status == 200
    for how in ({"refresh": 1}, {"max_age": 0}):
        daemon.lookup(domain, keys.bearer("plain"), **how).problem(403, "forbidden")
    for method, headers, how in (("GET", {"Cache-Control": "no-cache"}, {}), ("HEAD", {}, {"refresh": 1}),
                                 ("GET", {}, {"refresh": 1, "cached": 1})):
        free = daemon.lookup(domain, {**keys.bearer("plain"), **headers}, method, **how)
        assert free.status == 200, "what never spends needs no right"
    assert len(sim.ledger()) == 1
    assert daemon.lookup(domain, keys.bearer("fresh"), refresh=1).status == 200
    assert len(sim.ledger()) == 2
    daemon.lookup(domain, keys.bearer("fresh"), method="DELETE").problem(403, "forbidden")
    assert daemon.lookup(domain, keys.bearer("boss"), method="DELETE").status == 204


def test_client_wait_is_limited_by_its_max_wait(testbed, sim, keys):
    keys.add("hasty", "max_wait=0")
    daemon = start(testbed, sim, keys)
    sim.hold_submits()
    daemon.lookup("milvali.com", keys.bearer("hasty")).problem(504, "still-processing")
    response = daemon.lookup("milvali.com", keys.bearer("hasty"), wait=90)
    assert response.status == 504 and response.header("Preference-Applied") == "wait=0"


# ---- quotas and rates

def test_quota_exceeded_is_429_and_cached_results_are_served(testbed, sim, keys):
    keys.add("small", "quota=2")
    keys.add("big")
    daemon = start(testbed, sim, keys)
    small = keys.bearer("small")
    first = daemon.lookup("one.com", small)
    assert first.header("RateLimit-Policy") == '"day";q=2;w=86400'
    assert re.fullmatch(r'"day";r=1;t=\d+', first.header("RateLimit"))
    assert daemon.lookup("one.com", small).header("RateLimit") is None, "a hit costs nothing"
    daemon.lookup("two.com", small)
    spent = daemon.lookup("three.com", small)
    assert spent.problem(429, "quota-exceeded")["charged"] == "no"
    assert re.fullmatch(r'"day";r=0;t=\d+', spent.header("RateLimit"))
    assert spent.header("Retry-After") is None, "libraries would sleep until the next day"
    assert daemon.lookup("one.com", small).status == 200
    assert daemon.lookup("three.com", keys.bearer("big")).header("RateLimit") is None
    assert daemon.lookup("three.com", small).status == 200, "paid results are served to all clients"
    assert "event=credits_threshold_reached client=small percent=95 spent=2 limit=2" in daemon.stderr()


def test_quota_outlives_a_kill(testbed, sim, keys):
    keys.add("small", "quota=3")
    store = f"sqlite:{testbed.directory}/quota.db"
    for life in range(6):
        daemon = start(testbed, sim, keys, "--store", store)
        daemon.lookup(f"company{life}.com", keys.bearer("small"))
        daemon.kill()
    assert len(sim.ledger()) == 3


def test_quota_is_not_charged_for_a_joined_lookup(testbed, sim, keys):
    keys.add("payer", "quota=5")
    keys.add("guest", "quota=0")
    daemon = start(testbed, sim, keys)
    sim.hold_submits()
    waiting = []
    for name in ("payer", "guest"):
        connection = daemon.connect()
        connection.send_get("/emails?domain=milvali.com", keys.line(name))
        waiting.append(connection)
        daemon.await_waiters(len(waiting))
    sim.release_submits()
    assert [connection.read().status for connection in waiting] == [200, 200]
    daemon.lookup("other.com", keys.bearer("guest")).problem(429, "quota-exceeded")
    assert len(sim.ledger()) == 1


def test_usage_returns_the_numbers_of_the_client(testbed, sim, keys):
    keys.add("small", "quota=5 rate=1000")
    keys.add("other")
    daemon = start(testbed, sim, keys, "--credits-per-day", "3")
    small = keys.bearer("small")
    daemon.lookup("one.com", small)
    daemon.lookup("one.com", small)
    daemon.lookup("two.com", keys.bearer("other"))
    usage = daemon.get("/usage", small)
    document = usage.json()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", document.pop("resets_at"))
    assert document == {"client": "small", "lookups": 1, "credits": 1, "quota": 5,
                        "remaining": 1, "requests_per_second": 1000, "cached_only": False}
    assert re.fullmatch(r'"day";r=4;t=\d+', usage.header("RateLimit"))
    document = daemon.get("/usage", keys.bearer("other")).json()
    assert (document["client"], document["quota"], document["remaining"]) == ("other", None, 1)
    assert len(sim.ledger()) == 2


def test_usage_without_keys_is_by_address(daemon):
    daemon.lookup("milvali.com")
    document = daemon.get("/usage").json()
    assert (document["client"], document["lookups"]) == ("127.0.0.1", 1)
    assert (document["quota"], document["remaining"]) == (None, None)


def test_rate_limit_exceeded_is_429_also_for_hits(testbed, sim, keys):
    keys.add("fast", "rate=3")
    keys.add("other")
    daemon = start(testbed, sim, keys)
    daemon.lookup("milvali.com", keys.bearer("other"))
    began, answers = time.monotonic(), {200: [], 429: []}
    while len(answers[429]) < 10:
        answer = daemon.lookup("milvali.com", keys.bearer("fast"))
        answers[answer.status].append(answer)
        assert len(answers[200]) <= 3 * (2 + time.monotonic() - began)
    assert answers[200]
    refused = answers[429]
    assert refused[0].problem(429, "rate-limited")
    assert refused[0].header("RateLimit-Policy") == '"second";q=3;w=1'
    assert refused[0].header("RateLimit") == '"second";r=0;t=1'
    assert refused[0].header("Retry-After") == "1"
    assert daemon.lookup("milvali.com", keys.bearer("other")).status == 200
    eventually(lambda: daemon.lookup("milvali.com", keys.bearer("fast")).status == 200)


def count(daemon, route, code):
    """Returns the number of responses of that kind in the metrics."""
    return daemon.metric(f'emailsd_http_requests_total{{route="{route}",code="{code}"}}')


def test_access_log_names_client_and_route_of_a_rejected_request(testbed, sim, keys):
    keys.add("fast", "rate=1")
    daemon = start(testbed, sim, keys)
    statuses = []
    while statuses.count(429) < 10:
        statuses.append(daemon.get("/usage", keys.bearer("fast")).status)
    assert count(daemon, "/usage", 429) == 10
    assert "client=fast peer=127.0.0.1 method=GET route=/usage status=429" in daemon.stderr()
    open_to_all = testbed.daemon(sim)
    open_to_all.lookup("milvali.com", {"Sec-Fetch-Site": "cross-site"}).problem(403, "forbidden")
    assert count(open_to_all, "/emails", 403) == 1


def test_rate_limit_does_not_count_public_endpoints(testbed, sim, keys):
    keys.add("fast", "rate=1")
    daemon = start(testbed, sim, keys)
    fast = keys.bearer("fast")
    assert daemon.get("/usage", fast).status == 200
    assert {daemon.get(path, fast).status for path in OPEN for _ in range(3)} == {200}
    eventually(lambda: daemon.get("/usage", fast).status == 200)


def test_fair_queue_puts_a_small_client_into_the_next_batch(testbed, sim, keys):
    """A thousand questions of one client wait; the other client's single question is in the next submit."""
    keys.add("flood")
    keys.add("single")
    daemon = start(testbed, sim, keys, "--submit-slots", "1", "--submit-timeout", "600s")
    sim.hold_submits()
    flood = daemon.connect()
    for i in range(1000):
        assert flood.get(f"/emails?domain=flood{i}.com&async=1", keys.line("flood")).status == 202
    sim.reach(submit=1)

    def queued():
        return daemon.get("/readyz?verbose").json()["checks"]["queue"]

    before = queued()
    single = daemon.connect()
    single.send_get("/emails?domain=single.com", keys.line("single"))
    eventually(lambda: queued() == before + 1)  # it waits for the store first
    sim.release_submits()
    assert single.read().status == 200
    eventually(lambda: len(sim.ledger()) == 1001)
    batches = list(dict.fromkeys(row["batch_id"] for row in sim.ledger()))
    rode = batches.index(sim.ledger("single.com")[0]["batch_id"])
    assert rode == 1, f"rode in batch {rode} of {len(batches)}"  # the first was in flight


# ---- fair slots


def test_waiters_of_one_client_leave_slots_for_another(testbed, sim, keys):
    """One client lets 20 requests wait for one credit; the other client is served as if alone."""
    keys.add("greedy")
    keys.add("victim")
    daemon = start(testbed, sim, keys, "--max-waiters", "20", "--threads", "1")
    sim.hold_submits()
    parked = []
    for _ in range(20):
        parked.append(daemon.connect())
        parked[-1].send_get(daemon.question("milvali.com"), keys.line("greedy"))
    daemon.await_waiters(20)
    daemon.lookup("milvali.com", keys.bearer("greedy")).problem(503, "overloaded")
    victim = keys.bearer("victim")
    assert daemon.lookup("other.com", victim, wait=0).status == 504
    assert daemon.lookup("other.com", victim, **{"async": 1}).status == 202
    for domain in ("milvali.com", "other.com"):
        parked.append(daemon.connect())
        parked[-1].send_get(daemon.question(domain), keys.line("victim"))
    daemon.await_waiters(22)
    sim.release_submits()
    assert {connection.read().status for connection in parked} == {200}
    assert len(sim.ledger()) == 2


def test_waiters_of_a_key_are_limited(testbed, sim, keys):
    keys.add("small", "waiters=1")
    daemon = start(testbed, sim, keys, "--threads", "1")
    sim.hold_submits()
    waits = daemon.connect()
    waits.send_get(daemon.question("milvali.com"), keys.line("small"))
    daemon.await_waiters(1)
    refused = daemon.lookup("milvali.com", keys.bearer("small"))
    assert "as its key allows" in refused.problem(429, "quota-exceeded")["detail"]
    assert refused.json()["charged"] == "no" and int(refused.header("Retry-After")) >= 1
    assert daemon.lookup("milvali.com", keys.bearer("small"), **{"async": 1, "wait": 30}).status == 429
    assert daemon.lookup("milvali.com", keys.bearer("small"), wait=0).status == 504
    assert daemon.lookup("milvali.com", keys.bearer("small"), **{"async": 1}).status == 202
    sim.release_submits()
    assert waits.read().status == 200


# ---- the file

def test_client_keys_reload_is_atomic(testbed, sim, keys):
    first = keys.add("first")
    daemon = start(testbed, sim, keys)
    second = keys.add("second")
    daemon.get("/usage", {"X-API-Key": second}).problem(401, "unauthorized")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.get("/usage", {"X-API-Key": second}).status == 200)
    del keys.lines["first"]
    keys.write("third sha256:123")
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reload_rejected" in daemon.stderr())
    assert "line 2: the name must be followed" in daemon.stderr()
    assert daemon.get("/usage", {"X-API-Key": first}).status == 200
    keys.write()
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: daemon.get("/usage", {"X-API-Key": first}).status == 401)
    assert daemon.get("/usage", {"X-API-Key": second}).status == 200


def test_rate_limit_state_outlives_a_reload(testbed, sim, keys):
    keys.add("fast", "rate=1")
    daemon = start(testbed, sim, keys)
    began = time.monotonic()
    admitted = 0
    for life in range(10):
        admitted += daemon.get("/usage", keys.bearer("fast")).status == 200
        daemon.deliver(signal.SIGHUP)
        eventually(lambda: daemon.stderr().count("event=reloaded") > life)
    assert 1 <= admitted <= 2 + time.monotonic() - began


def test_client_keys_reloads_do_not_disturb_requests(testbed, sim, keys):
    key = keys.add("reports")
    daemon = start(testbed, sim, keys)
    daemon.lookup("milvali.com", {"X-API-Key": key})
    connection = daemon.connect()
    for _ in range(50):
        daemon.deliver(signal.SIGHUP)
        for _ in range(20):
            connection.send_get("/emails?domain=milvali.com", f"X-API-Key: {key}")
            assert connection.read().status == 200


def test_start_with_keys_accepts_a_public_address(testbed, sim, keys):
    key = keys.add("reports")
    daemon = start(testbed, sim, keys, "--listen", "0.0.0.0:0")
    daemon.address = ("127.0.0.1", daemon.address[1])
    assert daemon.lookup("milvali.com", {"Host": "emails.internal", "X-API-Key": key}).status == 200


@pytest.mark.parametrize("words", [["key"], ["key", "new"], ["key", "old", "a"],
                                   ["key", "new", "a/b"], ["key", "new", "a" * 33],
                                   ["key", "new", ""]])
def test_key_command_requires_a_name(words):
    ended = run_to_end(*words)
    assert ended.returncode == 2 and "usage: emailsd key new NAME" in ended.stderr


# ---- the canary

def everything_below(directory):
    return b"".join(p.read_bytes() for p in directory.rglob("*") if p.is_file())


def test_p19_keys_are_found_nowhere(testbed, sim, keys):
    """Finds the upstream's key and a client's after normal and failing requests at level debug."""
    canary = "om_canary_" + os.urandom(12).hex()
    client_key = keys.add("reports", "admin allow_refresh quota=3")
    keys_file = keys.path.read_bytes()
    upstream = testbed.simulator("--api-key", canary)
    daemon = testbed.daemon(upstream, "--client-keys-file", str(keys.path), env={KEY_VARIABLE: canary})
    texts = []
    headers = {"X-API-Key": client_key, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    upstream.fault("submit", "status", status=500, after_creating=False,
                   body=f'{{"detail": "bad key {canary}"}}')
    for target in ("/emails?domain=one.com", "/emails?domain=two.com", "/usage", "/metrics",
                   "/emails?domain=two.com&refresh=1", "/lookups/" + "0" * 32, "/nothing",
                   f"/emails?domain={canary}", f"/{canary}", "/emails?domain=four.com",
                   f"/emails?domain={client_key}", f"/emails?domain={client_key}.com",
                   f"/emails?domain=five.com&wait={client_key}", f"/emails?{client_key}=1",
                   f"/emails?domain={client_key}&domain=five.com", f"/lookups/{client_key}",
                   f"/problems/{client_key}", f"/{client_key}"):
        answer = daemon.get(target, headers)
        body = answer.body
        for secret in (canary, client_key):  # a caller that sends it as a domain gets it in the response
            body = body.replace(f"'{secret}'".encode(), b"")
        texts.append(repr(answer.headers).encode() + body)
    for name in ("Prefer", "Cache-Control", "If-None-Match", "X-Request-Id", "traceparent", "Accept"):
        answer = daemon.get("/emails?domain=two.com", {**headers, name: client_key + "!"})
        texts.append(repr(answer.headers).encode() + answer.body)
    texts.append(daemon.get("/usage", {"X-API-Key": client_key[:-1]}).body)
    proc = f"/proc/{daemon.process.pid}"
    for name in ("cmdline", "environ", "status"):
        with open(f"{proc}/{name}", "rb") as file:
            texts.append(file.read())
    daemon.deliver(signal.SIGHUP)
    daemon.stop()
    keys.path.unlink()
    texts.append(everything_below(testbed.directory))
    for secret in (canary.encode(), client_key.encode()):
        assert not [text for text in texts if secret in text], secret
    assert keys_file and client_key.encode() not in keys_file


def test_key_sent_as_a_parameter_is_not_logged(testbed, sim, keys):
    """The question may go to the upstream and the store, the result to its caller, and neither to any other
    place."""
    key = keys.add("reports")
    daemon = start(testbed, sim, keys)
    for name in ("company_name", "city", "state", "country"):
        assert daemon.lookup("milvali.com", keys.bearer("reports"), **{name: key}).status == 200
    assert key.encode() not in daemon.get("/metrics").body
    daemon.stop()
    assert "event=request" in daemon.stderr() and key not in daemon.stderr()
