# SPDX-License-Identifier: MIT
"""library.py - the libmicrohttpd that the daemon uses, and how it rejects a request that it cannot parse.

Up to 0.9.75 the library shows every request to the daemon, which rejects it with a problem document. Later
versions run in their strict mode (server/http/core/mhd_daemon.c): they reject what is malformed themselves,
with a page of their own, and close without a response if a NUL is in the request line. For users, both are
one rejection: at most one response, of status 400, and the end of the connection.
"""
import ctypes


def version():
    """Returns the version of the library on this machine, such as "0.9.75"."""
    library = ctypes.CDLL("libmicrohttpd.so.12")
    library.MHD_get_version.restype = ctypes.c_char_p
    return library.MHD_get_version().decode()


IS_STRICT = version() != "0.9.75"


def check_rejection(response, status, code=None):
    """Checks a rejection that may be ours or, if the library is strict, its own. No code: any."""
    if IS_STRICT and response.header("X-Request-Id") is None:
        assert response.status == 400 and response.header("Connection") == "close", response
    else:
        response.problem(status, code or response.json()["code"])


def expect_rejection(connection, in_request_line=b""):
    """Reads the only response to a malformed request. `in_request_line`: the request line, which decides
    whether a strict library may close without a response."""
    if IS_STRICT and b"\0" in in_request_line:
        assert connection.read_to_end() == b"", "a response"
        return
    check_rejection(connection.read(), 400, "invalid-request")
    assert connection.is_closed(), "a second response"
