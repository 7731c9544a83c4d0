# SPDX-License-Identifier: MIT
"""test_migrate.py - tests `emailsd migrate` and --store-migrate: who may create and change tables.

unit/test_store_migrate.c and unit/test_postgres_schema.c have the cases of each driver.
"""
import pytest
from postgres import Postgres
from programs import KEY, KEY_VARIABLE, run_to_end
from waiting import eventually

GRANTS = """
CREATE ROLE emailsd_admin LOGIN; CREATE ROLE emailsd LOGIN;
CREATE SCHEMA emailsd AUTHORIZATION emailsd_admin;
GRANT USAGE ON SCHEMA emailsd TO emailsd;
ALTER DEFAULT PRIVILEGES FOR ROLE emailsd_admin IN SCHEMA emailsd
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO emailsd;
"""


@pytest.fixture
def server():
    one = Postgres()
    yield one
    one.close()


def serve(sim, *flags):
    return run_to_end("--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], *flags, env={KEY_VARIABLE: KEY})


def of_role(server, role):
    return server.url.replace("user=postgres", f"user={role}")


def test_daemon_uses_what_another_role_has_created(testbed, sim, server):
    """The statements are those of docs/operations.md."""
    server.query(GRANTS)
    flags = ["--store", of_role(server, "emailsd"), "--store-migrate", "off"]
    rejected = serve(sim, *flags)
    assert rejected.returncode == 2
    assert "run `emailsd migrate`" in rejected.stderr
    done = run_to_end("migrate", "--store", of_role(server, "emailsd_admin"))
    assert (done.returncode, done.stdout) == (0, "schema version 1: created\n"), done.stderr
    daemon = testbed.daemon(sim, *flags)
    assert daemon.lookup("milvali.com").status == 200
    done = run_to_end("migrate", "--store", of_role(server, "emailsd_admin"))
    assert (done.returncode, done.stdout) == (0, "schema version 1: nothing to do\n")
    assert run_to_end("pause", *flags).returncode == 0
    eventually(lambda: "event=paused" in daemon.stderr())
    assert run_to_end("resume", *flags).returncode == 0
    eventually(lambda: daemon.lookup("example.org").status == 200)
    second = serve(sim, "--store", of_role(server, "emailsd_admin"))
    assert second.returncode == 3, second.stderr
    assert daemon.lookup("example.com").status == 200


def test_role_without_privileges_is_reported(sim, server):
    server.query(GRANTS)
    done = run_to_end("migrate", "--store", of_role(server, "emailsd"))
    assert done.returncode == 1
    assert "permission denied" in done.stderr


def test_newer_schema_is_used_unless_it_rejects_this_version(testbed, sim, server):
    flags = ["--store", server.url]
    testbed.daemon(sim, *flags).stop()
    server.query("UPDATE emailsd.schema_version SET version = 99")
    daemon = testbed.daemon(sim, *flags, "--store-migrate", "off")
    assert daemon.lookup("milvali.com").status == 200
    daemon.stop()
    server.query("UPDATE emailsd.schema_version SET oldest = 99")
    rejected = serve(sim, *flags)
    assert rejected.returncode == 2
    assert "was written by a newer emailsd; use that version" in rejected.stderr


def test_file_is_created_by_migrate_only(testbed, sim, tmp_path):
    flags = ["--store", f"sqlite:{tmp_path}/emailsd.db", "--store-migrate", "off"]
    rejected = serve(sim, *flags)
    assert rejected.returncode == 2
    assert "run `emailsd migrate`" in rejected.stderr
    assert not list(tmp_path.glob("emailsd.db*"))
    assert run_to_end("migrate", *flags).stdout == "schema version 4: created\n"
    daemon = testbed.daemon(sim, *flags)
    assert daemon.lookup("milvali.com").status == 200
    assert run_to_end("migrate", *flags).returncode == 3
