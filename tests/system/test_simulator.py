# SPDX-License-Identifier: MIT
"""test_simulator.py - tests the simulator's own switches, without the daemon: a test that uses a switch
relies on it.
"""
import gzip
import http.client
import http.server
import json
import threading
import urllib.parse
import zlib

import pytest
from programs import KEY, PATIENCE_S
from waiting import eventually

SUBMIT = "/api/v1/task/batch/lookup_business_email"


class Client:
    """A client of the upstream that knows nothing of emailsd."""

    def __init__(self, sim):
        self.sim = sim

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection(*self.sim.address, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body and json.dumps(body), {"X-API-Key": KEY, **headers})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def get(self, path):
        """Returns status and document."""
        answer, body = self.call("GET", path)
        return answer.status, json.loads(body)

    def submit(self, *domains, **fields):
        answer, body = self.call("POST", SUBMIT, [{"domain": d, "company_name": d, **fields} for d in domains])
        assert answer.status == 200, body
        return json.loads(body)

    def batch(self, batch_id, what):
        return self.get(f"/api/v1/task/batch/{urllib.parse.quote(str(batch_id), safe='')}/{what}")

    def task(self, task_id):
        """Returns the body of a task read, as text."""
        path = f"/api/v1/task/{urllib.parse.quote(str(task_id), safe='')}"
        return self.call("GET", path)[1].decode()

    def only_task(self, domain):
        """Submits one domain and returns the body of its task."""
        self.submit(domain, tracking_id="t1")
        self.sim.reach(tasks_done=1)
        return self.task(self.sim.ledger(domain)[0]["task_id"])


@pytest.fixture
def client(sim):
    return Client(sim)


# ---- shapes ----


@pytest.mark.parametrize("shape, member", [
    ("documented", '"data":[{"email":"info@a.com","status":"VALID"},{"email":"support@a.com","status":"VALID"}]'),
    ("data_object", '"data":{"page":1,"found":[{"email":"info@a.com",'),
    ("strings", '"data":["info@a.com","support@a.com"]'),
    ("email_object", '"data":[{"email":{"email":"info@a.com","verified":true}},'),
    ("result", '"tracking_id":"t1","result":[{"email"'),
    ("results", '"tracking_id":"t1","results":[{"email"'),
    ("emails", '"tracking_id":"t1","emails":[{"email"'),
    ("not_a_number", '"score":NaN,"best":Infinity,"worst":-Infinity,"data":[{"email"'),
    ("blanks", r'"data":[{"email":" \t\u00a0info@a.com\u200b\ufeff","status":"VALID"},{"email":"mailto:support@a.com "'),
    ("text_numbers", '"count":"2","score":"0.97","data":[{'),
    ("address", '"data":[{"address":"info@a.com"},{"address":"support@a.com"}]'),
])
def test_simulator_task_has_the_shape_of_its_rule_or_of_all(sim, client, shape, member):
    sim.rule("a.com", shape=shape)
    sim.behave(task_shape="results")
    assert member in client.only_task("a.com")
    client.submit("b.com")
    sim.reach(tasks_done=2)
    assert '"results":[{"email":"info@b.com"' in client.task(sim.ledger("b.com")[0]["task_id"])


def test_simulator_large_task_exceeds_a_mebibyte_and_is_json(sim, client):
    sim.rule("a.com", shape="large")
    body = client.only_task("a.com")
    assert len(body) > 1 << 20 and json.loads(body)["data"][0]["email"] == "info@a.com"


def test_simulator_shape_does_not_change_a_task_without_mailboxes(sim, client):
    sim.behave(task_shape="email_object")
    assert '"data":[]' in client.only_task("empty.com")


COUNTS = {"processing": 0, "completed": 1, "errored": 0, "total": 1, "batch_ready": True}
AT_SUBMIT = {"processing": 1, "completed": 0, "errored": 0, "total": 1, "batch_ready": False}


def as_texts(counts):
    return {name: str(value).lower() for name, value in counts.items()}


@pytest.mark.parametrize("shape, document", [
    ("flat", COUNTS), ("nested", {"status": COUNTS}), ("under_data", {"data": COUNTS}),
    ("texts", as_texts(COUNTS)), ("frozen", AT_SUBMIT), ("frozen_texts", as_texts(AT_SUBMIT)),
    ("other", {"state": "done"}),
])
def test_simulator_status_has_the_shape_that_is_set(sim, client, shape, document):
    sim.behave(status_shape=shape)
    batch_id = client.submit("a.com")["batch_id"]
    sim.reach(tasks_done=1)
    assert client.batch(batch_id, "status") == (200, document)


