# SPDX-License-Identifier: MIT
"""conftest.py - fixtures of the system tests: an upstream, a daemon that uses it, and a testbed for further
programs.

Each test gets its own pair, so that ledgers and caches contain what this test did only. Tables of requests
that leave no trace may share a pair per module.
"""
import signal
import time
import uuid

import pytest

# A shell lets its background programs ignore SIGINT, and a test's programs inherit an ignored signal; they
# do not inherit a handler of Python.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("wire", "waiting", "programs", "client_keys", "library", "browser")

import report  # noqa: E402 - after the line that makes asserts speak
from browser import Page  # noqa: E402
from certificates import Authority  # noqa: E402
from client_keys import Keys  # noqa: E402
from postgres import Postgres, Store  # noqa: E402
from programs import Testbed  # noqa: E402
from waiting import eventually  # noqa: E402

DAY_S = 86400
MARGIN_S = 120  # longer than a test takes


def pytest_configure(config):
    report.register(config)


@pytest.fixture(autouse=True)
def one_utc_day():
    """Waits for UTC midnight if it is near. Budgets and quotas begin again then, so a test would see two days."""
    eventually(lambda: time.time() % DAY_S < DAY_S - MARGIN_S)


@pytest.fixture
def testbed(tmp_path):
    """Starts programs that end with the test."""
    with Testbed(tmp_path) as running:
        yield running


@pytest.fixture
def sim(testbed):
    """An upstream that responds without delay."""
    return testbed.simulator()


@pytest.fixture
def daemon(testbed, sim):
    """A daemon that uses the upstream of this test."""
    return testbed.daemon(sim)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority for the tests of a module."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for the tests that need one and leave it running; each uses a schema of its own."""
    server = Postgres()
    yield server
    print(f"--- log of PostgreSQL\n{server.logged()[-4000:]}")  # pytest shows it if a test has failed
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """A store of each kind that survives a restart, as the functions of reconciliation.py take it."""
    if request.param == "sqlite":
        return tmp_path / "emailsd.db"
    return Store(request.getfixturevalue("postgres"), f"test_{uuid.uuid4().hex}")


@pytest.fixture
def keys(tmp_path):
    """An empty file of client keys."""
    return Keys(tmp_path)


@pytest.fixture(scope="module")
def module_testbed(tmp_path_factory):
    """Starts programs that end with the last test of the module."""
    with Testbed(tmp_path_factory.mktemp("module")) as running:
        yield running


@pytest.fixture
def browse(tmp_path):
    """Opens the web page in browsers that end with the test, and checks that no page has done what it may not do."""
    pages = []

    def start(daemon, path="", **options):
        pages.append(Page(tmp_path / f"browser{len(pages)}.err", daemon.urls[0], path, **options))
        return pages[-1]

    yield start
    try:
        for page in pages:
            page.stop()
    finally:
        for page in pages:
            page.end()


@pytest.fixture
def page(browse, daemon):
    """The web page of the daemon of this test."""
    return browse(daemon)
