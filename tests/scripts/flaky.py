#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs `make check` repeatedly on a busy machine, and prints each failure and how often it occurred.

Twice as many busy loops as cores run beside the tests. If a test fails here although the program is
correct, the test has a race. The logs of a failed run are stored in build/flaky/.

    flaky.py [--runs N] [--make COMMAND]
"""
import argparse
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import time

BUSY = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", "while True: pass"]
KEPT = pathlib.Path("build/flaky")
FROM_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES")


def failures(checked):
    """Returns the names of what failed, without the paths of their logs."""
    for path in sorted(checked.glob("*/failed")):
        for line in path.read_text("utf-8").splitlines():
            yield line.rsplit(": ", 1)[0]


def run_once(make, number):
    """Returns what failed in one run; nothing if it passed."""
    env = {name: value for name, value in os.environ.items() if name not in FROM_MAKE}
    env.pop("CHECK_DIR", None)
    checked = pathlib.Path("build/release/check")
    shutil.rmtree(checked, ignore_errors=True)
    began = time.monotonic()
    done = subprocess.run([make, "--no-print-directory", "check"], env=env, capture_output=True, text=True,
                          check=False)
    failed = list(failures(checked))
    if done.returncode != 0 and not failed:
        failed = ["make check"]
    print(f"run {number}: {'FAILED' if failed else 'passed'} after {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print("\n".join(f"     {name}" for name in failed), flush=True)
        kept = KEPT / str(number)
        kept.mkdir()
        if checked.exists():
            shutil.copytree(checked, kept, dirs_exist_ok=True)
        (kept / "output").write_text(done.stdout + done.stderr, "utf-8")
    return failed


def main():
    options = argparse.ArgumentParser(description="make check, under load")
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--make", default="make")
    options = options.parse_args()
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    counts = collections.Counter()
    n_failed = 0
    loops = [subprocess.Popen(BUSY) for _ in range(2 * os.cpu_count())]
    try:
        for number in range(1, options.runs + 1):
            failed = run_once(options.make, number)
            n_failed += bool(failed)
            counts.update(failed)
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    print(f"flaky: {options.runs - n_failed} of {options.runs} runs passed beside {len(loops)} busy loops")
    for name, times in counts.most_common():
        print(f"{times:4} of {options.runs}  {name}")
    sys.exit(1 if n_failed else 0)


if __name__ == "__main__":
    main()
