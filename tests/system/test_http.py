# SPDX-License-Identifier: MIT
"""test_http.py - tests HTTP itself: connections, routes, methods, and clients that leave.

test_lookup.py tests the responses of /emails, test_inputs.py its parameters, test_framing.py odd framing.
"""
import json
import re
import signal

import pytest
from library import check_rejection
from programs import ROOT
from waiting import eventually
from wire import Connection

CONTRACT = (ROOT / "openapi.yaml").read_bytes()
CODES = re.findall(r"^        - ([a-z-]+)$", CONTRACT.decode().split("\n    Code:\n")[1], re.M)
PLAIN_ROUTES = ["/livez", "/version", "/openapi.yaml", "/docs", "/problems/not-found"]


# ---- connections ----


def test_connection_serves_successive_hits(daemon):
    daemon.lookup("milvali.com")
    connection = daemon.connect()
    for _ in range(3):
        answer = connection.get("/emails?domain=milvali.com")
        assert answer.status == 200
        assert answer.header("Cache-Status").startswith("emailsd; hit; ")


def test_connection_serves_successive_requests_that_wait(daemon):
    connection = daemon.connect()
    for domain in ("one.com", "two.com"):
        answer = connection.get(f"/emails?domain={domain}")
        assert answer.json()["domain"] == domain
        assert answer.header("Cache-Status") == "emailsd; fwd=uri-miss; stored"
    assert connection.get("/livez").body == b"ok\n"


def test_connection_survives_problem_responses(daemon):
    connection = daemon.connect()
    connection.get("/emails?domain=com").problem(422, "public-suffix")
    connection.get("/nowhere").problem(404, "not-found")
    connection.get("/emails?domain=errored.com").problem(502, "lookup-failed")
    assert connection.get("/emails?domain=milvali.com").status == 200


def test_pipelined_requests_are_answered_in_order(daemon):
    connection = daemon.connect()
    targets = ["/emails?domain=milvali.com", "/livez", "/emails?domain=com", "/version",
               "/emails?domain=other.com", "/emails?domain=milvali.com"]
    head = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.send("".join(f"GET {target}{head}" for target in targets).encode())
    answers = [connection.read() for _ in targets]
    assert [answer.status for answer in answers] == [200, 200, 422, 200, 200, 200]
    assert answers[0].json()["domain"] == "milvali.com"
    assert answers[1].body == b"ok\n"
    assert answers[4].json()["domain"] == "other.com"
    assert answers[5].body == answers[0].body


def test_pipelined_hundred_hits_get_a_hundred_responses(daemon):
    daemon.lookup("milvali.com")
    connection = daemon.connect()
    request = b"GET /emails?domain=milvali.com HTTP/1.1\r\nHost: localhost\r\n\r\n"
    connection.send(request * 100)
    assert {connection.read().status for _ in range(100)} == {200}


def test_request_sent_byte_by_byte_is_served(daemon):
    connection = daemon.connect()
    for byte in b"GET /emails?domain=milvali.com HTTP/1.1\r\nHost: localhost\r\n\r\n":
        connection.send(bytes([byte]))
    assert connection.read().json()["domain"] == "milvali.com"


def test_connection_close_is_honoured(daemon):
    connection = daemon.connect()
    assert connection.get("/emails?domain=milvali.com", "Connection: close").status == 200
    assert connection.is_closed()


def test_http_1_0_request_is_served_and_closed(daemon):
    for domain in ("milvali.com", "milvali.com"):
        connection = daemon.connect()
        connection.send(f"GET /emails?domain={domain} HTTP/1.0\r\n\r\n".encode())
        assert connection.read().json()["domain"] == domain
        assert connection.is_closed()


@pytest.mark.parametrize("n", [1, 127, 128, 129, 255, 256, 257])
def test_connections_ready_concurrently_are_all_served(testbed, sim, n):
    daemon = testbed.daemon(sim, "--threads", "1")
    daemon.lookup("milvali.com")
    connections = []
    for _ in range(n):
        connections.append(daemon.connect())
        assert connections[-1].get("/livez").status == 200
    daemon.deliver(signal.SIGSTOP)  # the daemon then finds all of this in one iteration
    for connection in connections:
        connection.send_get("/emails?domain=milvali.com")
    daemon.deliver(signal.SIGCONT)
    assert {connection.read().status for connection in connections} == {200}


