"""Requests of the load that no server can answer with 200, and the statuses that are right for them."""

import json

from raw_http import request

WRONG_FIELDS = [
    {"temperature": "hot"}, {"max_tokens": -5}, {"prompt": {"a": 1}}, {"prompt": [1, "b"]}, {"n": 0}, {"stream": 1},
    {"logit_bias": []}, {"stop": {}}, {"top_p": 7}, {"seed": "x"}, {"prompt": [10**9]}, {"suffix": "x"},
    {"logprobs": 99}, {"messages": 5}, {"state": 5}, {"save_state": "../x"}, {"best_of": 0}, {"echo": "no"},
]  # fmt: skip


def make(rng, most_bytes):
    """Kind, bytes, statuses. None among the statuses: the connection may be closed without an answer."""
    makers = [_broken_json, _wrong_types, _oversized, _wrong_path, _wrong_method, _garbage, _no_object]
    return rng.choice(makers)(rng, most_bytes)


def _broken_json(rng, _):
    data = json.dumps({"prompt": "a" * rng.randint(0, 50), "max_tokens": 3, "stop": ["b"]}).encode()
    return "broken JSON", request("POST", "/v1/completions", data[: rng.randrange(1, len(data))]), {400}


def _wrong_types(rng, _):
    body = {"prompt": "a", "max_tokens": 1} | rng.choice(WRONG_FIELDS)
    path = "/v1/completions"
    if "messages" in body:
        path = "/v1/chat/completions"
    return "wrong types", request("POST", path, body), {400}


def _oversized(rng, most_bytes):
    # The rest of the body is never sent.
    length = most_bytes + rng.randint(1, 1 << 30)
    head = f"POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    return "oversized", head.encode() + b"[" * rng.randint(0, 1_000), {413}


def _wrong_path(rng, _):
    path = rng.choice(["/v2/completions", "/v1/completions/x", "/v1/%00", "/v1/states/none-such", "/" + "x" * 3_000])
    return "wrong path", request("POST", path, {}), {404, 405}


def _wrong_method(rng, _):
    path = rng.choice(["/v1/completions", "/v1/chat/completions", "/tokenize"])
    return "wrong method", request(rng.choice(["PUT", "DELETE", "GET"]), path), {405}


def _garbage(rng, _):
    # An end of headers: a server may wait for one.
    data = rng.randbytes(rng.randint(1, 400)) + b"\r\n\r\n"
    return "garbage", data, {400, 404, 405, 408, 413, 414, 431, 501, 505, None}


def _no_object(rng, _):
    body = rng.choice([[], 1, "a", True, b"[1", b"nul", b"{}{}"])
    return "no object", request("POST", "/v1/completions", body), {400}
