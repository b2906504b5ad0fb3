"""What is measured: the peers, and the row of `retnet bench train` that each is held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    model: str  # a function of models.py
    precision: str  # float32, bfloat16
    compiled: bool = False
    length: int = 512
    batch: int = 8
    chunk: int = 0  # 0: the parallel form
    is_long: bool = False  # measured with --long only
    settings: tuple = ()  # of our model: `--set`

    @property
    def tokens(self):
        return self.length * self.batch


RETNET = "torchscale RetNet"
LLAMA = "transformers Llama"
# Our Transformer of the sizes of models.llama.
ATTENTION = ("model.layer_types=attention", "model.attention.heads=4", "model.feed_forward_width=1344")

CASES = [
    Case("torchscale-fp32", RETNET, "retnet", "float32"),
    Case("torchscale-bf16", f"{RETNET}, autocast", "retnet", "bfloat16"),
    Case("torchscale-bf16-compile", f"{RETNET}, autocast, compiled", "retnet", "bfloat16", compiled=True),
    Case("llama-bf16-compile", f"{LLAMA}, SDPA, autocast, compiled", "llama", "bfloat16", compiled=True),
    Case(
        "llama-bf16-compile-attention", f"{LLAMA}, SDPA, autocast, compiled", "llama", "bfloat16", compiled=True,
        settings=ATTENTION,
    ),
    Case(
        "torchscale-bf16-2048", f"{RETNET}, autocast, chunks of 256", "retnet", "bfloat16",
        length=2048, batch=2, chunk=256, is_long=True,
    ),
    Case("llama-bf16-2048", f"{LLAMA}, SDPA, autocast", "llama", "bfloat16", length=2048, batch=2, is_long=True),
    Case(
        "torchscale-bf16-8192", f"{RETNET}, autocast, chunks of 256", "retnet", "bfloat16",
        length=8192, batch=1, chunk=256, is_long=True,
    ),
    Case("llama-bf16-8192", f"{LLAMA}, SDPA, autocast", "llama", "bfloat16", length=8192, batch=1, is_long=True),
    Case(
        "llama-bf16-8192-attention", f"{LLAMA}, SDPA, autocast", "llama", "bfloat16", length=8192, batch=1,
        is_long=True, settings=ATTENTION,
    ),
    Case(
        "torchscale-bf16-16384", f"{RETNET}, autocast, chunks of 256", "retnet", "bfloat16",
        length=16384, batch=1, chunk=256, is_long=True,
    ),
    Case("llama-bf16-16384", f"{LLAMA}, SDPA, autocast", "llama", "bfloat16", length=16384, batch=1, is_long=True),
]


def chosen(names, with_long):
    """The cases that the names choose: `peers` and `all` mean every one of them."""
    known = {case.name for case in CASES}
    unknown = set(names) - known - {"all", "peers"}
    if unknown:
        raise SystemExit(f"error: unknown peer {', '.join(sorted(unknown))}; known are {', '.join(sorted(known))}")
    if known & set(names):
        return [case for case in CASES if case.name in names]
    return [case for case in CASES if with_long or not case.is_long]
