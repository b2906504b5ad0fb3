#!/usr/bin/env python3
"""Reads a model file with the libraries of others, safetensors and sentencepiece, and checks what docs/CHECKPOINT.md says.

usage: check-checkpoint.py MODEL
"""

import hashlib
import json
import struct
import sys

import sentencepiece
from safetensors import safe_open

path = sys.argv[1]

with safe_open(path, framework="numpy") as file:
    metadata = file.metadata()
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    types = {name: file.get_slice(name).get_dtype() for name in file.keys()}

# numpy has no bf16: the bytes are taken from where the header says that they lie.
with open(path, "rb") as file:
    (length,) = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
    data = file.read()
raw = {name: data[slice(*header[name]["data_offsets"])] for name in shapes}

for name in sorted(shapes):
    print(f"{name:36} {types[name]:5} {list(shapes[name])}")

model = json.loads(metadata["retnet.model"])
provenance = json.loads(metadata["retnet.provenance"])
print("model", model)
print("provenance", provenance)

assert metadata["format"] == "pt" and metadata["retnet.format_version"] == "1", "format and version"
assert set(provenance) <= {"seed", "steps", "tokens_seen", "data_digest", "tool_version", "parent", "family", "of_stop",
                           "chat_template"}, "provenance"

width, tokens, inner = model["width"], model["vocabulary_size"], model["feed_forward_width"]
keys, values = model["key_width"], model["value_width"]
expected = {"embed.weight": (tokens, width), "final_norm.weight": (width,)}
if not model["tied_head"]:
    expected["lm_head.weight"] = (tokens, width)
for layer in range(model["layers"]):
    block = {
        "ret_norm": (width,), "ret.q": (keys, width), "ret.k": (keys, width), "ret.v": (values, width),
        "ret.g": (values, width), "ret.head_norm": (values // model["heads"],), "ret.o": (width, values),
        "ffn_norm": (width,), "ffn.gate": (inner, width), "ffn.up": (inner, width), "ffn.down": (width, inner),
    }
    expected |= {f"layers.{layer}.{name}.weight": shape for name, shape in block.items()}
weights = {name: shape for name, shape in shapes.items() if name != "tokenizer.model"}
assert weights == expected, "names and shapes of the tensors"
assert all(types[name] == "F32" for name, shape in weights.items() if len(shape) == 1), "norm weights in F32"
assert len({types[name] for name, shape in weights.items() if len(shape) == 2}) == 1, "matrices of one type"

digest = hashlib.sha256(metadata["retnet.model"].encode() + b"\0")
for name in sorted(shapes, key=str.encode):
    digest.update(name.encode() + b"\0" + raw[name])
assert digest.hexdigest() == metadata["retnet.digest"], "digest"

if "tokenizer.model" in shapes:
    processor = sentencepiece.SentencePieceProcessor(model_proto=raw["tokenizer.model"])
    assert processor.get_piece_size() <= tokens, "the tokenizer's vocabulary"
    sample = "In the beginning"
    print("tokenizer", processor.get_piece_size(), "pieces;", sample, "->", processor.encode(sample))

count = sum(len(raw[name]) // (4 if types[name] == "F32" else 2) for name in weights)
print(f"{path}: {len(weights)} tensors, {count} parameters, digest {metadata['retnet.digest'][:12]}")
