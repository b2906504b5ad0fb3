"""64 clients for some minutes; a third of their requests vanish, a tenth is malformed. Every answer must be right.

usage: check_load.py RETNET FOLDER       FOLDER has text and chat.safetensors
MINUTES, SEED: see check-server.sh

Each request is one of forty, whose answers were asked for before, one at a time. The cache is small, so that some
prompts are read again and others are not. Memory is compared from the end of the first quarter on. That quarter takes
45 seconds at least, as the system's allocator takes that long to have what it needs; a short run is longer by as much.
"""

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path

import aiohttp

import malformed
from answers import essence, events, joined
from checks import Checks, short, wait_until
from load_pool import BASE_STATE, PoolMaker
from load_report import Report
from raw_http import BadAnswer, connect, fault, read_answer, request
from server import Server

CLIENTS = 64
VANISHING, MALFORMED = 1 / 3, 1 / 10
SAVED_STATES = 40
"""Names of states that clients save; with the one that they begin from fewer than the server keeps."""
PATIENCE = 300
MOST_BYTES = 4_194_304
FLAT = 1.02
WARM_SECONDS = 45


async def ask(session, server, pooled, stream=False, save_state=None):
    """Sends a request; returns status, answer, and the seconds until its first part (of a stream) and its end."""
    body = pooled.body | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})
    body |= {"save_state": save_state} if save_state else {}
    start, first, data = time.perf_counter(), None, b""
    async with session.post(server.url + pooled.path, json=body) as response:
        async for part in response.content.iter_any():
            first = first or time.perf_counter() - start
            data += part
    total = time.perf_counter() - start
    if response.status != 200:
        return response.status, short(data.decode("utf-8", "replace")), None, total
    answer = joined(events(data)) if stream else json.loads(data)
    return 200, essence(answer), first if stream else None, total


class Load:
    def __init__(self, server, pool, seed, seconds):
        self.server = server
        self.pool = pool
        self.seed = seed
        self.report = Report()
        self.start = time.monotonic()
        self.end = self.start + seconds

    async def run(self, session):
        clients = [self.client(session, number) for number in range(CLIENTS)]
        await asyncio.gather(self.watch_memory(), *clients)

    async def watch_memory(self):
        while time.monotonic() < self.end and self.server.is_running:
            self.report.resident.append((time.monotonic() - self.start, self.server.resident()))
            await asyncio.sleep(0.25)

    async def client(self, session, number):
        rng = random.Random(f"{self.seed} {number}")
        while time.monotonic() < self.end:
            draw = rng.random()
            kind = "malformed"
            try:
                if draw < MALFORMED:
                    await self.send_malformed(rng)
                    continue
                pooled = rng.choice(self.pool)
                kind = pooled.kind
                if draw < MALFORMED + VANISHING:
                    await self.vanish(pooled, rng)
                else:
                    await self.ask(session, pooled, rng, number)
            except Exception as problem:
                # A connection that was cut, a stream that is none, a client that waited for minutes.
                self.report.fail(kind, f"{type(problem).__name__}: {problem}")
                if not self.server.is_running:
                    return

    async def ask(self, session, pooled, rng, number):
        stream = pooled.can_stream and rng.random() < 0.5
        saves = pooled.kind == "state" and rng.random() < 0.5
        name = f"kept-{number % SAVED_STATES}" if saves else None
        status, answer, first, total = await ask(session, self.server, pooled, stream, name)
        self.report.add_answer(pooled.kind, status, first, total)
        if status == 200:
            if answer != pooled.answer:
                what = "in the stream" if stream else ""
                self.report.fail(pooled.kind, f"expected {short(pooled.answer)}, found {short(answer)} {what}")
        elif status not in (429, 503) and not (status == 409 and saves):
            self.report.fail(pooled.kind, f"{status}: {answer}")

    async def vanish(self, pooled, rng):
        """Sends a request, or a part of it, and closes the connection at some moment."""
        body = pooled.body | ({"stream": True} if pooled.can_stream and rng.random() < 0.5 else {})
        data = request("POST", pooled.path, body)
        if rng.random() < 0.2:
            data = data[: rng.randrange(len(data))]
        end = time.monotonic() + rng.choice([0, 0.05, 0.5, 3]) * rng.random()
        reader, writer = await connect(self.server.port)
        try:
            writer.write(data)
            while (left := end - time.monotonic()) > 0:
                if not await asyncio.wait_for(reader.read(4_096), left):
                    break
        except (asyncio.TimeoutError, ConnectionError):
            pass
        finally:
            self.report.kinds[pooled.kind]["vanished"] += 1
            writer.transport.abort() if rng.random() < 0.5 else writer.close()

    async def send_malformed(self, rng):
        kind, data, statuses = malformed.make(rng, MOST_BYTES)
        reader, writer = await connect(self.server.port)
        try:
            writer.write(data)
            answer = await asyncio.wait_for(read_answer(reader), PATIENCE)
        except ConnectionError:
            answer = None
        except BadAnswer as problem:
            return self.report.fail("malformed", f"{kind}: {problem}")
        finally:
            writer.close()
        status = answer and answer.status
        self.report.add_answer("malformed", status or 0, None, 0)
        if status not in statuses or answer and fault(answer):
            self.report.fail("malformed", f"{kind}: status {status}: {answer and fault(answer)}: {data[:200]!r}")


