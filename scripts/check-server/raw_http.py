"""HTTP on bare connections, so that requests may be anything; answers are read strictly."""

import asyncio
import json


class BadAnswer(Exception):
    """The server sent something that is no HTTP answer."""


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def closes(self):
        return self.headers.get("connection", "").lower() == "close"

    @property
    def type(self):
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self):
        return json.loads(self.body)


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port, limit=1 << 22)


def request(method, path, body=None, headers=()):
    """The bytes of a request; BODY is bytes, or a value that is sent as JSON."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    return "\r\n".join(lines).encode("utf-8", "surrogatepass") + b"\r\n\r\n" + data


async def read_answer(reader, is_head=False):
    """The next answer of a connection; None if it was closed before the first byte. Raises BadAnswer."""
    try:
        line = await reader.readuntil(b"\r\n")
    except asyncio.IncompleteReadError as end:
        if not end.partial:
            return None
        raise BadAnswer(f"cut in its first line: {end.partial[:80]!r}") from None
    words = line.split(b" ", 2)
    if len(words) < 2 or words[0] != b"HTTP/1.1" or not words[1].isdigit():
        raise BadAnswer(f"first line {line[:80]!r}")
    status = int(words[1])
    try:
        headers = await _read_headers(reader)
        if status == 100:
            return await read_answer(reader, is_head)
        body = b"" if is_head or status in (204, 304) else await _read_body(reader, headers)
    except asyncio.IncompleteReadError:
        raise BadAnswer(f"cut after its first line {line[:80]!r}") from None
    return Answer(status, headers, body)


async def _read_headers(reader):
    headers = {}
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise BadAnswer(f"header {line[:80]!r}")
        headers[name.lower()] = value.strip()
    return headers


async def _read_body(reader, headers):
    if headers.get("transfer-encoding", "").lower() != "chunked":
        if "content-length" not in headers:
            return await reader.read()
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise BadAnswer("a chunk without its end")
    if await reader.readuntil(b"\r\n") != b"\r\n":
        raise BadAnswer("trailers")
    return body


def fault(answer):
    """What is wrong with an answer to any request at all; None if nothing is."""
    if answer.status == 500:
        return f"status 500: {answer.body[:200]!r}"
    if answer.status < 400:
        return None
    try:
        error = answer.json()["error"]
        if isinstance(error["message"], str) and isinstance(error["type"], str) and error["message"] and error["type"]:
            return None
    except (ValueError, KeyError, TypeError):
        pass
    return f"status {answer.status} without error.message and error.type: {answer.body[:200]!r}"
