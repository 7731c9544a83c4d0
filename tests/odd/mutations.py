# SPDX-License-Identifier: MIT
"""mutations.py - random changes of the upstream's responses, by a seed.

draw() returns one Mutation: which call it changes, how often, and a function that changes a Reply. A mutation
never makes a documented response with another content out of a response: a task that has mailboxes must not
become one without, because that is a true statement of the upstream and nothing that a reader could detect.
Statuses that say that nothing was created come before anything is created.
"""
import gzip
import json
import random
import zlib

FOREVER = 1 << 30  # until the mutations end
HTML = b"<!DOCTYPE html><html><body><h1>Just a moment...</h1></body></html>\n"


class Reply:
    """A response before it is sent. `plain` is its body without the content coding."""

    def __init__(self, status, body):
        self.status = status
        self.headers = [("Content-Type", "application/json")]
        self.plain = body
        self.body = body
        self.is_decodable = True  # the body has the content coding that its header names, or none
        self.wire = "length"      # upstream.py has the ways to send it
        self.delay_s = 0

    def set_body(self, body):
        self.plain = self.body = body

    def web_page(self):
        self.headers = [("Content-Type", "text/html")]
        self.set_body(HTML)


class Mutation:
    def __init__(self, on, name, change, times, is_early=False):
        self.on, self.name, self.change = on, name, change
        self.times = times
        self.is_early = is_early  # a submit: answered before anything is created
        self.used = 0


# ---- JSON: types, names, nesting, order ----


