"""`katchi scenario fit`: durations that were measured, in exercises and consultations that were played, fit the stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from katchi.cli.chronicle import read_bytes
from katchi.cli.figures import time_said
from katchi.cli.options import JsonOption, SeedOption
from katchi.cli.speech import _, said, say, say_json, tell
from katchi.errors import Malformed, NotFound, RecordBroken, os_reason
from katchi.formats import scenario as scenario_file
from katchi.formats.observations import READERS, Leftover, Observed, by_stage
from katchi.formats.takes import Replacement, replaced, says_the_same_but_for, takes_text

if TYPE_CHECKING:
    from katchi.simulate.fit import Fit

BYTES_MAX = 64 << 20
HELP = (
    _("Fit the stages of a scenario to durations that were measured, with goodness of fit, and write them into a copy of it.")
    + "\n\n"
    + _(
        "The folder holds tables (CSV: stage,seconds) and records (JSON, as `katchi consultation show ID --json` prints them)."
        " Of a record, the time that an act took fits the stage that writes this act."
    )
    + "\n\n"
    + _("Example: katchi scenario fit scenarios/reference.toml --from measured --out fitted.toml")
)


def fit_scenario(
    file: Annotated[Path, Parameter(help=_("The scenario file (TOML)."))],
    /,
    *,
    folder: Annotated[Path, Parameter(name="--from", help=_("The folder with what was measured."))],
    out: Annotated[
        Path | None, Parameter(help=_("The scenario file to write: the same text, with what the stages take."))
    ] = None,
    seed: SeedOption = 1,
    json: JsonOption = False,
) -> None:
    source = read_bytes(file, BYTES_MAX)
    read = scenario_file.read(source, str(file))
    found, leftovers = by_stage(_observed(folder), read)
    if not found:
        raise NotFound(
            "nothing in {path} was measured of a stage of {file}",
            hint="Stages are: {known}. A table names them, a record by what they write (`act`).",
            path=str(folder),
            file=str(file),
            known=", ".join(read.parts),
        )
    if seed < 0:
        raise Malformed("a seed is 0 or more", hint="Example: --seed 7")
    fits = _fitted({name: [one.seconds for one in found[name]] for name in read.parts if name in found}, seed)
    new = {name: Replacement(takes_text(one.chosen), _source(one)) for name, one in fits.items()}
    if out is not None:
        _write(out, source.decode("utf-8"), new)
    if json:
        say_json(
            {
                "file": str(file),
                "out": None if out is None else str(out),
                "seed": seed,
                "stages": {name: _described(one, found[name], new[name]) for name, one in fits.items()},
                "not_taken": [one._asdict() for one in leftovers],
            }
        )
        return
    _show(fits, found, new)
    for one in leftovers:
        _tell_leftover(one)
    if out is None:
        tell(_("Nothing was written: --out FILE writes the scenario with these."))
    else:
        say(_("{path}: {n} stages fitted").format(path=out, n=len(fits)))


def _fitted(observed: dict[str, list[float]], seed: int) -> dict[str, Fit]:
    try:
        from katchi.simulate.fit import fit
    except ModuleNotFoundError as missing:
        raise NotFound(
            "{name} is not installed", hint="Install what simulations need: pip install 'katchi[simulate]'.", name=missing.name
        ) from None
    return {name: fit(seconds, seed=seed) for name, seconds in observed.items()}


def _observed(folder: Path) -> list[Observed]:
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in READERS and path.is_file())
    except OSError as error:
        raise NotFound(
            "cannot read {path}: {error}", hint="Name a folder with CSV tables or records as JSON.", path=str(folder),
            error=os_reason(error),
        ) from None  # fmt: skip
    if not paths:
        raise NotFound(
            "there is no table (.csv) and no record (.json) in {path}", hint="Name a folder with CSV tables or records as JSON.",
            path=str(folder),
        )  # fmt: skip
    return [one for path in paths for one in READERS[path.suffix.lower()](read_bytes(path, BYTES_MAX), str(path))]


def _source(one: Fit) -> str:
    """Return where a fitted duration is from, as the file says it."""
    said_so = f"played: {one.observations} observations"
    if one.ks is None or one.p is None:
        return said_so + ", all alike"
    if one.law == "empirical":
        return said_so + f", as observed (nearest law: KS {one.ks:.3f}, p {one.p:.3f})"
    return said_so + f", KS {one.ks:.3f}, p {one.p:.3f}"


def _write(out: Path, text: str, new: dict[str, Replacement]) -> None:
    written = replaced(text, new)
    scenario_file.read(written.encode(), str(out))
    if not says_the_same_but_for(text, written, new):
        raise RecordBroken(
            "{path} would not say the same as before, but for these stages: nothing was written",
            hint="Write the stages' takes = ... on lines of their own under [stages.NAME].", path=str(out),
        )  # fmt: skip
    draft = out.with_name(out.name + ".part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(written)
        draft.replace(out)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Malformed(
            "cannot write {path}: {error}", hint="Name a file that can be written.", path=str(out), error=os_reason(error)
        ) from None


def _described(one: Fit, observed: Sequence[Observed], new: Replacement) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(one),
        "why": said(one.why),
        "takes": new.takes,
        "source": new.source,
        "with_the_way_there": sum(not each.exact for each in observed),
    }


def _show(fits: dict[str, Fit], found: dict[str, list[Observed]], new: dict[str, Replacement]) -> None:
    width = max(len(name) for name in fits)
    say(_("{stage}  observed     mean  half by     KS      p  takes").format(stage=_("stage").ljust(width)))
    for name, one in fits.items():
        ks, p = ("-" if value is None else f"{value:.3f}" for value in (one.ks, one.p))
        mean, median = time_said(one.mean_s), time_said(one.median_s)
        say(f"{name:{width}}  {one.observations:8}  {mean:>7}  {median:>7}  {ks:>5}  {p:>5}  {_cut(new[name].takes)}")
        say(f"{'':{width}}  {said(one.why)}")
        if inexact := sum(not each.exact for each in found[name]):
            say(
                f"{'':{width}}  "
                + _("{n} of them count from when something was written: the way there is in them").format(n=inexact)
            )


def _cut(takes: str) -> str:
    return takes if len(takes) <= 70 else takes[:67] + "..."


def _tell_leftover(one: Leftover) -> None:
    if one.stages:
        text = _("{n} durations of {act} by {ally} might be of {stages}: none takes them; name the stage in a table")
    else:
        text = _("{n} durations of {act} by {ally} belong to no stage here")
    tell(text.format(n=one.durations, act=one.act, ally=one.ally, stages=", ".join(one.stages)))
