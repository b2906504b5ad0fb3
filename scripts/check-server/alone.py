"""The answer that `retnet generate` gives alone to a request of the completions API."""

import json
import struct
import subprocess

# The server's defaults, which are not those of the program.
DEFAULTS = {"max_tokens": 16, "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0}
FLAGS = {
    "max_tokens": "-n",
    "temperature": "--temp",
    "top_k": "--top-k",
    "top_p": "--top-p",
    "min_p": "--min-p",
    "typical": "--typical",
    "repeat_penalty": "--repeat-penalty",
    "repeat_last_n": "--repeat-last-n",
    "presence_penalty": "--presence-penalty",
    "frequency_penalty": "--frequency-penalty",
    "seed": "-s",
    "logprobs": "--logprobs",
}


class Alone:
    """The program with a model. BOS is the id that sequences of the model start with, or None."""

    def __init__(self, retnet, model, bos):
        self.retnet = retnet
        self.model = model
        self.bos = bos

    def generate(self, request, *flags):
        """The texts for a request with one prompt, each as its JSON object. FLAGS: further ones, such as --chat."""
        fields = DEFAULTS | {name: value for name, value in request.items() if value is not None}
        command = [self.retnet, "generate", "-m", self.model, "--json", "-q", *flags]
        command += self._prompt(fields.get("prompt", ""))
        for name, flag in FLAGS.items():
            if name in fields:
                command += [flag, fields[name]]
        for token, bias in fields.get("logit_bias", {}).items():
            command += ["--logit-bias", f"{token}-inf" if bias <= -100 else f"{token}{bias:+}"]
        stops = fields.get("stop", [])
        for stop in [stops] if isinstance(stops, str) else stops:
            command += ["--stop", stop]
        if fields.get("ignore_eos"):
            command.append("--ignore-eos")
        count = fields.get("best_of") or fields.get("n", 1)
        if count > 1:
            command += ["--num-samples", count]
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()] if count > 1 else [json.loads(done.stdout)]

    def _prompt(self, prompt):
        if isinstance(prompt, str):
            return ["-p", prompt]
        # The program puts no BOS before ids.
        start = [] if self.bos is None or prompt[0] == self.bos else [self.bos]
        return ["--prompt-ids", ",".join(map(str, start + prompt))]


def finish_reason(text):
    """The API's name for why a text of `generate` ended."""
    return "length" if text["finish_reason"] == "length" else "stop"


def single(number):
    """A number as a Float32 holds it: the two programs may print different numbers of digits."""
    return None if number is None else struct.unpack("f", struct.pack("f", number))[0]
