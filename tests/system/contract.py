# SPDX-License-Identifier: MIT
"""contract.py - compares the responses that tests get with openapi.yaml."""
import functools
import pathlib
import re

import yaml

OF_ALL_PATHS = {"414", "431"}  # documented once, for all
OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "openapi.yaml"


@functools.cache
def statuses():
    """Returns a pattern and the documented statuses for each path and method."""
    paths = yaml.load(OPENAPI.read_text("utf-8"), yaml.CSafeLoader)["paths"]
    return [(method.upper(), re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path))), set(operation["responses"]) | OF_ALL_PATHS)
            for path, item in paths.items() for method, operation in item.items() if "responses" in operation]


def check(method, target, status):
    """Fails if openapi.yaml has the path with this method, but not the status."""
    path = target.partition("?")[0]
    for documented, pattern, known in statuses():
        if method == documented and pattern.fullmatch(path):
            assert str(status) in known, f"openapi.yaml lacks the {status} of {method} {path}"
