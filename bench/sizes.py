"""What must not grow with the record: start and memory; and what may grow only with it: the audit."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.nodes import TEXT, pss_mib, seconds
from bench.rows import Row, row
from katchi.consult.rules import Open, StatePosition
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory

SIZES = (1_000, 10_000, 100_000)
GROUP = 250


def _filled(path: Path, entries: int) -> None:
    """Make a node whose national room holds so many entries, written by the node machine itself."""
    directory = NodeDirectory.create(path, ally="bench", mode="exercise")
    with directory.locked():
        machine, store = directory.machine()
        opening, length = b"", 1
        while length < entries:
            if length % 500 == 1:
                opening = machine.submit(Open(subject="bench"), now_us()).digest or b""
                length += 1
            group = min(GROUP, entries - length, 500 - (length - 1) % 500)
            for _ in range(group):
                machine.submit(StatePosition(consultation=opening, text=TEXT), now_us())
            length += group
            store.append(machine.close_group(now_us()))
            machine.committed()
        store.close()


def _start(path: Path) -> tuple[float, float]:
    """Seconds until the node is ready, and its memory then, MiB."""
    began = seconds()
    words = [sys.executable, "-m", "katchi.cli", "node", "serve", str(path), "--link-port", "0", "--port", "0", "--json"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    while b"link_port" not in process.stdout.readline():
        pass
    span, memory = seconds() - began, pss_mib(process.pid)
    process.terminate()
    process.wait()
    process.stdout.close()
    return span, memory


def _timed(*words: str) -> float:
    began = seconds()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return seconds() - began


def rows() -> list[Row]:
    """Measure starts, memory and audits at three sizes, and the time to help."""
    found: list[Row] = []
    help_s = statistics.median(_timed("-m", "katchi.cli", "--help") for _ in range(15))
    bare_s = statistics.median(_timed("-c", "pass") for _ in range(15))
    found.append(row("katchi --help", help_s * 1000, "ms", "aim 150 ms; bare Python", bare_s * 1000))
    with tempfile.TemporaryDirectory() as name:
        first_start = first_audit = 0.0
        for size in SIZES:
            path = Path(name) / str(size)
            _filled(path, size)
            starts = [_start(path) for _ in range(3)]
            start = statistics.median(span for span, _ in starts)
            audit = _timed("-m", "katchi.cli", "record", "audit", str(path))
            first_start, first_audit = first_start or start, first_audit or audit / size
            found.append(row(f"start with {size:,} entries", start, "s", f"with {SIZES[0]:,}", first_start))
            found.append(row(f"memory after start with {size:,} entries", starts[0][1], "MiB PSS", "aim", 60.0))
            found.append(row(f"audit of {size:,} entries", audit, "s", f"{SIZES[0]:,} scaled up", first_audit * size))
    return found
