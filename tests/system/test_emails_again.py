# SPDX-License-Identifier: MIT
"""test_emails_again.py - tests that the command line tool `emails` continues after failures: it asks again for
what has no result, honours Retry-After and its own limits, and gives up in the end."""
import json
import pathlib
import re
import signal
import socket
import threading

import certificates
import client_keys
import pytest
from emails_tool import Terminal, Tool, listed, paid, run
from programs import HOUR_MS
from scripted import EMPTY, Scripted, failure, problem, result, results
from waiting import PATIENCE_S, eventually


@pytest.fixture
def place(tmp_path):
    return ["--store", f"sqlite:{tmp_path}/emailsd.db"]


@pytest.mark.parametrize("how", ["stop", "kill"])
@pytest.mark.parametrize("words, text", [([], listed(3) + "known.com\n"), (["c0.com"], "")])
def test_server_that_stops_and_returns_is_asked_again(testbed, sim, place, how, words, text):
    """No submit is in flight then, however many batches there are: its outcome would be unknown after a kill."""
    daemon = testbed.daemon(sim, *place)
    run(daemon, "known.com")
    sim.behave(task_time_ms=HOUR_MS)

    def is_submitted(domain):
        return daemon.lookup(domain, **{"async": 1}).json()["phase"] == "processing"

    with Tool(daemon, "-q", *words, text=text) as tool:
        if text:
            assert tool.line().startswith("known.com\t")
        sim.reach(batches_answered=2)
        for domain in {*words, *text.split()} - {"known.com"}:
            eventually(lambda domain=domain: is_submitted(domain))
        getattr(daemon, how)()
        testbed.daemon(sim, *place, "--listen", "%s:%d" % daemon.address)
        sim.behave(task_time_ms=0)
        status, out, err = tool.finish()
    assert (status, err) == (0, "")
    assert out.count("c0.com\tinfo@c0.com\tVALID\n") == 1
    assert paid(sim) == sorted({"known.com", *words, *text.split()})


def test_connection_that_breaks_leaves_the_rest_for_the_next_request():
    first = result(1, "c1.com") + result(0, "c0.com")[:20]
    with Scripted((200, {}, first, False), (200, {}, result(1, "c2.com") + "\n" + result(0, "c0.com"), True)) as server:
        status, out, _ = run(server, "-j", text=listed(3))
    assert status == 0
    assert [domains for _, domains in server.requests] == [["c0.com", "c1.com", "c2.com"], ["c0.com", "c2.com"]]
    assert [(line["index"], line["domain"]) for line in map(json.loads, out.splitlines())] == [
        (1, "c1.com"), (2, "c2.com"), (0, "c0.com")]


def test_results_that_ask_for_another_try_are_final_only_at_the_end():
    lines = failure(0, 503, "draining") + result(1, "c1.com")
    with Scripted((200, {}, lines, True), (200, {}, failure(0, 402, "credits-exhausted"), True)) as server:
        status, out, err = run(server, "-jq", text=listed(2))
    assert status == 5 and err == "emails: c0.com: credits-exhausted (credits-exhausted)\n"
    assert [(line["index"], line["status"]) for line in map(json.loads, out.splitlines())] == [(1, 200), (0, 402)]


@pytest.mark.parametrize("responses", [
    [(429, {"Retry-After": "1"}, problem(429, "rate-limited"), True)],
    [(503, {"Retry-After": "1"}, problem(503, "overloaded"), True)],
    [(502, {}, "<html>\nbad gateway\n</html>", True)]])
def test_rejection_that_passes_is_tried_again(responses):
    with Scripted(*responses, (200, {}, result(0, "c0.com") + result(1, "c1.com"), True)) as server:
        assert run(server, "-q", text=listed(2)) == (0, "", "")
    assert len(server.requests) == 2


def test_rate_limit_is_waited_for(testbed, sim, keys):
    env = {"EMAILSD_KEY": keys.add("reader", "rate=1")}
    daemon = client_keys.start(testbed, sim, keys)
    sim.hold_submits()
    with Tool(daemon, "-qa", "a.com", env=env) as one, Tool(daemon, "-qa", "b.com", env=env) as two, \
            Tool(daemon, "-qa", "c.com", env=env) as three:
        eventually(lambda: daemon.metric('emailsd_http_requests_total{route="/emails",code="429"}'))
        sim.release_submits()
        for tool in (one, two, three):
            assert tool.finish()[0] == 0


