"""Valid requests to every endpoint, drawn at random; they take a server little time."""

STATES = "abcd"


def draw(rng):
    """Method, path, value of the body; None: no body."""
    makers = [_completion, _completion, _completion, _chat, _chat, _tokens, _state, _state, _reading]
    return rng.choice(makers)(rng)


def _options(rng):
    """Some fields of both kinds of completions; always max_tokens, as the default takes longer."""
    fields = {
        "temperature": rng.choice([0, 0.5, 1]), "seed": rng.randrange(100), "top_p": 0.9, "logit_bias": {"300": 1.5},
        "stop": ["e", "x"], "n": rng.randint(1, 3), "stream": rng.random() < 0.4, "model": "tiny", "user": "a",
        "stream_options": {"include_usage": True}, "top_k": 5, "min_p": 0.1, "typical": 0.9, "repeat_penalty": 1.1,
        "repeat_last_n": 8, "presence_penalty": 0.5, "frequency_penalty": 0.5, "ignore_eos": True,
    }  # fmt: skip
    return {"max_tokens": rng.randint(0, 4)} | dict(rng.sample(list(fields.items()), rng.randint(0, 6)))


def _completion(rng):
    if rng.random() < 0.2:
        name = rng.choice(STATES)
        return (
            "POST",
            "/v1/completions",
            {"prompt": "a", "max_tokens": 2, "state": name, "save_state": rng.choice([name, "a"])},
        )
    prompt = rng.choice(["a state", "", [300, 301], ["a", "b"], [[300], [301, 45]]])
    fields = {"echo": True, "logprobs": 2, "best_of": 3, "add_bos": False}
    some = dict(rng.sample(list(fields.items()), rng.randint(0, 2)))
    return "POST", "/v1/completions", {"prompt": prompt} | _options(rng) | some


def _chat(rng):
    content = rng.choice(["b", [{"type": "text", "text": "b"}]])
    messages = [{"role": "system", "content": "a"}, {"role": "user", "content": content}][rng.randrange(2) :]
    more = rng.choice([{}, {"max_completion_tokens": 2}, {"logprobs": True, "top_logprobs": 2}])
    return "POST", "/v1/chat/completions", {"messages": messages} | _options(rng) | more


def _tokens(rng):
    return rng.choice([
        ("POST", "/tokenize", {"prompt": "a text", "add_special_tokens": True, "with_pieces": True}),
        ("POST", "/tokenize", {"content": "é🔥"}),
        ("POST", "/detokenize", {"tokens": [300, 301]}),
    ])  # fmt: skip


def _state(rng):
    path = f"/v1/states/{rng.choice(STATES)}"
    return rng.choice([
        ("PUT", path, {"prompt": "a text"}),
        ("PUT", path, {"prompt": [300], "state": rng.choice(STATES)}),
        ("POST", f"{path}/fork", {"to": rng.choice(STATES)}),
        ("POST", f"{path}/undo", {"tokens": 1}),
        ("POST", f"{path}/{rng.choice(['save', 'load'])}", {}),
        ("DELETE", path, None),
    ])  # fmt: skip


def _reading(rng):
    paths = ["/v1/models", "/v1/models/tiny", "/v1/states", f"/v1/states/{rng.choice(STATES)}"]
    paths += ["/props", "/metrics", "/tokenizer_info", "/health", "/"]
    return "GET", rng.choice(paths), None
