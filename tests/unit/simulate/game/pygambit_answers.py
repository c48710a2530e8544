"""Asked of Gambit itself, in a process of its own: pygambit is GPL, never imported by katchi and no dependency of it.

python pygambit_answers.py LAMBDA FILE...    prints JSON by file: seconds, probabilities in order, pure equilibria
"""

from __future__ import annotations

import ast
import json
import sys
import time
from pathlib import Path

import pygambit

ENDS_MAX = 64

if __name__ == "__main__":
    answers = {}
    for file in sys.argv[2:]:
        text = Path(file).read_text(encoding="utf-8")
        game = pygambit.read_efg(file)
        began = time.perf_counter()
        profile = pygambit.qre.logit_solve_lambda(game, float(sys.argv[1]))[0].profile
        seconds = time.perf_counter() - began
        said = ast.literal_eval(str(profile))  # of 17: {player: [{action: probability}]}
        is_small = text.count("\nt ") <= ENDS_MAX
        pure = len(pygambit.nash.enumpure_solve(game).equilibria) if is_small else None
        answers[file] = {"seconds": seconds, "sets": [list(one.values()) for sets in said.values() for one in sets], "pure": pure}
    print(json.dumps(answers))
