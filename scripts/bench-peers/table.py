"""The report: the machine, and a row for each peer."""

import datetime
import os
import statistics
import subprocess

from cases import CASES
from measuring import PROJECT

EXPLANATION = [
    "tokens/s: the median of the rounds, each the median of its steps. ratio: retnet / peer in the same round, the median",
    "and the range of the rounds. Memory: the most that the process had resident, with Python and its compiler for the",
    "peers. parameters are those of the peer; retnet trains the RetNet of 33.6 M parameters, or where the program's name",
    "ends with 'our attention' a Transformer of the peer's sizes.",
]


def round_line(turns):
    peer = statistics.median(turns["peer"]["tokens_per_second"])
    if "ours" not in turns:
        return f"{peer:,.0f} tokens/s"
    ours = turns["ours"]["tokens_per_second"]
    return f"ours {ours:,.0f}, peer {peer:,.0f} tokens/s, ratio {ours / peer:.2f}"


def text(results, failures, machine, arguments):
    lines = ["# Training beside PyTorch", ""]
    lines += [f"- {name}: {value}" for name, value in header(results, machine, arguments)]
    lines += [
        "",
        "| program | precision | batch | parameters | tokens/s | best step | peak memory "
        "| retnet, tokens/s | retnet, memory | ratio (lowest – highest) |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        if case.name in results:
            lines.append(row(case, results[case.name]))
    lines += ["", *EXPLANATION]
    if failures:
        lines += [""] + [f"Not measured: {name}: {reason}" for name, reason in failures.items()]
    return "\n".join(lines) + "\n"


def row(case, result):
    rounds = result["rounds"]
    peers = [statistics.median(turns["peer"]["tokens_per_second"]) for turns in rounds]
    cells = [
        case.title + (", our attention" if case.settings else ""),
        case.precision,
        f"{case.batch} × {case.length}",
        f"{result['facts']['parameters'] / 1e6:.1f} M",
        f"{statistics.median(peers):,.0f}",
        f"{max(max(turns['peer']['tokens_per_second']) for turns in rounds):,.0f}",
        gigabytes(max(turns["peer"]["peak_memory_bytes"] for turns in rounds)),
    ]
    pairs = [(turns["ours"], peer) for turns, peer in zip(rounds, peers) if "ours" in turns]
    if pairs:
        ratios = [ours["tokens_per_second"] / peer for ours, peer in pairs]
        cells += [
            f"{statistics.median(ours['tokens_per_second'] for ours, _ in pairs):,.0f}",
            gigabytes(max(ours["peak_memory_bytes"] for ours, _ in pairs)),
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})",
        ]
    else:
        cells += ["–", "–", "–"]
    return f"| {' | '.join(cells)} |"


def gigabytes(count):
    return f"{count / 1e9:.2f} GB"


def header(results, machine, arguments):
    versions = dict.fromkeys(version for result in results.values() for version in result["facts"]["versions"])
    yield "CPU", f"{cpu_name()}, {len(os.sched_getaffinity(0))} cores"
    if "blas_core" in machine:
        yield "OpenBLAS core of retnet", machine["blas_core"]
    yield "versions", f"retnet {machine.get('commit', '')[:12] or commit()}; {', '.join(versions)}; {compiler()}"
    yield "date", datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    yield "threads", arguments.threads
    yield "rounds", f"{arguments.rounds} of {arguments.steps} steps each, in turns"


def cpu_name():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown"


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", PROJECT, *arguments], capture_output=True, text=True).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + (" with changes" if git("status", "--porcelain") else "")


def compiler():
    """The first line of what torch.compile's compiler says of itself."""
    name = os.environ.get("CXX", "g++")
    try:
        return subprocess.run([name, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return "no C++ compiler"
