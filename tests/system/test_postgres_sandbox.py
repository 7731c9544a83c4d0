# SPDX-License-Identifier: MIT
"""test_postgres_sandbox.py - tests that a daemon in its sandbox connects to PostgreSQL again.

Landlock precedes the first connection, seccomp each later one. Each reads certificates and passwords, resolves the
name of the host, and makes the system calls of libpq and TLS.
"""
import pytest
from certificates import Authority
from postgres import Postgres
from programs import KEY, KEY_VARIABLE
from waiting import eventually

PASSWORD = "s3cret"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def server():
    one = Postgres()
    yield one
    one.close()


def assert_connects_again(daemon, server):
    """Restarts the server: both connections of the daemon are replaced."""
    assert daemon.lookup("milvali.com").status == 200
    assert "seccomp=on" in daemon.stderr() or "sanitizer" in daemon.stderr()
    server.stop()
    server.start()
    eventually(lambda: daemon.lookup("example.org").status == 200)
    assert "event=spool_open_failed" not in daemon.stderr()
    assert server.query("SELECT count(*) FROM emailsd.answers") == [["2"]]


def url_of(port, **parameters):
    rest = "".join(f"&{name}={value}" for name, value in parameters.items())
    return f"postgresql://emailsd@localhost:{port}/postgres?connect_timeout=10{rest}"


def test_certificate_of_the_server_is_checked_again(testbed, sim, server, authority, tmp_path):
    port = server.require_password(authority, "emailsd", PASSWORD)
    password = tmp_path / "secret" / "password"  # in another folder: access is granted to folders
    password.parent.mkdir()
    password.write_text(PASSWORD)
    password.chmod(0o600)
    trusted = authority.path
    assert_connects_again(testbed.daemon(sim, "--store", url_of(port, sslmode="verify-full", sslrootcert=trusted),
                                         "--store-password-file", password), server)


def test_certificate_of_the_client_is_sent_again(testbed, sim, server, authority):
    port = server.require_password(authority, "emailsd", PASSWORD, method="cert")
    cert, key = authority.sign("emailsd")
    assert_connects_again(testbed.daemon(sim, "--store", url_of(port, sslmode="verify-full", sslcert=cert, sslkey=key,
                                                                sslrootcert=authority.path)), server)


@pytest.mark.parametrize("variable", ["PGPASSFILE", "HOME"])
def test_password_of_a_file_is_read_again(testbed, sim, server, authority, tmp_path, variable):
    port = server.require_password(authority, "emailsd", PASSWORD)
    home = tmp_path / "home"
    home.mkdir()
    passwords = home / ".pgpass"
    passwords.write_text(f"localhost:{port}:postgres:emailsd:{PASSWORD}\n")
    passwords.chmod(0o600)
    env = {KEY_VARIABLE: KEY, variable: str(passwords if variable == "PGPASSFILE" else home)}
    assert_connects_again(testbed.daemon(sim, "--store", url_of(port, sslmode="require"), env=env), server)


def test_certificate_in_the_home_of_the_user_is_sent_again(testbed, sim, server, authority, tmp_path):
    port = server.require_password(authority, "emailsd", PASSWORD, method="cert")
    cert, key = authority.sign("emailsd")
    folder = tmp_path / "home" / ".postgresql"
    folder.mkdir(parents=True)
    cert.rename(folder / "postgresql.crt")
    key.rename(folder / "postgresql.key")
    authority.path.rename(folder / "root.crt")
    env = {KEY_VARIABLE: KEY, "HOME": str(folder.parent)}
    assert_connects_again(testbed.daemon(sim, "--store", url_of(port, sslmode="require"), env=env), server)


def test_landlock_holds_while_the_server_is_awaited(testbed, sim, server, authority, tmp_path):
    """A folder of the URL whose file is missing at the start is not permitted, so the file cannot be read later."""
    port = server.require_password(authority, "emailsd", PASSWORD)
    server.stop()
    password = tmp_path / "secret" / "password"
    password.parent.mkdir()
    password.write_text(PASSWORD)
    password.chmod(0o600)
    trusted = tmp_path / "late" / "root.crt"
    trusted.parent.mkdir()
    daemon = testbed.daemon(sim, "--store", url_of(port, sslmode="verify-full", sslrootcert=trusted),
                            "--store-password-file", password)
    if "landlock=abi" not in daemon.stderr():
        pytest.skip("the kernel has no Landlock, or a sanitizer needs what is forbidden")
    eventually(lambda: "event=store_awaited" in daemon.stderr())
    authority.path.rename(trusted)
    server.start()
    assert daemon.wait() == 2
    daemon.was_checked = True  # its status is not 0
    assert f'could not read root certificate file "{trusted}"' in daemon.stderr()