async def answer_alone(session, server, pool, checks, what):
    """Asks for each answer while nothing else runs: the first time they are kept, afterwards they are compared."""
    for number, pooled in enumerate(pool):
        status, answer, _, _ = await ask(session, server, pooled)
        if checks.equal(f"{what} {number} ({pooled.kind}): status", status, 200):
            pooled.answer = pooled.answer or answer
            checks.equal(f"{what} {number} ({pooled.kind})", answer, pooled.answer)


def check_rest(checks, server):
    """Nothing is left running."""

    def is_idle():
        metrics = server.metrics()
        return metrics["retnet_requests_running"] == 0 and metrics["retnet_requests_waiting"] == 0

    checks.true("no request is running or waiting", wait_until(is_idle, 30), str(server.metrics()))
    start = time.monotonic()
    status, _ = server.call("POST", "/v1/completions", {"prompt": "a", "max_tokens": 1})
    checks.equal("a request after the load", status, 200)
    checks.true("it is answered at once", time.monotonic() - start < 1, f"{time.monotonic() - start:.1f} s")
    cancelled = server.metrics().get("retnet_requests_cancelled_total", 0)
    checks.true("vanished clients were noticed", cancelled > 0)
    return cancelled


def check_report(checks, report, warm_share):
    checks.true("every answer is right", not report.faults, f"{len(report.faults)} are not")
    for fault_ in report.faults[:20]:
        print(f"         {fault_}")
    wanted = sum(count for status, count in report.statuses.items() if status in (200, 429, 503))
    checks.true("nine of ten requests are served", report.statuses[200] > 0.9 * wanted, str(dict(report.statuses)))
    warm, end = report.resident_between(warm_share, warm_share + 0.1), report.resident_between(0.9, 1)
    growth = f"{end / warm - 1:+.1%}"
    print(f"memory: {warm / 1024:.1f} MiB after the first quarter, {end / 1024:.1f} MiB at the end ({growth})")
    tenths = [report.resident_between(part / 10, (part + 1) / 10) / 1024 for part in range(10)]
    print("MiB in each tenth of the time: " + " ".join(f"{size:.1f}" for size in tenths))
    checks.true("memory is flat", end <= FLAT * warm, f"{warm:.0f} KiB, then {end:.0f} KiB")


async def load(checks, server, text, seed, seconds):
    status, _ = server.call("PUT", f"/v1/states/{BASE_STATE}", {"prompt": text[:5_000]})
    checks.equal("a state to begin from", status, 200)
    ids = server.call("POST", "/tokenize", {"prompt": text})[1]["tokens"]
    pool = PoolMaker(seed, text, ids).make()
    limits = {"connector": aiohttp.TCPConnector(limit=0), "timeout": aiohttp.ClientTimeout(total=PATIENCE)}
    async with aiohttp.ClientSession(**limits) as session:
        await answer_alone(session, server, pool, checks, "before the load")
        warm = max(WARM_SECONDS, seconds / 4)
        seconds = warm + seconds * 3 / 4
        run = Load(server, [pooled for pooled in pool if pooled.answer], seed, seconds)
        await run.run(session)
        run.report.print()
        check_report(checks, run.report, warm / seconds)
        cancelled = check_rest(checks, server)
        print(f"the server counted {cancelled:.0f} cancelled requests")
        await answer_alone(session, server, pool, checks, "after the load")


def main():
    retnet, folder = sys.argv[1], Path(sys.argv[2])
    seconds, seed = 60 * float(os.environ.get("MINUTES", "1")), int(os.environ.get("SEED", "1"))
    checks = Checks("load")
    text = (folder / "text").read_text(encoding="utf-8")
    with checks.part("the load"), Server(retnet, folder / "chat.safetensors", "--cache-memory", 1) as server:
        asyncio.run(load(checks, server, text, seed, seconds))
        checks.true("the server still runs", server.is_running, server.tail())
    checks.finish()


if __name__ == "__main__":
    main()
