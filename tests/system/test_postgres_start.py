# SPDX-License-Identifier: MIT
"""test_postgres_start.py - tests a start while PostgreSQL is away: the daemon listens, and waits for it."""
import signal

import pytest
from pg_proxy import CLAIM, COUNT, PgProxy
from postgres import Postgres, Store
from programs import HOUR_MS, KEY, KEY_VARIABLE, run_to_end
from reconciliation import await_recorded
from test_notify import Manager
from waiting import PATIENCE_S, eventually


@pytest.fixture
def server():
    one = Postgres()
    yield one
    one.close()


@pytest.fixture
def store(server):
    return Store(server, "emailsd")


def expect_starting(daemon):
    assert daemon.get("/livez").status == 200
    daemon.get("/readyz").problem(503, "starting")
    assert daemon.get("/readyz?verbose").json()["checks"]["store"] == "unavailable"
    for path in ("/emails?domain=milvali.com", "/usage", "/lookups/0123456789abcdef0123456789abcdef"):
        assert daemon.get(path).problem(503, "starting")["charged"] == "no"
    assert daemon.request("HEAD", "/emails?domain=milvali.com").status == 503
    assert daemon.get("/version").status == 200
    assert daemon.metric("emailsd_store_connected") == 0
    daemon.get("/nothing").problem(404, "not-found")


def await_service(daemon, domain="milvali.com"):
    eventually(lambda: daemon.get("/readyz").status == 200)
    assert daemon.lookup(domain).status == 200


def test_start_without_the_server_serves_once_it_is_there(testbed, sim, server, store):
    server.stop()
    daemon = testbed.daemon(sim, *store.flags)
    expect_starting(daemon)
    assert "event=store_awaited reason=" in daemon.stderr()
    server.start()
    await_service(daemon)
    eventually(lambda: daemon.metric("emailsd_store_connected") == 1)
    assert daemon.stderr().count("event=store_opened") == 1
    assert sim.calls()["submit"] == 1