def test_key_with_too_many_requests_is_waited_for(testbed, sim, keys):
    """Its quota is not used up: the response has Retry-After."""
    env = {"EMAILSD_KEY": keys.add("reader", "waiters=1")}
    daemon = client_keys.start(testbed, sim, keys)
    sim.hold_submits()
    with Tool(daemon, "-qa", "a.com", env=env) as one:
        daemon.await_waiters(1)
        with Tool(daemon, "-qa", "b.com", env=env) as two:
            eventually(lambda: daemon.metric('emailsd_http_requests_total{route="/emails",code="429"}'))
            sim.release_submits()
            assert one.finish()[0] == 0
            assert two.finish()[:2] == (0, "info@b.com\nsupport@b.com\n")


@pytest.mark.parametrize("words, text", [(["c0.com"], ""), ([], listed(2))])
def test_quota_is_exhausted_only_without_a_time_for_another_try(words, text):
    for headers, status in (({}, 5), ({"Retry-After": "3600"}, 3)):
        with Scripted((429, headers, problem(429, "quota-exceeded"), True)) as server:
            assert run(server, "-qw", "1", *words, text=text)[0] == status


@pytest.mark.parametrize("status, code, wanted", [(400, "invalid-body", 1), (401, "unauthorized", 4)])
def test_rejection_that_is_final_is_not_tried_again(status, code, wanted):
    with Scripted((status, {}, problem(status, code), True)) as server:
        done = run(server, "-q", text=listed(2))
    assert done == (wanted, "", f"emails: {server.urls[0]}: {code} ({code})\n")
    assert len(server.requests) == 1


def test_it_gives_up_after_five_tries():
    """Concurrently, because each takes 40 s: the pauses are real."""
    answers = {
        3: (503, {}, problem(503, "starting"), True),
        6: (200, {}, failure(0, 504, "still-processing") + failure(1, 504, "still-processing"), True),
    }
    servers = {status: Scripted(answer) for status, answer in answers.items()}
    broken = Scripted((200, {}, "", False))
    tools = {status: Tool(server, "-j", text=listed(2)) for status, server in servers.items()}
    with Tool(broken, "-j", "c0.com") as last:
        for status, tool in tools.items():
            with tool, servers[status] as server:
                done, out, err = tool.finish()
                assert done == status and len(server.requests) == 5
                assert len(out.splitlines()) == {3: 0, 6: 2}[status]
                assert {3: "starting (starting); 2 of 2 have no result\n", 6: "(still-processing)\n"}[status] in err
        with broken:
            done, out, err = last.finish()
    assert (done, out, len(broken.requests)) == (3, "", 5)
    assert "the connection broke: " in err and "; 1 of 1 have no result\n" in err


def test_new_results_begin_the_count_again():
    """Six rounds, each with one result; the pauses stay short, too."""
    def line(domain):
        return (200, {}, result(0, domain), False)
    with Scripted(*[line(f"c{i}.com") for i in range(6)]) as server:
        assert run(server, "-q", text=listed(6))[0] == 0
    assert len(server.requests) == 6


def test_limit_of_credits_holds_over_broken_connections():
    """The server has paid for two entries more than it has sent results; /usage says so."""
    first = result(0, "c0.com", charged="yes")
    second = "".join(result(i, f"c{i + 1}.com", charged="yes") for i in range(9))
    with Scripted((200, {}, first, False), (200, {}, second, True), credits=[100, 103]) as server:
        assert run(server, "-q", "-m", "8", text=listed(10))[0] == 0
    assert [query["max_credits"] for query in server.queries()] == ["8", "5"]


def test_limit_of_credits_counts_lookups_that_continue():
    """Of three entries that may have cost a credit, /usage says that two have."""
    first = "".join(failure(i, 503, "draining", charged="maybe") for i in range(3)) + failure(3, 503, "draining")
    second = "".join(result(i, f"c{i}.com") for i in range(4))
    with Scripted((200, {}, first, True), (200, {}, second, True), credits=[100, 102]) as server:
        assert run(server, "-q", "-m", "8", text=listed(4))[0] == 0
    assert [query["max_credits"] for query in server.queries()] == ["8", "6"]


