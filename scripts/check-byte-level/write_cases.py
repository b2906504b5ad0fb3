#!/usr/bin/env python3
"""Writes the golden cases of byte-level BPE: small tokenizers, and texts with their ids.

    write_cases.py FOLDER        Tests/Golden/byte-level in this project
"""

import json
import random
import sys
import tempfile
from pathlib import Path

from compare_ids import TREATS, random_text
from make_tokenizers import LLAMA, byte_level, split, train
from tokenizers import AddedToken, normalizers, processors


def main():
    folder = Path(sys.argv[1])
    text = "In the beginning God created the heaven and the earth. It's 1234567 words,\n\n  we'll say: \u00e9t\u00e9 \u4e2d\u6587!\n"
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text * 3)
        file.flush()
        neox = train([file.name], byte_level(), ["<|endoftext|>", "<|padding|>"], normalizers.NFC(), size=330)
        neox.add_tokens([AddedToken(" " * count, normalized=True) for count in range(4, 1, -1)])
        begin = "<|begin_of_text|>"
        llama = train([file.name], split(LLAMA), [begin, "<|end_of_text|>"], ignore_merges=True, size=330)
        llama.post_processor = processors.TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, 0)])
    rng = random.Random(1)
    texts = [text] + TREATS + [random_text(rng) for _ in range(40)]
    for name, tokenizer in {"neox": neox, "llama3": llama}.items():
        tokenizer.encode_special_tokens = True
        tokenizer.save(str(folder / f"{name}.json"), pretty=False)
        cases = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts]
        (folder / f"{name}-cases.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
