#!/usr/bin/env python3
"""Trains small tokenizers of byte-level BPE, as published models have them.

    make_tokenizers.py FOLDER TEXT...

Writes FOLDER/NAME.json, one for each kind that `retnet` reads.
"""

import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA = CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + REST
QWEN = CONTRACTIONS + r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + REST
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def byte_level(add_prefix_space=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)


def train(texts, pre_tokenizer, special, normalizer=None, size=4000, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train(texts, trainer)
    return tokenizer


def main():
    folder, texts = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    made["gpt2"] = train(texts, byte_level(), ["<|endoftext|>"])
    made["gpt2-split"] = train(texts, split(GPT2), ["<|endoftext|>"], size=1000)
    made["prefix-space"] = train(texts, byte_level(True), ["<s>", "</s>", "<pad>"])
    made["prefix-space"].add_tokens([AddedToken("[sep]", normalized=False), AddedToken("the Lord", normalized=True)])

    made["neox"] = train(texts, byte_level(), ["<|endoftext|>", "<|padding|>"], normalizers.NFC())
    made["neox"].add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])

    begin = "<|begin_of_text|>"
    made["llama3"] = train(texts, split(LLAMA), [begin, "<|end_of_text|>"], ignore_merges=True, size=8000)
    made["llama3"].post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, 0)]),
    ])

    made["qwen2"] = train(texts, split(QWEN), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], normalizers.NFC())
    made["qwen2"].add_tokens([
        AddedToken("<tool call>", normalized=False), AddedToken("<tool", normalized=False),
        AddedToken("e\u0301te\u0301", normalized=True), AddedToken("a \u00e9 b", normalized=True),
        AddedToken("|im", normalized=True), AddedToken("\n\n", normalized=False), AddedToken("\u00e9\u00e9", normalized=False),
    ])
    for name, tokenizer in made.items():
        tokenizer.save(str(folder / f"{name}.json"))

    # As versions before 0.20 wrote merges.
    old = json.loads((folder / "gpt2.json").read_text())
    old["model"]["merges"] = [" ".join(pair) for pair in old["model"]["merges"]]
    del old["model"]["type"]
    (folder / "old-merges.json").write_text(json.dumps(old))


if __name__ == "__main__":
    main()
