"""What the load has seen: counts, latencies and memory."""

import collections
import statistics


class Report:
    def __init__(self):
        self.statuses = collections.Counter()
        self.kinds = collections.defaultdict(collections.Counter)
        self.first = collections.defaultdict(list)
        self.total = collections.defaultdict(list)
        self.faults = []
        self.resident = []
        """Seconds since the start, and KiB."""

    def add_answer(self, kind, status, first, total):
        self.statuses[status] += 1
        self.kinds[kind]["answers"] += 1
        if status == 200:
            self.total[kind].append(total)
            if first is not None:
                self.first[kind].append(first)

    def fail(self, kind, what):
        self.kinds[kind]["wrong"] += 1
        self.faults.append(f"{kind}: {what}")

    def resident_between(self, start, end):
        """The median of the memory between two parts of the time, in KiB."""
        last = self.resident[-1][0]
        chosen = [size for time, size in self.resident if start * last <= time <= end * last]
        return statistics.median(chosen)

    def print(self):
        print(f"{'':12}{'':9}{'':6}{'':10}{'first token, ms':^24}{'total, ms':^24}")
        heads = ["answers", "wrong", "vanished"] + ["p50", "p95", "p99"] * 2
        print(f"{'kind':12}" + "".join(f"{head:>{width}}" for head, width in zip(heads, [9, 6, 10] + [8] * 6)))
        for kind, counts in sorted(self.kinds.items()):
            cells = [counts["answers"], counts["wrong"], counts["vanished"]]
            cells += percentiles(self.first[kind]) + percentiles(self.total[kind])
            print(f"{kind:12}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, [9, 6, 10] + [8] * 6)))
        print("statuses: " + ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items())))


def percentiles(seconds):
    if not seconds:
        return ["-"] * 3
    ordered = sorted(seconds)
    return [f"{1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f}" for share in (0.5, 0.95, 0.99)]
