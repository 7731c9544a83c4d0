# SPDX-License-Identifier: MIT
"""conftest.py - what a system test is given: a vendor, a daemon that asks it, and a stage for more.

Each test gets its own pair, so that ledgers and caches hold what this test did and nothing else.
Tables of questions that leave no trace may share a pair per module.
"""
import signal

import pytest

# A shell has those that it runs behind its back ignore SIGINT, and an ignored signal is inherited by
# whatever a test starts; a handler of Python's own is not.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest.register_assert_rewrite("wire", "waiting", "programs")

import report  # noqa: E402 - after the line that makes asserts speak
from programs import Stage  # noqa: E402


def pytest_configure(config):
    report.register(config)


@pytest.fixture
def stage(tmp_path):
    """Starts programs that end with the test."""
    with Stage(tmp_path) as running:
        yield running


@pytest.fixture
def sim(stage):
    """A vendor that takes no time."""
    return stage.simulator()


@pytest.fixture
def daemon(stage, sim):
    """A daemon that asks the vendor of this test."""
    return stage.daemon(sim)


@pytest.fixture(scope="module")
def module_stage(tmp_path_factory):
    """Starts programs that end with the last test of the module."""
    with Stage(tmp_path_factory.mktemp("module")) as running:
        yield running
