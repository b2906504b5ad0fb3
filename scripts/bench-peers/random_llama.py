"""Writes a Llama-shaped model with random weights as a GGUF file in bfloat16.

usage: random_llama.py OUTPUT.gguf

It stands beside the RetNet of random_retnet.py: as many layers of the same width, head and embedding apart, and a
feed-forward part that makes up the number of parameters: 1,350 against 1,352 million.
"""

import sys

import gguf
import numpy

WIDTH, LAYERS, HEADS, VOCABULARY = 2048, 24, 16, 32_000
# The multiple of 32, the blocks of q8_0 and q4_0, that comes nearest to the RetNet's number of parameters.
FEED_FORWARD = 5536
LONGEST = 1 << 17  # tokens; only a number in the file
DEVIATION = 0.02


def matrices():
    """Names and shapes [out, in]."""
    yield "token_embd.weight", (VOCABULARY, WIDTH)
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"blk.{layer}.{name}.weight", (WIDTH, WIDTH)
        yield f"blk.{layer}.ffn_gate.weight", (FEED_FORWARD, WIDTH)
        yield f"blk.{layer}.ffn_up.weight", (FEED_FORWARD, WIDTH)
        yield f"blk.{layer}.ffn_down.weight", (WIDTH, FEED_FORWARD)
    yield "output.weight", (VOCABULARY, WIDTH)


def norms():
    for layer in range(LAYERS):
        yield f"blk.{layer}.attn_norm.weight"
        yield f"blk.{layer}.ffn_norm.weight"
    yield "output_norm.weight"


def random_bfloat16(source, shape):
    """Normally distributed numbers: the upper halves of Float32 ones."""
    numbers = source.standard_normal(shape, dtype=numpy.float32) * numpy.float32(DEVIATION)
    return (numbers.view(numpy.uint32) >> 16).astype(numpy.uint16)


def write(path):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(LONGEST)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("no_vocab")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    for name, shape in matrices():
        writer.add_tensor_info(
            name, shape, numpy.dtype(numpy.uint16), 2 * shape[0] * shape[1], gguf.GGMLQuantizationType.BF16
        )
    for name in norms():
        writer.add_tensor_info(name, (WIDTH,), numpy.dtype(numpy.float32), 4 * WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    source = numpy.random.default_rng(0)
    for _, shape in matrices():
        writer.write_tensor_data(random_bfloat16(source, shape))
    for _ in norms():
        writer.write_tensor_data(numpy.ones(WIDTH, dtype=numpy.float32))
    writer.close()


if __name__ == "__main__":
    write(sys.argv[1])
