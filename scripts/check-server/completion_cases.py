"""Requests of the completions API whose answers `retnet generate` can give too, by the name of what they try."""

PROMPT = "The state of a model is"
IDS = [300, 301, 45, 46, 310]
# The fields that the client passes on only as extra ones.
EXTRA = {"top_k", "min_p", "typical", "repeat_penalty", "repeat_last_n", "ignore_eos", "add_bos"}

SAMPLED = {"prompt": PROMPT, "max_tokens": 24, "seed": 1}

CASES = {
    "a text": SAMPLED,
    "the most likely tokens": SAMPLED | {"temperature": 0},
    "an empty prompt": {"max_tokens": 12, "seed": 2},
    "an empty text": {"prompt": "", "max_tokens": 12, "seed": 3},
    "a text of several scripts": SAMPLED | {"prompt": "γ · Ñandú 🔥\n\n  é"},
    "ids": SAMPLED | {"prompt": IDS},
    "ids that start with BOS": SAMPLED | {"prompt": [1, *IDS]},
    "the default of max_tokens": {"prompt": PROMPT, "seed": 4},
    "no tokens": SAMPLED | {"max_tokens": 0},
    "a long prompt": {"prompt": PROMPT * 60, "max_tokens": 8, "seed": 5},
    "a large seed": SAMPLED | {"seed": 2**63 - 5},
    "temperature": SAMPLED | {"temperature": 0.3},
    "top_k": SAMPLED | {"top_k": 5},
    "top_p": SAMPLED | {"top_p": 0.4},
    "min_p": SAMPLED | {"min_p": 0.3},
    "typical": SAMPLED | {"typical": 0.5},
    "repeat_penalty": SAMPLED | {"repeat_penalty": 1.7, "top_k": 3},
    "repeat_last_n": SAMPLED | {"repeat_penalty": 1.7, "top_k": 3, "repeat_last_n": 2},
    "presence_penalty": SAMPLED | {"presence_penalty": 1.5, "top_k": 3},
    "frequency_penalty": SAMPLED | {"frequency_penalty": -0.5, "top_k": 3},
    "logit_bias": SAMPLED | {"logit_bias": {"300": 7.5, "45": -3}},
    "a forbidden token": SAMPLED | {"temperature": 0, "logit_bias": {"259": -100}},
    "the end of a document": SAMPLED | {"max_tokens": 200, "logit_bias": {"2": 4}},
    "ignore_eos": SAMPLED | {"max_tokens": 40, "logit_bias": {"2": 4}, "ignore_eos": True},
    "a stop text": SAMPLED | {"stop": "e", "max_tokens": 100},
    "stop texts": SAMPLED | {"stop": ["zzz", " t", "\n"], "max_tokens": 100},
    "logprobs": SAMPLED | {"logprobs": 3},
    "logprobs of chosen tokens": SAMPLED | {"logprobs": 0},
    "n": SAMPLED | {"n": 3},
    "more answers than rows": SAMPLED | {"n": 20, "max_tokens": 6},
}