@pytest.mark.parametrize("n", [128, 256])
def test_connections_opened_concurrently_are_all_served(testbed, sim, n):
    daemon = testbed.daemon(sim, "--threads", "1")
    daemon.deliver(signal.SIGSTOP)
    connections = [daemon.park("milvali.com") for _ in range(n)]
    daemon.deliver(signal.SIGCONT)
    assert {connection.read().status for connection in connections} == {200}
    assert len(sim.ledger()) == 1


# ---- routes and methods ----


@pytest.fixture(scope="module")
def shared(module_testbed):
    """The daemon for requests that leave no trace: they never reach its upstream."""
    sim = module_testbed.simulator()
    yield module_testbed.daemon(sim)
    assert sim.calls()["requests"] == 0


@pytest.mark.parametrize("target", [
    "/email", "/emails/", "/Emails", "/%65mails", "//emails", "/x/../emails", "/./emails",
    "/emails/milvali.com", "/emails;x?domain=milvali.com", "/problems", "/problems/",
    "/problems/no-such-code", "/problems/not-found/", "/problems/NOT-FOUND", "/livez/",
    "/openapi.yml", "/" + "x" * 4000, "/livez%00", "/problems/" + "x" * 4000,
])
def test_path_unknown_or_invalid_is_not_found(shared, target):
    answer = shared.connect().get(target)
    assert answer.problem(404, "not-found")["charged"] == "no"


OTHER_METHODS = ["POST", "PUT", "PATCH", "OPTIONS", "TRACE", "get", "FROB"]


@pytest.mark.parametrize("method", [method for method in OTHER_METHODS if method != "POST"])
def test_emails_rejects_other_methods_with_allow(shared, method):
    connection = shared.connect()
    connection.send_get("/emails?domain=milvali.com", method=method)
    answer = connection.read()
    answer.problem(405, "method-not-allowed")
    assert set(answer.header("Allow").split(", ")) == {"GET", "HEAD", "POST", "DELETE"}


@pytest.mark.parametrize("path", PLAIN_ROUTES)
@pytest.mark.parametrize("method", [*OTHER_METHODS, "DELETE"])
def test_endpoints_reject_other_methods_with_allow(shared, method, path):
    connection = shared.connect()
    connection.send_get(path, method=method)
    answer = connection.read()
    answer.problem(405, "method-not-allowed")
    assert set(answer.header("Allow").split(", ")) == {"GET", "HEAD"}


def test_path_unknown_is_not_found_for_any_method(daemon):
    daemon.request("POST", "/nowhere").problem(404, "not-found")


@pytest.mark.parametrize("path", PLAIN_ROUTES)
def test_head_is_get_without_the_body(shared, path):
    got = shared.get(path)
    connection = shared.connect()
    connection.send_get(path, method="HEAD")
    head = connection.read("HEAD")
    assert (got.status, head.status) == (200, 200)
    for name in ("Content-Type", "Content-Length", "Cache-Control"):
        assert head.header(name) == got.header(name)
    assert connection.get("/livez").body == b"ok\n", "no body came after the head"


def test_livez_returns_ok(daemon):
    answer = daemon.get("/livez")
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.header("Content-Type").startswith("text/plain")


def test_version_names_the_running_build(daemon):
    document = daemon.get("/version").json()
    assert re.fullmatch(r"\d+\.\d+\.\d+", document["version"])
    assert document["revision"] and document["public_suffix_list"]


def test_openapi_yaml_is_served_verbatim(daemon):
    answer = daemon.get("/openapi.yaml")
    assert (answer.status, answer.body) == (200, CONTRACT)
    assert answer.header("Content-Type") == "application/yaml"


def test_openapi_yaml_lists_the_codes_of_this_file(daemon):
    assert len(CODES) > 20 and "still-processing" in CODES


