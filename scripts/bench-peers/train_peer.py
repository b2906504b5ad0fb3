"""Trains one model in PyTorch, a few steps each time that a line comes in, and reports each time as a line of JSON.

This is the child process of bench.py: it warms up once, which takes minutes with torch.compile, and then sleeps on its
standard input while the other program is measured.

usage: train_peer.py MODEL PRECISION COMPILED LENGTH BATCH CHUNK THREADS STEPS
"""

import json
import math
import sys
import time

import torch

import models

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.05
CLIPPING_NORM = 1.0
# One step to compile, one to allocate the optimizer's moments, one with everything in place.
WARM_UP_STEPS = 3


def peak_memory_bytes():
    """The most that this process ever had in memory, as Linux counts it."""
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


class Training:
    def __init__(self, model, precision, compiled, length, batch):
        self.model = model
        self.extents = (batch, length + 1)
        self.random = torch.Generator().manual_seed(0)
        self.autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")
        self.loss_of = torch.compile(self.plain_loss) if compiled else self.plain_loss
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, fused=True
        )

    def plain_loss(self, inputs, targets):
        logits = self.model(inputs)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def step(self):
        ids = torch.randint(models.VOCABULARY, self.extents, generator=self.random)
        with self.autocast:
            loss = self.loss_of(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), CLIPPING_NORM)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def timed_step(self):
        start = time.perf_counter()
        loss = self.step()
        return time.perf_counter() - start, loss


def main():
    name, precision, compiled, *numbers = sys.argv[1:]
    length, batch, chunk, threads, steps = map(int, numbers)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    package, model = getattr(models, name)(length, chunk)
    training = Training(model, precision, compiled == "compiled", length, batch)

    def report(**members):
        print(json.dumps(members), flush=True)

    start = time.perf_counter()
    for _ in range(WARM_UP_STEPS):
        training.step()
    report(
        versions=[f"torch {torch.__version__}", package],
        parameters=sum(weights.numel() for weights in model.parameters()),
        warm_up_seconds=time.perf_counter() - start,
    )
    for _ in sys.stdin:
        training.step()  # Not timed: the other program has just had the caches.
        seconds, losses = zip(*(training.timed_step() for _ in range(steps)))
        report(
            tokens_per_second=[length * batch / time_of_step for time_of_step in seconds],
            peak_memory_bytes=peak_memory_bytes(),
            loss=losses[-1],
            loss_is_finite=all(map(math.isfinite, losses)),
        )


main()
