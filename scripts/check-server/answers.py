"""Answers of the API without what differs from time to time, and streams as the answers that they are parts of."""

import json

CHANGING = {"id", "created"}


def essence(answer):
    """What two answers to one request have in common."""
    kept = {name: value for name, value in answer.items() if name not in CHANGING}
    if kept.get("usage"):
        # How much of a prompt was read before depends on what came before.
        kept["usage"] = {name: value for name, value in kept["usage"].items() if name != "prompt_tokens_details"}
    kept["choices"] = [_essence_of_choice(choice) for choice in answer["choices"]]
    return kept


def _essence_of_choice(choice):
    kept = {name: choice[name] for name in ("index", "text", "finish_reason") if name in choice}
    if choice.get("message"):
        kept["message"] = {name: choice["message"][name] for name in ("role", "content")}
    # A list that is null is the same as one that is missing.
    kept["logprobs"] = {name: value for name, value in (choice.get("logprobs") or {}).items() if value is not None}
    return kept


def events(data):
    """The objects of a stream of server-sent events, given as bytes.

    Raises ValueError if a line is none of such a stream, or if its end is missing.
    """
    lines = [line for line in data.decode("utf-8").split("\n") if line and not line.startswith(":")]
    if any(not line.startswith("data: ") for line in lines):
        raise ValueError("expected lines that begin with 'data: '")
    if not lines or lines[-1] != "data: [DONE]":
        raise ValueError("expected 'data: [DONE]' at the end of the stream")
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def joined(chunks):
    """The answer that a stream with usage tells in parts."""
    answer = dict(chunks[0], usage=None)
    answer["object"] = {"chat.completion.chunk": "chat.completion"}.get(answer["object"], answer["object"])
    choices = {}
    for chunk in chunks:
        if "error" in chunk:
            raise ValueError(f"expected no error in the stream, found {chunk['error']}")
        answer["usage"] = chunk.get("usage") or answer["usage"]
        for part in chunk["choices"]:
            _add(choices.setdefault(part["index"], {"index": part["index"], "finish_reason": None}), part)
    answer["choices"] = [choices[index] for index in sorted(choices)]
    return answer


def _add(choice, part):
    if choice["finish_reason"] is not None:
        raise ValueError("expected nothing behind the finish_reason of a choice")
    choice["finish_reason"] = part["finish_reason"]
    if "delta" in part:
        message = choice.setdefault("message", {"role": "assistant", "content": ""})
        message["content"] += part["delta"].get("content") or ""
    else:
        choice["text"] = choice.get("text", "") + part["text"]
    choice.setdefault("logprobs", None)
    if part.get("logprobs"):
        lists = choice["logprobs"] or {}
        choice["logprobs"] = {
            name: lists.get(name) if new is None else (lists.get(name) or []) + new
            for name, new in part["logprobs"].items()
        }
