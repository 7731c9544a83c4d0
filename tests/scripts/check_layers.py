#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks the arrows and the doors of the tree by its #include lines.

An arrow says which folder may include which; a door says which files may include a foreign library.
CONTRIBUTING.md draws both. `--self-test` plants violations in a temporary tree and wants them found.
"""
import re

import lib

# Who may include whom. A place is the longest prefix of a file's path that stands here.
ARROWS = {
    # main.c and what it is made of: the only ones that know the configuration.
    "server/main.c": ["server/", "client/"],
    "server/upstream.": ["server/upstream.h", "server/config/", "client/url.h", "server/base/"],
    "server/admission.": ["server/admission.h", "server/config/", "server/http/", "server/base/"],
    "server/reload.": ["server/reload.h", "server/admission.h", "server/sockets.h",
                       "server/upstream.h", "server/config/", "server/os/", "server/http/",
                       "server/lookup/engine.h", "server/base/"],
    "server/sockets.": ["server/sockets.h", "server/config/", "server/os/",
                        "server/http/inherited.h", "server/base/"],
    "server/watch.": ["server/watch.h", "server/os/", "server/http/listener.h",
                      "server/lookup/engine.h", "server/base/"],
    "server/confine.": ["server/confine.h", "server/config/", "server/os/", "server/base/"],
    "server/commands/": ["server/commands/", "server/config/", "server/os/", "server/store/",
                         "client/transport.h", "server/base/"],
    "server/config/": ["server/config/", "server/base/"],
    "server/os/": ["server/os/", "server/base/"],
    "server/http/": ["server/http/", "server/lookup/", "server/cache/", "server/base/"],
    "server/lookup/": ["server/lookup/", "server/cache/", "server/store/", "client/",
                       "server/base/"],
    "server/cache/": ["server/cache/", "server/base/"],
    "server/store/": ["server/store/", "server/cache/result.h", "server/base/"],
    "client/openmart": ["client/openmart", "client/transport.h", "client/url.h", "server/base/"],
    "client/transport": ["client/transport", "client/url.h", "server/base/"],
    "client/url": ["client/url.h", "server/base/"],
    "server/base/": ["server/base/"],
    "tests/simulator/": ["tests/simulator/", "server/base/"],
}

# Which files may include which foreign headers.
DOORS = {
    r"microhttpd\.h": r"server/http/(mhd\.h|ready\.h|listener\.c|worker\.c|request(_input)?\.c)|tests/simulator/.*",
    r"curl/.*": r"client/(transport|url).*|tests/unit/.*",
    r"sqlite3\.h": r"server/store/store_sqlite.*|tests/unit/.*",
    r"cjson/.*|cJSON\.h": r"server/base/json\.c",
    r"idn2\.h|libpsl\.h": r"server/lookup/domain.*|tests/unit/test_domain_list\.c",
    r"openssl/.*": r"server/base/hash\.c",
    r"uni[a-z]+\.h": r"server/base/text\.c",
    r"gnutls/.*": r"server/http/tls\.c",
    r"ini\.h": r"server/config/config_file\.c",
    r"systemd/.*": r"server/os/notify\.c",
    r"uthash\.h": r"server/base/table\.h",
    r"seccomp\.h": r"server/os/sandbox_calls\.c",
    r"linux/landlock\.h": r"server/os/sandbox_files\.c|tests/unit/.*",
}
SYSTEM_UNI = {"unistd.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def find(root, name, own_folder):
    """The path in the tree that an include in quotes means."""
    for base in (own_folder, root / "server", root):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root.resolve()).as_posix()
    return None


def check(root):
    faults = []
    files = [p for folder in ("server", "client", "tests") for p in (root / folder).rglob("*.[ch]")]
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        places = [p for p in ARROWS if name.startswith(p)]
        allowed = ARROWS[max(places, key=len)] if places else None
        if allowed is None and not name.startswith("tests/"):
            faults.append(f"{name}: has no place among the arrows")
        for kind, target in INCLUDE.findall(path.read_text()):
            if kind == "<":
                for header, door in DOORS.items():
                    if (re.fullmatch(header, target) and target not in SYSTEM_UNI
                            and not re.fullmatch(door, name)):
                        faults.append(f"{name}: <{target}> has its door elsewhere")
                continue
            found = find(root, target, path.parent)
            if found is None:
                if target != "version.h":  # generated
                    faults.append(f"{name}: \"{target}\" is nowhere in the tree")
            elif allowed is not None and not any(found.startswith(a) for a in allowed):
                faults.append(f"{name}: must not include {found}")
    if not files:
        faults.append("no source files found: run from the root of the tree")
    return faults


def self_test():
    planted = {
        "server/base/err.h": "",
        "server/http/request.h": "",
        "server/config/config.h": "",
        "client/transport.h": "",
        "server/base/up.c": '#include "http/request.h"\n',
        "server/lookup/engine.c": '#include "http/request.h"\n',
        "server/lookup/curl.c": "#include <curl/curl.h>\n",
        "server/http/emails.c": "#include <microhttpd.h>\n#include <unistd.h>\n",
        "server/stray.c": "",
        "server/http/nowhere.c": '#include "http/missing.h"\n',
        "server/http/conf.c": '#include "config/config.h"\n',
        "client/transport.c": '#include "base/err.h"\n#include <curl/curl.h>\n',
        "server/http/listener.c": "#include <microhttpd.h>\n",
        "tests/simulator/main.c": '#include "client/transport.h"\n',
    }
    guilty = {"server/base/up.c", "server/lookup/engine.c", "server/lookup/curl.c",
              "server/http/emails.c", "server/http/conf.c", "server/stray.c", "server/http/nowhere.c",
              "tests/simulator/main.c"}
    lib.expect(check, planted, guilty)


if __name__ == "__main__":
    lib.main(check, self_test)
