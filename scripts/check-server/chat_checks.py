"""Checks of conversations with the client of OpenAI; answers must be those of `retnet generate --chat`."""

import openai

from alone import finish_reason, single

SAMPLED = {"max_tokens": 40, "seed": 3}
EXTRA = {"top_k", "min_p"}

CASES = {
    "a message": SAMPLED,
    "the most likely tokens": SAMPLED | {"temperature": 0},
    "samplers": SAMPLED | {"temperature": 0.7, "top_k": 20, "top_p": 0.9, "min_p": 0.02},
    "penalties": SAMPLED | {"presence_penalty": 1, "frequency_penalty": 0.5},
    "a stop text": SAMPLED | {"stop": ["e", "t"]},
    "n": SAMPLED | {"n": 3},
    "a bias": SAMPLED | {"logit_bias": {"300": 5}},
    "logprobs": SAMPLED | {"logprobs": 2},
}


def talk(client, request, messages, **more):
    fields = request | more
    if "logprobs" in fields:
        fields |= {"logprobs": True, "top_logprobs": fields["logprobs"]}
    extra = {name: fields.pop(name) for name in EXTRA & set(fields)}
    return client.chat.completions.create(model="tiny", messages=messages, **fields, extra_body=extra)


def told(choices):
    return [(choice.message.content, choice.finish_reason) for choice in sorted(choices, key=lambda one: one.index)]


def check(checks, client, alone):
    user = {"role": "user", "content": "What is a state?"}
    for name, request in CASES.items():
        what = f"chat: {name}"
        with checks.part(what):
            texts = alone.generate(request | {"prompt": user["content"]}, "--chat")
            answer = talk(client, request, [user])
            checks.equal(what, told(answer.choices), [(text["text"], finish_reason(text)) for text in texts])
            kind = (answer.object, answer.choices[0].message.role)
            checks.equal(f"{what}, kind", kind, ("chat.completion", "assistant"))
            if "logprobs" in request:
                check_logprobs(checks, what, answer.choices[0], texts[0])
            check_stream(checks, client, f"{what}, streamed", request, [user], answer)

    system = {"role": "system", "content": "Answer in one line."}
    texts = alone.generate(SAMPLED | {"prompt": user["content"]}, "--chat", "--system", system["content"])
    expected = [(text["text"], finish_reason(text)) for text in texts]
    checks.equal("chat: a system message", told(talk(client, SAMPLED, [system, user]).choices), expected)
    parts = dict(user, content=[{"type": "text", "text": "What is "}, {"type": "text", "text": "a state?"}])
    checks.equal("chat: parts", told(talk(client, SAMPLED, [system, parts]).choices), expected)
    limited = talk(client, {"seed": 3}, [system, user], max_completion_tokens=SAMPLED["max_tokens"])
    checks.equal("chat: max_completion_tokens", told(limited.choices), expected)
    turns = [user, {"role": "assistant", "content": "It is a memory."}, user]
    first, second = (told(talk(client, SAMPLED, turns).choices) for _ in range(2))
    checks.equal("chat: several turns", first, second)

    for name, messages in [
        ("no messages", []),
        ("an unknown role", [{"role": "narrator", "content": "a"}]),
        ("no role", [{"content": "a"}]),
        ("no content", [{"role": "user"}]),
        ("an image", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]),
        ("a text", "Hello"),
    ]:
        with checks.part(f"chat: {name}"):
            problem = None
            try:
                talk(client, SAMPLED, messages)
            except openai.BadRequestError as refusal:
                problem = refusal
            checks.true(f"chat: {name}", problem is not None, "no BadRequestError")
            checks.true(f"chat: {name}, param", problem and (problem.param or "").startswith("messages"), repr(problem))


def check_stream(checks, client, what, request, messages, answer):
    texts, reasons, usage = {}, {}, None
    for chunk in talk(client, request, messages, stream=True, stream_options={"include_usage": True}):
        checks.equal(f"{what}, kind", chunk.object, "chat.completion.chunk")
        usage = chunk.usage
        for choice in chunk.choices:
            texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
            reasons[choice.index] = choice.finish_reason
    checks.equal(what, [(texts[index], reasons[index]) for index in sorted(texts)], told(answer.choices))
    checks.equal(f"{what}, usage", usage and usage.total_tokens, answer.usage.total_tokens)


def check_logprobs(checks, what, choice, text):
    count = len(text["logprobs"])
    found = [single(entry.logprob) for entry in choice.logprobs.content[:count]]
    checks.equal(f"{what}, numbers", found, [single(entry["logprob"]) for entry in text["logprobs"]])
    for place, (entry, known) in enumerate(zip(choice.logprobs.content, text["logprobs"])):
        top = [single(one.logprob) for one in entry.top_logprobs]
        checks.equal(f"{what}, top_logprobs {place}", top, [single(one["logprob"]) for one in known["top"]])