def test_simulator_submit_response_has_the_shape_that_is_set(sim, client):
    found = {}
    for shape in ("documented", "under_data", "under_status", "no_id"):
        sim.behave(submit_shape=shape)
        found[shape] = client.submit("a.com")
    ids = [task["batch_id"] for task in sim.ledger()]
    assert [found["documented"]["batch_id"], found["under_data"]["data"]["batch_id"],
            found["under_status"]["status"]["batch_id"]] == ids[:3]
    assert list(found["no_id"]) == ["submit_for", "status"]


@pytest.mark.parametrize("form, batch_id, task_id", [
    ("odd", "batch:1/..%2F+~b.7", "task:1/..%2F+~b.7"), ("integer", 1000001, 2000001),
])
def test_simulator_ids_that_are_no_uuids_are_found_in_paths(sim, client, form, batch_id, task_id):
    sim.behave(id_form=form)
    assert client.submit("a.com")["batch_id"] == batch_id
    sim.reach(tasks_done=1)
    assert client.batch(batch_id, "status") == (200, COUNTS)
    assert client.batch(batch_id, "task_ids?status=COMPLETED") == (200, [task_id])
    assert json.loads(client.task(task_id))["task_id"] == task_id


@pytest.mark.parametrize("shape, expected", [
    ("documented", (200, 7)), ("text", (200, "7")), ("missing", (404, None)),
    ("under_data", (200, None)), ("other", (200, None)),
])
def test_simulator_balance_route_has_the_shape_that_is_set(sim, client, shape, expected):
    sim.behave(balance_shape=shape, credits=7)
    status, document = client.get("/api/v2/credit-balance")
    assert (status, document.get("balance")) == expected


# ---- the rate of reads ----


def test_simulator_rejects_reads_beyond_its_rate_and_nothing_else(sim, client):
    sim.behave(reads_per_second=3)
    path = f"/api/v1/task/batch/{client.submit('a.com')['batch_id']}/status"

    def rejected():
        """Returns a response with 429, if one of four was; they may fall into two seconds."""
        return next((answer for answer, _ in (client.call("GET", path) for _ in range(4)) if answer.status == 429), None)
    assert eventually(rejected).headers["Retry-After"] == "1"
    assert sim.calls()["throttled"] >= 1
    client.submit("b.com")
    assert client.get("/api/v2/credit-balance")[0] == 200
    sim.behave(reads_per_second=0)
    assert [client.get(path)[0] for _ in range(9)] == [200] * 9


# ---- content codings ----


def raw_inflate(data):
    return zlib.decompress(data, -15)


@pytest.mark.parametrize("coding, label, decode", [
    ("gzip", "gzip", gzip.decompress), ("deflate", "deflate", zlib.decompress),
    ("deflate_raw", "deflate", raw_inflate), ("br_label", "br", bytes), ("none", None, bytes),
])
def test_simulator_codes_bodies_whatever_is_accepted(sim, client, coding, label, decode):
    sim.behave(content_coding=coding, credits=7)
    answer, body = client.call("GET", "/api/v2/credit-balance")
    assert answer.headers["Content-Encoding"] == label
    assert json.loads(decode(body))["balance"] == 7


@pytest.mark.parametrize("accept, label", [("gzip, deflate", "gzip"), ("deflate", "deflate"), ("identity", None)])
def test_simulator_codes_bodies_as_accepted(sim, client, accept, label):
    sim.behave(content_coding="accepted")
    answer, _ = client.call("GET", "/api/v2/credit-balance", **{"Accept-Encoding": accept})
    assert answer.headers["Content-Encoding"] == label


def test_simulator_fault_codes_the_body_of_one_call(sim, client):
    sim.fault("balance", "status", status=500, coding="gzip")
    answer, body = client.call("GET", "/api/v2/credit-balance")
    assert (answer.status, json.loads(gzip.decompress(body))) == (500, {"detail": "simulated failure"})
    assert client.get("/api/v2/credit-balance")[0] == 200


# ---- faults of one batch ----


def test_simulator_fault_hits_only_the_batch_with_its_domain(sim, client):
    sim.say("POST", "/sim/faults", {"on": "read", "times": -1, "batch_with": "b.com",
                                    "fault": {"kind": "status", "status": 403}})
    sick, well = client.submit("a.com", "b.com")["batch_id"], client.submit("c.com")["batch_id"]
    tasks = {task["domain"]: task["task_id"] for task in sim.ledger()}
    statuses = [client.batch(batch_id, what)[0] for batch_id in (sick, well) for what in ("status", "task_ids")]
    assert statuses == [403, 403, 200, 200]
    assert [client.get(f"/api/v1/task/{tasks[d]}")[0] for d in ("a.com", "b.com", "c.com")] == [403, 403, 200]


