"""Lets the RetNet of flash-linear-attention run without a GPU.

The package computes five things with Triton kernels, and softmax attention with flash_attn. Each is replaced, at the
name through which RetNet's modules call it, by the package's own plain PyTorch reference or by the same formula.
Modules, parameter names, configuration and control flow stay the package's own.
"""

import warnings

import torch
from torch.nn import functional

# Importing fla without a GPU warns about each of its back ends.
warnings.filterwarnings("ignore", module="fla")


def retention(q, k, v, **options):
    """Parallel retention of [B, T, H, D], in the type of the arguments. Returns the output and no state."""
    refuse(options, "initial_state", "cu_seqlens")
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    if q.dtype == torch.float64:
        return retention_in_float64(q, k, v).transpose(1, 2), None
    from fla.ops.retention.naive import naive_retention

    return naive_retention(q, k, v).transpose(1, 2), None


def retention_in_float64(q, k, v):
    """The formula of fla's naive_retention, which itself rounds to float32."""
    heads, length, width = q.shape[1:]
    decay = torch.log1p(-(2.0 ** (-5 - torch.arange(heads, dtype=torch.float64))))
    position = torch.arange(length, dtype=torch.float64)
    distance = position[:, None] - position[None, :]
    mask = torch.exp(distance * decay[:, None, None]).tril()
    return ((q * width**-0.5) @ k.transpose(-1, -2) * mask) @ v


def rotation(x, cos, sin, interleaved=False, inplace=False, seqlen_offsets=0, **options):
    from fla.modules.rotary.ops import rotary_embedding_ref

    refuse(options, "cu_seqlens")
    positions = slice(seqlen_offsets, seqlen_offsets + x.shape[1])
    return rotary_embedding_ref(x, cos[positions], sin[positions], interleaved)


def rms_norm(x, weight, bias, residual=None, eps=1e-5, prenorm=False, residual_in_fp32=False):
    from fla.modules.norm.layernorm import rms_norm_ref

    if weight is None:
        weight = x.new_ones(x.shape[-1])
    return rms_norm_ref(x, weight, bias, residual, eps, prenorm)


def rms_norm_gated(x, g, weight, bias, activation="swish", residual=None, eps=1e-6, **options):
    assert activation in ("swish", "silu") and bias is None and residual is None
    return rms_norm(x, weight, None, eps=eps) * functional.silu(g)


def swiglu(gate, up):
    return functional.silu(gate) * up


def swiglu_linear(gate, up, weight, bias):
    return functional.linear(swiglu(gate, up), weight, bias)


def attention(q, k, v, causal=True, window_size=(-1, -1)):
    """flash_attn_func for [B, T, H, D], with fewer key and value heads and a window to the left."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    length = q.shape[2]
    seen = torch.ones(length, length, dtype=torch.bool).tril()
    if window_size[0] >= 0:
        seen = seen.triu(-window_size[0])
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2)


def refuse(options, *names):
    for name in names:
        assert options.get(name) is None, f"{name} is not part of this check"


def replace():
    """Puts the functions above where fla's modules look for its kernels. Call it before a model is made."""
    import fla.layers.attn
    import fla.layers.multiscale_retention
    import fla.modules.mlp
    import fla.modules.norm.fused_norm_gate
    import fla.modules.norm.layernorm
    import fla.modules.rotary.ops

    layer = fla.layers.multiscale_retention
    for name in ("chunk_retention", "fused_chunk_retention", "parallel_retention", "fused_recurrent_retention"):
        replace_one(layer, name, retention)
    replace_one(fla.modules.rotary.ops, "rotary_embedding", rotation)
    replace_one(fla.modules.norm.layernorm, "rms_norm", rms_norm)
    replace_one(fla.modules.norm.fused_norm_gate, "rms_norm_gated", rms_norm_gated)
    replace_one(fla.modules.mlp, "swiglu", swiglu)
    replace_one(fla.modules.mlp, "swiglu_linear", swiglu_linear)
    # None where flash_attn is not installed: then the layer would refuse to be made.
    replace_one(fla.layers.attn, "flash_attn_func", attention)


def replace_one(module, name, function):
    assert hasattr(module, name), f"{module.__name__} has no {name}: this version of fla is not known here"
    setattr(module, name, function)
