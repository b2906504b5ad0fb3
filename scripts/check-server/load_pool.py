"""The requests of the load, of all kinds, and the answers that they get alone."""

import random

COUNTS = {
    "short": 8, "ids": 4, "empty": 2, "long": 6, "several": 6, "echo": 5, "stops": 3, "state": 3, "chat": 3,
}  # fmt: skip
LONGEST = 20_000
"""Tokens of the longest prompt."""
BASE_STATE = "base"


class Pooled:
    """A request with a fixed seed; ANSWER is what it gets when nothing else runs, without what changes."""

    def __init__(self, kind, body):
        self.kind = kind
        self.path = "/v1/chat/completions" if kind == "chat" else "/v1/completions"
        self.body = body
        self.answer = None

    @property
    def can_stream(self):
        return self.body.get("best_of", 1) <= self.body.get("n", 1)


class PoolMaker:
    """TEXT and its IDS are what prompts are cut from."""

    def __init__(self, seed, text, ids):
        self.rng = random.Random(seed)
        self.text = text
        self.ids = ids

    def make(self):
        return [Pooled(kind, self.body(kind)) for kind, count in COUNTS.items() for _ in range(count)]

    def body(self, kind):
        return self.sampler() | getattr(self, f"_{kind}")()

    def sampler(self):
        rng = self.rng
        fields = {"seed": rng.randrange(2**32), "max_tokens": rng.randint(0, 60)}
        others = {
            "temperature": rng.choice([0, 0.7, 1.4]), "top_p": rng.uniform(0.2, 1), "top_k": rng.randint(1, 100),
            "min_p": rng.uniform(0, 0.2), "typical": rng.uniform(0.3, 1), "repeat_penalty": rng.uniform(1, 1.5),
            "presence_penalty": rng.uniform(-1, 1), "frequency_penalty": rng.uniform(-1, 1), "ignore_eos": True,
            "logit_bias": {str(rng.randrange(3, 500)): rng.uniform(-5, 5), "2": rng.choice([-100, 2])},
        }  # fmt: skip
        return fields | {name: value for name, value in others.items() if rng.random() < 0.2}

    def some_text(self, most):
        start = self.rng.randrange(len(self.text) - most)
        return self.text[start : start + self.rng.randint(1, most)]

    def some_ids(self, count):
        start = self.rng.randrange(len(self.ids) - count)
        return self.ids[start : start + count]

    def _short(self):
        return {"prompt": self.some_text(200)}

    def _ids(self):
        return {"prompt": self.some_ids(self.rng.randint(1, 1_500))}

    def _empty(self):
        return {"prompt": self.rng.choice(["", [[]]])}

    def _long(self):
        # Two thousand tokens up to the most, evenly over the orders of magnitude.
        count = int(2_000 * (LONGEST / 2_000) ** self.rng.random())
        prompt = self.rng.choice([self.some_ids(count), self.some_ids(LONGEST), self.some_text(40_000)])
        return {"prompt": prompt, "max_tokens": self.rng.randint(0, 16)}

    def _several(self):
        n = self.rng.randint(1, 6)
        prompts = self.rng.choice([self.some_text(100), [self.some_text(300), self.some_text(30)], [[300, 301], [45]]])
        fields = {"prompt": prompts, "n": n}
        return fields | ({"best_of": n + self.rng.randint(0, 4)} if self.rng.random() < 0.4 else {})

    def _echo(self):
        prompt = self.rng.choice([self.some_text(1_000), self.some_ids(300), self.some_ids(4_000)])
        count = self.rng.choice([0, 1, 20])
        return {"prompt": prompt, "echo": True, "logprobs": self.rng.randint(0, 5), "max_tokens": count}

    def _stops(self):
        stops = self.rng.sample(["e", " t", "\n", "ing", "zzzz", ". "], 3)
        return {"prompt": self.some_text(100), "stop": stops, "max_tokens": 200}

    def _state(self):
        return {"prompt": self.some_text(100), "state": BASE_STATE}

    def _chat(self):
        return {"messages": [{"role": "user", "content": self.some_text(80)}], "max_tokens": self.rng.randint(1, 40)}
