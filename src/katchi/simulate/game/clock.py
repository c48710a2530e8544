"""Does deterrence hold if consultation may come too late? Three players and one clock; all numbers are notional.

A challenger demands or not; a protege concedes or holds; with probability q (`in_time`) the allies have consulted
before the answer is due; a defender, Hard with probability p (`hard`), then supports its protege or stands aside. Not
consulted in time, it stands aside. The sweep of the consultation process gives q, so the question "how good must our
consultation be" has a number for an answer: `required_consultation`.

With support coming with probability pq, the protege holds iff pq >= pP = (Pcon - Pab) / (Pwar - Pab), and a challenger
that faces a holder demands iff pq < pC = (Cab - Csq) / (Cab - Cwar). Source: ../shared/peers/simulation.md, G5.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from katchi.errors import Malformed
from katchi.simulate.game.tree import Amount, Decides, Ends, Game, Happens, exact, grow


class Stakes(NamedTuple):
    """What each side gets: at the status quo, after a concession, where the protege is left alone, and in war."""

    c_quiet: Amount = 0
    c_ceded: Amount = 2
    c_alone: Amount = 1
    c_war: Amount = -1
    p_quiet: Amount = 1
    p_ceded: Amount = 0
    p_alone: Amount = -1
    p_war: Amount = 1
    d_quiet: Amount = 1
    d_ceded: Amount = 0
    d_alone: Amount = -1
    d_war_hard: Amount = 0
    d_war_soft: Amount = -2


class Thresholds(NamedTuple):
    """The chances of support at which the protege begins to hold, and the challenger ceases to demand."""

    protege: Fraction
    challenger: Fraction


def thresholds(stakes: Stakes) -> Thresholds:
    """Return pP and pC.

    Raises:
        Malformed: the stakes are not in their usual places: for the challenger alone > quiet > war and ceded > quiet,
            for the protege war > ceded > alone, for the defender war better than alone if Hard and worse if Soft.
    """
    s = Stakes(*map(exact, stakes))
    ranked = (s.c_alone, s.c_quiet, s.c_war, s.p_war, s.p_ceded, s.p_alone)
    c_alone, c_quiet, c_war, p_war, p_ceded, p_alone = map(exact, ranked)
    is_usual = c_alone > c_quiet > c_war and exact(s.c_ceded) > c_quiet and p_war > p_ceded > p_alone
    if not (is_usual and exact(s.d_war_hard) > exact(s.d_alone) > exact(s.d_war_soft)):
        raise Malformed(
            "these stakes make another game than that of the clock",
            hint="Challenger: alone > quiet > war and ceded > quiet. Protege: war > ceded > alone. "
            "Defender: war better than alone if Hard, worse if Soft.",
        )
    return Thresholds((p_ceded - p_alone) / (p_war - p_alone), (c_alone - c_quiet) / (c_alone - c_war))


def required_consultation(hard: Amount, stakes: Stakes | None = None) -> Fraction | None:
    """Return q*: the least probability of being consulted in time at which deterrence holds; None if none is enough.

    Args:
        hard: p, the probability that the defender is Hard, 0 to 1.
        stakes: payoffs; those of `Stakes()` if not given.
    Returns:
        pC / p, or pP / p where the protege is the harder to convince.
    """
    needed = max(thresholds(stakes or Stakes()))
    share = exact(hard)
    if share <= 0 or needed > share:
        return None
    return max(needed / share, Fraction(0))


def consultation_clock(*, hard: Amount, in_time: Amount, stakes: Stakes | None = None) -> Game:
    """Return the game of the clock; only the defender, which moves last, knows whether it is Hard.

    Since nobody moves between, it makes no difference that its kind is drawn just before it moves. The one chance move
    `Consultation` is what a sweep of the consultation process answers.

    Args:
        hard: p, the probability that the defender is Hard.
        in_time: q, the probability that the allies have consulted when the answer is due.
        stakes: payoffs; those of `Stakes()` if not given.
    """
    s = stakes or Stakes()
    p, q = exact(hard), exact(in_time)

    def answered(kind: str) -> Decides:
        war = Ends(f"War {kind}", (s.c_war, s.p_war, s.d_war_hard if kind == "Hard" else s.d_war_soft))
        return Decides("Defender", kind, {"Support": war, "Stand aside": alone})

    alone = Ends("Alone", (s.c_alone, s.p_alone, s.d_alone))
    kinds = Happens("Defender is", {"Hard": (p, answered("Hard")), "Soft": (1 - p, answered("Soft"))})
    consulted = Happens("Consultation", {"In time": (q, kinds), "Too late": (1 - q, alone)})
    asked = Decides("Protege", "Asked", {"Hold": consulted, "Concede": Ends("Ceded", (s.c_ceded, s.p_ceded, s.d_ceded))})
    quiet = Ends("Quiet", (s.c_quiet, s.p_quiet, s.d_quiet))
    start = Decides("Challenger", "Start", {"Demand": asked, "Refrain": quiet})
    return grow("Consultation against the clock", ("Challenger", "Protege", "Defender"), start)
