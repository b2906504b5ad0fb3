"""Runs both sides of the comparison of generation, each measurement as a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measuring import FOLDER, Failure, environment, program_path
from random_llama import FEED_FORWARD, HEADS

# As both programs name them. With q4_0 either keeps embedding and head in eight bits.
FORMATS = ("bf16", "q8_0", "q4_0")


def run(command, threads):
    """What a program prints, and the most memory that it had resident."""
    command = [str(part) for part in command]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(threads))
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    with process.stdout:
        printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with status {process.returncode}")
    return json.loads(printed), usage.ru_maxrss * 1024


class Side:
    """A program with a random model in each format, kept as files that are made once."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = Path(os.environ["LLAMA_ENVIRONMENT"])
        self.facts = {}

    def model(self, name):
        path = self.folder / f"random-{name}{self.ending}"
        if not path.exists():
            # Under another name until it is whole.
            unfinished = path.with_name("unfinished" + self.ending)
            self.make(name, unfinished)
            unfinished.rename(path)
        return path

    def call(self, *command):
        made = subprocess.run(
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if made.returncode != 0:
            raise Failure(f"{command[0]} ended with status {made.returncode}: {made.stderr[-500:]}")

    def counts(self, depth):
        """-p, -n, -d, -t and -r, which both programs have."""
        asked = self.arguments
        prompt_tokens = 0 if depth else asked.prompt_tokens
        return ["-p", prompt_tokens, "-n", asked.new_tokens, "-d", depth, "-t", asked.threads, "-r", 1]


class Retnet(Side):
    """`retnet bench generate`."""

    name, ending, is_peer, kind = "retnet", ".safetensors", False, "RetNet"

    def make(self, name, output):
        if name != "bf16":
            return self.call(program_path(), "convert", self.model("bf16"), "-o", output, "--quantize", name)
        source = self.folder / "random-retnet"
        self.call(sys.executable, FOLDER / "random_retnet.py", source)
        self.call(program_path(), "convert", source, "-o", output)
        shutil.rmtree(source)

    def model_options(self, name):
        return ["-m", self.model(name)]

    def measure(self, name, depth):
        command = [program_path(), "bench", "generate", *self.model_options(name), "--output-format", "json", "-q"]
        report, _ = run(command + self.counts(depth), self.arguments.threads)
        self.facts = {
            "retnet": report["machine"]["commit"][:12], "parameters": report["rows"][0]["parameters"], "kind": self.kind
        }
        speeds = {row["test"][:2]: row["tokens_per_second"] for row in report["rows"]}
        # That of the process has a GiB more, which the benchmark reads to see how fast memory is.
        peak_memory = max(row["peak_memory_bytes"] for row in report["rows"])
        return {"prompt": speeds.get("pp"), "decoding": speeds["tg"], "peak_memory_bytes": peak_memory}


class OurTransformer(Retnet):
    """`retnet bench generate` with attention in every layer: the sizes of random_llama.py."""

    kind = "Transformer"

    def model_options(self, name):
        options = ["--preset", "retnet-1.3b", "--precision", name, "--kv-cache", "bf16"]
        sizes = {"layer_types": "attention", "attention.heads": HEADS, "feed_forward_width": FEED_FORWARD}
        for key, value in sizes.items():
            options += ["--set", f"model.{key}={value}"]
        return options


class Llama(Side):
    """`llama-bench`."""

    name, ending, is_peer = "llama.cpp", ".gguf", True

    def make(self, name, output):
        if name == "bf16":
            return self.call(sys.executable, FOLDER / "random_llama.py", output)
        # The head's format is that of `retnet convert`, where llama-quantize would take q6_K.
        formats = ["--output-tensor-type", "q8_0", "--token-embedding-type", "q8_0"]
        self.call(self.folder / "build/bin/llama-quantize", *formats, self.model("bf16"), output, name)

    def measure(self, name, depth):
        # Without flash attention, which it takes if it is not told: at 2,048 tokens before it decodes 18.6 tokens a
        # second then, and 9.5 with it.
        command = [self.folder / "build/bin/llama-bench", "-m", self.model(name), "-o", "json", "-fa", "0"]
        rows, peak_memory = run(command + self.counts(depth), self.arguments.threads)
        # The first line says which package it was built from.
        package = (self.folder / "made-from.txt").read_text().splitlines()[0]
        self.facts = {"llama.cpp": package, "peer_parameters": rows[0]["model_n_params"]}
        speeds = {"prompt" if row["n_prompt"] else "decoding": row["avg_ts"] for row in rows}
        return {"prompt": speeds.get("prompt"), "decoding": speeds["decoding"], "peak_memory_bytes": peak_memory}
