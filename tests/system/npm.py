# SPDX-License-Identifier: MIT
"""npm.py - the npm packages of tests/npm, for the tests that need some. `make npm` installs them; until then these
tests are skipped.

A program in tests/npm imports packages as usual. What a test writes into a folder of its own finds them after
link().
"""
import shutil
import subprocess

import pytest
from programs import PATIENCE_S, ROOT, environment, tied

FOLDER = ROOT / "tests/npm"
MODULES = FOLDER / "node_modules"
INSTALLED = ROOT / "build/npm/installed.json"


def is_installed():
    """Returns whether the packages are installed in the versions of package-lock.json."""
    return (shutil.which("node") is not None and MODULES.exists() and INSTALLED.exists() and
            INSTALLED.read_bytes() == (FOLDER / "package-lock.json").read_bytes())


needs_packages = pytest.mark.skipif(not is_installed(), reason="needs npm packages: run `make npm`")


def program(name):
    """Returns the path of a program of the packages."""
    return MODULES / ".bin" / name


def link(folder):
    """Lets the programs in a folder import the packages."""
    (folder / "node_modules").symlink_to(MODULES.resolve())


def run(*argv, cwd=None, env=None):
    """Runs a program that has to succeed; returns its stdout, as text."""
    done = subprocess.run(tied(argv), cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout
