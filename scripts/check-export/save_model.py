#!/usr/bin/env python3
"""Makes small random models of one family, saved by the package itself, to be imported by retnet.

usage: save_model.py FAMILY OUT [--seed N]

Writes OUT/CASE/ for every case of the family: the files of the package, and expected.safetensors with input_ids I64
[B, T] and logits F32 [B, T, V]. The logits are those of the stored weights, computed in float64 by the package's own
forward and rounded once. Prints for each case how far the package's float32 run is from them.
Exit status: 0, or 77 if the package is not on this machine.
"""

import argparse
import contextlib
import copy
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

import load
from check_model import NOT_INSTALLED, rms_ratio

BATCH, LENGTH, VOCABULARY = 2, 40, 53


# The cases: what differs from the plain model of the family.

HUGGINGFACE = {
    "plain": {},
    "tied": {"tie_word_embeddings": True},
    "grouped": {"num_kv_heads": 2},
    "fractions": {"hidden_size": 20, "num_heads": 2, "expand_k": 1.2, "expand_v": 1.8, "num_hidden_layers": 3},
    "default-feed-forward": {"hidden_size": 16, "num_heads": 2, "intermediate_size": None},
    # Without the fused norm the head norm has another name.
    "unfused": {"fuse_norm": False, "fuse_swiglu": False, "norm_eps": 1e-5},
    "bfloat16": {"dtype": "bfloat16"},
    "shards": {"num_hidden_layers": 3},
    "hybrid": {"num_hidden_layers": 3, "attn": {"layers": [1], "num_heads": 4, "num_kv_heads": 2}},
    "hybrid-window": {
        "num_hidden_layers": 3,
        "attn": {"layers": [0, 2], "num_heads": 2, "qkv_bias": True, "window_size": 8, "rope_theta": 500.0},
    },
}

LLAMA = {
    "plain": {},
    "tied": {"tie_word_embeddings": True},
    "grouped": {"num_key_value_heads": 2},
    "biases": {"attention_bias": True},
    "head-width": {"head_dim": 12, "rms_norm_eps": 1e-5},
    "base": {"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}},
    "bfloat16": {"dtype": "bfloat16"},
    "shards": {"num_hidden_layers": 3},
}

TORCHSCALE = {
    "plain": {},
    "tied": {"share_decoder_input_output_embed": True, "activation_fn": "gelu"},
    "embedding-norm": {"layernorm_embedding": True, "no_scale_embedding": False},
    # The format of PyTorch before 1.6.
    "legacy": {"decoder_layers": 1},
}

# With LayerNorm. Values are always twice as wide as the model, and the default activation is gelu.
TORCHSCALE_OLD = {
    "plain": {"subln": False},
    "tied": {"subln": False, "share_decoder_input_output_embed": True, "no_scale_embedding": False},
    "embedding-norm": {"subln": False, "layernorm_embedding": True, "no_scale_embedding": False},
}

SYNCDOTH = {
    "plain": {},
    "shipped": {"activation_fn": "swish", "layernorm_embedding": True, "no_scale_embedding": False},
    "other-decays": {"use_lm_decay": True},
}

YET_ANOTHER = {
    "plain": {},
    "deep": {"num_layers": 3, "nhead": 2},
    "five-heads": {"d_model": 40, "nhead": 5, "dim_feedforward": 24},
}


def save_huggingface(out, cases):
    transformers = load.import_fla()
    from fla.models.retnet import RetNetConfig

    for name, changes in cases(HUGGINGFACE):
        settings = {
            "hidden_size": 32, "num_heads": 4, "num_hidden_layers": 2, "intermediate_size": 48,
            "vocab_size": VOCABULARY, "dtype": "float32",
        } | changes
        save_pretrained(transformers, out / name, RetNetConfig(**settings))


def save_llama(out, cases):
    transformers = load.quiet_transformers()
    for name, changes in cases(LLAMA):
        settings = {
            "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 48,
            "vocab_size": VOCABULARY, "dtype": "float32",
        } | changes
        save_pretrained(transformers, out / name, transformers.LlamaConfig(**settings))


def save_pretrained(transformers, folder, config):
    """A random model of transformers; the case `shards` has its weights in several files."""
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=config.dtype)
    randomise(model)
    model.save_pretrained(folder, **({"max_shard_size": "30KB"} if folder.name == "shards" else {}))
    write_expected(folder, model)


