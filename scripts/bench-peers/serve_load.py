"""Measures an OpenAI-compatible server on this machine: throughput and latencies, the first token, idle connections.

usage: serve_load.py load --port P --clients C [--requests N] [--prompt-tokens N] [--max-tokens N] --vocabulary N
       serve_load.py decode --port P [--rows N] [--max-tokens N] --vocabulary N [--bench FILE]
       serve_load.py first --port P --model FILE [--count N] [--prompt-tokens N] [--threads N]
       serve_load.py idle --port P --pid PID [--connections N]
       serve_load.py pair FOLDER WEIGHTS         the models of both servers; prints their paths
       serve_load.py table FILE [--versions TEXT]

Each measurement prints one line of JSON, with the keys of --tag KEY=VALUE added; `table` reads such lines and prints
Markdown. scripts/bench-serve.sh makes all the calls. Only `pair` needs more than Python's own library.

RETNET             (first, pair) the program; without it, the release build of this folder
LLAMA_ENVIRONMENT  (pair) where setup-llama.sh has built llama.cpp

The clients must cost the server little, because both have the same cores. One thread waits for all sockets and only
stores what arrives, and when. It is parsed when the measurement is over.

The file is long because clients, models and table are together: bench-serve.sh is the only caller of each.
"""

import argparse
import bisect
import datetime
import gc
import json
import os
import random
import re
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import table
from measuring import FOLDER, Failure, environment, program_path

PATIENCE = 600  # seconds without a byte from a busy server
PAUSE = 0.01  # seconds between two looks at all sockets, where the time of a single token is not asked for
HOST = "127.0.0.1"
WORDS = "the of and to in is that it was for on are with as his they be at one have this from had by but not".split()
PARTS = (50, 95, 99)
LATENCIES = ("first_token_ms", "inter_token_ms", "total_ms")


# HTTP


class Exchange:
    """A request, and what came back for it."""

    def __init__(self, path, body=None, asked=0):
        text = b"" if body is None else json.dumps(body).encode()
        head = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1\r\nHost: {HOST}\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        self.request = head.encode() + b"\r\n" + text
        self.asked = asked  # tokens
        self.start = 0.0
        self.received = bytearray()
        self.marks = []  # (bytes received, time), one for each read
        self.head_end = -1
        self.headers = {}
        self.status = 0

    def add(self, piece, now):
        """Stores a piece; returns whether it was the last one."""
        self.received += piece
        self.marks.append((len(self.received), now))
        if self.head_end < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.head_end = end + 4
            first, *lines = self.received[:end].decode("latin-1").split("\r\n")
            self.status = int(first.split()[1])
            self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "chunked" in self.headers.get("transfer-encoding", ""):
            return self.received.endswith(b"\r\n0\r\n\r\n")
        return len(self.received) >= self.head_end + int(self.headers.get("content-length", 0))

    @property
    def stays_open(self):
        return self.headers.get("connection", "").lower() != "close"

    def content(self):
        """The body, and for each of its parts (where it begins in the body, where in what was received)."""
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return bytes(self.received[self.head_end :]), [(0, self.head_end)]
        body, parts, place = bytearray(), [], self.head_end
        while True:
            line_end = self.received.index(b"\r\n", place)
            size = int(self.received[place:line_end].split(b";")[0], 16)
            if size == 0:
                return bytes(body), parts
            parts.append((len(body), line_end + 2))
            body += self.received[line_end + 2 : line_end + 2 + size]
            place = line_end + 2 + size + 2

    def checked(self):
        """The body of an answer with status 200."""
        if self.status != 200:
            raise Failure(f"status {self.status}: {self.content()[0][:500].decode(errors='replace')}")
        return self.content()

    def events(self):
        """(time of its last byte, object) of each server-sent event."""
        body, parts = self.checked()
        begins = [begin for begin, _ in parts]
        counts = [count for count, _ in self.marks]
        place = 0
        while (end := body.find(b"\n\n", place)) >= 0:
            line, place = body[place:end], end + 2
            if not line.startswith(b"data: ") or line == b"data: [DONE]":
                continue
            found = json.loads(line[6:])
            if found.get("error"):
                raise Failure(f"error in a stream: {found['error']}")
            begin, received = parts[bisect.bisect_right(begins, end + 1) - 1]
            needed = received + end + 1 - begin + 1
            yield self.marks[bisect.bisect_left(counts, needed)][1], found


