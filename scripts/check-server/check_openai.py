"""Asks the server with the client of OpenAI; its answers must be those of `retnet generate`.

usage: check_openai.py RETNET FOLDER       FOLDER has text, bos.safetensors, plain.safetensors and chat.safetensors
"""

import sys
import tempfile
from pathlib import Path

import openai

import chat_checks
import error_checks
import logprob_checks
from alone import Alone, finish_reason
from checks import Checks
from completion_cases import CASES, EXTRA, IDS, PROMPT, SAMPLED
from server import Server


def client_of(server, key="none"):
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=60)


def complete(client, request, **more):
    """The client's answer to a request, or its stream."""
    fields = {"model": "tiny", "prompt": ""} | request | more
    extra = {name: fields.pop(name) for name in EXTRA & set(fields)}
    return client.completions.create(**fields, extra_body=extra)


def told(choices):
    return [(choice.text, choice.finish_reason) for choice in sorted(choices, key=lambda choice: choice.index)]


def expected(texts):
    return [(text["text"], finish_reason(text)) for text in texts]


def check_case(checks, client, alone, what, request):
    """The answer is that of the program; the stream tells the same; tokens are counted."""
    texts = alone.generate(request)
    answer = complete(client, request)
    checks.equal(what, told(answer.choices), expected(texts))
    usage = answer.usage
    if all(text["finish_reason"] == "length" for text in texts):
        checks.equal(f"{what}, tokens", usage.completion_tokens, sum(text["tokens"] for text in texts))
    checks.equal(f"{what}, total_tokens", usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
    if request.get("logprobs") is not None:
        logprob_checks.check_chosen(checks, what, answer.choices[0], texts[0], request["logprobs"])
    check_stream(checks, client, f"{what}, streamed", request, answer)


def check_stream(checks, client, what, request, answer):
    texts, reasons, usage, empty = {}, {}, [], 0
    for chunk in complete(client, request, stream=True, stream_options={"include_usage": True}):
        usage.append(chunk.usage)
        empty += not chunk.choices
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + choice.text
            reasons.setdefault(choice.index, []).append(choice.finish_reason)
    found = [(texts[index], reasons[index][-1]) for index in sorted(texts)]
    checks.equal(what, found, told(answer.choices))
    checks.true(f"{what}, one finish_reason", all(set(of[:-1]) <= {None} for of in reasons.values()))
    if checks.true(f"{what}, usage in the last chunk", empty == 1 and usage[-1] and not any(usage[:-1])):
        counts = [(of.prompt_tokens, of.completion_tokens, of.total_tokens) for of in (usage[-1], answer.usage)]
        checks.equal(f"{what}, usage", counts[0], counts[1])


def check_counts(checks, server, client, what):
    """prompt_tokens are the tokens of the text, without BOS; ids become the text again."""
    for prompt in (PROMPT, "", "γ · 🔥"):
        _, found = server.call("POST", "/tokenize", {"prompt": prompt})
        usage = complete(client, {"prompt": prompt, "max_tokens": 1}).usage
        checks.equal(f"{what}: prompt_tokens of {prompt!r}", usage.prompt_tokens, found["count"])
        _, back = server.call("POST", "/detokenize", {"tokens": found["tokens"]})
        checks.equal(f"{what}: detokenized {prompt!r}", back["prompt"], prompt)
    chunks = list(complete(client, SAMPLED, stream=True))
    checks.true(f"{what}: no usage unless wanted", all(chunk.choices and not chunk.usage for chunk in chunks))


def check_several(checks, client, alone, what):
    """Several prompts, best_of, echo, add_bos."""
    request = {"n": 2, "seed": 7}
    answer = complete(client, request, prompt=[PROMPT, "a"])
    texts = [text for prompt in (PROMPT, "a") for text in alone.generate(request | {"prompt": prompt})]
    checks.equal(f"{what}: two texts, n 2", told(answer.choices), expected(texts))
    checks.equal(f"{what}: indices", sorted(choice.index for choice in answer.choices), [0, 1, 2, 3])

    lists = [IDS, [301], [46, 47, 310]]
    texts = [alone.generate({"prompt": ids, "seed": 8})[0] for ids in lists]
    checks.equal(f"{what}: lists of ids", told(complete(client, {"prompt": lists, "seed": 8}).choices), expected(texts))

    request = SAMPLED | {"ignore_eos": True, "best_of": 5}
    samples = alone.generate(request | {"logprobs": 0})
    samples.sort(key=lambda text: -sum(entry["logprob"] for entry in text["logprobs"]) / text["tokens"])
    found = sorted(choice.text for choice in complete(client, request, n=2).choices)
    checks.equal(f"{what}: best_of", found, sorted(text["text"] for text in samples[:2]))

    plain, echoed = (complete(client, SAMPLED, echo=echo).choices[0].text for echo in (False, True))
    checks.equal(f"{what}: echo", echoed, PROMPT + plain)
    started, unstarted = (complete(client, SAMPLED, add_bos=add).choices[0].text for add in (True, False))
    checks.equal(f"{what}: add_bos true", started, plain)
    checks.equal(f"{what}: add_bos false has an effect", unstarted != plain, alone.bos is not None)


def check_models(checks, client):
    listed = client.models.list().data
    checks.equal("list of models", [(model.id, model.object) for model in listed], [("tiny", "model")])
    checks.equal("one model", client.models.retrieve("tiny").id, "tiny")


def check_model(checks, alone, what, text):
    with Server(alone.retnet, alone.model) as server:
        client = client_of(server)
        for name, request in CASES.items():
            with checks.part(f"{what}: {name}"):
                check_case(checks, client, alone, f"{what}: {name}", request)
        with checks.part(f"{what}: several"):
            check_several(checks, client, alone, what)
        with checks.part(f"{what}: counts"):
            check_counts(checks, server, client, what)
        with checks.part(f"{what}: logprobs"):
            logprob_checks.check_echo(checks, lambda **fields: complete(client, fields), alone, what, text)
        with checks.part(f"{what}: models"):
            check_models(checks, client)
        with checks.part(f"{what}: errors"):
            error_checks.check(checks, server, client, what)


def main():
    retnet, folder = sys.argv[1], Path(sys.argv[2])
    checks = Checks("openai")
    for name, bos in (("bos", 1), ("plain", None)):
        with checks.part(name):
            check_model(checks, Alone(retnet, folder / f"{name}.safetensors", bos), name, folder / "text")
    with checks.part("chat"), Server(retnet, folder / "chat.safetensors") as server:
        chat_checks.check(checks, client_of(server), Alone(retnet, folder / "chat.safetensors", 1))
    with checks.part("keys"), tempfile.NamedTemporaryFile("w", suffix=".keys") as keys:
        keys.write("first-key\nsecond-key\n")
        keys.flush()
        with Server(retnet, folder / "bos.safetensors", "--api-key-file", keys.name) as server:
            error_checks.check_keys(checks, server, client_of)
    checks.finish()


if __name__ == "__main__":
    main()
