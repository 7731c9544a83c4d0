# SPDX-License-Identifier: MIT
"""contract.py - compares the statuses and error codes that tests get with openapi.yaml."""
import functools
import pathlib
import re

import yaml

OF_ALL_PATHS = {"414", "431"}  # documented once, for all
CODES_OF_ALL_PATHS = {"uri-too-long", "headers-too-large"}
OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "openapi.yaml"


@functools.cache
def documented():
    """Returns a pattern, the documented statuses and error codes for each path and method."""
    paths = yaml.load(OPENAPI.read_text("utf-8"), yaml.CSafeLoader)["paths"]
    return [(method.upper(), re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path))), set(operation["responses"]) | OF_ALL_PATHS,
             set(operation.get("x-codes", ())) | CODES_OF_ALL_PATHS)
            for path, item in paths.items() for method, operation in item.items() if "responses" in operation]


def check(method, target, response):
    """Fails if openapi.yaml has the path with this method, but not the status, or not the code of the problem."""
    path = target.partition("?")[0]
    is_problem = response.header("Content-Type") == "application/problem+json" and response.body
    code = response.json()["code"] if is_problem else None
    for its_method, pattern, statuses, codes in documented():
        if method == its_method and pattern.fullmatch(path):
            assert str(response.status) in statuses, f"openapi.yaml lacks the {response.status} of {method} {path}"
            assert code is None or code in codes, f"x-codes of openapi.yaml lacks {code} of {method} {path}"