def test_batch_in_flight_is_resumed_after_a_start_without_the_server(testbed, sim, server, store):
    sim.behave(task_time_ms=HOUR_MS)
    daemon = testbed.daemon(sim, *store.flags)
    daemon.park("milvali.com")
    await_recorded(store)
    daemon.kill()
    server.stop()
    sim.behave(task_time_ms=0)
    daemon = testbed.daemon(sim, *store.flags)
    expect_starting(daemon)
    server.start()
    await_service(daemon)
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("fault", ["close_port", "be_silent"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_a_start_without_the_server(testbed, sim, server, number, fault):
    proxy = PgProxy(server)
    getattr(proxy, fault)()
    daemon = testbed.daemon(sim, "--store", proxy.url)
    expect_starting(daemon)
    daemon.stop(number)
    assert "event=draining" in daemon.stderr()
    proxy.close()


@pytest.mark.parametrize("statement, reason", [(CLAIM, "cannot read or write the table 'leadership'"),
                                               (COUNT, "cannot count the rows")], ids=["claim", "count"])
def test_start_whose_reply_is_lost_is_tried_again(testbed, sim, server, statement, reason):
    """Nothing is unacknowledged then, so only the limit of the statement ends the wait."""
    proxy = PgProxy(server)
    lost = proxy.lose_reply(statement, cuts=False)
    daemon = testbed.daemon(sim, "--store", proxy.url)
    await_service(daemon)
    assert lost.is_set()
    assert f'event=store_awaited reason="--store: PostgreSQL: {reason}' in daemon.stderr()
    proxy.close()


# A row on each page, and more pages than one statement counts.
FILL = """ALTER TABLE answers SET (fillfactor = 10);
INSERT INTO answers SELECT sha256(i::text::bytea), '', repeat('x', 1500), '', '', 'no', 0, 4000000000000
FROM generate_series(1, 600) i"""


def test_owner_sends_heartbeats_while_its_start_counts_rows(testbed, sim, server, store):
    testbed.daemon(sim, *store.flags).stop()
    store.query(FILL)
    proxy = PgProxy(server)
    first = proxy.hold(COUNT)
    daemon = testbed.daemon(sim, "--store", proxy.url, "--store-schema", "emailsd")
    assert first.began.wait(PATIENCE_S)
    seen = store.query("SELECT seen_at FROM leadership")
    eventually(lambda: store.query("SELECT clock_timestamp() > seen_at + interval '1 s' FROM leadership") == [["t"]])
    second = proxy.hold(COUNT)
    first.ended.set()
    assert second.began.wait(PATIENCE_S)
    assert store.query("SELECT seen_at FROM leadership") != seen
    second.ended.set()
    await_service(daemon)
    proxy.close()


def test_signals_during_a_start_without_the_server_take_effect(testbed, sim, server, store):
    server.stop()
    daemon = testbed.daemon(sim, *store.flags)
    daemon.deliver(signal.SIGUSR1)
    daemon.deliver(signal.SIGHUP)
    eventually(lambda: "event=reloaded" in daemon.stderr())
    server.start()
    eventually(lambda: "event=paused" in daemon.stderr())
    daemon.lookup("milvali.com").problem(503, "paused")
    daemon.deliver(signal.SIGUSR2)
    eventually(lambda: daemon.lookup("milvali.com").status == 200)


BLOCKED = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


def test_main_thread_works_while_recovery_does_not_get_on(testbed, sim, server, store):
    """It also pings the watchdog. A reload shows that it runs: the same statement was blocked before and after."""
    testbed.daemon(sim, *store.flags).stop()
    proxy = PgProxy(server)
    proxy.close_port()
    daemon = testbed.daemon(sim, "--store", proxy.url, "--store-schema", "emailsd")
    expect_starting(daemon)

    def reload_while_blocked():
        before = eventually(lambda: server.query(BLOCKED))
        n = daemon.stderr().count("event=reloaded")
        daemon.deliver(signal.SIGHUP)
        eventually(lambda: daemon.stderr().count("event=reloaded") > n)
        return server.query(BLOCKED) == before

    with server.locked("emailsd.batches"):
        proxy.listen()
        eventually(reload_while_blocked)
    await_service(daemon)
    proxy.close()


def test_read_only_server_is_awaited(testbed, sim, server, store):
    server.query_text("ALTER SYSTEM SET default_transaction_read_only = on")
    server.query_text("SELECT pg_reload_conf()")
    eventually(lambda: server.query("SHOW default_transaction_read_only") == [["on"]])
    daemon = testbed.daemon(sim, *store.flags)
    expect_starting(daemon)
    server.query_text("ALTER SYSTEM RESET default_transaction_read_only")
    server.query_text("SELECT pg_reload_conf()")
    await_service(daemon)


def test_service_manager_learns_that_the_daemon_waits(testbed, sim, server, store, tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    server.stop()
    daemon = testbed.daemon(sim, *store.flags, env=manager.environment())
    assert manager.receive() == {"READY": "1", "STATUS": "waiting for the store"}
    daemon.deliver(signal.SIGHUP)
    assert manager.receive()["RELOADING"] == "1"
    assert manager.receive() == {"READY": "1", "STATUS": "waiting for the store"}
    server.start()
    assert manager.receive() == {"READY": "1", "STATUS": "serving"}
    daemon.stop()
    manager.socket.close()


# ---- what the operator must change ----


def flags_of(sim, url):
    return ["--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], "--store", url]


@pytest.mark.parametrize("before, after", [("user=postgres", "user=stranger"), ("///postgres", "///missing")],
                         ids=["role", "database"])
def test_wrong_name_in_the_url_ends_the_start(sim, server, before, after):
    done = run_to_end(*flags_of(sim, server.url.replace(before, after)), env={KEY_VARIABLE: KEY})
    assert done.returncode == 2, done.stderr
    assert "does not exist" in done.stderr and "LOCATION" not in done.stderr


def test_wrong_name_that_is_found_later_ends_the_daemon(testbed, sim, server):
    server.stop()
    daemon = testbed.daemon(sim, "--store", server.url.replace("user=postgres", "user=stranger"))
    expect_starting(daemon)
    server.start()
    assert daemon.wait() == 2
    daemon.was_checked = True  # its status is not 0
    assert 'role "stranger" does not exist' in daemon.stderr()


def test_second_daemon_that_waited_for_the_server_exits_with_3(testbed, sim, server, store):
    proxy = PgProxy(server)
    proxy.close_port()
    second = testbed.daemon(sim, "--store", proxy.url, "--store-schema", "emailsd")
    testbed.daemon(sim, *store.flags)
    proxy.listen()
    assert second.wait() == 3
    second.was_checked = True
    assert "in use by another emailsd" in second.stderr()
    proxy.close()