def test_response_without_results_is_not_repeated_immediately():
    lines = failure(0, 503, "draining") + failure(1, 503, "draining")
    with Scripted((200, {}, lines, True), (200, {}, "", True)) as server:
        status, out, _ = run(server, "-jw", "6", text=listed(2))
    assert status == 3 and len(out.splitlines()) == 2 and len(server.requests) <= 2


def test_limit_of_credits_holds_without_usage():
    """Nothing says what the broken connection has cost, so each of its entries may have cost a credit."""
    first = result(0, "c0.com", charged="yes")
    second = "".join(result(i, f"c{i + 1}.com") for i in range(4))
    with Scripted((200, {}, first, False), (200, {}, second, True), credits=[]) as server:
        assert run(server, "-q", "-m", "8", text=listed(5))[0] == 0
    assert [query["max_credits"] for query in server.queries()] == ["8", "3"]


@pytest.mark.parametrize("response, left", [
    ((504, {}, problem(504, "still-processing", charged="maybe"), True), "3"),
    ((502, {"Content-Type": "text/html"}, "<html>\n</html>", True), "3"),
    ((503, {}, problem(503, "draining"), True), "8")])
def test_limit_of_credits_counts_rejections_that_may_have_cost(response, left):
    """The server or a proxy has not waited for the end; /usage says what the lookups have cost."""
    known = results(*listed(5).split())
    with Scripted(response, (200, {}, known, True), credits=[100, 105]) as server:
        assert run(server, "-q", "-m", "8", "--refresh", text=listed(5))[0] == 0
    assert [query["max_credits"] for query in server.queries()] == ["8", left]


@pytest.mark.parametrize("words", [["--refresh"], ["--max-age", "0"]])
def test_refresh_does_not_repeat_what_was_fetched_since_the_start(words):
    with Scripted((200, {}, result(1, "c1.com"), False),
                  (200, {}, result(0, "c0.com") + result(1, "c2.com"), True)) as server:
        assert run(server, "-q", *words, text=listed(3)) == (0, "", "")
    first, second = server.queries()
    assert first == ({"refresh": "1"} if words == ["--refresh"] else {"max_age": "0"})
    assert list(second) == ["max_age"] and 2 < int(second["max_age"])