@pytest.mark.parametrize("code", CODES)
def test_problem_code_has_a_page(shared, code):
    answer = shared.get(f"/problems/{code}")
    assert answer.status == 200
    assert code in answer.body.decode()


def test_probes_cost_no_credit(daemon, sim):
    for path in PLAIN_ROUTES:
        daemon.get(path)
    assert sim.calls()["requests"] == 0


# ---- rare forms of targets and headers ----


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]:80"])
@pytest.mark.parametrize("scheme", ["http", "HTTP", "https"])
def test_absolute_form_target_is_served_as_its_path(daemon, scheme, host):
    connection = daemon.connect()
    answer = connection.get(f"{scheme}://{host}/emails?domain=milvali.com")
    assert answer.json()["domain"] == "milvali.com"
    again = connection.get("/emails?domain=milvali.com")
    assert again.body == answer.body
    assert again.header("Cache-Status").startswith("emailsd; hit; ")


def send_with_host(connection, target, host):
    connection.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return connection.read()


def test_absolute_form_authority_replaces_host(daemon, sim):
    connection = daemon.connect()
    for _ in ("a miss", "what could be a hit"):
        answer = send_with_host(connection, "http://evil.example/emails?domain=milvali.com", "localhost")
        answer.problem(403, "forbidden")
    assert sim.calls()["requests"] == 0
    target = "http://localhost/emails?domain=milvali.com"
    for _ in ("a miss", "a hit"):
        assert send_with_host(connection, target, "evil.example").json()["domain"] == "milvali.com"
    answer = send_with_host(connection, "http://evil.example/emails?domain=milvali.com", "localhost")
    answer.problem(403, "forbidden")


@pytest.mark.parametrize("target", ["http://", "http:///livez", "http://user@emailsd/livez",
                                    "ftp://emailsd/livez", "//emailsd/livez", "emailsd/livez"])
def test_absolute_form_that_is_invalid_is_not_found(daemon, target):
    daemon.connect().get(target).problem(404, "not-found")


def test_prefer_in_several_lines_is_one_list(daemon, sim):
    sim.hold_submits()
    answer = daemon.connect().get("/emails?domain=milvali.com", "Prefer: handling=lenient",
                                  "Prefer: respond-async", "Prefer: wait=0")
    assert answer.status == 202
    assert answer.header("Preference-Applied") == "respond-async, wait=0"


def test_cache_control_in_several_lines_is_one_list(daemon, sim):
    lines = ("Cache-Control: max-age=600", "Cache-Control: only-if-cached")
    daemon.connect().get("/emails?domain=milvali.com", *lines).problem(504, "not-cached")
    assert sim.calls()["requests"] == 0


def test_accept_in_several_lines_is_one_list(daemon):
    for lines in (("Accept: application/json;q=0.5", "Accept: text/csv"),
                  ("Accept: text/csv", "Accept: application/json;q=0.5")):
        answer = daemon.connect().get("/emails?domain=milvali.com", *lines)
        assert answer.header("Content-Type").startswith("text/csv")


def test_if_none_match_in_several_lines_is_one_list(daemon):
    connection = daemon.connect()
    tag = connection.get("/emails?domain=milvali.com").header("ETag")
    answer = connection.get("/emails?domain=milvali.com", 'If-None-Match: "other"',
                            f"If-None-Match: {tag}")
    assert answer.status == 304


# ---- unexpected bodies ----


SMUGGLED = b"GET /emails?domain=smuggled.com HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("framing, body", [
    pytest.param([f"Content-Length: {len(SMUGGLED)}"], SMUGGLED, id="a length"),
    pytest.param(["Content-Length: 1000000"], b"", id="a length and nothing yet"),
    pytest.param(["Transfer-Encoding: chunked"],
                 b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), id="chunks"),
    pytest.param(["Transfer-Encoding: chunked", "Content-Length: 4"],
                 b"0\r\n\r\n" + SMUGGLED, id="chunks and a length"),
    pytest.param(["Content-Length: 5", f"Content-Length: {5 + len(SMUGGLED)}"],
                 b"hello" + SMUGGLED, id="two lengths"),
])
@pytest.mark.parametrize("target", ["/emails?domain=milvali.com", "/livez"])
def test_get_with_a_body_is_rejected_once_and_closes_the_connection(daemon, sim, target, framing,
                                                                    body):
    connection = daemon.connect()
    connection.send_get(target, *framing)
    connection.send(body)
    answer = connection.read()
    assert answer.status in (400, 413)
    check_rejection(answer, answer.status)
    assert connection.is_closed(), "a second answer"
    assert sim.calls()["requests"] == 0