def nodes(value, path=()):
    """Yields the path of each value below the root."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*path, key)
        yield from nodes(child, (*path, key))


def general(path):
    """The path with every index as None: mutations change all elements of a list alike."""
    return tuple(None if isinstance(key, int) else key for key in path)


def change_at(value, path, change):
    """Applies change(container, key) to everything that the general path names."""
    if len(path) == 1 and path[0] is not None:
        if isinstance(value, dict) and path[0] in value:
            change(value, path[0])
        return
    keys = range(len(value)) if path[0] is None and isinstance(value, list) else [path[0]]
    for key in keys:
        if len(path) == 1:
            change(value, key)
        elif (isinstance(value, dict) and key in value) or isinstance(value, list):
            change_at(value[key], path[1:], change)


def retype(dice, value):
    """The same content in another type."""
    if isinstance(value, bool):
        return dice.choice([str(value).lower(), int(value), str(value), [value]])
    if isinstance(value, (int, float)):
        return dice.choice([str(value), float(value), {"value": value}, [value]])
    if isinstance(value, str):
        return dice.choice([[value], {"value": value}, {"text": value, "lang": "en"}, [[value]]])
    if isinstance(value, list):
        return dice.choice([{"items": value}, {"0": value}, [value], json.dumps(value), {"list": value, "total": len(value)}])
    if isinstance(value, dict):
        return dice.choice([[value], json.dumps(value), {"object": value}])
    return dice.choice(["null", {}, 0])


def rename(dice, name):
    parts = name.split("_")
    camel = parts[0] + "".join(p.title() for p in parts[1:])
    return dice.choice([name.upper(), name.title(), camel + "s", "x_" + name, name + "_v2", "_" + name, name[::-1]])


def around(dice, value):
    return dice.choice([{"data": value}, {"result": value}, {"response": {"data": value}}, [value],
                        {"ok": True, "payload": value}, {"data": value, "meta": {"page": 1}}])


def further(dice, value):
    """Further members, which no reader asks for, before or behind the others."""
    extra = dice.choice(['"score":NaN', '"score":-Infinity,"best":Infinity', '"n":1e999', '"n":123456789012345678901234',
                         '"deep":' + 90 * "[" + 90 * "]", '"long":"' + 1300000 * "x" + '"', '"t":"\\ud800"', '"":""',
                         '"many":{' + ",".join(f'"m{i}":{i}' for i in range(3000)) + "}"])
    text = json.dumps(value)
    comma = "," if value else ""
    return text[0] + extra + comma + text[1:] if dice.random() < 0.5 else text[:-1] + comma + extra + text[-1]


def reversed_members(value):
    """The same document with the members of each object in the other order."""
    if isinstance(value, dict):
        return {name: reversed_members(value[name]) for name in reversed(value)}
    return [reversed_members(each) for each in value] if isinstance(value, list) else value


def json_change(dice, on):
    """One change of one node of the document, or of the whole; the same one for each response."""
    kind = dice.choices(["type", "name", "nesting", "further", "order"], [5, 5, 2, 3, 1])[0]
    seed = dice.randrange(1 << 30)

    def change(reply):
        try:
            value = json.loads(reply.plain)
        except ValueError:
            return
        changed = _changed(random.Random(seed), kind, value, on)
        if changed is not None:
            reply.set_body(changed.encode())

    return f"json {kind} {seed}", change


def _set(holder, key, value):
    holder[key] = value


def _changed(own, kind, value, on):
    """Returns the changed document as text; None if there is nothing to change."""
    if kind == "nesting" or (kind in ("further", "name") and not isinstance(value, dict)):
        return json.dumps(around(own, value))
    if kind == "further":
        return further(own, value)
    if kind == "order":
        return json.dumps(reversed_members(value))
    paths = sorted({general(path) for path in nodes(value)}, key=str)
    for _ in range(20 if paths else 0):
        draft, path, seed = json.loads(json.dumps(value)), own.choice(paths), own.random()
        if kind == "type":
            change_at(draft, path, lambda holder, key: _set(holder, key, retype(random.Random(seed), holder[key])))
        elif path[-1] is not None:
            name = rename(own, path[-1])
            change_at(draft, path, lambda holder, key: holder.update({name: holder.pop(key)}))
        if draft != value and not (on == "task" and says_nothing_found(draft)):
            return json.dumps(draft)
    return None


def says_nothing_found(value):
    """Whether this is a documented, final task without mailboxes."""
    if not isinstance(value, dict) or value.get("data"):
        return False
    others = [v for name, v in value.items() if name != "data" and isinstance(v, (list, dict)) and v]
    return not others


# ---- the other families: each returns (name, function), or None if it does not suit that call ----


def text_change(dice, _on):
    """The text around or instead of the JSON."""
    kind = dice.choice(["bom", "blanks", "twice", "tail", "utf-16", "page", "empty", "half", "quotes", "nul", "jsonp", "latin-1"])

    def change(reply):
        body = reply.plain
        if kind == "page":
            reply.web_page()
            return
        reply.set_body({"bom": b"\xef\xbb\xbf" + body, "blanks": b"\r\n\t " + body + b"\n" * 50, "twice": body + body,
                        "tail": body + b";", "utf-16": body.decode("latin-1").encode("utf-16"), "empty": b"",
                        "half": body[:len(body) // 2], "quotes": body.replace(b'"', b"'"), "nul": body + b"\0",
                        "jsonp": b"callback(" + body + b")", "latin-1": body[:-1] + b',"\xe9":1}'}[kind])

    return f"text {kind}", change


LABELS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}


def raw_deflate(data):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def coding_change(dice, _on):
    kind = dice.choice(["gzip", "gzip", "deflate", "deflate", "raw deflate", "identity", "x-gzip", "br label", "gzip label",
                        "cut gzip", "gzip twice"])

    def change(reply):
        label = {"raw deflate": "deflate", "br label": "br", "gzip label": "gzip", "cut gzip": "gzip",
                 "gzip twice": "gzip, gzip"}.get(kind, kind)
        packed = gzip.compress(reply.plain)
        reply.headers.append(("Content-Encoding", label))
        reply.is_decodable = kind in ("gzip", "x-gzip", "deflate", "raw deflate", "identity")
        reply.body = {"raw deflate": raw_deflate(reply.plain), "cut gzip": packed[:-9],
                      "gzip twice": gzip.compress(packed)}.get(kind) or LABELS.get(kind, bytes)(reply.plain)

    return f"coding {kind}", change


PROVES_NOTHING = [201, 202, 203, 204, 206, 301, 302, 303, 304, 307, 308, 404, 405, 408, 409, 410, 413, 417, 418, 425,
                  451, 500, 501, 502, 503, 504, 520, 529]
WITHOUT_BODY = (204, 304)
REJECTS = [400, 401, 402, 403, 422, 429]  # if their body says so too
RETRY_AFTER = [None, None, "0", "1", "-5", "abc", "Fri, 31 Dec 1999 23:59:59 GMT"]


def status_change(dice, on):
    is_early = on == "submit" and dice.random() < 0.3
    status = dice.choice(PROVES_NOTHING if on == "submit" and not is_early else PROVES_NOTHING + 2 * REJECTS)
    content = dice.choice(["page", "detail", "empty"] if status >= 300 and status not in WITHOUT_BODY else ["same", "same", "empty"])
    retry_after = dice.choice(RETRY_AFTER)

    def change(reply):
        reply.status = status
        if content == "page":
            reply.web_page()
        elif content == "detail":
            reply.set_body(b'{"detail":"simulated"}')
        elif content == "empty" or status in WITHOUT_BODY:
            reply.set_body(b"")
        if retry_after:
            reply.headers.append(("Retry-After", retry_after))
        if 300 <= status < 400:
            reply.headers.append(("Location", "/elsewhere"))

    return f"status {status} {content}", change, is_early


def wire_change(dice, _on):
    kind = dice.choice(["chunked", "close", "reset", "cut", "cut chunk", "no length", "HTTP/1.0", "long length", "two replies",
                        "interim", "folded", "no reason", "huge header", "garbage", "dribble", "hang"])

    def change(reply):
        reply.wire = kind

    return f"wire {kind}", change


def timing_change(dice, _on):
    delay_s = dice.choice([0.1, 0.3, 1.0, 2.0, 4.0, 6.0])  # a first read of a task ends after 5 s

    def change(reply):
        reply.delay_s = delay_s

    return f"late {delay_s} s", change


def order_change(dice, on):
    """True responses at the wrong time or in the wrong order."""
    kinds = {"task_ids": ["reversed", "repeated", "foreign", "empty", "null", "partial"],
             "status": ["not ready", "ready early", "zeros", "negative"], "task": ["not ready"]}.get(on)
    if not kinds:
        return None
    kind = dice.choice(kinds)

    def change(reply):
        try:
            value = json.loads(reply.plain)
        except ValueError:
            return
        changed = _reordered(kind, value)
        reply.set_body(json.dumps(changed).encode())

    return f"order {kind}", change


def _reordered(kind, value):
    if isinstance(value, list):
        return {"reversed": value[::-1], "repeated": value * 3, "empty": [], "null": None, "partial": value[:1],
                "foreign": ["2fc8b627-1111-4222-8333-123456789abc"] + value}[kind]
    if not isinstance(value, dict):
        return value
    if "total" in value:
        n = value["total"]
        return {"not ready": {**value, "processing": n, "completed": 0, "batch_ready": False},
                "ready early": {**value, "processing": 0, "batch_ready": True},
                "zeros": dict.fromkeys(value, 0), "negative": {**value, "processing": -1, "completed": 10**12}}[kind]
    return {**value, "status": "PROCESSING", "data": None} if kind == "not ready" else value


FAMILIES = [(json_change, 8), (text_change, 3), (coding_change, 3), (status_change, 4), (wire_change, 3),
            (timing_change, 1), (order_change, 2)]
CALLS = [("submit", 25), ("status", 14), ("task_ids", 14), ("task", 42), ("balance", 5)]


def draw(dice):
    """Returns the next mutation."""
    on = dice.choices(*zip(*CALLS))[0]
    family = dice.choices(*zip(*FAMILIES))[0]
    drawn = family(dice, on)
    times = 1 if on == "submit" else dice.choice([1, 2, 3, FOREVER, FOREVER])
    if drawn is None:
        return draw(dice)
    name, change, *rest = drawn
    return Mutation(on, f"{on}: {name}", change, times, is_early=bool(rest and rest[0]))


WHOLE = ("length", "chunked", "no length", "HTTP/1.0", "interim", "no reason", "dribble", "two replies", "folded")
BODY_MAX = 1 << 20


def is_whole(reply):
    """Returns whether the daemon gets a success with all of its body."""
    return (200 <= reply.status < 300 and reply.wire in WHOLE and reply.is_decodable
            and 0 < len(reply.plain) < BODY_MAX)


def legible_id(reply):
    """Returns the batch id of a response to a submit that the contract requires to be understood, as text; None
    for a response that may count as lost: not a success, cut, not UTF-8, not JSON, too large, or with the id
    in an unknown place."""
    if not is_whole(reply):
        return None
    try:
        document = json.loads(reply.plain.decode())
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    for place in (document, document.get("data"), document.get("status")):
        found = place.get("batch_id") if isinstance(place, dict) else None
        if isinstance(found, str) or (isinstance(found, int) and not isinstance(found, bool)):
            return str(found)
    return None
