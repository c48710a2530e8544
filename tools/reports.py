"""Write the report of every scenario: 100,000 runs of seed 7, both languages in one file, in scenarios/reports/.

python tools/reports.py [NAME ...]    rewrite them, or those of these scenarios; about 15 seconds each

tests/golden/test_reports.py says which are of an earlier file or of other figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCENARIOS = ROOT / "scenarios"
RUNS, SEED = 100_000, 7


def main(names: Sequence[str]) -> int:
    """Rewrite the reports; return the first exit status that is not 0."""
    known = {file.stem: file for file in sorted(SCENARIOS.glob("*.toml"))}
    if unknown := [name for name in names if name not in known]:
        sys.stderr.write(f"there is no scenario {unknown[0]!r}: {', '.join(known)}\n")
        return 2
    for name in names or known:
        out = Path("scenarios") / "reports" / f"{name}.html"
        (ROOT / out).parent.mkdir(exist_ok=True)
        (ROOT / out).unlink(missing_ok=True)
        words = ["sweep", f"scenarios/{name}.toml", "--runs", str(RUNS), "--seed", str(SEED), "--report", str(out)]
        command = [sys.executable, "-m", "katchi.cli.__main__", *words]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "KATCHI_LANG": "en"}, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            return done.returncode
        print(f"{out} is written anew")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
