# SPDX-License-Identifier: MIT
"""test_install.py - tests which files `make install` installs, and that they work there."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from programs import KEY_VARIABLE, PATIENCE_S, ROOT, environment

FLAVOUR = pathlib.Path(os.environ.get("DAEMON_BIN", "build/release/emailsd")).parent.name


def make(*words):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    # Installs the tested build: "-o all" prevents a new one, because other tests run from it meanwhile.
    done = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory", "-o", "all",
                           f"FLAVOUR={FLAVOUR}", *words], env=env, capture_output=True, text=True, timeout=PATIENCE_S,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}", "PREFIX=/opt/e")
    return root


def files_of(root):
    return {str(p.relative_to(root)): oct(p.stat().st_mode & 0o777) for p in root.rglob("*") if p.is_file()}


def test_install_sets_paths_and_modes(installed):
    assert files_of(installed) == {
        "opt/e/bin/emails": "0o755",
        "opt/e/bin/emailsd": "0o755",
        "opt/e/share/man/man1/emails.1": "0o644",
        "opt/e/share/bash-completion/completions/emails": "0o644",
        "opt/e/share/man/man8/emailsd.8": "0o644",
        "opt/e/share/man/man5/emailsd.conf.5": "0o644",
        "opt/e/share/bash-completion/completions/emailsd": "0o644",
        "opt/e/share/emailsd/consumer-mail-domains.txt": "0o644",
        "opt/e/lib/systemd/system/emailsd.service": "0o644",
        "opt/e/lib/systemd/system/emailsd.socket": "0o644",
        "etc/emailsd/emailsd.conf": "0o644",
    }


def test_installed_program_accepts_the_installed_configuration(installed):
    done = subprocess.run([installed / "opt/e/bin/emailsd", "--check-config", "--config",
                           installed / "etc/emailsd/emailsd.conf"], env=environment({KEY_VARIABLE: "k"}),
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, "configuration OK\n"), done


def test_installed_configuration_examples_are_valid(installed, tmp_path):
    text = (installed / "etc/emailsd/emailsd.conf").read_text()
    lines = re.sub(r"(?m)^#([a-z-]+ = )", r"\1", text)
    assert lines.count("\n#") < text.count("\n#")
    (tmp_path / "c").write_text(lines)
    done = subprocess.run([installed / "opt/e/bin/emailsd", "--print-config", "--config", tmp_path / "c"],
                          env=environment(), capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done


def test_installed_unit_starts_the_installed_program(installed):
    unit = (installed / "opt/e/lib/systemd/system/emailsd.service").read_text()
    assert "\nExecStart=/opt/e/bin/emailsd " in unit and "/usr/bin/emailsd" not in unit


def test_installed_files_refer_to_sysconfdir(tmp_path):
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/e", "SYSCONFDIR=/opt/etc")
    named = {}
    for path in files_of(tmp_path).keys() - {"opt/e/bin/emails", "opt/e/bin/emailsd"}:
        text = (tmp_path / path).read_text()
        assert "/etc/emailsd" not in text.replace("/opt/etc/emailsd", ""), path
        named[pathlib.Path(path).name] = set(re.findall(r"/opt/etc/emailsd/([a-z.-]+[a-z])", text))
    assert named["emailsd.service"] == {"emailsd.conf", "openmart-api-key"}
    assert named["emailsd.socket"] == {"openmart-api-key"}
    assert (tmp_path / "opt/etc/emailsd/emailsd.conf").exists()


def test_uninstall_keeps_the_configuration_only(installed):
    config = installed / "etc/emailsd/emailsd.conf"
    config.write_text("wait = 1s\n")
    make("install", f"DESTDIR={installed}", "PREFIX=/opt/e")
    assert config.read_text() == "wait = 1s\n"
    make("uninstall", f"DESTDIR={installed}", "PREFIX=/opt/e")
    assert list(files_of(installed)) == ["etc/emailsd/emailsd.conf"]


# ---- the build ----

OBJECT = "build/release/base/errmsg.o"
VERSION = "build/release/gen/version.h"


def clone(path):
    """Returns a small clone: enough for the version and one object."""
    for folder in ("base", "tests/scripts"):
        shutil.copytree(ROOT / folder, path / folder)
    shutil.copy(ROOT / "Makefile", path)
    for words in (["init", "-q"], ["add", "-A"],
                  ["-c", "user.email=a@example.com", "-c", "user.name=a", "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", path, *words], check=True, timeout=PATIENCE_S)
    return path


def build(path, *words):
    """Builds in a clone, as a user without a configuration of git and without sudo."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "SUDO_", "REVISION"))}
    env |= {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    done = subprocess.run(["make", "-C", path, "-o", "need-deps", "CC=cc", "FLAVOUR=release", *words], env=env,
                          capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_build_works_in_a_path_with_a_blank(tmp_path):
    path = clone(tmp_path / "a b")
    build(path, OBJECT)
    assert b"a b/base" not in (path / OBJECT).read_bytes(), "the objects contain no path of this machine"
    assert f'rm -rf "{path}/build/release/check/system"' in build(path, "-n", "-o", "all", "system")


@pytest.fixture
def reachable():
    """Returns a new folder that every user can reach. The parents of `tmp_path` may be open to root only."""
    with tempfile.TemporaryDirectory(prefix="emailsd-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root has the problem")
def test_build_as_root_in_the_clone_of_another_user_keeps_the_revision(reachable):
    path = clone(reachable / "clone")
    build(path, VERSION)
    version = (path / VERSION).read_text()
    assert re.search(r'EMAILSD_REVISION "[0-9a-f]{7,}"', version)
    subprocess.run(["chown", "-R", "65534:65534", path], check=True, timeout=PATIENCE_S)
    os.utime(path / "Makefile")  # git refreshes its index
    build(path, VERSION)
    assert (path / VERSION).read_text() == version
    assert (path / ".git/index").stat().st_uid == 65534


COMPLETE = r"""
source /usr/share/bash-completion/bash_completion
source "$1"
COMP_WORDS=("${@:2}"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="${*:2}"; COMP_POINT=${#COMP_LINE}
_emailsd "$2" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(not pathlib.Path("/usr/share/bash-completion/bash_completion").exists(),
                    reason="bash-completion is not installed")
@pytest.mark.parametrize("words, wanted", [
    (["--max-w"], {"--max-wait", "--max-waiters"}), (["ins"], {"inspect"}), (["key", ""], {"new"}),
    (["cop"], {"copy-store"}), (["--store-migrate", ""], {"on", "off"}),
    (["--log-level", ""], {"debug", "info", "warn", "error"}), (["--max-wait", ""], set()),
    (["--print"], {"--print-config"})])
def test_bash_completion_covers_the_help(words, wanted):
    program = os.environ.get("DAEMON_BIN", str(ROOT / "build/release/emailsd"))
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", ROOT / "packaging/emailsd.bash-completion",
                           program, *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert set(done.stdout.split()) == wanted, done
