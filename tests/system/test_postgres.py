# SPDX-License-Identifier: MIT
"""test_postgres.py - tests the daemon and its commands with a store in PostgreSQL."""
import pytest
from certificates import Authority
from postgres import Postgres
from programs import KEY, KEY_VARIABLE, run_to_end
from waiting import eventually

NO_UPSTREAM = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def server():
    """A server for all tests of this module; each test has a schema."""
    one = Postgres()
    yield one
    print(f"--- log of PostgreSQL\n{one.logged()[-4000:]}")  # pytest shows it if a test has failed
    one.close()


@pytest.fixture
def flags(server, request):
    return ["--store", server.url, "--store-schema", request.node.name.lower().replace("[", "_").rstrip("]")[:60]]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restart_serves_results_from_postgresql(testbed, sim, flags, how):
    daemon = testbed.daemon(sim, *flags)
    before = daemon.lookup("milvali.com")
    assert before.status == 200
    daemon.kill() if how == "kill" else daemon.stop()
    daemon = testbed.daemon(NO_UPSTREAM, *flags)
    daemon.await_store()
    assert daemon.lookup("milvali.com").body == before.body
    assert len(sim.ledger()) == 1
    assert "sandbox_applied" in daemon.stderr()


def test_batch_in_flight_survives_a_kill_with_postgresql(testbed, sim, server, flags):
    sim.behave(task_time_ms=3600 * 1000)
    daemon = testbed.daemon(sim, *flags)
    daemon.park("milvali.com")
    submitted = f"SELECT count(*) FROM {flags[-1]}.batches WHERE state = 'submitted'"
    eventually(lambda: server.query(submitted) == [["1"]])
    daemon.kill()
    sim.behave(task_time_ms=0)
    daemon = testbed.daemon(sim, *flags)
    daemon.await_store()
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


def test_second_daemon_on_one_schema_exits_with_3(testbed, sim, flags):
    testbed.daemon(sim, *flags)
    second = run_to_end("--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], *flags, env={KEY_VARIABLE: KEY})
    assert second.returncode == 3, second.stderr
    assert "in use by another emailsd" in second.stderr


def test_restarted_postgresql_is_used_again(testbed, sim, server, flags):
    daemon = testbed.daemon(sim, *flags)
    assert daemon.lookup("milvali.com").status == 200
    server.stop()
    daemon.lookup("example.org").problem(503, "storage-unavailable")
    assert daemon.lookup("milvali.com").status == 200
    server.start()
    eventually(lambda: daemon.lookup("example.org").status == 200)
    assert len(sim.ledger()) == 2


def test_commands_work_on_postgresql(testbed, sim, flags):
    daemon = testbed.daemon(sim, *flags)
    assert daemon.lookup("milvali.com").status == 200
    inspected = run_to_end("inspect", *flags)
    assert inspected.returncode == 0, inspected.stderr
    assert run_to_end("pause", *flags).returncode == 0
    eventually(lambda: "event=paused" in daemon.stderr())
    daemon.lookup("example.org").problem(503, "paused")
    assert run_to_end("resume", *flags).returncode == 0
    eventually(lambda: daemon.lookup("example.org").status == 200)
    address = daemon.lookup("milvali.com").json()["emails"][0]["email"]
    forgotten = run_to_end("forget", address, *flags)
    assert forgotten.returncode == 0, forgotten.stderr
    assert address not in daemon.lookup("milvali.com", cached=1).body.decode()


@pytest.mark.parametrize("command", [["--check-config"], ["--print-config"]])
def test_password_in_the_url_is_rejected_and_not_printed(command):
    done = run_to_end(*command, "--store", "postgresql://u:s3cret@db.example.com/emailsd", env={KEY_VARIABLE: KEY})
    assert done.returncode == 2
    assert "s3cret" not in done.stdout + done.stderr


# ---- TLS and password ----


@pytest.fixture
def guarded(tmp_path):
    """A server that requires TLS and a password, and the options for it without sslmode."""
    server, authority, password = Postgres(), Authority(tmp_path), tmp_path / "password"
    port = server.require_password(authority, "emailsd", "s3cret")
    password.write_text("s3cret\n")
    password.chmod(0o600)
    yield server, f"postgresql://emailsd@localhost:{port}/postgres?hostaddr=127.0.0.1", password, authority
    server.close()


def test_password_file_is_used_again_after_a_restart_of_postgresql(testbed, sim, guarded):
    server, url, password, _ = guarded
    daemon = testbed.daemon(sim, "--store", f"{url}&sslmode=require", "--store-password-file", password)
    assert daemon.lookup("milvali.com").status == 200
    server.stop()
    server.start()
    eventually(lambda: daemon.lookup("example.org").status == 200)
    assert server.query("SELECT count(*) FROM emailsd.answers") == [["2"]]


def test_certificate_of_postgresql_is_checked(testbed, sim, guarded, tmp_path):
    _, url, password, authority = guarded
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    flags = ["--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], "--store-password-file", password, "--store"]
    rejected = run_to_end(*flags, f"{url}&sslmode=verify-full&sslrootcert={stranger.path}", env={KEY_VARIABLE: KEY})
    assert rejected.returncode == 2
    assert "certificate" in rejected.stderr
    testbed.daemon(sim, *flags[4:], f"{url}&sslmode=verify-full&sslrootcert={authority.path}")


def test_wrong_password_for_postgresql_is_reported(sim, guarded):
    _, url, password, _ = guarded
    password.write_text("an0ther")
    done = run_to_end("--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], "--store", f"{url}&sslmode=require",
                      "--store-password-file", password, env={KEY_VARIABLE: KEY})
    assert done.returncode == 2
    assert "password authentication failed" in done.stderr
    assert "an0ther" not in done.stderr


# More than a pipe holds. Each error is logged with its statement.
def test_log_of_the_test_server_never_blocks_it(server):
    statement = "SELECT pg_backend_pid() / 0 /*" + "x" * 20000 + "*/"
    for _ in range(8):
        with pytest.raises(AssertionError, match="division by zero"):
            server.query(statement)
    assert server.logged().count(statement) == 8