def test_post_with_a_body_is_rejected_once_and_closes_the_connection(daemon):
    connection = daemon.connect()
    connection.send_get("/emails", f"Content-Length: {len(SMUGGLED)}", method="POST")
    connection.send(SMUGGLED)
    connection.read().problem(415, "unsupported-media-type")
    assert connection.is_closed(), "a second answer"


def test_content_length_of_zero_is_accepted(daemon):
    connection = daemon.connect()
    assert connection.get("/livez", "Content-Length: 0").status == 200
    assert connection.get("/livez").status == 200


# ---- clients that leave ----


@pytest.mark.parametrize("leave", [pytest.param(Connection.close, id="closes"),
                                   pytest.param(Connection.reset, id="C3 resets")])
def test_client_that_leaves_frees_its_slot_and_not_its_lookup(testbed, sim, leave):
    daemon = testbed.daemon(sim, "--max-waiters", "1")
    sim.hold_submits()
    first = daemon.park("first.com")
    sim.reach(submit=1)
    refused = daemon.lookup("second.com", wait=1)
    refused.problem(503, "overloaded")
    assert int(refused.header("Retry-After")) >= 1
    leave(first)
    eventually(lambda: daemon.lookup("second.com", wait=1).status == 504)
    sim.release_submits()
    eventually(lambda: daemon.lookup("first.com", method="HEAD").status == 200)
    assert len(sim.ledger("first.com")) == 1
    daemon.stop()
    assert "waiters_abandoned=1" in daemon.stderr()


def test_queued_lookup_without_waiters_is_not_paid(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "1", "--max-waiters", "1", "--submit-slots", "1")
    sim.hold_submits()
    daemon.lookup("busy.com", wait=0)
    sim.reach(submit=1)
    queued = daemon.park("queued.com")
    daemon.await_waiters(1)
    assert daemon.is_full("busy.com")
    queued.close()
    eventually(lambda: not daemon.is_full("busy.com"))
    sim.release_submits()
    assert daemon.lookup("busy.com").status == 200
    assert daemon.lookup("after.com").status == 200
    assert [task["domain"] for task in sim.ledger()] == ["busy.com", "after.com"]


def test_queued_async_lookup_is_paid_without_waiters(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "1", "--max-waiters", "1", "--batch-size", "3",
                          "--batch-linger", "60s")
    daemon.lookup("promised.com", wait=0).problem(504, "still-processing")
    leaver = daemon.park("promised.com")
    daemon.await_waiters(1)
    assert daemon.is_full("promised.com")
    leaver.close()
    daemon.await_waiters(0)
    assert daemon.lookup("second.com", wait=0).status == 504
    assert daemon.lookup("third.com", wait=50).status == 200, "the batch of three was not full"
    assert {task["domain"] for task in sim.ledger()} == {"promised.com", "second.com", "third.com"}


def test_clients_that_vanish_do_not_affect_others(testbed, sim):
    daemon = testbed.daemon(sim, "--threads", "1", "--max-waiters", "101")
    sim.hold_submits()
    stays = daemon.park("milvali.com", wait=300)
    sim.reach(submit=1)
    crowd = [daemon.park("milvali.com", wait=300) for _ in range(100)]
    daemon.await_waiters(101)
    assert daemon.is_full("milvali.com")
    for client in crowd:
        client.close()
    eventually(lambda: not daemon.is_full("milvali.com"))
    sim.release_submits()
    assert stays.read().status == 200
    assert json.loads(daemon.lookup("milvali.com").body)["count"] == 2
    assert len(sim.ledger()) == 1
