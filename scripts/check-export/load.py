"""Opens a folder with the class and the loader of the package that it was written for, and computes logits.

Every loader is strict: a tensor that is missing, left over or of another shape is an error.

Families: huggingface (flash-linear-attention through transformers), llama (transformers alone), torchscale, syncdoth,
yet-another-retnet.
torchscale 0.3.0 is on PyPI. What is not on PyPI is taken from a checkout, if an environment variable names one:
SYNCDOTH_SOURCE       github.com/syncdoth/RetNet
TORCHSCALE_A_SOURCE   github.com/microsoft/torchscale when it had LayerNorm: commit
                      d1fefe9c22bad07535f56c4c461b94588dd8cc84
"""

import json
import os
import sys
from pathlib import Path

import torch

# What torchscale and syncdoth/RetNet import and never call.
STAND_INS = Path(__file__).parents[1] / "bench-peers" / "stand_ins"


class NotInstalled(Exception):
    """The package of a family is not on this machine."""


def load(family, folder):
    """The model of FOLDER, in float32 and in evaluation mode."""
    model = LOADERS[family](Path(folder))
    return model.float().eval()


def logits(model, ids):
    """Logits [B, T, V] for ids [B, T], by the package's ordinary forward."""
    with torch.no_grad():
        return FORWARDS[type(model).__module__.split(".")[0]](model, ids)


# huggingface

# transformers tells of every difference between file and model, so that one message can name them all.
REPORTING = {"output_loading_info": True, "ignore_mismatched_sizes": True}


def import_fla():
    """transformers with fla's RetNet registered. Models open from disk only."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import fla_on_cpu
    import fla  # noqa: F401  registers the model with transformers

    fla_on_cpu.replace()
    return quiet_transformers()


def quiet_transformers():
    """transformers without its progress bar and its advice; what matters here comes as an exception."""
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return transformers


def load_huggingface(folder):
    transformers = import_fla()
    model, found = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **REPORTING)
    assert type(model).__module__.startswith("fla."), f"opened as {type(model)}, which is not fla's"
    refuse_differences(found)
    return model


def load_llama(folder):
    os.environ["HF_HUB_OFFLINE"] = "1"
    model, found = quiet_transformers().AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **REPORTING)
    assert type(model).__name__ == "LlamaForCausalLM", f"opened as {type(model)}, which is not transformers' Llama"
    refuse_differences(found)
    return model


def refuse_differences(found):
    """transformers itself only warns of most of them."""
    differences = {what: sorted(names) for what, names in found.items() if names}
    if differences:
        raise ValueError(f"the tensors are not those of the model: {differences}")


# torchscale


def import_torchscale(old):
    """The configuration and the decoder of torchscale 0.3.0, or of the checkout with LayerNorm."""
    paths = [str(STAND_INS)]
    if old:
        paths.insert(0, checkout("TORCHSCALE_A_SOURCE", "torchscale/architecture/retnet.py"))
    sys.path[:0] = paths
    from torchscale.architecture.config import RetNetConfig
    from torchscale.architecture.retnet import RetNetDecoder

    return RetNetConfig, RetNetDecoder


def make_torchscale(settings, old):
    config_class, decoder_class = import_torchscale(old)
    config = config_class(**settings)
    # The ids of BOS and EOS are for readers such as retnet; RetNetConfig passes over them.
    unknown = set(settings) - set(vars(config)) - {"bos_token_id", "eos_token_id"}
    if unknown:
        raise ValueError(f"RetNetConfig does not know {sorted(unknown)}")
    embedding = torch.nn.Embedding(config.vocab_size, config.decoder_embed_dim)
    return decoder_class(config, embed_tokens=embedding)


def load_torchscale(folder):
    weights = torch.load(folder / "model.pt", map_location="cpu", weights_only=True)
    # Only the models with LayerNorm have biases.
    model = make_torchscale(read_json(folder / "config.json"), old="layers.0.retention.q_proj.bias" in weights)
    model.load_state_dict(weights, strict=True)
    return model


# syncdoth


def import_syncdoth():
    """The modules of the repository, under the transformers that is installed; it was written for 4.29."""
    sys.path[:0] = [checkout("SYNCDOTH_SOURCE", "retnet/modeling_retnet.py"), str(STAND_INS)]
    transformers = quiet_transformers()
    if not hasattr(transformers, "top_k_top_p_filtering"):
        # Imported for sampling, which this check does not do.
        transformers.top_k_top_p_filtering = None
    from retnet.configuration_retnet import RetNetConfig
    from retnet.modeling_retnet import RetNetForCausalLM

    return RetNetConfig, RetNetForCausalLM


def load_syncdoth(folder):
    _, model_class = import_syncdoth()
    model, found = model_class.from_pretrained(folder, **REPORTING)
    refuse_differences(found)
    return model


# yet-another-retnet


def load_yet_another(folder):
    from yet_another_retnet.retnet import RetNet

    checkpoint = torch.load(folder / "model.pt", map_location="cpu", weights_only=True)
    model = RetNet(**read_json(folder / "config.json"))
    model.load_state_dict(checkpoint["state_dict"], strict=True)
    return model


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def checkout(variable, file):
    folder = os.environ.get(variable)
    if not folder:
        raise NotInstalled(f"{variable} names no checkout")
    if not (Path(folder) / file).is_file():
        raise NotInstalled(f"{variable}={folder} has no {file}")
    return folder


LOADERS = {
    "huggingface": load_huggingface,
    "llama": load_llama,
    "torchscale": load_torchscale,
    "syncdoth": load_syncdoth,
    "yet-another-retnet": load_yet_another,
}

# By the top-level package of the model's class.
FORWARDS = {
    "fla": lambda model, ids: model(ids, use_cache=False).logits,
    "transformers": lambda model, ids: model(ids, use_cache=False).logits,
    "torchscale": lambda model, ids: model(ids)[0],
    # As a tuple: transformers 5 renames a field of the repository's output classes.
    "retnet": lambda model, ids: model(ids, use_cache=False, return_dict=False)[0],
    "yet_another_retnet": lambda model, ids: model.forward_parallel(ids),
}
