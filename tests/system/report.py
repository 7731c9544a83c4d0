# SPDX-License-Identifier: MIT
"""report.py - what `make system` prints and stores: a dot for every 25 passed tests, a line for each failed
test, and the complete report of a failure in a file of its own.

CHECK_DIR names the folder; without it this module does nothing, and pytest prints its usual output. The
line of a failure also goes to CHECK_DIR/system/failed, which `make check` prints last. With xdist the tests
run in other processes; their reports come to this one.
"""
import os
import pathlib
import re

EVERY = 25
MAX_NAME = 150  # of a file name; a parameter may have thousands of characters


class Reporter:
    def __init__(self, folder):
        self.folder = folder
        self.n_passed = 0
        self.n_failed = 0

    def pytest_report_teststatus(self, report):
        """Prints no letter for a passed or failed test; this module prints those itself."""
        return (report.outcome, "", "") if report.when == "call" and not report.skipped else None

    def pytest_runtest_logreport(self, report):
        if report.passed and report.when == "call":
            self.n_passed += 1
            if self.n_passed % EVERY == 0:
                print(".", end="", flush=True)
        elif report.failed:
            self._keep(report)

    def pytest_collectreport(self, report):
        if report.failed:
            self._keep(report)

    def _keep(self, report):
        self.n_failed += 1
        when = getattr(report, "when", "collect")
        test = re.sub(r"^[^:]*/", "", report.nodeid)  # without the folder; a parameter may hold slashes
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", test)[:MAX_NAME]
        path = self.folder / f"{name}.{when}.{self.n_failed}.log"
        path.write_text("\n".join([report.longreprtext, *(f"--- {title}\n{text}" for title, text in report.sections)]),
                        "utf-8", "backslashreplace")
        line = f"system {test} ({when}): {path}"
        print(f"\nFAIL {line}", flush=True)
        with open(self.folder / "failed", "a", encoding="utf-8") as failed:
            failed.write(line.encode("ascii", "backslashreplace").decode() + "\n")


def register(config):
    """Replaces pytest's own output in the process that prints."""
    folder = os.environ.get("CHECK_DIR")
    if folder and "PYTEST_XDIST_WORKER" not in os.environ and config.option.verbose <= 0:
        folder = pathlib.Path(folder) / "system"
        folder.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(Reporter(folder))
