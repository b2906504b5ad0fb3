"""The models of the comparison: the same sizes in torchscale's RetNet and in the Llama code of transformers.

Each function returns the version of its package and a module that turns ids [B, T] into logits [B, T, VOCABULARY].
"""

import sys
from importlib.metadata import version
from pathlib import Path

import torch

WIDTH = 512
VALUE_WIDTH = 1024
LAYERS = 8
HEADS = 4
FEED_FORWARD = 1024
VOCABULARY = 8192

# A Transformer has no gate and no wide values, so its feed-forward part is wider: 8/3 of the width, as in Llama, cut to
# a multiple of 64. With it the model has 29.1 M parameters, a RetNet of these sizes 33.6 M.
LLAMA_FEED_FORWARD = 1344


class LogitsOnly(torch.nn.Module):
    """A model without what it returns beside the logits."""

    def __init__(self, model, take):
        super().__init__()
        self.model = model
        self.take = take

    def forward(self, ids):
        return self.take(self.model(ids))


def retnet(length, chunk):
    sys.path.insert(0, str(Path(__file__).parent / "stand_ins"))
    from torchscale.architecture.config import RetNetConfig
    from torchscale.architecture.retnet import RetNetDecoder

    config = RetNetConfig(
        decoder_embed_dim=WIDTH,
        decoder_value_embed_dim=VALUE_WIDTH,
        decoder_retention_heads=HEADS,
        decoder_ffn_embed_dim=FEED_FORWARD,
        decoder_layers=LAYERS,
        vocab_size=VOCABULARY,
        activation_fn="swish",
        share_decoder_input_output_embed=True,
        chunkwise_recurrent=chunk > 0,
        recurrent_chunk_size=chunk or length,
    )
    embedding = torch.nn.Embedding(VOCABULARY, WIDTH)
    torch.nn.init.normal_(embedding.weight, std=WIDTH**-0.5)
    decoder = RetNetDecoder(config, embed_tokens=embedding)
    return f"torchscale {version('torchscale')}", LogitsOnly(decoder, lambda output: output[0])


def llama(length, chunk):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=WIDTH,
        intermediate_size=LLAMA_FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        vocab_size=VOCABULARY,
        max_position_embeddings=length,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
        use_cache=False,
    )
    return f"transformers {version('transformers')}", LogitsOnly(LlamaForCausalLM(config), lambda output: output.logits)