def test_server_that_is_absent_for_a_moment_is_asked_again():
    """It ends before it has responded, and is absent at the second try, whose pause is longer."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with Terminal(None, "a.com", "b.com", "-a", env={"EMAILSD_URL": f"http://127.0.0.1:{port}"}) as terminal:
        connection = listener.accept()[0]
        assert connection.recv(1)
        listener.close()
        connection.close()
        terminal.await_match(rb"no connection; next try in [5-7] s")
        with Scripted((200, {}, result(0, "a.com") + result(1, "b.com"), True), port=port):
            assert terminal.finish() == 0


def test_server_that_is_absent_after_the_question_is_asked_again(tmp_path):
    (tmp_path / "list").write_text(listed(26))
    unknown = "".join(failure(i, 504, "not-cached") for i in range(26))
    known = "".join(result(i, f"c{i}.com") for i in range(26))
    with Scripted((200, {}, unknown, True), credits=[0]) as server:
        terminal = Terminal(server, files="<list >out", cwd=tmp_path)
        with terminal:
            terminal.await_text("[y/N] ")
            server.__exit__()
            terminal.type("y\r")
            terminal.await_text("no connection; next try in ")
            with Scripted((200, {}, known, True), port=server.port):
                assert terminal.finish() == 0


def test_ids_of_events_have_no_meaning():
    """They may have any form, and come anywhere in an event."""
    data = json.dumps({"status": 200, "outcome": "looked-up", "charged": "yes", "domain": "a.com", **EMPTY,
                       "emails": [{"email": "info@a.com", "status": "VALID"}]})
    events = ("retry: 3000\n\nid: 7f3a-0\nevent: progress\ndata: {\"phase\":\"queued\"}\n\n"
              f": waiting\n\nevent: result\nid: 7f3a-1\ndata: {data}\n\nid\n\nid: end\nevent: end\ndata: {{}}\n\n")
    with Scripted((200, {}, events, True)) as server:
        assert run(server, "-qa", "a.com") == (0, "info@a.com\n", "")


def test_wait_ends_the_tries():
    with Scripted((503, {"Retry-After": "60"}, problem(503, "starting"), True)) as server:
        status, out, err = run(server, "-w", "1", text=listed(2))
    assert (status, out) == (3, "")
    assert "starting (starting); 2 of 2 have no result\n" in err
    assert server.queries()[0]["wait"] == "1"


def test_terminal_says_why_nothing_happens():
    with Scripted((503, {"Retry-After": "3600"}, problem(503, "overloaded"), True)) as server, \
            Terminal(server, "a.com", "b.com", columns=200) as terminal:
        terminal.await_text("0/2  ")
        terminal.await_text("overloaded; next try in 60 min")
        terminal.type("\x03")
        assert terminal.finish() == 130


def test_lines_that_are_no_results_are_skipped():
    lines = "\n{}\n[1]\n" + json.dumps({"index": 7, "domain": "x.com", "status": 200, "emails": []}) + "\n"
    with Scripted((200, {}, lines + result(0, "c0.com") * 2 + result(1, "c1.com"), True)) as server:
        status, out, _ = run(server, "-j", text=listed(2))
    assert status == 0 and [json.loads(line)["domain"] for line in out.splitlines()] == ["c0.com", "c1.com"]


def test_page_of_another_server_is_no_emailsd():
    with Scripted((200, {"Content-Type": "text/html"}, "<html>\nhello\n</html>\n", True)) as server:
        for words in (["a.com"], ["a.com", "b.com"]):
            assert run(server, *words) == (3, "", f"emails: {server.urls[0]}: this is not a response of an emailsd\n")


def test_time_for_the_answer_is_not_part_of_the_wait(tmp_path):
    """Only the second request has a `wait`."""
    (tmp_path / "list").write_text(listed(26))
    unknown = "".join(failure(i, 504, "not-cached") for i in range(26))
    known = "".join(result(i, f"c{i}.com") for i in range(26))
    with Scripted((200, {}, unknown, True), (200, {}, known, True), credits=[0]) as server, \
            Terminal(server, "-w", "60", files="<list >out", cwd=tmp_path) as terminal:
        terminal.await_text("[y/N] ")
        terminal.type("y\r")
        assert terminal.finish() == 0
        assert [("wait" in query, "cached" in query) for query in server.queries()] == [(False, True), (True, False)]


# ---- some entries ----

def test_domain_that_takes_long_does_not_block_the_others(testbed, sim):
    """Each is asked for alone; the server ends a request for the slow one after a second."""
    sim.rule("slow.com", time_ms=HOUR_MS)
    daemon = testbed.daemon(sim, "--bulk-entries", "0", "--max-wait", "1s")
    with Tool(daemon, "-a", "slow.com", "a.com", "b.com") as tool:
        assert [tool.line() for _ in range(4)] == [f"{name}@{domain}.com\n" for domain in "ab"
                                                  for name in ("info", "support")]
        tool.process.send_signal(signal.SIGTERM)
        assert tool.finish()[0] == 143


def test_domains_that_were_not_asked_for_are_reported():
    """Without lists, five tries are for five domains."""
    held = problem(503, "overloaded")
    with Scripted((405, {}, problem(405, "method-not-allowed"), True), (503, {}, held, True)) as server:
        status, out, err = run(server, text=listed(7))
    assert (status, out) == (3, "")
    assert err.count(": overloaded (overloaded)\n") == 5
    assert "emails: overloaded; 2 of 7 have no result\n" in err


def test_domain_that_is_too_long_is_a_failure_of_its_own(testbed, sim):
    daemon = testbed.daemon(sim, "--bulk-entries", "100")
    text = listed(3) + "x" * 60000 + "\n" + "".join(f"d{i}.com\n" for i in range(20))
    status, out, err = run(daemon, "-a", text=text)
    assert status == 1 and len(out.splitlines()) == 46 and len(sim.ledger()) == 23
    assert err.count("(body-too-large)\n") == 1 and "\n24 of 24 done, 1 failed, 23 credits, " in err
    # After the rejection, the rest is one list again: 24, 12, 6, 3; 3, 1, 1; 20.
    assert daemon.metric('emailsd_http_requests_total{route="/emails",code="200"}') <= 4


@pytest.mark.parametrize("words", [[], ["-m", "1"], ["-m", "9"]])
def test_lookup_that_takes_longer_than_the_server_waits_is_waited_for(testbed, sim, words):
    """More often than there are tries. If it may have used the limit up, the rest is one list without credits."""
    n_requests = 1 if words == ["-m", "1"] else 6
    sim.behave(task_time_ms=HOUR_MS)
    daemon = testbed.daemon(sim, "--max-wait", "1s")
    with Tool(daemon, "-j", *words, "slow.com") as tool:
        eventually(lambda: daemon.metric('emailsd_http_requests_total{route="/emails",code="200"}') >= n_requests)
        sim.behave(task_time_ms=0)
        status, out, err = tool.finish()
    assert status == 0 and json.loads(out)["count"] == 2
    assert re.fullmatch(r"1 of 1 done, up to 1 credit, \d+ s\n", err)


def test_lookup_that_is_still_in_progress_is_not_done(testbed, sim):
    sim.hold_submits()
    daemon = testbed.daemon(sim)
    daemon.lookup("a.com", **{"async": 1})
    sim.reach(submit=1)
    status, _, err = run(daemon, "-jw", "0", "a.com")
    assert status == 6 and re.search(r"\n0 of 1 done, 1 still in progress, up to 1 credit, \d+ s\n$", err)
    sim.release_submits()


def test_outcome_counts_what_a_broken_connection_may_have_cost():
    first = result(0, "c0.com", charged="yes")
    second = results("c1.com", "c2.com", "c3.com") + failure(3, 400, "invalid-domain")
    with Scripted((200, {}, first, False), (200, {}, second, True)) as server:
        _, _, err = run(server, "-a", text=listed(5))
    assert re.search(r"\n5 of 5 done, 1 failed, 1 credit, up to 3 more, \d+ s\n$", err)


# ---- signals ----

class Interrupting(Scripted):
    """Interrupts the tool while it reads /usage: when it continues, it finds the signal and the response."""

    def __init__(self, *responses):
        self.has_tool = threading.Event()
        self.process = None
        super().__init__(*responses)

    def respond(self, handler):
        if handler.path != "/usage":
            super().respond(handler)
            return
        assert self.has_tool.wait(PATIENCE_S)
        self.process.send_signal(signal.SIGSTOP)
        state = pathlib.Path(f"/proc/{self.process.pid}/stat")
        eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "T")
        text = b'{"credits":0}'
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()  # the connection stays open: a request would be sent on it without a wait
        handler.wfile.write(text)
        self.process.send_signal(signal.SIGINT)
        self.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("words", [["a.com"], ["a.com", "b.com"]])
def test_nothing_is_sent_after_a_signal(words):
    with Interrupting((200, {}, results(*words), True)) as server, \
            Tool(server, "-m", "5", *words) as tool:
        server.process = tool.process
        server.has_tool.set()
        assert tool.finish()[:2] == (130, "")
        assert server.requests == []


@pytest.mark.parametrize("words, how", [
    (["--max-age", "0"], "continue with a longer --max-age, then nothing is paid twice"),
    (["--max-age", "30d"], "run it again to continue, nothing is paid twice"),
    (["--refresh"], "continue with --max-age in place of --refresh, then nothing is paid twice")])
def test_signal_says_how_to_continue_without_a_second_payment(testbed, sim, words, how):
    daemon = testbed.daemon(sim)
    sim.hold_submits()
    with Tool(daemon, *words, "a.com") as tool:
        sim.reach(submit=1)
        tool.process.send_signal(signal.SIGINT)
        assert tool.finish() == (130, "", f"stopped after 0 of 1; {how}\n")
    sim.release_submits()


# ---- TLS ----

def test_certificate_is_checked(testbed, sim, tmp_path):
    authority = certificates.Authority(tmp_path)
    cert, key = authority.sign("server")
    daemon = testbed.daemon(sim, "--tls-cert", cert, "--tls-key", key)
    status, out, err = run(daemon, "-q", "a.com")
    assert (status, out) == (3, "") and "certificate" in err
    assert run(daemon, "-qa", "a.com", env={"SSL_CERT_FILE": str(authority.path)})[0] == 0
