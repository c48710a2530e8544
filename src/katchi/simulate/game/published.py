"""Games of the literature and of consultation, built from named parameters. All payoffs are notional.

Each function says where the game is from; what is known of its equilibria is in tests/unit/simulate/game/.
The names of moves follow the sources where these are neutral. Nothing here stands for a real decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import product

from katchi.simulate.game.tree import Amount, Decides, Ends, Game, Happens, exact, grow

Payoffs = Mapping[str, Amount]


def asymmetric_deterrence(a: Payoffs, b: Payoffs, *, hard: Amount) -> Game:
    """Return the rudimentary asymmetric deterrence game: A may defect, B (Hard with probability `hard`) may answer.

    Args:
        a: A's payoffs SQ, DC, DD.
        b: B's payoffs SQ, DC, DD+ (Hard), DD- (Soft).
        hard: probability that B is Hard, which B alone knows.
    Source:
        Zagare and Kilgour, Perfect Deterrence (2000), appendix 3.
    """

    def play(kind: str) -> Decides:
        answer = Decides("B", kind, {"Defect": Ends(f"DD {kind}", (a["DD"], b["DD+" if kind == "Hard" else "DD-"])),
                                     "Concede": Ends("DC", (a["DC"], b["DC"]))})  # fmt: skip
        return Decides("A", "A", {"Defect": answer, "Cooperate": Ends("SQ", (a["SQ"], b["SQ"]))})

    share = exact(hard)
    kinds = {"Hard": (share, play("Hard")), "Soft": (1 - share, play("Soft"))}
    return grow("Rudimentary asymmetric deterrence", ("A", "B"), Happens("B is", kinds))


def unilateral_deterrence(c: Payoffs, d: Payoffs, *, challenger_hard: Amount, defender_hard: Amount) -> Game:
    """Return the unilateral deterrence game with two-sided incomplete information.

    The challenger defects or not; the defender concedes or defies; the challenger backs down or presses on.

    Args:
        c: the challenger's payoffs SQ, DC, CD, DD+ (Hard), DD- (Soft).
        d: the defender's payoffs DC, CD, DD+, DD-; SQ if given.
        challenger_hard, defender_hard: probabilities of being Hard; each side knows its own kind alone.
    Source:
        Zagare and Kilgour (1993), ISQ 37, 1-27; Perfect Deterrence (2000), chapter 5.
    """

    def pay(where: str, mine: str, theirs: str) -> Ends:
        ends = ("DD+" if mine == "Hard" else "DD-", "DD+" if theirs == "Hard" else "DD-") if where == "DD" else (where, where)
        return Ends(f"{where} {mine} {theirs}", (c[ends[0]], d.get(ends[1], 0)))

    def play(mine: str, theirs: str) -> Decides:
        last = Decides("Challenger", f"{mine}, defied", {"Press": pay("DD", mine, theirs), "Back down": pay("CD", mine, theirs)})
        answer = Decides("Defender", theirs, {"Defy": last, "Concede": pay("DC", mine, theirs)})
        return Decides("Challenger", mine, {"Defect": answer, "Cooperate": pay("SQ", mine, theirs)})

    shares = {"Hard": exact(challenger_hard), "Soft": 1 - exact(challenger_hard)}
    others = {"Hard": exact(defender_hard), "Soft": 1 - exact(defender_hard)}
    root = Happens(
        "Kinds", {f"{m} {t}": (shares[m] * others[t], play(m, t)) for m, t in product(("Hard", "Soft"), repeat=2)}
    )  # fmt: skip
    return grow("Unilateral deterrence", ("Challenger", "Defender"), root)


def sequence_of_choices(payoffs: Sequence[Sequence[Amount]]) -> Game:
    """Return egame12 (three outcomes, two players) or egame123 (four, three): L ends the game, R passes the choice on.

    Args:
        payoffs: one row for each outcome (o1, o3, o4 or o1, o3, o5, o6), one number for each player.
    Source:
        Signorino (1999), APSR 93, 279-297; the R package `games`.
    """
    players = tuple(f"Player {i + 1}" for i in range(len(payoffs) - 1))
    names = ("o1", "o3", "o4") if len(players) == 2 else ("o1", "o3", "o5", "o6")
    rest: Ends | Decides = Ends(names[-1], payoffs[-1])
    for player, name, row in reversed(list(zip(players, names, payoffs, strict=False))):
        rest = Decides(player, player, {"L": Ends(name, row), "R": rest})
    return grow(f"Signorino's egame{''.join(str(i + 1) for i in range(len(players)))}", players, rest)


def ultimatum(*, win: Amount, cost_a: Amount, cost_b_max: Amount, demands: Sequence[Amount], kinds: int) -> Game:
    """Return ultimatum bargaining where B's cost of war is known to B alone; a grid of demands and of costs.

    A demands a share; B accepts, or both fight: A then has `win` - `cost_a`, B has 1 - `win` - its cost.

    Args:
        win: the share that A expects from war; cost_a: its cost.
        cost_b_max: B's cost is one of `kinds` mid-points of equal parts of [0, cost_b_max], each as likely.
        demands: shares that A may demand.
    Source:
        Fearon (1995), International Organization 49, 379-414.
    """
    share, cost, top = exact(win), exact(cost_a), exact(cost_b_max)

    def play(kind: int) -> Decides:
        cost_b = top * Fraction(2 * kind + 1, 2 * kinds)
        war = Ends(f"War {kind + 1}", (share - cost, 1 - share - cost_b))
        answers = {
            str(demand): Decides(
                "B", f"{kind + 1} asked {demand}", {"Accept": Ends(f"Share {demand}", (demand, 1 - exact(demand))), "Refuse": war}
            )
            for demand in demands
        }
        return Decides("A", "A", answers)

    costs = {str(kind + 1): (Fraction(1, kinds), play(kind)) for kind in range(kinds)}
    return grow("Ultimatum with one-sided uncertainty", ("A", "B"), Happens("B's cost", costs))


def extended_deterrence(kinds: int) -> Game:
    """Return a crisis of three players with `kinds` private kinds each: 8 kinds^3 ends, 7 kinds information sets.

    The challenger demands or not; the defender commits itself or waits; the protege holds or concedes; to a
    hold without commitment the challenger presses or backs down; the defender supports or stands aside.
    A higher kind minds war less. It measures solvers; its payoffs mean nothing.
    """

    def play(i: int, j: int, k: int) -> Decides:
        x, y, z = (Fraction(2 * one + 1, 2 * kinds) for one in (i, j, k))
        kind = f"{i + 1}{j + 1}{k + 1}"
        war = Ends(f"War {kind}", (-2 + 3 * x, -2 + 4 * y, -1 + 3 * z))
        late = Ends(f"Late war {kind}", (-2 + 3 * x, -3 + 4 * y, Fraction(-3, 2) + 3 * z))
        alone = Ends(f"Alone {kind}", (2, -2 - y, -2 + z))
        lost = Ends(f"Left {kind}", (2, -1, -2 + z))
        hold = Decides("Defender", f"{j + 1} committed", {"Support": war, "Stand aside": alone})
        last = Decides("Defender", f"{j + 1} waited", {"Support": late, "Stand aside": lost})
        press = Decides("Challenger", f"{i + 1} faced", {"Press": last, "Back down": Ends(f"Held {kind}", (-1 - x / 2, 1, 2))})
        committed = Decides("Protege", f"{k + 1} backed", {"Hold": hold, "Concede": Ends(f"Ceded {kind}", (1, -1, -1))})
        waited = Decides("Protege", f"{k + 1} alone", {"Hold": press, "Concede": Ends(f"Ceded early {kind}", (1, 0, -1))})
        answer = Decides("Defender", f"{j + 1}", {"Commit": committed, "Wait": waited})
        return Decides("Challenger", f"{i + 1}", {"Demand": answer, "Refrain": Ends(f"Quiet {kind}", (0, 1, 1))})

    share = Fraction(1, kinds**3)
    every = product(range(kinds), repeat=3)
    branches = {f"{i + 1} {j + 1} {k + 1}": (share, play(i, j, k)) for i, j, k in every}
    return grow(f"Extended deterrence, {kinds} kinds", ("Challenger", "Defender", "Protege"), Happens("Kinds", branches))
