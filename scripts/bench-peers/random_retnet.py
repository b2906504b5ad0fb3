"""Writes a RetNet with random weights in bfloat16 as flash-linear-attention stores one: for `retnet convert`.

usage: random_retnet.py FOLDER

The shape is that of fla-hub/retnet-1.3B-100B, `--preset retnet-1.3b` of `retnet bench`.
"""

import json
import sys
from pathlib import Path

import numpy

from random_llama import LAYERS, VOCABULARY, WIDTH, random_bfloat16

HEADS, VALUE_WIDTH, FEED_FORWARD = 8, 4096, 2816
CONFIGURATION = {
    "model_type": "retnet", "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_heads": HEADS, "expand_k": 1,
    "expand_v": 2, "hidden_ratio": 2, "hidden_act": "swish", "vocab_size": VOCABULARY, "tie_word_embeddings": False,
    "norm_eps": 1e-6, "use_output_gate": True, "use_short_conv": False, "bos_token_id": 1, "eos_token_id": 2,
}


def tensors():
    """Names and shapes."""
    yield "model.embeddings.weight", (VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        for name, shape in (
            ("attn_norm", (WIDTH,)), ("attn.q_proj", (WIDTH, WIDTH)), ("attn.k_proj", (WIDTH, WIDTH)),
            ("attn.v_proj", (VALUE_WIDTH, WIDTH)), ("attn.g_proj", (VALUE_WIDTH, WIDTH)),
            ("attn.g_norm_swish_gate", (VALUE_WIDTH // HEADS,)), ("attn.o_proj", (WIDTH, VALUE_WIDTH)),
            ("mlp_norm", (WIDTH,)), ("mlp.gate_proj", (2 * FEED_FORWARD, WIDTH)),
            ("mlp.down_proj", (WIDTH, FEED_FORWARD)),
        ):
            yield f"{prefix}.{name}.weight", shape
    yield "model.norm.weight", (WIDTH,)
    yield "lm_head.weight", (VOCABULARY, WIDTH)


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIGURATION))
    header, end = {}, 0
    for name, shape in tensors():
        start, end = end, end + 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    source = numpy.random.default_rng(0)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for _, shape in tensors():
            # Norm weights of 1, matrices by chance.
            file.write(random_bfloat16(source, shape) if len(shape) == 2 else b"\x80\x3f" * shape[0])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
