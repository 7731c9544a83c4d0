# SPDX-License-Identifier: MIT
"""spool.py - reads the spool of a state directory: the batch ids that PostgreSQL has not confirmed."""
import hashlib
import pathlib

LINE = 512


class Spool:
    def __init__(self, state):
        self.path = pathlib.Path(state) / "emailsd.spool"

    def ids(self):
        """Returns the batch ids by the numbers of their batches; fails if a line is damaged. A free slot that
        was never written is a hole in the file."""
        data = self.path.read_bytes() if self.path.exists() else b""
        lines = [data[at:at + LINE].decode("ascii") for at in range(0, len(data) - LINE + 1, LINE)]
        found = {}
        for line in filter(None, (line.rstrip(" \n\0") for line in lines)):
            version, checksum, number, _, _, batch_id = line.split(" ", 5)
            fields = line[len(version) + 1 + len(checksum):]
            assert version == "1" and checksum == hashlib.sha256(fields.encode()).hexdigest()[:16], line
            found[int(number)] = batch_id
        return found
