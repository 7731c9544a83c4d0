# SPDX-License-Identifier: MIT
"""postgres.py - a PostgreSQL server of a test's own.

It runs as an unprivileged user, because it rejects root, in a temporary folder, with a socket there and no network.
The folder is in memory and fsync is off, except where durability matters. A keeper, which is this file as a program,
ends the server and removes the folder: at the end of the test, and also if the test run is killed.
"""
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from waiting import PATIENCE_S, eventually

NOBODY = 65534
READY = "database system is ready to accept"  # connections, or read-only connections


def programs():
    """Returns the folder of the highest version; a missing server is never a reason to skip a test."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[4]))
    assert found, "no PostgreSQL server: install postgresql"
    return found[-1]


def unprivileged(argv):
    """Returns the command that runs `argv` without privileges, and ends it with this process."""
    user = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, "--pdeathsig", "QUIT", *map(str, argv)]


def processes_in(folder):
    """Returns those whose working directory is in the folder, as that of each process of the server is."""
    found = []
    for link in glob.glob("/proc/[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if f"{os.readlink(link)}/".startswith(f"{folder}/"):
                found.append(int(link.split("/")[2]))
    return found


def end_processes(folder, number):
    """Sends a signal to each of them, and lets those continue that are stopped. Returns whether none is left."""
    found = processes_in(folder)
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
    return not found


def remove(folder):
    """Leaves nothing of a server. Returns whether that is so: a process that was just started may write again."""
    try:
        eventually(lambda: end_processes(folder, signal.SIGQUIT))
    except AssertionError:
        eventually(lambda: end_processes(folder, signal.SIGKILL))
    shutil.rmtree(folder, ignore_errors=True)
    return not os.path.exists(folder)


def keep(folder):
    """The keeper: the other end of its input closes with the test, or with the test run."""
    sys.stdin.read()
    eventually(lambda: remove(folder))


class Postgres:
    def __init__(self, *settings, top=None):
        if not top and os.access("/dev/shm", os.W_OK):
            top = "/dev/shm"
        self.folder = os.path.realpath(tempfile.mkdtemp(prefix="emailsd-pg-", dir=top))
        self.settings = settings or ("fsync=off",)
        self.url = f"postgresql:///postgres?host={self.folder}&user=postgres"
        self.log = pathlib.Path(self.folder, "log")
        self.process = None
        if os.geteuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
        # Not in the process group of the test run, which a signal may end.
        self.keeper = subprocess.Popen([sys.executable, __file__, self.folder], cwd="/", stdin=subprocess.PIPE,
                                       start_new_session=True)
        try:
            self._make_data()
            self.start()
        except BaseException:
            self.close()
            raise

    def _make_data(self):
        self._run("initdb", "--pgdata", f"{self.folder}/data", "--username=postgres", "--auth=trust", "--no-sync",
                  "--encoding=UTF8", "--locale=C")

    def _run(self, name, *arguments):
        done = subprocess.run(unprivileged([f"{programs()}/{name}", *arguments]), cwd=self.folder, capture_output=True,
                              text=True, timeout=PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self):
        argv = [f"{programs()}/postgres", "-D", f"{self.folder}/data"]
        # With mmap, all of its files are in its folder, also if it is killed.
        for setting in (f"unix_socket_directories={self.folder}", "listen_addresses=",
                        "dynamic_shared_memory_type=mmap", *self.settings):
            argv += ["-c", setting]
        with open(self.log, "ab") as log:  # a pipe that is full would block every session
            begin = log.tell()
            self.process = subprocess.Popen(unprivileged(argv), cwd=self.folder, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
        eventually(lambda: READY in self.logged(begin) or self.process.poll() is not None)
        assert self.process.poll() is None, f"PostgreSQL did not start: {self.logged(begin)}"

    def logged(self, begin=0):
        """Returns what the server has logged, from that byte on."""
        return self.log.read_bytes()[begin:].decode(errors="replace")

    def stop(self, number=signal.SIGQUIT):
        """SIGQUIT ends it as a crash would."""
        if self.process:
            self.process.send_signal(number)
            self.process.wait(timeout=PATIENCE_S)
            self.process = None

    def give(self, path, name):
        """Copies a file into the folder, as one of the server's own; returns its path."""
        own = f"{self.folder}/{name}"
        shutil.copy(path, own)
        os.chmod(own, 0o600)
        if os.geteuid() == 0:
            os.chown(own, NOBODY, NOBODY)
        return own

    def require_password(self, authority, role, password, method="scram-sha-256"):
        """Listens on a port of 127.0.0.1 too, there with TLS and for that role; returns the port. The method
        "cert" requires a certificate of the authority for the role instead of the password."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        cert, key = authority.sign("postgres")
        self.query(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'; GRANT CREATE ON DATABASE postgres TO {role}")
        rules = pathlib.Path(self.folder, "data/pg_hba.conf")
        rules.write_text(f"hostssl all {role} 127.0.0.1/32 {method}\nlocal all postgres trust\n")
        self.stop()
        self.settings += ("listen_addresses=127.0.0.1", f"port={port}", "ssl=on",
                          f"ssl_cert_file={self.give(cert, 'cert')}", f"ssl_key_file={self.give(key, 'key')}",
                          f"ssl_ca_file={self.give(authority.path, 'authority')}")
        self.url += f"&port={port}"
        self.start()
        return port

    def query_text(self, sql, url=None):
        return self._run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1",
                         "--dbname", url or self.url, "--command", sql)

    def query(self, sql):
        """Returns the rows as lists of text."""
        return [line.split("|") for line in self.query_text(sql).splitlines()]

    @contextlib.contextmanager
    def locked(self, table):
        """Locks the table against all reads and writes until the end of the block."""
        argv = [f"{programs()}/psql", "--no-psqlrc", "--quiet", "--dbname", self.url]
        with subprocess.Popen(unprivileged(argv), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as session:
            session.stdin.write(f"BEGIN; LOCK TABLE {table};\n\\echo locked\n")
            session.stdin.flush()
            assert session.stdout.readline() == "locked\n"
            yield
            session.stdin.close()  # the end of the input ends the session

    def close(self):
        self.keeper.stdin.close()
        status = self.keeper.wait()  # for a limited time
        if self.process:
            self.process.wait(timeout=PATIENCE_S)
            self.process = None
        assert status == 0, f"the keeper of {self.folder} failed"


class Standby(Postgres):
    """A server that replicates another one."""

    def __init__(self, primary):
        self.primary = primary
        super().__init__()

    def _make_data(self):
        self._run("pg_basebackup", "--pgdata", f"{self.folder}/data", "--dbname", self.primary.url, "--no-sync",
                  "--checkpoint=fast", "--write-recovery-conf")

    def has_all(self):
        """Returns whether it has replayed what the primary has written."""
        [[written]] = self.primary.query("SELECT pg_current_wal_lsn()")
        return self.query(f"SELECT pg_last_wal_replay_lsn() >= '{written}'") == [["t"]]

    def promote(self):
        assert self.query("SELECT pg_promote()") == [["t"]]


class Store:
    """A schema of a server: to a test that compares records, what the path of a file is."""

    def __init__(self, server, schema):
        self.server, self.schema = server, schema
        self.flags = ["--store", server.url, "--store-schema", schema]

    def exists(self):
        return self.server.query(f"SELECT to_regclass('{self.schema}.tasks') IS NOT NULL") == [["t"]]

    def query(self, sql):
        """Returns the rows as lists of text; names without a schema are of this one."""
        return self.server.query(f"SET search_path = {self.schema}; {sql}")

    def release(self):
        """Lets the next daemon start now: it would wait until a killed owner must have connected again."""
        if self.exists():
            self.query("UPDATE leadership SET leader = ''")

    def rows(self, table):
        if not self.exists():
            return []
        out = self.server.query_text(f"SELECT json_agg(t) FROM {self.schema}.{table} t")
        return json.loads(out) if out.strip() else []


if __name__ == "__main__":
    keep(sys.argv[1])
