"""The requests of the fuzzer: what is sent, in which pieces, and what has to come back."""

import dataclasses
import random

import fuzz_bodies
import fuzz_requests
from raw_http import request


@dataclasses.dataclass
class Case:
    kind: str
    pieces: list
    """The bytes that are sent, with a short wait between them."""
    answers: int = 1
    """How many answers have to come; 0: one, or the connection is closed."""
    is_head: bool = False
    leaves: bool = False
    """Whether the client closes the connection and waits for nothing."""


MOST_BYTES = 65_536
"""Of a body: the server is started so. A client that sends more may not get to read the answer."""
METHODS = [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "BREW",
    "get",
    "G\x00T",
    "",
    "X" * 5_000,
]
TARGETS = [
    "*", "http://127.0.0.1/v1/models", "//", "/..", "/v1/../../etc/passwd", "/%", "/%zz", "/%00", "/\xff", "/a b",
    "/#x", "/v1/models/%2e%2e", "/v1/states/%F0%9F%94%A5", "/v1/states/..%2f..%2fx", "/?" + "a=b&" * 500,
    "/" + "x" * 20_000, "", " ", "?x", "/;/",
]  # fmt: skip
VERSIONS = ["HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "http/1.1", "HTTP/1.1 x", "", "HTTP/9999999999.1"]
HEADERS = [
    "Content-Length: -1", "Content-Length: x", "Content-Length: 99999999999999999999", "Content-Length: 5, 5",
    "Content-Length: 0x5", "Content-Length:", "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip", "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: identity", ": x", "no colon", " folded: x", "A: b\r\n c", "A: \x00", "A\x00: b", "A : b",
    "Host: a\r\nHost: b", "Connection: upgrade\r\nUpgrade: h2c", "Upgrade: websocket\r\nConnection: Upgrade",
    "Expect: 100-continue", "Expect: 200-maybe", "Content-Encoding: gzip", "Accept-Encoding: gzip", "Range: bytes=0-0",
    "Authorization: Bearer", "Authorization: " + "x" * 5_000, "Content-Type: text/plain; charset=utf-7",
    "X: " + "y" * 100_000,
]  # fmt: skip
CHUNKS = [
    b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabcde\r\n0\r\n\r\n", b"5\r\nabc\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n",
    b"0x5\r\nabcde\r\n0\r\n\r\n", b"5 \r\nabcde\r\n0\r\n\r\n", b"5\nabcde\n0\n\n", b"\r\n\r\n", b"7fffffff\r\nabc",
    b"ffffffffffffffff\r\nabc", b"fffffffffffffffffffff\r\nabc", b"1" + b"0" * 10_000 + b"\r\n",
    b"0\r\n" + b"T: x\r\n" * 5_000 + b"\r\n", b"1;" + b"e" * 100_000 + b"\r\na\r\n0\r\n\r\n",
    b"10000\r\n" + b"a" * 65_536 + b"\r\n1\r\nb\r\n0\r\n\r\n",
]  # fmt: skip
NOISES = [
    b"",
    b"GET /health HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n\r\n",
]


def make(seed, number):
    """The case with this number: always the same."""
    rng = random.Random(f"{seed} {number}")
    make_one = rng.choices(
        [_body, _line, _header, _flood, _chunked, _bad_chunks, _pipelined, _length, _slow, _unfinished, _noise, _head],
        [60, 5, 6, 2, 5, 6, 4, 5, 3, 3, 2, 1],
    )[0]
    return make_one(rng)


def _body(rng):
    method, path, value = fuzz_requests.draw(rng)
    if value is None or rng.random() < 0.05:
        return Case("a valid request", [request(method, path, value)])
    data = fuzz_bodies.changed(rng, value)
    return Case("a changed body", [request(method, path, data)], answers=len(data) <= MOST_BYTES)


def _line(rng):
    words = ["GET", "/v1/models", "HTTP/1.1"]
    place = rng.randrange(3)
    words[place] = rng.choice([METHODS, TARGETS, VERSIONS][place])
    line = f"{' '.join(words)}\r\nHost: a\r\n\r\n".encode("latin-1")
    return Case("a strange first line", [line], answers=0)


def _header(rng):
    headers = rng.sample(HEADERS, rng.randint(1, 3))
    if rng.random() < 0.5:
        body = b'{"prompt":"a","max_tokens":1}'
        return Case("strange headers", [request("POST", "/v1/completions", body, headers)], answers=0)
    return Case("strange headers", [request("GET", "/v1/models", None, headers) + b"12345"], answers=0)


def _flood(rng):
    count, length = rng.choice([(50, 10), (150, 10), (2_000, 10), (20, 5_000), (10_000, 100)])
    headers = [f"X-{number}: {'y' * length}" for number in range(count)]
    return Case("many headers", [request("GET", "/health", None, headers)], answers=0)


def _chunks(rng, data):
    parts, rest = [], data
    while rest:
        size = rng.randint(1, 40)
        part, rest = rest[:size], rest[size:]
        extension = rng.choice(["", "", ";a", ";a=b"])
        parts.append(f"{rng.choice(['', '0'])}{len(part):{rng.choice('xX')}}{extension}\r\n".encode() + part + b"\r\n")
    return parts + [b"0\r\n" + rng.choice([b"", b"Trailer: x\r\n"]) + b"\r\n"]


def _chunk_head(path="/v1/completions"):
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def _chunked(rng):
    method, path, value = fuzz_requests.draw(rng)
    while method != "POST":
        method, path, value = fuzz_requests.draw(rng)
    data = fuzz_bodies.changed(rng, value)
    parts = _chunks(rng, data)
    # Not so many pieces that the server is right to lose its patience.
    is_slow = len(parts) < 30 and rng.random() < 0.3
    pieces = [_chunk_head(path), *parts] if is_slow else [_chunk_head(path) + b"".join(parts)]
    return Case("a body in chunks", pieces, answers=len(data) <= MOST_BYTES)


def _bad_chunks(rng):
    # Some of them are waited for: the server may wait for their end.
    return Case("bad chunks", [_chunk_head() + rng.choice(CHUNKS)], answers=0, leaves=rng.random() < 0.7)


def _pipelined(rng):
    requests, is_short = [], True
    for _ in range(rng.randint(2, 12)):
        method, path, value = fuzz_requests.draw(rng)
        if value is not None and rng.random() < 0.5:
            value = fuzz_bodies.changed(rng, value)
        requests.append(request(method, path, value))
        is_short &= len(requests[-1]) <= MOST_BYTES
    return Case("several requests at once", [b"".join(requests)], answers=len(requests) if is_short else 0)


def _length(rng):
    body = b'{"prompt":"a","max_tokens":1}'
    length = rng.choice([0, 1, len(body) - 1, len(body) + 1, len(body) + 40, 60_000, MOST_BYTES + 1, 1 << 31, 1 << 62])
    head = f"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n".encode()
    return Case(
        "a wrong length", [head + body], answers=0, leaves=len(body) < length <= MOST_BYTES and rng.random() < 0.9
    )


def _slow(rng):
    data = request("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})
    cuts = sorted(rng.sample(range(1, len(data)), rng.randint(1, 6)))
    return Case("a request in pieces", [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)])])


def _unfinished(rng):
    method, path, value = fuzz_requests.draw(rng)
    data = request(method, path, value)
    return Case("a request without its end", [data[: rng.randrange(len(data))]], answers=0, leaves=rng.random() < 0.9)


def _noise(rng):
    data = rng.choice(NOISES) + rng.randbytes(rng.randint(1, 2_000)) + rng.choice([b"", b"\r\n\r\n"])
    return Case("noise", [data], answers=0, leaves=rng.random() < 0.8)


def _head(rng):
    path = rng.choice(["/health", "/v1/models", "/v1/completions", "/nothing", "/"])
    return Case("HEAD", [request("HEAD", path)], is_head=True)
