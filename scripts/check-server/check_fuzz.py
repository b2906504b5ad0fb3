"""Sends requests that are changed at random; the server must neither crash nor hang, and answer in its form.

usage: check_fuzz.py RETNET FOLDER       FOLDER has chat.safetensors
N, SEED, FIRST: see check-server.sh. A request is repeated by its seed and number: SEED=1 FIRST=123 N=1.
"""

import asyncio
import collections
import os
import sys
import tempfile
import time
from pathlib import Path

import answers
import fuzz_cases
from checks import Checks
from raw_http import BadAnswer, connect, fault, read_answer
from server import Server

CONNECTIONS = 12
PATIENCE = 60
"""Seconds until a missing answer is a server that hangs."""
IDLE_SECONDS = 2
"""The server closes connections that were idle for so long."""
LIMITS = [
    "--max-body", fuzz_cases.MOST_BYTES, "--max-prompt-tokens", 2_000, "--max-completion-tokens", 16, "--max-time", 30,
    "--idle-timeout", IDLE_SECONDS,
]  # fmt: skip
REFERENCE = {"prompt": "The state of a model", "max_tokens": 16, "seed": 9}


class Fuzzer:
    def __init__(self, checks, server, seed, first, count):
        self.checks = checks
        self.server = server
        self.seed = seed
        self.numbers = iter(range(first, first + count))
        self.kinds = collections.Counter()
        self.statuses = collections.Counter()
        self.expected = self.complete()

    def complete(self):
        status, answer = self.server.call("POST", "/v1/completions", REFERENCE)
        return answer["choices"][0]["text"] if status == 200 else f"status {status}"

    async def run(self):
        await asyncio.gather(*[self.client() for _ in range(CONNECTIONS)])

    async def client(self):
        """Sends cases over one connection for as long as the server keeps it."""
        connection, before, used = None, None, 0
        for number in self.numbers:
            case = fuzz_cases.make(self.seed, number)
            if time.monotonic() - used > IDLE_SECONDS / 2:
                self.close(connection)
                connection, before = None, None
            self.kinds[case.kind] += 1
            self.checks.count += 1
            problem, connection = await self.send(case, connection)
            if problem:
                alone, last = await self.send(case, None)
                self.close(last)
                self.fail(number, case, problem, alone, before)
            if not self.server.is_running:
                break
            before, used = number if connection else None, time.monotonic()
        self.close(connection)

    @staticmethod
    def close(connection):
        if connection:
            connection[1].transport.abort()

    def fail(self, number, case, problem, alone, before):
        what = f"seed {self.seed}, request {number} ({case.kind})"
        if not alone:
            problem += f" (behind request {before} on one connection; not alone)"
        print(f"{what}: {problem}\n         {b''.join(case.pieces)[:300]!r}", flush=True)
        self.checks.failed.append(what)

    async def send(self, case, connection):
        """What is wrong with the answer, and the connection if it can be used again; without one, a new one is made."""
        keeps = False
        try:
            connection = connection or await connect(self.server.port)
            problem, keeps = await asyncio.wait_for(self.exchange(case, *connection), PATIENCE)
        except asyncio.TimeoutError:
            problem = f"no answer within {PATIENCE} s"
        except OSError as refusal:
            problem = f"the server is gone: {refusal}"
        if not keeps:
            self.close(connection)
        return problem, connection if keeps else None

    async def exchange(self, case, reader, writer):
        """What is wrong with the answer, and whether the connection can be used again."""
        try:
            for piece in case.pieces:
                if writer.transport.is_closing():
                    break
                writer.write(piece)
                if len(case.pieces) > 1:
                    await asyncio.sleep(0.002)
            await writer.drain()
        except ConnectionError:
            # An answer may be waiting all the same.
            pass
        if case.leaves:
            return None, False
        for place in range(max(1, case.answers)):
            try:
                answer = await read_answer(reader, case.is_head)
            except ConnectionError:
                answer = None
            except (BadAnswer, ValueError, asyncio.LimitOverrunError) as problem:
                return f"answer {place}: {problem}", False
            if answer is None:
                return (None if case.answers == 0 else f"answer {place} is missing"), False
            self.statuses[answer.status] += 1
            if problem := None if case.is_head else fault(answer) or stream_fault(answer):
                return f"answer {place}: {problem}", False
            if answer.closes:
                return None, False
        return None, case.answers > 0

    def check_server(self, what):
        """The server is well, and answers as before."""
        if not self.checks.true(f"{what}: the server runs", self.server.is_running):
            raise RuntimeError(f"the server ended with status {self.server.process.poll()}: {self.server.tail()}")
        self.checks.equal(f"{what}: health", self.server.call("GET", "/health"), (200, {"status": "ok"}))
        self.checks.equal(f"{what}: a completion", self.complete(), self.expected)


def stream_fault(answer):
    """What is wrong with a stream; None if it is none, or right. A stream may end with an error."""
    if answer.type != "text/event-stream":
        return None
    try:
        parts = answers.events(answer.body)
    except ValueError as problem:
        return f"{problem}: {answer.body[-200:]!r}"
    return None if all("choices" in part or "error" in part for part in parts) else f"an event of another kind: {parts}"


def main():
    retnet, folder = sys.argv[1], Path(sys.argv[2])
    count, seed, first = (int(os.environ.get(*one)) for one in (("N", "20000"), ("SEED", "1"), ("FIRST", "1")))
    checks = Checks("fuzz")
    with tempfile.TemporaryDirectory() as parent, checks.part("the fuzzer"):
        states = Path(parent) / "states"
        states.mkdir()
        with Server(retnet, folder / "chat.safetensors", "--state-dir", states, *LIMITS) as server:
            kinds, statuses = collections.Counter(), collections.Counter()
            # In parts, so that what harms the server is found soon.
            for start in range(first, first + count, 2_000):
                part = min(2_000, first + count - start)
                fuzzer = Fuzzer(checks, server, seed, start, part)
                asyncio.run(fuzzer.run())
                kinds, statuses = kinds + fuzzer.kinds, statuses + fuzzer.statuses
                fuzzer.check_server(f"after request {start + part - 1}")
                print(f"{start + part - first} requests, {server.resident() / 1024:.1f} MiB", file=sys.stderr)
            print("requests: " + ", ".join(f"{kind}: {number}" for kind, number in kinds.most_common()))
            print("statuses: " + ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())))
        others = [path.name for path in Path(parent).rglob("*") if path.parent != states and path != states]
        checks.equal("files outside the folder of states", others, [])
    checks.finish()


if __name__ == "__main__":
    main()