def save_torchscale(out, cases, kinds=TORCHSCALE, old=False):
    # Every key of a RetNetConfig has a default, so only some are set; config.json gets all.
    for name, changes in cases(kinds):
        settings = {
            "decoder_embed_dim": 24, "decoder_retention_heads": 3, "decoder_ffn_embed_dim": 36, "decoder_layers": 2,
            "vocab_size": VOCABULARY,
        } | ({} if old else {"decoder_value_embed_dim": 36, "activation_fn": "swish"}) | changes
        model = load.make_torchscale(settings, old)
        randomise(model)
        write_json(out / name / "config.json", vars(model.args))
        torch.save(model.state_dict(), out / name / "model.pt", _use_new_zipfile_serialization=name != "legacy")
        write_expected(out / name, model)


def save_torchscale_old(out, cases):
    save_torchscale(out, cases, TORCHSCALE_OLD, old=True)


def save_syncdoth(out, cases):
    config_class, model_class = load.import_syncdoth()
    for name, changes in cases(SYNCDOTH):
        settings = {
            "decoder_embed_dim": 24, "decoder_value_embed_dim": 36, "decoder_retention_heads": 3,
            "decoder_ffn_embed_dim": 32, "decoder_layers": 2, "vocab_size": VOCABULARY,
        } | changes
        model = model_class(config_class(**settings))
        randomise(model)
        model.save_pretrained(out / name, safe_serialization=True)
        write_expected(out / name, model)


def save_yet_another(out, cases):
    from yet_another_retnet.retnet import RetNet

    for name, changes in cases(YET_ANOTHER):
        settings = {
            "num_tokens": VOCABULARY, "d_model": 32, "nhead": 4, "num_layers": 2, "dim_feedforward": 44,
        } | changes
        model = RetNet(**settings)
        randomise(model)
        write_json(out / name / "config.json", settings)
        # The dictionary that the package's training script reads.
        checkpoint = {"state_dict": model.state_dict(), "optimizer_state": {}, "current_step": 3, "current_epoch": 0}
        torch.save(checkpoint, out / name / "model.pt")
        write_expected(out / name, model)


# What all families share.


def randomise(model):
    """Every parameter is random, so that one that is skipped, transposed or misplaced shows in the logits."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                shift = 1.0 if parameter.mean() > 0.5 else 0.0  # A gain was made of ones, a bias of zeros.
                parameter.uniform_(-0.5, 0.5).add_(shift)
            else:
                parameter.normal_(std=parameter.shape[1] ** -0.5)


def write_expected(folder, model):
    # 0 is the padding id of some packages.
    ids = torch.randint(1, VOCABULARY, (BATCH, LENGTH))
    in_float32 = load.logits(copy.deepcopy(model).float().eval(), ids)
    with float64_kept():
        expected = load.logits(copy.deepcopy(model).double().eval(), ids)
    assert expected.dtype == torch.float64
    save_file({"input_ids": ids, "logits": expected.float()}, folder / "expected.safetensors")
    print(f"{folder}: logits rms {expected.square().mean().sqrt():.2f}, float32 {rms_ratio(in_float32, expected):.1e}")


@contextlib.contextmanager
def float64_kept():
    """Some packages call x.float() inside a norm, which would round what is computed in float64."""
    to_float = torch.Tensor.float
    torch.Tensor.float = lambda x, *options: x if x.dtype == torch.float64 else to_float(x, *options)
    try:
        yield
    finally:
        torch.Tensor.float = to_float


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def seeded(seed):
    """Goes through the cases, each with numbers of its own that do not depend on the other cases."""

    def cases(table):
        for number, (name, changes) in enumerate(table.items()):
            torch.manual_seed(1000 * seed + number)
            yield name, changes

    return cases


SAVERS = {
    "huggingface": save_huggingface,
    "llama": save_llama,
    "torchscale": save_torchscale,
    "torchscale-old": save_torchscale_old,
    "syncdoth": save_syncdoth,
    "yet-another-retnet": save_yet_another,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("family", choices=sorted(SAVERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        SAVERS[options.family](options.out, seeded(options.seed))
    except load.NotInstalled as problem:
        print(f"{options.family}: not made: {problem}")
        return NOT_INSTALLED
    return 0


if __name__ == "__main__":
    sys.exit(main())
