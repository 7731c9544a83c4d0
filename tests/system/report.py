# SPDX-License-Identifier: MIT
"""report.py - what `make system` prints and keeps of a run: a dot for every 25 tests that passed, a
line for each that failed, and the whole report of a failure in a file of its own.

CHECK_DIR names the folder, and without it this module does nothing: pytest then prints what it
always prints. A failure's line goes to CHECK_DIR/system/failed too, which `make check` prints last.
With xdist the tests run in other processes; their reports come to this one.
"""
import os
import pathlib
import re
import sys

EVERY = 25
MAX_NAME = 150  # of a file; a parameter may be thousands of characters long


class Reporter:
    def __init__(self, folder):
        self.folder = folder
        self.n_passed = 0

    def pytest_report_teststatus(self, report):
        """No letter for a test that passed or failed; this module prints those itself."""
        return (report.outcome, "", "") if report.when == "call" and not report.skipped else None

    def pytest_runtest_logreport(self, report):
        if report.passed and report.when == "call":
            self.n_passed += 1
            if self.n_passed % EVERY == 0:
                print(".", end="", flush=True)
        elif report.failed:
            self._keep(report)

    def _keep(self, report):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "_", report.nodeid.rpartition("/")[2])[:MAX_NAME]
        path = self.folder / f"{name}.{report.when}.log"
        path.write_text("\n".join([report.longreprtext, *(f"--- {title}\n{text}" for title, text in report.sections)]),
                        "utf-8", "backslashreplace")
        line = f"system {report.nodeid.rpartition('/')[2]} ({report.when}): {path}"
        print(f"\nFAIL {line}", flush=True)
        with open(self.folder / "failed", "a", encoding="utf-8") as failed:
            failed.write(line.encode("ascii", "backslashreplace").decode() + "\n")


def register(config):
    """Takes the place of pytest's own words in the process that prints."""
    folder = os.environ.get("CHECK_DIR")
    if folder and "PYTEST_XDIST_WORKER" not in os.environ and config.option.verbose <= 0:
        folder = pathlib.Path(folder) / "system"
        folder.mkdir(parents=True, exist_ok=True)
        config.pluginmanager.register(Reporter(folder))
        sys.stdout.flush()
