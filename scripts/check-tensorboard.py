"""Compares what TensorBoard reads from a run folder with its metrics.jsonl. Called by check-tensorboard.sh."""

import argparse
import collections
import glob
import json
import math
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing import event_accumulator

TAGS = {
    "loss": "train/loss",
    "gradient_norm": "train/gradient_norm",
    "learning_rate": "train/learning_rate",
    "validation_loss": "validation/loss",
    "bits_per_byte": "validation/bits_per_byte",
    "perplexity": "validation/perplexity",
}
# Not in metrics.jsonl, which holds nothing that two equal runs differ in but its seconds.
SPEED = "train/tokens_per_second"
SERVER_SECONDS = 60


def fail(message):
    sys.exit(f"error: {message}")


def float32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def expected_curves(folder):
    """The curves of the log; a rewind voids what comes after its step."""
    curves = collections.defaultdict(list)
    with open(os.path.join(folder, "metrics.jsonl"), encoding="utf-8") as log:
        for row in map(json.loads, log):
            if "rewind_to" in row:
                for points in curves.values():
                    points[:] = [point for point in points if point[0] <= row["rewind_to"]]
            for key, tag in TAGS.items():
                if key in row:
                    number = float(row.get(f"{key}_not_finite", row[key]))
                    curves[tag].append((row["step"], float32(number)))
    return dict(curves)


def same(one, other):
    return one == other or (math.isnan(one) and math.isnan(other))


def compare(reader, tag, found, expected):
    steps, expected_steps = [step for step, _ in found], [step for step, _ in expected]
    if steps != expected_steps:
        fail(f"{reader}: {tag}: expected the steps {expected_steps}, found {steps}")
    for (step, value), (_, wanted) in zip(found, expected):
        if not same(value, wanted):
            fail(f"{reader}: {tag}: step {step}: expected {wanted}, found {value}")


def check_speed(reader, points):
    steps = [step for step, _ in points]
    if not steps or steps != sorted(set(steps)):
        fail(f"{reader}: {SPEED}: expected steps that rise, found {steps}")
    for step, value in points:
        if not 0 < value < math.inf:
            fail(f"{reader}: {SPEED}: step {step}: expected a number above 0, found {value}")


def check_accumulator(folder, curves):
    """TensorBoard's own reader in Python, which keeps every point when it is told to."""
    reader = event_accumulator.EventAccumulator(folder, size_guidance={event_accumulator.SCALARS: 0})
    reader.Reload()
    found = set(reader.Tags()["scalars"])
    if found != set(curves) | {SPEED}:
        fail(f"EventAccumulator: expected the tags {sorted(curves) + [SPEED]}, found {sorted(found)}")
    for tag, expected in curves.items():
        compare("EventAccumulator", tag, [(event.step, event.value) for event in reader.Scalars(tag)], expected)
    check_speed("EventAccumulator", [(event.step, event.value) for event in reader.Scalars(SPEED)])


def check_server(folder, curves):
    """The program as people start it, asked what its page asks."""
    with tempfile.TemporaryFile(mode="w+") as talk:
        command = [os.path.join(os.path.dirname(sys.executable), "tensorboard"), "--logdir", folder, "--port", "0"]
        command += ["--samples_per_plugin", "scalars=1000000"]
        server = subprocess.Popen(command, stdout=talk, stderr=talk)
        try:
            deadline = time.monotonic() + SERVER_SECONDS
            address, tags = None, {}
            while time.monotonic() < deadline and server.poll() is None:
                talk.seek(0)
                match = re.search(r"http://\S+/", talk.read())
                if match:
                    address = match.group(0)
                    tags = fetch(f"{address}data/plugin/scalars/tags").get(".", {})
                    if set(tags) == set(curves) | {SPEED} and server_has(address, curves):
                        break
                time.sleep(0.2)
            if address is None:
                talk.seek(0)
                fail(f"tensorboard: expected an address within {SERVER_SECONDS} seconds, found: {talk.read()}")
            if set(tags) != set(curves) | {SPEED}:
                fail(f"tensorboard: expected the tags {sorted(curves) + [SPEED]}, found {sorted(tags)}")
            for tag, expected in curves.items():
                compare("tensorboard", tag, points(address, tag), expected)
            check_speed("tensorboard", points(address, SPEED))
        finally:
            server.terminate()
            server.wait(timeout=SERVER_SECONDS)


def fetch(address):
    with urllib.request.urlopen(address, timeout=SERVER_SECONDS) as answer:
        return json.load(answer)


def points(address, tag):
    query = urllib.parse.urlencode({"run": ".", "tag": tag})
    return [(step, float(value)) for _, step, value in fetch(f"{address}data/plugin/scalars/scalars?{query}")]


def server_has(address, curves):
    """Whether it has read all files: it answers while it is still reading."""
    return all([step for step, _ in points(address, tag)] == [step for step, _ in curve] for tag, curve in curves.items())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--processes", type=int, help="how many event files there must be")
    arguments = parser.parse_args()
    curves = expected_curves(arguments.run)
    files = glob.glob(os.path.join(glob.escape(arguments.run), "events.out.tfevents.*"))
    if arguments.processes not in (None, len(files)):
        fail(f"{arguments.run}: expected {arguments.processes} event files, found {len(files)}")
    check_accumulator(arguments.run, curves)
    check_server(arguments.run, curves)
    total = sum(map(len, curves.values()))
    print(f"TensorBoard shows {total} points of {len(curves)} curves from {len(files)} event files, as metrics.jsonl has them")


main()
