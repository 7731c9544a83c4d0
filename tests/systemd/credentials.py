# SPDX-License-Identifier: MIT
"""credentials.py - the step that tries the lines of docs/deployment.md for TLS and client keys."""
import http.client
import pathlib
import re
import ssl
import tempfile

from machine import PATIENCE_S, UNIT, eventually

from certificates import Authority  # machine.py adds its folder to the path

CONF_FILE = "/etc/emailsd/emailsd.conf"
CONF = "upstream-url = http://127.0.0.1:8090\nbalance-every = 0\nttl-failed = 0\n"
DROP_IN = "/etc/systemd/system/emailsd.service.d/credentials.conf"
SOCKET, SOCKET_DROP_IN = "emailsd.socket", "/etc/systemd/system/emailsd.socket.d/listen.conf"
TLS, CLIENT_KEYS = "/etc/emailsd/tls", "/etc/emailsd/client-keys"
ADDRESS = ("127.0.0.1", 8443)
DEPLOYMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/deployment.md"


def documented_lines():
    """Returns what docs/deployment.md has for TLS and client keys: the drop-in of the service, the settings, and
    the drop-in of the socket."""
    section = DEPLOYMENT.read_text("utf-8").split("## TLS and client keys with systemd\n")[1].split("\n## ")[0]
    drop_in, settings, socket = re.findall(r"```ini\n(.*?)```", section, re.S)
    assert DROP_IN in section and SOCKET_DROP_IN in section
    return drop_in, settings, socket


def ask_tls(target, key=None):
    """Returns the status of one request over TLS."""
    connection = http.client.HTTPSConnection(*ADDRESS, timeout=PATIENCE_S,
                                             context=ssl._create_unverified_context())
    try:
        connection.request("GET", target, headers={"X-API-Key": key} if key else {})
        return connection.getresponse().status
    finally:
        connection.close()


def write_certificate(machine, name):
    """Writes a new certificate and its key as only root may read them."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Authority(pathlib.Path(folder)).sign(name)
        machine.write(f"{TLS}/fullchain.pem", cert.read_text(), "0600")
        machine.write(f"{TLS}/privkey.pem", key.read_text(), "0600")


def ask_through_socket(machine, drop_in, key):
    """Lets the socket start the service by a request over TLS, and stops both."""
    machine.write(SOCKET_DROP_IN, drop_in, "0644")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "stop", UNIT)
    machine.run("systemctl", "start", SOCKET)
    assert machine.state() == "inactive"
    assert ask_tls("/usage", key) == 200
    assert "event=sockets_inherited" in machine.log()
    machine.run("systemctl", "stop", SOCKET, UNIT)
    machine.run("rm", SOCKET_DROP_IN)


def secured(machine):
    """with the documented lines, the dynamic user serves TLS and client keys that only root can read, a restart
    applies a renewed certificate, and the socket listens on the same address"""
    drop_in, settings, socket = documented_lines()
    key, line = re.fullmatch(r"key   (\S+)\nline  (.*)\n", machine.run("emailsd", "key", "new", "reports")).groups()
    write_certificate(machine, "first")
    machine.write(CLIENT_KEYS, line + "\n", "0600")
    machine.write(DROP_IN, drop_in, "0644")
    machine.write(CONF_FILE, CONF + settings, "0644")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    assert (ask_tls("/usage", key), ask_tls("/usage")) == (200, 401)
    first = ssl.get_server_certificate(ADDRESS)
    write_certificate(machine, "renewed")
    machine.run("systemctl", "reload", UNIT)
    eventually(lambda: "event=reloaded" in machine.log())
    assert ssl.get_server_certificate(ADDRESS) == first
    machine.run("systemctl", "restart", UNIT)
    assert ssl.get_server_certificate(ADDRESS) != first
    assert ask_tls("/usage", key) == 200
    ask_through_socket(machine, socket, key)
    # A purge keeps files that the operator made, and the step about the purge expects none.
    machine.run("rm", "-r", DROP_IN, TLS, CLIENT_KEYS)
    machine.write(CONF_FILE, CONF, "0644")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", UNIT)
    machine.look_up("milvali.com", "hit")
