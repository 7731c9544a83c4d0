# SPDX-License-Identifier: MIT
"""client_keys.py - client keys, as the daemon's own command makes them, and a daemon that requires them."""
import re

from programs import run_to_end


class Keys:
    """A file of client keys, made with the daemon's own command."""

    def __init__(self, directory):
        self.path = directory / "keys"
        self.keys = {}
        self.lines = {}

    def add(self, name, options=""):
        made = run_to_end("key", "new", name)
        assert made.returncode == 0, made
        key, line = re.fullmatch(r"key   (esd_[0-9a-f]{64})\nline  (.*)\n", made.stdout).groups()
        self.keys[name] = key
        self.lines[name] = f"{line} {options}"
        self.write()
        return key

    def write(self, *more):
        self.path.write_text("\n".join([*self.lines.values(), *more]) + "\n")
        self.path.chmod(0o600)

    def line(self, name):
        return f"X-API-Key: {self.keys[name]}"

    def bearer(self, name):
        return {"Authorization": f"Bearer {self.keys[name]}"}


def start(testbed, sim, keys, *flags):
    return testbed.daemon(sim, "--client-keys-file", str(keys.path), *flags)
