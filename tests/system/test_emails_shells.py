# SPDX-License-Identifier: MIT
"""test_emails_shells.py - tests that real shells complete the options of the command line tool `emails`: bash by
our file, zsh by the help, fish by the manual page."""
import os
import pathlib
import shutil
import subprocess

import pytest
from emails_tool import EMAILS, Terminal, client_environment
from programs import ROOT
from waiting import PATIENCE_S

BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
FOLDER = pathlib.Path(EMAILS).parent


def complete(shell, typed, completed):
    """Types a word and TAB, and waits for the word that the shell makes of it."""
    shell.await_text("ready> ")
    shell.type(f"emails {typed}\t")
    shell.await_text(f"emails {completed}")
    shell.type("\x15exit\r")
    assert shell.finish() == 0


@pytest.mark.skipif(not BASH_COMPLETION.exists(), reason="bash-completion is not installed")
@pytest.mark.parametrize("typed, completed", [
    ("--dr", "--dry-run "), ("--max-c", "--max-credits "), ("-f my-d", "-f my-domains.csv "),
    ("-qf my-d", "-qf my-domains.csv "), ("--key-file my-d", "--key-file my-domains.csv "), ("-y --addr", "-y --addresses ")])
def test_bash_completes_options_and_files(tmp_path, typed, completed):
    (tmp_path / "my-domains.csv").write_text("domain\n")
    (tmp_path / "rc").write_text(
        f"PATH={FOLDER}:$PATH PS1='ready> '\nbind 'set enable-bracketed-paste off'\n"
        f"source {BASH_COMPLETION}\nsource {ROOT}/packaging/emails.bash-completion\n")
    with Terminal(None, "--rcfile", "rc", "-i", columns=200, cwd=tmp_path, program="bash") as bash:
        complete(bash, typed, completed)


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize("typed, completed", [
    ("--dr", "--dry-run"), ("--max-c", "--max-credits"), ("-f my-d", "-f my-domains.csv"), ("-y --addr", "-y --addresses")])
def test_zsh_completes_options_by_the_help(tmp_path, typed, completed):
    (tmp_path / "my-domains.csv").write_text("domain\n")
    (tmp_path / ".zshrc").write_text(
        f"path=({FOLDER} $path) PS1='ready> '\nunsetopt prompt_cr prompt_sp\n"
        "autoload -Uz compinit\ncompinit -D\ncompdef _gnu_generic emails\n")
    with Terminal(None, "-i", columns=200, cwd=tmp_path, program="zsh", env={"ZDOTDIR": str(tmp_path)}) as zsh:
        complete(zsh, typed, completed)


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_options_by_the_manual_page(tmp_path):
    pages = tmp_path / "man" / "man1"
    pages.mkdir(parents=True)
    shutil.copy(ROOT / "docs/man/emails.1", pages)
    homes = {name: str(tmp_path) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    env = client_environment(env={**homes, "MANPATH": str(tmp_path / "man"), "PATH": f"{FOLDER}:{os.environ['PATH']}"})
    done = subprocess.run(["fish", "-c", "fish_update_completions >/dev/null; complete -C 'emails --dr'; "
                                         "complete -C 'emails --max'"],
                          env=env, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    options = {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert options >= {"--dry-run", "--max-age", "--max-credits"}, done  # fish 4 adds what is similar
    assert "--json" not in options
