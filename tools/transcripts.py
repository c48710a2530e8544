"""Write the transcript of every scenario: rehearsal 0 of seed 7, in both languages, in scenarios/transcripts/.

python tools/transcripts.py           rewrite them
python tools/transcripts.py check     name what differs from a rehearsal made now; exit 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from katchi.cli.rehearsing import production_of
from katchi.cli.transcript import Transcript
from katchi.language import Language
from katchi.rehearse.rehearsal import WEATHER

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "scenarios"
SEED, RUN = 7, 0
LANGUAGES: tuple[Language, ...] = ("en", "ko")


def files() -> list[Path]:
    """Return all scenario files."""
    return sorted(SCENARIOS.glob("*.toml"))


def transcripts(file: Path) -> Iterator[tuple[Path, str]]:
    """Rehearse a scenario once; yield where its transcript belongs in each language, and its text."""
    production = production_of(file.read_bytes(), file.name, WEATHER)
    rehearsal = production.rehearse(SEED, RUN, is_watched=True)
    for language in LANGUAGES:
        yield (
            SCENARIOS / "transcripts" / f"{file.stem}.{language}.txt",
            Transcript(rehearsal, production.scenario, language).text(),
        )


def main(words: Sequence[str]) -> int:
    """Rewrite or check all transcripts."""
    if list(words) not in ([], ["check"]):
        sys.stderr.write(__doc__ or "")
        return 2
    status = 0
    for path, text in (one for file in files() for one in transcripts(file)):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        said = path.relative_to(ROOT)
        if words:
            print(f"{said} is not what a rehearsal says now")
            status = 1
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"{said} is written anew")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
