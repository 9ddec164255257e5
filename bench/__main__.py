"""`python -m bench`: CPU per MeterValues and memory per idle connection, as ratios to the floor."""

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used: CPU seconds, user and system, and resident bytes now."""

    cpu: float
    resident: int


@dataclass(frozen=True, slots=True)
class Result:
    """One run's figures; ratios are to the floor of the same run."""

    messages: int
    floor_cpu_us: float
    gateway_cpu_us: float
    store_cpu_us: float
    cpu_ratio: float
    cpu_ratio_with_store: float
    idle_connections: int
    floor_bytes_per_connection: int
    gateway_bytes_per_connection: int
    memory_ratio: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--messages", type=int, default=200, help="per station")
    parser.add_argument("--idle", type=int, default=1_000, help="idle connections")
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    floors, runs = [], []
    for _ in range(options.rounds):  # by turns, so that both meet the same neighbours
        floors.append(_cpu("echo", options.stations, options.messages)[0])
        runs.append(_cpu("gateway", options.stations, options.messages))
    floor, (own, store) = min(floors), min(runs)
    floor_memory = _memory("echo", options.idle)
    own_memory = _memory("gateway", options.idle)
    result = Result(
        messages=options.stations * options.messages,
        floor_cpu_us=round(floor, 1),
        gateway_cpu_us=round(own, 1),
        store_cpu_us=round(store, 1),
        cpu_ratio=round(own / floor, 2),
        cpu_ratio_with_store=round((own + store) / floor, 2),
        idle_connections=options.idle,
        floor_bytes_per_connection=floor_memory,
        gateway_bytes_per_connection=own_memory,
        memory_ratio=round(own_memory / floor_memory, 2),
    )
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for name, value in asdict(result).items():
        print(f"{name:30} {value}")


def _cpu(kind: str, stations: int, messages: int) -> tuple[float, float]:
    """CPU microseconds per MeterValues: of the server process, and of its store."""
    with (
        _subject(kind, stations) as (pid, url),
        _load(_mode(kind), url, stations, messages) as load,
    ):
        _await_ready(load, stations)
        before, store_before = _usage(pid), _children_cpu(pid)
        _say(load, "go")
        _expect(load, "done")
        after, store_after = _usage(pid), _children_cpu(pid)
    total = stations * messages
    return (after.cpu - before.cpu) / total * 1e6, (store_after - store_before) / total * 1e6


def _memory(kind: str, connections: int) -> int:
    """Resident bytes that one idle connection adds to the server process."""
    warm = connections // 10
    with _subject(kind, connections) as (pid, url):
        with _load("idle", url, warm, 0) as load:
            _await_ready(load, warm)
            _say(load, "go")
            _expect(load, "done")
        gc.collect()
        before = _usage(pid).resident
        with _load("idle", url, connections, 0) as load:
            _await_ready(load, connections)
            after = _usage(pid).resident
            _say(load, "go")
            _expect(load, "done")
    return (after - before) // connections


def _mode(kind: str) -> str:
    return "echo" if kind == "echo" else "station"


@contextmanager
def _subject(kind: str, stations: int) -> Iterator[tuple[int, str]]:
    process = _python("bench.subjects", kind, str(stations))
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit(f"{kind} did not start")
        yield process.pid, url
    finally:
        _end(process)


@contextmanager
def _load(mode: str, url: str, stations: int, messages: int) -> Iterator["subprocess.Popen[str]"]:
    process = _python("bench.load", mode, url, str(stations), str(messages))
    try:
        yield process
    finally:
        _end(process)


def _python(module: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


def _await_ready(load: "subprocess.Popen[str]", stations: int) -> None:
    for _ in range(stations):
        _expect(load, "ready")


def _expect(load: "subprocess.Popen[str]", word: str) -> None:
    assert load.stdout is not None
    line = load.stdout.readline().strip()
    if line != word:
        raise SystemExit(f"the load said {line!r}, not {word!r}")


def _say(load: "subprocess.Popen[str]", word: str) -> None:
    assert load.stdin is not None
    load.stdin.write(word + "\n")
    load.stdin.flush()


def _usage(pid: int) -> Usage:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return Usage(ticks / _TICKS_PER_SECOND, int(fields[21]) * _PAGE)


def _children_cpu(pid: int) -> float:
    """CPU seconds of the store that the gateway has started."""
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return sum(_usage(int(child)).cpu for one in lists for child in one.read_text().split())


if __name__ == "__main__":
    main()
