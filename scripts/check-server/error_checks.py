"""Requests that the client of OpenAI has to see fail, each with the right exception and the field at fault."""

import openai

# The field at fault, or the fields that may be named, and what the request has.
BAD_FIELDS = [
    ("temperature", {"temperature": -1}),
    ("temperature", {"temperature": 2.5}),
    ("temperature", {"temperature": "warm"}),
    ("top_p", {"top_p": 0}),
    ("top_p", {"top_p": 1.5}),
    ("max_tokens", {"max_tokens": -1}),
    ("max_tokens", {"max_tokens": "many"}),
    ("max_tokens", {"max_tokens": 1.5}),
    ("max_tokens", {"max_tokens": 10**6}),
    ("n", {"n": 0}),
    ("n", {"n": 129}),
    ("best_of n", {"best_of": 1, "n": 2}),
    ("best_of", {"best_of": 21}),
    ("best_of stream", {"best_of": 3, "n": 1, "stream": True}),
    ("logprobs", {"logprobs": 21}),
    ("logprobs", {"logprobs": -1}),
    ("echo", {"echo": "yes"}),
    ("seed", {"seed": 1.5}),
    ("stop", {"stop": [str(number) for number in range(17)]}),
    ("stop", {"stop": 5}),
    ("presence_penalty", {"presence_penalty": 3}),
    ("frequency_penalty", {"frequency_penalty": -3}),
    ("logit_bias", {"logit_bias": {"word": 1}}),
    ("logit_bias", {"logit_bias": {"99999": 1}}),
    ("logit_bias", {"logit_bias": [1]}),
    ("suffix", {"suffix": "the end"}),
    ("stream", {"stream": "yes"}),
    ("prompt", {"prompt": {"text": "a"}}),
    ("prompt", {"prompt": [1, "a"]}),
    ("prompt", {"prompt": [99999]}),
    ("prompt", {"prompt": [-1]}),
    ("prompt", {"prompt": 5}),
    ("top_k", {"extra_body": {"top_k": -1}}),
    ("min_p", {"extra_body": {"min_p": 2}}),
    ("add_bos", {"extra_body": {"add_bos": 1}}),
]


def raised(kind, call):
    """The exception of this kind that a call raises; None without one. Others pass."""
    try:
        call()
    except kind as problem:
        return problem
    return None


def check(checks, server, client, what):
    def complete(**fields):
        return client.completions.create(**{"model": "tiny", "prompt": "a", "max_tokens": 1} | fields)

    for parameters, fields in BAD_FIELDS:
        name = f"{what}: refused: {fields}"
        with checks.part(name):
            problem = raised(openai.BadRequestError, lambda: complete(**fields))
            if checks.true(name, problem is not None, "no BadRequestError"):
                checks.true(f"{name}, param", problem.param in parameters.split(), repr(problem.param))
                checks.equal(f"{name}, type", problem.type, "invalid_request_error")

    # null is a missing field, and unknown fields are ignored.
    odd = complete(seed=1, stop=None, logprobs=None, suffix=None, extra_body={"top_k": None, "unheard": {"of": 1}})
    checks.equal(f"{what}: null and unknown fields", odd.choices, complete(seed=1).choices)
    problem = raised(openai.NotFoundError, lambda: complete(model="huge"))
    checks.equal(f"{what}: unknown model", problem and problem.code, "model_not_found")
    problem = raised(openai.NotFoundError, lambda: client.models.retrieve("huge"))
    checks.equal(f"{what}: unknown model of the list", problem and problem.code, "model_not_found")
    problem = raised(openai.NotFoundError, lambda: complete(extra_body={"state": "unheard-of"}))
    checks.equal(f"{what}: unknown state", problem and problem.code, "state_not_found")
    talk = [{"role": "user", "content": "Hello"}]
    problem = raised(openai.BadRequestError, lambda: client.chat.completions.create(model="tiny", messages=talk))
    checks.true(f"{what}: chat without a template", problem is not None, "no BadRequestError")

    for name, wanted, method, path, body in [
        ("broken JSON", 400, "POST", "/v1/completions", b'{"prompt": '),
        ("no object", 400, "POST", "/v1/completions", b"[1]"),
        ("no JSON", 400, "POST", "/v1/completions", b"\xff\xfe"),
        # A parser of JSON may have a limit of 512, and find it behind the last byte.
        ("deep JSON", 400, "POST", "/v1/completions", b"[" * 513),
        ("deep JSON in a field", 400, "POST", "/tokenize", b'{"prompt":' + b"[" * 512),
        ("unknown path", 404, "GET", "/v1/nothing", None),
        ("another method", 405, "GET", "/v1/completions", None),
        ("another method", 405, "DELETE", "/v1/models", None),
    ]:
        status, answer = server.call(method, path, body)
        checks.equal(f"{what}: {name}: {method} {path}", status, wanted)
        is_error = isinstance(answer, dict) and answer["error"]["message"] and answer["error"]["type"]
        checks.true(f"{what}: {name}: an error object", is_error, str(answer))
    # Without the body: a client that still sends one may not get to read the answer.
    head = "POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 4194305\r\n\r\n"
    checks.equal(f"{what}: too large", server.send(head.encode())[:12], b"HTTP/1.1 413")


def check_keys(checks, server, client_of):
    def complete(key):
        return client_of(server, key).completions.create(model="tiny", prompt="a", max_tokens=1)

    for key in ("first-key", "second-key"):
        checks.equal(f"keys: {key}", len(complete(key).choices), 1)
    for key in ("third-key", "first-ke", "first-key2", "FIRST-KEY"):
        problem = raised(openai.AuthenticationError, lambda: complete(key))
        checks.equal(f"keys: {key}", problem and problem.code, "invalid_api_key")
    for method, path, status in [
        ("GET", "/health", 200), ("GET", "/v1/health", 200), ("GET", "/v1/models", 401), ("GET", "/metrics", 401),
        ("GET", "/v1/states", 401), ("POST", "/tokenize", 401), ("PUT", "/v1/states/a", 401),
    ]:  # fmt: skip
        found, _ = server.call(method, path, None if method == "GET" else {})
        checks.equal(f"keys: {method} {path} without one", found, status)
    found, _ = server.call("GET", "/v1/models", headers={"Authorization": "Bearer first-key"})
    checks.equal("keys: GET /v1/models with one", found, 200)
