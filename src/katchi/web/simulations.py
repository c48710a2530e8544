"""Runs of scenarios: one at a time, each a process of its own at the lowest priority, and what they found, kept as files.

    DIR/simulations/ID/run.json  answer.json  told.json  report.en.html  report.ko.html  NAME.toml

All of it is derived from the scenario's file, a seed and a number of runs: it can be deleted, is no part of the record, and the
oldest goes when there are too many. The same file, seed and number of runs are the same run, and are not played twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from katchi.charts.telling import ANSWER, REPORT, TOLD, Tellings
from katchi.errors import KatchiError, Malformed, NotFound, Refused, StoreFailed, os_reason
from katchi.language import Language
from katchi.web.outside import command
from katchi.web.run import RUNS_MAX, RUNS_MIN, SEED_MAX, Ended, Run, headlines_of, id_of

WAITING_MAX = 3
KEPT_MAX, ENDED_MAX = 40, 16
RUN_S_MAX = 1_800.0
NEEDED = ("numpy", "scipy", "altair", "vl_convert")  # what `katchi sweep --into` imports, and pages never do
LOWEST = 19
LOG_LENGTH_MAX = 2_000
LINE_SIZE_MAX = 64 * 1024


class Simulations:
    """The runs of one node.

    Args:
        folder: where what they find is kept.
        changed: tells the screens that one has begun or ended.
        clock: microseconds UTC.
        needed: the packages without which nothing can be played.
    """

    def __init__(
        self, folder: Path, changed: Callable[[], None], clock: Callable[[], int], needed: Sequence[str] = NEEDED
    ) -> None:
        self._folder, self._changed, self._clock, self._needed = folder, changed, clock, needed
        self._kept = {run.id: run for run in _kept_in(folder)}
        self._ended: dict[str, Run] = {}  # failed or cancelled; forgotten when the node ends
        self._waiting: list[tuple[Run, bytes, Language]] = []
        self._running: Run | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._work: asyncio.Task[None] | None = None

    # Looking.

    @property
    def lacking(self) -> str | None:
        """The first package that is needed and not installed; None if all are. Nothing is imported to find it."""
        return next((name for name in self._needed if importlib.util.find_spec(name) is None), None)

    @property
    def under_way(self) -> list[Run]:
        """The run that is played, then those that wait, in their order."""
        played = [self._running] if self._running is not None and self._running.is_under_way else []
        return [*played, *(run for run, _source, _language in self._waiting)]

    def of(self, scenario: str) -> list[Run]:
        """Return the runs of a scenario whose answer is kept, the newest first."""
        found = [run for run in self._kept.values() if run.scenario == scenario]
        return sorted(found, key=lambda run: run.ended_at or 0, reverse=True)

    def named(self, scenario: str, id: str) -> Run:
        """Return a run of a scenario.

        Raises:
            NotFound: there is none.
        """
        under_way = next((run for run in self.under_way if run.id == id), None)
        found = under_way or self._kept.get(id) or self._ended.get(id)
        if found is None or found.scenario != scenario:
            raise NotFound("no answer here goes by that id", hint="The scenario's page shows all that are kept.")
        return found

    def ahead_of(self, run: Run) -> int:
        """Return how many runs come before one that waits."""
        return next((i for i, one in enumerate(self.under_way) if one.id == run.id), 0)

    def told(self, run: Run) -> Tellings:
        """Return what is told of a run that is done.

        Raises:
            NotFound: it is not there any more.
        """
        return msgspec.json.decode(self._read(run, TOLD), type=Tellings)

    def answer(self, run: Run) -> bytes:
        """Return the answer of a run that is done, as `katchi sweep --json` gives it.

        Raises:
            NotFound: it is not there any more.
        """
        return self._read(run, ANSWER)

    def report(self, run: Run, language: Language) -> bytes:
        """Return the report of a run that is done.

        Raises:
            NotFound: it is not there any more.
        """
        return self._read(run, REPORT.format(language=language))

    def _read(self, run: Run, name: str) -> bytes:
        if run.id not in self._kept:
            raise NotFound("this run has no answer yet", hint="Its page shows how far it is.")
        try:
            return (self._folder / run.id / name).read_bytes()
        except OSError:
            raise NotFound("this answer is not whole any more", hint="Remove it, and run it again.") from None

    # Acting.

    def begin(self, scenario: str, source: bytes, *, runs: int, seed: int, by: str, language: Language = "en") -> Run:
        """Play a scenario, or let it wait its turn; return its run, which may be one that was played before.

        Args:
            scenario: its name.
            source: its file.
            runs: how many.
            seed: where chance begins.
            by: who asks.
            language: in which it is said why a run fails.
        Raises:
            Malformed: too many runs or too few, or no seed.
            Refused: something it needs is not installed, or too many wait.
        """
        if not RUNS_MIN <= runs <= RUNS_MAX:
            raise Malformed(
                "so many runs cannot be played here: {n}", hint="Give a number from {low} to {high}.", field="runs", n=runs,
                low=RUNS_MIN, high=RUNS_MAX,
            )  # fmt: skip
        if not 0 <= seed <= SEED_MAX:
            raise Malformed(
                "{n} cannot be a seed", hint="Give a whole number from 0 to {high}.", field="seed", n=seed, high=SEED_MAX
            )
        if (name := self.lacking) is not None:
            raise Refused(
                "{name} is not installed", hint="Install what simulations need: pip install 'katchi[simulate]'.", name=name
            )
        run = Run(
            id=id_of(scenario, source, runs, seed), scenario=scenario, digest=sha256(source).hexdigest(), runs=runs, seed=seed,
            by=by, asked_at=self._clock(),
        )  # fmt: skip
        with contextlib.suppress(NotFound):
            known = self.named(scenario, run.id)
            if known.id not in self._ended:
                return known
        if len(self._waiting) >= WAITING_MAX:
            raise Refused(
                "one run is under way and {n} wait: no more are taken", hint="Wait until one has ended, or cancel one of them.",
                n=len(self._waiting),
            )  # fmt: skip
        self._ended.pop(run.id, None)
        self._waiting.append((run, source, language))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._work_off())
        self._changed()
        return run

    def cancel(self, run: Run) -> None:
        """End a run that waits or is played; one that has ended stays as it is."""
        if not run.is_under_way:
            return
        self._waiting = [waiting for waiting in self._waiting if waiting[0].id != run.id]
        self._end(run, "cancelled")
        if run is self._running:
            self._kill()
        self._changed()

    def remove(self, run: Run) -> None:
        """Delete what a run found."""
        self._ended.pop(run.id, None)
        if self._kept.pop(run.id, None) is not None:
            self._delete(run.id)
            self._changed()

    def remove_all_of(self, scenario: str) -> None:
        """Cancel and delete all runs of a scenario."""
        for run in [run for run in self.under_way if run.scenario == scenario]:
            self.cancel(run)
        for run in self.of(scenario):
            self.remove(run)

    def end(self) -> None:
        """Give up what is under way."""
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()
        self._kill()

    # Playing.

    async def _work_off(self) -> None:
        while self._waiting:
            run, source, language = self._waiting.pop(0)
            self._running, run.state, run.began_at = run, "running", self._clock()
            self._changed()
            try:
                await self._play(run, source, language)
            except KatchiError as error:
                if run.is_under_way:
                    run.failure = str(error)
                    self._end(run, "failed")
            finally:
                self._kill()
                self._running = None
            self._changed()

    async def _play(self, run: Run, source: bytes, language: Language) -> None:
        """Play one run, and keep what it found.

        Raises:
            KatchiError: it failed, or was cancelled.
        """
        at = self._folder / f".{run.id}.new"
        try:
            shutil.rmtree(at, ignore_errors=True)
            at.mkdir(parents=True, mode=0o700)
            (at / f"{run.scenario}.toml").write_bytes(source)
            await self._sweep(run, at, language)
            run.headlines = headlines_of((at / ANSWER).read_bytes())
            run.state, run.ended_at, run.step = "done", self._clock(), ""
            (at / "run.json").write_bytes(msgspec.json.encode(run))
            shutil.rmtree(self._folder / run.id, ignore_errors=True)
            at.rename(self._folder / run.id)
        except (OSError, msgspec.MsgspecError) as error:
            run.state = "running"
            said = os_reason(error) if isinstance(error, OSError) else str(error)
            raise StoreFailed("the answer could not be kept: {reason}", hint="Make room on the disk.", reason=said) from None
        finally:
            shutil.rmtree(at, ignore_errors=True)
        self._kept[run.id] = run
        for old in sorted(self._kept.values(), key=lambda one: one.ended_at or 0)[:-KEPT_MAX]:
            del self._kept[old.id]
            self._delete(old.id)

    async def _sweep(self, run: Run, at: Path, language: Language) -> None:
        threads = max(1, len(os.sched_getaffinity(0)) - 1)
        words = ("sweep", f"{run.scenario}.toml", "--runs", str(run.runs), "--seed", str(run.seed), "--threads", str(threads))
        self._process = process = await asyncio.create_subprocess_exec(
            *command(*words, "--into", ".", "--lines", "--json"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            cwd=at,
            env=os.environ | {"KATCHI_LANG": language},
            start_new_session=True,  # a group of its own, which is killed as one
            limit=LINE_SIZE_MAX,
        )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PGRP, process.pid, LOWEST)
        if run.state == "cancelled":  # meanwhile
            self._kill()
        said = ""
        try:
            async with asyncio.timeout(RUN_S_MAX):
                said = await _heard(run, process)
                status = await process.wait()
        except TimeoutError:
            raise Refused("it took longer than {n} minutes", hint="Give fewer runs.", n=int(RUN_S_MAX / 60)) from None
        if run.state == "cancelled" or status != 0:
            raise Refused("{reason}", reason=said or f"exit status {status}")

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def _end(self, run: Run, state: Ended) -> None:
        run.state, run.ended_at = state, self._clock()
        while len(self._ended) >= ENDED_MAX:
            self._ended.pop(next(iter(self._ended)))
        self._ended[run.id] = run

    def _delete(self, id: str) -> None:
        shutil.rmtree(self._folder / id, ignore_errors=True)


async def _heard(run: Run, process: asyncio.subprocess.Process) -> str:
    """Note how far a process says it is, until it says no more; return the end of all else that it said."""
    assert process.stderr is not None
    log = ""
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than any line that is known here
            continue
        if not line:
            return log.strip()[-LOG_LENGTH_MAX:]
        try:
            said = msgspec.json.decode(line, type=dict[str, str | int])
        except msgspec.DecodeError:
            log = (log + line.decode(errors="replace"))[-LOG_LENGTH_MAX:]
            continue
        if "step" in said:
            run.step, run.done, run.total = str(said["step"]), int(said["done"]), int(said["total"])
        else:
            log = f"{said.get('message', '')}\n{said.get('hint', '')}"


def _kept_in(folder: Path) -> Iterator[Run]:
    """Yield the runs whose answers are kept; take away what a node that was killed left half done."""
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            shutil.rmtree(entry, ignore_errors=True)
            continue
        try:
            run = msgspec.json.decode((entry / "run.json").read_bytes(), type=Run)
        except (OSError, msgspec.MsgspecError):
            continue
        if run.id == entry.name:
            yield run