def test_simulator_fault_hits_only_the_submit_with_its_domain(sim, client):
    sim.say("POST", "/sim/faults", {"on": "submit", "batch_with": "b.com",
                                    "fault": {"kind": "status", "status": 302}})
    client.submit("a.com")
    answer, _ = client.call("POST", SUBMIT, [{"domain": "b.com", "company_name": "b"}])
    assert answer.status == 302
    assert [task["domain"] for task in sim.ledger()] == ["a.com", "b.com"]


# ---- notifications ----


class Listener(http.server.ThreadingHTTPServer):
    """Collects what the upstream sends to notify_url."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.calls = []
        self.url = "http://127.0.0.1:%d/notify" % self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exception):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.calls.append((self.command, self.path, self.headers["Content-Type"], body))
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST = answer

    def log_message(self, *arguments):
        pass


@pytest.fixture
def listener():
    with Listener() as running:
        yield running


def paths(listener):
    return [path for _, path, _, _ in listener.calls]


def submit_two(client, listener):
    tasks = [{"domain": f"{name}.com", "company_name": name, "notify_url": f"{listener.url}/{name}"}
             for name in ("a", "b")]
    answer, body = client.call("POST", SUBMIT, tasks)
    assert answer.status == 200
    return json.loads(body)["batch_id"]


def test_simulator_keeps_notify_url_and_never_calls_it_by_default(sim, client, listener):
    submit_two(client, listener)
    sim.reach(tasks_done=2)
    assert [task["notify_url"] for task in sim.ledger()] == [f"{listener.url}/a", f"{listener.url}/b"]
    assert (sim.calls()["notified"], listener.calls) == (0, [])


@pytest.mark.parametrize("when, expected", [
    ("created", ["/notify/a", "/notify/b"]), ("done", ["/notify/a", "/notify/b"]),
    ("twice", ["/notify/a", "/notify/a", "/notify/b", "/notify/b"]),
])
def test_simulator_calls_notify_url_when_it_is_set(sim, client, listener, when, expected):
    sim.behave(notify=when)
    submit_two(client, listener)
    sim.reach(notified=len(expected))
    assert sorted(paths(listener)) == expected


def test_simulator_notifies_before_a_task_ends_or_not(sim, client, listener):
    sim.behave(notify="created", task_time_ms=3600 * 1000)
    submit_two(client, listener)
    assert sim.reach(notified=2)["tasks_done"] == 0
    sim.behave(notify="done")
    assert sim.calls()["notified"] == 2
    sim.behave(task_time_ms=0)
    assert sim.reach(notified=4)["tasks_done"] == 2


def test_simulator_notifies_reversed_when_the_last_task_has_ended(sim, client, listener):
    sim.behave(notify="reversed")
    sim.rule("b.com", time_ms=3600 * 1000)
    submit_two(client, listener)
    assert sim.reach(tasks_done=1)["notified"] == 0
    sim.rule("b.com", time_ms=0)
    sim.reach(notified=2)
    assert sorted(paths(listener)) == ["/notify/a", "/notify/b"]


def test_simulator_notifies_after_the_response_to_the_submit_was_lost(sim, client, listener):
    sim.behave(notify="done")
    sim.fault("submit", "close")
    with pytest.raises(http.client.RemoteDisconnected):
        submit_two(client, listener)
    sim.reach(notified=2)


def test_simulator_notification_has_the_body_that_is_set(sim, client, listener):
    sim.behave(notify="done")
    found = {}
    for body in ("task", "batch", "empty", "form", "garbage"):
        sim.behave(notify_body=body)
        batch_id = client.submit("a.com", notify_url=listener.url)["batch_id"]
        sim.reach(notified=len(found) + 1)
        method, _, kind, content = listener.calls[-1]
        found[body] = (method, kind, content.replace(batch_id.encode(), b"ID"))
    assert found["batch"] == ("POST", "application/json", b'{"batch_id":"ID"}')
    assert found["empty"] == ("GET", None, b"")
    assert found["form"] == ("POST", "application/x-www-form-urlencoded", b"batch_id=ID&status=COMPLETED")
    assert found["garbage"][1] == "application/octet-stream" and b"\0" in found["garbage"][2]
    assert json.loads(found["task"][2])["data"][0]["email"] == "info@a.com"


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/x", "http://example.com/x", "http://127.0.0.1:1/x",
                                 "http://127.0.0.1:99999/x"])
def test_simulator_notification_that_cannot_be_sent_is_counted(sim, client, url):
    sim.behave(notify="done")
    client.submit("a.com", notify_url=url)
    eventually(lambda: sim.calls()["notify_failed"] == 1)
