# SPDX-License-Identifier: MIT
"""certificates.py - a certificate authority for one test, its certificates, and TLS in front of the
simulator."""
import socket
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone

LIFE_DAYS = 10

SIGNING = """
[ca]
default_ca = signing
[signing]
database = {directory}/index
new_certs_dir = {directory}
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
"""


def openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def listen_flags(cert, key):
    """Returns the options of a daemon that serves HTTPS with these files."""
    return ["--tls-cert", str(cert), "--tls-key", str(key)]


def asn1_time(days):
    """Returns the time in that many days, as openssl reads it."""
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")


class Authority:
    """Signs certificates for names; `path` is its own certificate."""

    def __init__(self, directory, name="authority"):
        self.directory = directory
        self.path, self.key = directory / f"{name}.pem", directory / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", self.key, "-out", self.path, "-subj", f"/CN={name}", "-days", LIFE_DAYS)
        self.rules = directory / f"{name}.cnf"
        self.rules.write_text(SIGNING.format(directory=directory))
        (directory / "index").touch()

    def sign(self, name, alt="IP:127.0.0.1,DNS:localhost", days=LIFE_DAYS):
        """Returns the paths of the chain (this certificate and the authority's) and of the key. The
        certificate is valid for 10 days and expires in that many; with -1, it expired yesterday."""
        cert, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        request, extra = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extra.write_text(f"subjectAltName={alt}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj",
                f"/CN={name}")
        openssl("ca", "-batch", "-notext", "-config", self.rules, "-cert", self.path, "-keyfile", self.key,
                "-in", request, "-out", cert, "-extfile", extra,
                "-startdate", asn1_time(days - LIFE_DAYS), "-enddate", asn1_time(days))
        cert.write_text(cert.read_text() + self.path.read_text())
        key.chmod(0o600)
        return cert, key

    def context(self):
        """Returns the context of a client that trusts this authority only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.path)
        return context


class Relay:
    """Terminates TLS, and relays to a server without TLS. Counts handshakes. If `spoil` is set, it is
    called with the raw socket instead."""

    def __init__(self, target, cert=None, key=None, spoil=None, newest=None):
        self.target, self.spoil, self.failed, self.served = target, spoil, 0, 0
        self.context = None
        if cert:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(cert, key)
            if newest:
                self.context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                self.context.maximum_version = newest
                self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"https://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        try:
            if self.spoil:
                self.failed += 1
                self.spoil(raw)
                return
            inside = self.context.wrap_socket(raw, server_side=True)
        except OSError:
            self.failed += 1
            raw.close()
            return
        self.served += 1
        outside = socket.create_connection(self.target)
        back = threading.Thread(target=self._copy, args=(outside, inside), daemon=True)
        back.start()
        self._copy(inside, outside)

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (sink, source):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listening.close()