def connect(port):
    connection = socket.create_connection((HOST, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange_all(port, queues, pause=0.0):
    """Each client sends its requests one after the other; all clients at once. Returns when the first was sent.

    With a pause, many tokens are read at once: the clients take less of the processor, and times are that coarse.
    """
    selector = selectors.DefaultSelector()

    def begin(connection, waiting):
        waiting[0].start = time.perf_counter()
        connection.sendall(waiting[0].request)
        selector.register(connection, selectors.EVENT_READ, waiting)

    gc.disable()
    started = time.perf_counter()
    for queue in queues:
        begin(connect(port), list(queue))
    while selector.get_map():
        ready = selector.select(PATIENCE)
        if not ready:
            raise Failure(f"nothing came for {PATIENCE} s")
        for key, _ in ready:
            connection, waiting = key.fileobj, key.data
            try:
                piece = connection.recv(1 << 16)
            except OSError as error:
                raise Failure(f"the connection broke: {error}") from error
            if not piece:
                raise Failure("the server closed a connection before the answer was complete")
            if not waiting[0].add(piece, time.perf_counter()):
                continue
            done = waiting.pop(0)
            selector.unregister(connection)
            if waiting and done.stays_open:
                begin(connection, waiting)
            else:
                connection.close()
                if waiting:
                    begin(connect(port), waiting)
        if pause:
            time.sleep(pause)
    gc.enable()
    return started


def ask(port, path, body=None):
    """The object that one request is answered with."""
    exchange = Exchange(path, body)
    exchange_all(port, [[exchange]])
    return json.loads(exchange.checked()[0])


# Completions


def completion(prompt, tokens, seed, **more):
    """A streamed completion of a fixed length. llama.cpp ignores `add_bos`; it puts no BOS before ids."""
    body = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "seed": seed, "ignore_eos": True, "stream": True}
    return Exchange("/v1/completions", body | {"stream_options": {"include_usage": True}} | more, tokens)


def random_completion(options, tokens, *which):
    """One whose prompt of random ids is that of no other request, so that no cache helps."""
    source = random.Random(repr((options.seed, options.command, *which)))
    ids = [source.randrange(3, options.vocabulary) for _ in range(options.prompt_tokens)]
    return completion(ids, tokens, source.randrange(1 << 31), add_bos=False)


class Answer:
    """When the tokens of a completion came, and how many they were by the server's count."""

    def __init__(self, exchange):
        self.start, self.times, self.usage = exchange.start, [], None
        first = None
        for now, found in exchange.events():
            self.usage = found.get("usage") or self.usage
            if found.get("choices"):
                first = first or now
                if found["choices"][0].get("text"):
                    self.times.append(now)
        # Tokens may be without characters: special ones, and parts of a character.
        self.times = self.times or [first]
        if first is None or self.usage is None:
            raise Failure("expected tokens and their usage in a stream, found none")
        self.tokens = self.usage["completion_tokens"]
        if self.tokens != exchange.asked:
            raise Failure(f"expected an answer of {exchange.asked} tokens, found {self.tokens}")

    @property
    def cached(self):
        return (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0


def percentiles(seconds):
    """In milliseconds, by nearest rank."""
    ordered = sorted(seconds)
    return {f"p{part}": round(1000 * ordered[-(-part * len(ordered) // 100) - 1], 3) for part in PARTS}


def status_of(pid, key):
    """Bytes of a line of /proc/PID/status."""
    with open(f"/proc/{pid}/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(key + ":"))


def load(options):
    """All clients at once, each as fast as it can, until each has its answers."""
    each = max(options.requests_of_client, -(-options.requests // options.clients))
    queues = [
        [random_completion(options, options.max_tokens, options.clients, client, turn) for turn in range(each)]
        for client in range(options.clients)
    ]
    spent = time.process_time()
    started = exchange_all(options.port, queues)
    spent = time.process_time() - spent
    ended = max(exchange.marks[-1][1] for queue in queues for exchange in queue)
    answers = [Answer(exchange) for queue in queues for exchange in queue]
    tokens = sum(answer.tokens for answer in answers)
    gaps = [after - before for answer in answers for before, after in zip(answer.times, answer.times[1:])]
    found = {
        "clients": options.clients,
        "requests": len(answers),
        "prompt_tokens": options.prompt_tokens,
        "max_tokens": options.max_tokens,
        "tokens": tokens,
        "events": sum(len(answer.times) for answer in answers),
        "cached_tokens": sum(answer.cached for answer in answers),
        "seconds": round(ended - started, 6),
        "tokens_per_second": tokens / (ended - started),
        "first_token_ms": percentiles([answer.times[0] - answer.start for answer in answers]),
        "inter_token_ms": percentiles(gaps or [0]),
        "total_ms": percentiles([answer.times[-1] - answer.start for answer in answers]),
        "clients_cpu_share": round(spent / (ended - started), 4),
    }
    return found | ({"peak_memory_bytes": status_of(options.pid, "VmHWM")} if options.pid else {})


def decode(options):
    """Tokens per second while all rows decode: from the last row's first token to the first row's last token."""
    queues = [[random_completion(options, options.max_tokens, row)] for row in range(options.rows)]
    spent, started = time.process_time(), time.perf_counter()
    exchange_all(options.port, queues, PAUSE)
    spent = (time.process_time() - spent) / (time.perf_counter() - started)
    answers = [Answer(queue[0]) for queue in queues]
    begin, end = max(answer.times[0] for answer in answers), min(answer.times[-1] for answer in answers)
    if end - begin < 50 * PAUSE:
        raise Failure(f"all rows decoded together for {end - begin:.3f} s only: more tokens are needed")
    tokens = 0.0
    for answer in answers:
        within = bisect.bisect_right(answer.times, end) - bisect.bisect_right(answer.times, begin)
        tokens += within * answer.tokens / len(answer.times)
    found = {
        "rows": options.rows, "max_tokens": options.max_tokens, "tokens": round(tokens), "seconds": end - begin,
        "tokens_per_second": tokens / (end - begin), "clients_cpu_share": round(spent, 4),
    }
    if options.bench:
        report = json.loads(Path(options.bench).read_text())
        (row,) = report["rows"]
        found |= {
            "bench_tokens_per_second": row["tokens_per_second"], "parameters": row["parameters"],
            "precision": row["precision"], "retnet": report["machine"]["commit"],
            "ratio": found["tokens_per_second"] / row["tokens_per_second"],
        }
    return found


# The first token


def text_of(port, tokens, source):
    """A text that the server's tokenizer makes so many tokens of."""
    for _ in range(100):
        text = " ".join(source.choices(WORDS, k=2 * tokens))

        def count(end):
            return ask(port, "/tokenize", {"prompt": text[:end], "add_special_tokens": False})["count"]

        shortest = bisect.bisect_left(range(1, len(text) + 1), tokens, key=count) + 1
        for end in range(shortest, min(shortest + 4, len(text) + 1)):
            if text[end - 1] != " " and count(end) == tokens:
                return text[:end]
    raise Failure(f"no text of {tokens} tokens was found")


def generate_seconds(options, texts):
    """How long `retnet generate` takes to read these prompts and to choose a token for each."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps({"prompt": text}) + "\n" for text in texts)
        file.flush()
        command = [program_path(), "generate", "-m", options.model, "--prompts", file.name, "-n", "1", "--temp", "0"]
        command += ["--timings", "-q", "-t", str(options.threads)]
        run = subprocess.run(command, capture_output=True, text=True, env=environment(options.threads))
    if run.returncode != 0:
        raise Failure(f"{' '.join(command)} ended with status {run.returncode}: {run.stderr[-500:]}")
    parts = re.findall(r"^(?:prompt|generated): .* in ([0-9.]+) s", run.stderr, re.MULTILINE)
    if len(parts) != 2 or len(run.stdout.splitlines()) != len(texts):
        raise Failure(f"generate: expected timings and {len(texts)} answers, found:\n{run.stderr}{run.stdout[-500:]}")
    return sum(float(part) for part in parts)


def first(options):
    """The first token of a short prompt over HTTP, one request after the other, and from `generate`.

    `generate --prompts` reads its prompts one after the other. Its first one finds weights that were not yet touched,
    so a run with that prompt alone is subtracted: what is left is the time of the others in a warm process.
    """
    source = random.Random(repr((options.seed, options.command)))
    texts = [text_of(options.port, options.prompt_tokens, source) for _ in range(options.count + 1)]
    exchanges = [completion(text, 2, turn) for turn, text in enumerate(texts)]
    exchange_all(options.port, [exchanges])
    answers = [Answer(exchange) for exchange in exchanges[1:]]
    seconds = [answer.times[0] - answer.start for answer in answers]
    ours = (generate_seconds(options, texts) - generate_seconds(options, texts[:1])) / options.count
    return {
        "prompt_tokens": options.prompt_tokens, "requests": len(answers), "first_token_ms": percentiles(seconds),
        "cached_tokens": sum(answer.cached for answer in answers), "mean_ms": 1000 * statistics.mean(seconds),
        "generate_ms": 1000 * ours, "difference_ms": 1000 * (statistics.median(seconds) - ours),
    }


# Idle connections


def idle(options):
    """The server's memory before and after connections of which each had one answer and stays open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = options.connections + 64
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise Failure(f"expected at least {needed} open files (ulimit -n), found {hard}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))

    def health(connection):
        exchange = Exchange("/health")
        connection.sendall(exchange.request)
        while piece := connection.recv(1 << 16):
            if exchange.add(piece, 0):
                exchange.checked()
                return
        raise Failure("the server closed a connection before the answer was complete")

    def memory():
        time.sleep(1)
        return {key: status_of(options.pid, key) for key in ("VmRSS", "RssAnon")}

    for _ in range(8):
        ask(options.port, "/health")
    before = memory()
    connections = []
    for _ in range(options.connections):
        connections.append(connect(options.port))
        health(connections[-1])
    after = memory()
    # All must still be there: each answers once more.
    for connection in connections:
        health(connection)
        connection.close()
    return {
        "connections": len(connections), "before_bytes": before, "after_bytes": after,
        "megabytes": (after["VmRSS"] - before["VmRSS"]) / 1e6,
        "anonymous_megabytes": (after["RssAnon"] - before["RssAnon"]) / 1e6,
    }


# The models


def vocabulary(count):
    """(piece, kind) with the kinds of SentencePiece, which GGUF shares: 1 normal, 2 unknown, 3 control, 6 byte."""
    yield from (("<unk>", 2), ("<s>", 3), ("</s>", 3))
    yield from ((f"<0x{byte:02X}>", 6) for byte in range(256))
    yield from ((f"▁w{index}", 1) for index in range(259, count))


def sentencepiece_model(count):
    """A SentencePiece file: unigram, with bytes for what is no piece, and a text as it is."""

    def field(number, value):
        """A field of a protocol buffer: a number, or bytes."""
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        return varint(number << 3 | 2) + varint(len(value)) + value

    def varint(value):
        low = [value >> shift & 127 for shift in range(0, max(value.bit_length(), 1), 7)]
        return bytes(part | 128 for part in low[:-1]) + bytes(low[-1:])

    # A piece's score is left out: it is 0.
    pieces = (field(1, piece.encode()) + field(3, kind) for piece, kind in vocabulary(count))
    trainer = field(3, 1) + field(4, count) + field(35, 1) + field(40, 0) + field(41, 1) + field(42, 2)
    normalizer = field(1, b"identity") + field(3, 1) + field(4, 0) + field(5, 1)
    return b"".join(field(1, piece) for piece in pieces) + field(2, trainer) + field(3, normalizer)


def pair(options):
    """The models of decode.sh with a vocabulary, because a server needs texts for ids. Files that exist are kept."""
    import gguf
    import random_llama
    import random_retnet

    llama = Path(os.environ["LLAMA_ENVIRONMENT"])
    count, folder = random_llama.VOCABULARY, Path(options.folder)
    folder.mkdir(parents=True, exist_ok=True)

    def call(*command):
        made = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if made.returncode != 0:
            raise Failure(f"{command[0]} ended with status {made.returncode}: {made.stderr[-500:]}")

    def model(weights, ending, make):
        path = folder / f"serve-{weights}{ending}"
        if not path.exists():
            # Under another name until it is whole.
            unfinished = folder / f"unfinished{ending}"
            make(unfinished)
            unfinished.rename(path)
        return path

    def retnet(output):
        source = folder / "source"
        random_retnet.write(source)
        (source / "tokenizer.model").write_bytes(sentencepiece_model(count))
        call(program_path(), "convert", source, "-o", output)
        shutil.rmtree(source)

    def transformer(output):
        def add_vocabulary(writer, _):
            pieces, kinds = zip(*vocabulary(count))
            add_model(writer, "llama")
            writer.add_token_list(pieces)
            writer.add_token_scores([0.0] * count)
            writer.add_token_types(kinds)

        # random_llama.py writes a model without a vocabulary; this puts one in its place.
        add_model, gguf.GGUFWriter.add_tokenizer_model = gguf.GGUFWriter.add_tokenizer_model, add_vocabulary
        random_llama.write(output)
        gguf.GGUFWriter.add_tokenizer_model = add_model

    paths = [model("bf16", ".safetensors", retnet), model("bf16", ".gguf", transformer)]
    if (name := options.weights) != "bf16":
        ours, theirs = paths
        # The head's format is that of `retnet convert`, as in decode_sides.py.
        formats = ["--output-tensor-type", "q8_0", "--token-embedding-type", "q8_0"]
        quantize = llama / "build/bin/llama-quantize"
        paths = [
            model(name, ".safetensors", lambda to: call(program_path(), "convert", ours, "-o", to, "--quantize", name)),
            model(name, ".gguf", lambda to: call(quantize, *formats, theirs, to, name)),
        ]
    print(*paths, sep="\n")


# The table


def ratios_text(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})" if ratios else "–"


def short(number):
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def medians(records, key):
    return statistics.median(record[key] for record in records)


def ratios(records, of, to):
    """Those of tokens per second in the same round."""
    speeds = {(record["side"], record["round"]): record["tokens_per_second"] for record in records}
    return [speed / speeds[to, turn] for (side, turn), speed in speeds.items() if side == of and (to, turn) in speeds]


def table_lines(records, versions):
    loads, decodes, firsts, idles = (
        [record for record in records if record["kind"] == kind] for kind in ("load", "decode", "first", "idle")
    )
    sides = list(dict.fromkeys(record["side"] for record in loads + decodes))
    benched = [record for record in decodes if "ratio" in record]
    builds = ", ".join(
        sorted({record["retnet"][:12] + " with changes" * ("+" in record["retnet"]) for record in benched})
    )
    yield f"- CPU: {table.cpu_name()}, {len(os.sched_getaffinity(0))} cores, {records[0]['threads']} threads"
    yield f"- versions: retnet {builds or 'unknown'}; {'; '.join(versions + [table.compiler()])}"
    yield f"- date: {records[0]['date']}"
    yield f"- model: {records[0]['model']}" + (
        f", {benched[0]['parameters'] / 1e6:,.1f} M parameters, {benched[0]['precision']}" if benched else ""
    )
    yield ""
    if loads:
        one = loads[0]
        titles = ["clients", "program", "tokens/s", "first token, ms", "between tokens, ms", "whole answer, ms"]
        titles += ["ratio (lowest – highest)", "requests", "rounds"]
        yield f"| {' | '.join(titles)} |"
        yield "|" + "---|" * len(titles)
        for clients in dict.fromkeys(record["clients"] for record in loads):
            level = [record for record in loads if record["clients"] == clients]
            for side in sides:
                if found := [record for record in level if record["side"] == side]:
                    cells = [str(clients), side, short(medians(found, "tokens_per_second"))]
                    for key in LATENCIES:
                        parts = [medians([record[key] for record in found], f"p{part}") for part in PARTS]
                        cells.append(" / ".join(short(part) for part in parts))
                    cells.append(ratios_text(ratios(level, side, "llama.cpp") if side == "retnet" else []))
                    yield f"| {' | '.join(cells + [str(found[0]['requests']), str(len(found))])} |"
        yield ""
        yield textwrap.fill(explanation(loads, decodes, sides), 118)
        yield ""
    yield "| measure | here | aim |"
    yield "|---|---|---|"
    for side in sides:
        if found := [record for record in decodes if record["side"] == side]:
            here = f"{short(medians(found, 'tokens_per_second'))} tokens/s"
            if ours := [record for record in found if "ratio" in record]:
                bench = short(medians(ours, "bench_tokens_per_second"))
                here += f"; `bench generate` {bench} tokens/s; {ratios_text([record['ratio'] for record in ours])}"
            name = f"{found[0]['rows']} answers of {found[0]['max_tokens']} tokens at once, while all decode"
            yield f"| {name}: {side} | {here} | {'0.9 × `bench generate -b 16`' if ours else '–'} |"
    if firsts:
        parts = [medians([record["first_token_ms"] for record in firsts], f"p{part}") for part in PARTS]
        gaps = [record["difference_ms"] for record in firsts]
        here = f"p50 / p95 / p99 {' / '.join(short(part) for part in parts)} ms; `generate` "
        here += f"{short(medians(firsts, 'generate_ms'))} ms; {statistics.median(gaps):.2f} ms more "
        here += f"({min(gaps):.2f} – {max(gaps):.2f})"
        yield f"| first token of a {firsts[0]['prompt_tokens']}-token prompt | {here} | under 60 ms more |"
    if idles:
        here = f"{medians(idles, 'megabytes'):.1f} MB resident"
        here += f", {medians(idles, 'anonymous_megabytes'):.1f} MB of it anonymous"
        yield f"| {idles[0]['connections']:,} idle connections | {here} | under 100 MB |"


def explanation(loads, decodes, sides):
    share = max(record["clients_cpu_share"] for record in loads + decodes)
    text = (
        f"Each client streams answers of {loads[0]['max_tokens']} tokens to prompts of {loads[0]['prompt_tokens']} "
        "random ids in turn, at temperature 0. Each prompt is used once. tokens/s: the new tokens of all clients. "
        "Latencies: p50 / p95 / p99 of a round. Every figure is the median of the rounds. The first token counts from "
        "sending the request, so with more clients than rows it includes waiting for a row. The clients run on the "
        f"same cores as the server, and took {100 * share:.1f} % of one at most."
    )
    if len(sides) > 1:
        text += (
            " ratio: retnet / llama.cpp in the same round, the median and the range. Both models have random weights; "
            "both servers have 16 rows and a prompt cache of 256 MiB."
        )
    memory = {
        side: max(record.get("peak_memory_bytes", 0) for record in loads if record["side"] == side)
        for side in dict.fromkeys(record["side"] for record in loads)
    }
    text += f" Most memory resident: {', '.join(f'{side} {table.gigabytes(most)}' for side, most in memory.items())}."
    if cached := sum(record["cached_tokens"] for record in loads):
        text += f" {cached:,} tokens of prompts came from a cache."
    return text


def print_table(options):
    with open(options.file) as file:
        records = [json.loads(line) for line in file if line.strip()]
    if not records:
        raise Failure("nothing was measured")
    print("\n".join(table_lines(records, options.versions)))


# The command line


def parse_arguments():
    parser = argparse.ArgumentParser(prog="serve_load.py", description="Measures an OpenAI-compatible server.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name, run, *options):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        for option, default in options:
            kind = str if default == "" or default is str else int
            required = default in (str, int)
            command.add_argument(f"--{option}", type=kind, required=required, default=None if required else default)
        return command

    measured = [("port", int), ("seed", 0)]
    commands_with_tags = [
        add(
            "load", load, *measured, ("clients", int), ("vocabulary", int), ("requests", 8), ("requests-of-client", 2),
            ("prompt-tokens", 64), ("max-tokens", 64), ("pid", 0),
        ),
        add(
            "decode", decode, *measured, ("vocabulary", int), ("rows", 16), ("prompt-tokens", 1), ("max-tokens", 256),
            ("bench", ""),
        ),
        add(
            "first", first, *measured, ("model", str), ("count", 32), ("prompt-tokens", 16),
            ("threads", len(os.sched_getaffinity(0))),
        ),
        add("idle", idle, *measured, ("pid", int), ("connections", 1000)),
    ]
    for command in commands_with_tags:
        command.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE")
    command = add("pair", pair)
    command.add_argument("folder")
    command.add_argument("weights", choices=["bf16", "q8_0", "q4_0"])
    command = add("table", print_table)
    command.add_argument("file")
    command.add_argument("--versions", action="append", default=[], metavar="TEXT")
    return parser.parse_args()


def main():
    options = parse_arguments()
    try:
        found = options.run(options)
    except (Failure, OSError, ValueError, KeyError) as error:
        print(f"error: {options.command}: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(1)
    if found is not None:
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        tags = dict(tag.split("=", 1) for tag in options.tag)
        print(json.dumps({"kind": options.command, "date": date} | tags | found))


if __name__ == "__main__":
    main()
