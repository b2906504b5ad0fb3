"""Bodies of requests that are changed at random."""

import json

# What takes the place of a value, as JSON text. Most of it is no JSON, or no good value anywhere.
WEIRD = [
    b"null", b"true", b"false", b"0", b"-1", b"1", b"3", b"1.5", b"-0.0", b"1e308", b"1e999", b"-1e999", b"1e-999",
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"00", b"+1", b".5", b"1.", b"0x10", b"1_000", b"9" * 400,
    b"9223372036854775807", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"4294967296",
    b"-" + b"9" * 30, b"0." + b"3" * 3_000, b"1" + b"0" * 5_000, b"1e" + b"9" * 50,
    b'""', b'"x"', b"'x'", b'"\\u0000"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\\x41"', b'"\\u12"',
    b'"\xff\xfe"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc0\x80"', b'"\n"', b'"\x00"',
    b'"unfinished', b'"' + b"e" * 10_000 + b'"', b'"' + "é🔥".encode() * 500 + b'"',
    b"[]", b"[[]]", b"[null]", b"[[null]]", b"[1,[2]]", b'["a",1]', b"[1.0]", b"[1e0]", b"[-0]", b"[99999]", b"[1,]",
    b"{}", b'{"a":}', b'{"a":1,}', b"{1:2}", b'{"a" 1}', b'{"":""}',
    b"nul", b"tru", b"undefined", b"/*x*/1", b"\xef\xbb\xbf1", b"", b" ", b"\t\r\n 1",
]  # fmt: skip
DEPTHS = [2, 10, 100, 511, 513, 1_000, 10_000, 30_000]
MARK = "\x01here\x01"


def changed(rng, value):
    """The bytes of a body with one to three changes."""
    data = json.dumps(value).encode()
    for _ in range(rng.choice([1, 1, 2, 3])):
        changes = [_replace, _replace, _replace, _swap, _rename, _repeat, _nest, _cut, _flip, _append, _encode]
        data = rng.choice(changes)(rng, data)
    return data


def _places(value, place=()):
    """The paths to all values inside a value."""
    yield place
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*place, key))


def _put(value, place, new):
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _put(value[place[0]], place[1:], new)
    return copy


def _at(value, place):
    for key in place:
        value = value[key]
    return value


def _parsed(data):
    """The value of a body; None after a change that it did not survive, and if it is deep."""
    if data.count(b"[") + data.count(b"{") > 200:
        return None
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _replace(rng, data):
    value = _parsed(data)
    if not isinstance(value, (dict, list)):
        return rng.choice(WEIRD)
    place = rng.choice(list(_places(value)))
    return json.dumps(_put(value, place, MARK)).encode().replace(json.dumps(MARK).encode(), rng.choice(WEIRD))


def _swap(rng, data):
    value = _parsed(data)
    if not isinstance(value, (dict, list)):
        return data
    places = list(_places(value))
    return json.dumps(_put(value, rng.choice(places), _at(value, rng.choice(places)))).encode()


def _rename(rng, data):
    value = _parsed(data)
    if not isinstance(value, dict) or not value:
        return data
    key = rng.choice(sorted(value))
    new = rng.choice([key.upper(), key + " ", "", "\0", "__proto__", "x" * 3_000, "prompt", "messages", "model", "é"])
    return json.dumps({new if name == key else name: one for name, one in value.items()}).encode()


def _repeat(rng, data):
    # A key that is there twice.
    value = _parsed(data)
    if not isinstance(value, dict) or not value:
        return data
    key = rng.choice(sorted(value))
    return b"{" + json.dumps(key).encode() + b":" + rng.choice(WEIRD) + b"," + data.lstrip()[1:]


def _nest(rng, data):
    depth = rng.choice(DEPTHS)
    opening, closing = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    closed = rng.choice([depth, depth, 0, depth - 1])
    deep = opening * depth + rng.choice([b"1", b"", b"null"]) + closing * closed
    return rng.choice([deep, b'{"prompt":' + deep + b"}", b'{"x":' + deep + b',"prompt":"a","max_tokens":1}'])


def _cut(rng, data):
    return data[: rng.randrange(len(data) + 1)]


def _flip(rng, data):
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _append(rng, data):
    more = rng.choice([b"x", b"{}", b"\0", b" " * 5_000, b"\n\n", b"]", b"}", b",", b"\xff"])
    return rng.choice([data + more, more + data])


def _encode(rng, data):
    text = data.decode("utf-8", "replace")
    return rng.choice([
        text.encode("utf-16"), text.encode("utf-16-le"), text.encode("utf-32"), text.encode("latin-1", "replace"),
        b"\xef\xbb\xbf" + data, data.replace(b'"', b"'"), data.replace(b" ", b""), data.replace(b":", b" : \t"),
    ])  # fmt: skip
