# SPDX-License-Identifier: MIT
"""test_poolers.py - tests emailsd with a real PgBouncer between it and PostgreSQL."""
import os

import pytest
from postgres import NOBODY, Postgres, unprivileged
from programs import KEY, KEY_VARIABLE, run_to_end
from proxies import Proxy, program
from waiting import eventually

CONFIG = """
[databases]
postgres = host={server} user=postgres
[pgbouncer]
unix_socket_dir = {folder}
listen_addr =
auth_type = any
admin_users = postgres
pool_mode = {mode}
"""


class PgBouncer(Proxy):
    """It rejects root, so its folder is another user's."""

    def __init__(self, folder, server, mode):
        self.server, self.sockets = server, f"{server.folder}/pooler"
        self.url = f"postgresql:///postgres?host={self.sockets}&port=6432&user=postgres"
        os.mkdir(self.sockets)
        if os.geteuid() == 0:
            os.chown(self.sockets, NOBODY, NOBODY)
        self.configure(mode)
        super().__init__(folder, unprivileged([program("pgbouncer"), f"{self.sockets}/config"]))
        eventually(lambda: "process up" in self.output())

    def configure(self, mode):
        with open(f"{self.sockets}/config", "w", encoding="utf-8") as config:
            config.write(CONFIG.format(server=self.server.folder, folder=self.sockets, mode=mode))

    def stop(self):
        """From 1.23 on, SIGTERM would wait until no client is connected."""
        self.process.kill()
        self.process.wait()

    def change(self, mode):
        self.configure(mode)
        self.server.query_text("RELOAD", self.url.replace("///postgres?", "///pgbouncer?"))


@pytest.fixture
def pooler(tmp_path, request):
    server = Postgres()
    one = PgBouncer(tmp_path, server, request.param)
    yield one
    one.stop()
    server.close()
    print(f"--- output of PgBouncer\n{one.output()[-2000:]}")


@pytest.mark.parametrize("pooler", ["transaction", "statement"], indirect=True)
def test_pooler_without_sessions_is_rejected(sim, pooler):
    for _ in range(2):  # the first one leaves a session
        done = run_to_end("--listen", "127.0.0.1:0", "--upstream-url", sim.urls[0], "--store", pooler.url,
                          env={KEY_VARIABLE: KEY})
        assert done.returncode == 2, done.stderr
        assert "use the server itself, or a pooler in session mode" in done.stderr


@pytest.mark.parametrize("pooler", ["session"], indirect=True)
def test_pooler_with_sessions_is_used(testbed, sim, pooler):
    daemon = testbed.daemon(sim, "--store", pooler.url)
    assert daemon.lookup("milvali.com").status == 200
    daemon.stop()
    daemon = testbed.daemon(sim, "--store", pooler.url)
    assert daemon.lookup("milvali.com").status == 200
    assert len(sim.ledger()) == 1


@pytest.mark.parametrize("pooler", ["session"], indirect=True)
def test_pooler_that_loses_its_sessions_is_used_again_when_it_has_them(testbed, sim, pooler):
    daemon = testbed.daemon(sim, "--store", pooler.url)
    assert daemon.lookup("milvali.com").status == 200
    pooler.change("transaction")
    n = iter(range(1000))
    eventually(lambda: daemon.lookup(f"company-{next(n)}.com").status == 503)
    daemon.lookup("example.org").problem(503, "storage-unavailable")
    assert daemon.lookup("milvali.com").status == 200
    pooler.change("session")
    eventually(lambda: daemon.lookup("example.org").status == 200)
