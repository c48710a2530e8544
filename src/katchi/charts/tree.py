"""A game as its tree, with one of its equilibria: who moves where, what is chosen, how likely chance is, what each end is worth.

Branches that are played are thick, those off the path of play thick and grey; a probability that is neither 0 nor 1 is written.
Points that a player cannot tell apart are joined by a line of dashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from katchi.charts.figure import Figure, haloed, tag, text, together
from katchi.charts.ink import INK, NARROW, PAPER, QUIET, SMALL, STRONG, TEXT
from katchi.charts.lettering import clean, shortened, width
from katchi.charts.speech import MINUS, speech
from katchi.language import Language
from katchi.simulate.game.profile import Profile, distinct
from katchi.simulate.game.tree import Game

STEP, ELBOW, ROW, ENDS_MAX = 158.0, 22.0, 38.0, 60  # px; more ends than this nobody reads
TOP, MARGIN = 44.0, 10.0
SURE = 1 - 1e-9


class Spot(NamedTuple):
    """Where a point of the tree is drawn, and how likely it is come to."""

    x: float
    y: float
    reached: float


def tree(game: Game, profile: Profile, language: Language, *, title: str = "") -> Figure | None:
    """Return the drawing of a game; None if it has more ends than anyone could read.

    Args:
        game: what is drawn.
        profile: what is played in it.
        language: of the drawing; the names are the game's own.
        title: of the game, if not its own.
    """
    if sum(not node.children for node in game.nodes) > ENDS_MAX:
        return None
    return _Drawing(game, profile, language, title).figure()


class _Drawing:
    def __init__(self, game: Game, profile: Profile, language: Language, title: str) -> None:
        self.game, self.profile, self.spoken = game, profile, speech(language)
        self.title = title or clean(game.title)
        self.players = [clean(name) for name in distinct(game.players)]
        self.parent = {child: (i, n) for i, node in enumerate(game.nodes) for n, child in enumerate(node.children)}
        self.margin = MARGIN + max((width(name, SMALL) for name in self.players), default=0.0) + 10
        self.spots = self._placed()

    def _placed(self) -> list[Spot]:
        """Place ends one under the other, every other point in the middle of what follows it."""
        nodes = self.game.nodes
        depth, reached = [0] * len(nodes), [1.0] * len(nodes)
        for i, node in enumerate(nodes):
            for n, child in enumerate(node.children):
                depth[child], reached[child] = depth[i] + 1, reached[i] * self._chosen(i, n)
        ys, ends = [0.0] * len(nodes), 0
        for i, node in enumerate(nodes):
            if not node.children:
                ys[i], ends = TOP + ROW * (ends + 0.5), ends + 1
        for i in range(len(nodes) - 1, -1, -1):
            if children := nodes[i].children:
                ys[i] = (ys[children[0]] + ys[children[-1]]) / 2
        return [Spot(self.margin + STEP * d, y, p) for d, y, p in zip(depth, ys, reached, strict=True)]

    def _chosen(self, node: int, branch: int) -> float:
        """Return how likely a branch is once its point is come to."""
        at = self.game.nodes[node]
        if at.chance is not None:
            return float(self.game.chance_moves[at.chance].probabilities[branch])
        assert at.decision is not None
        return float(self.profile[at.decision][branch])

    def figure(self) -> Figure:
        _ = self.spoken.translate
        deep = max(spot.x for spot in self.spots)
        written = [self._end_said(i) for i, node in enumerate(self.game.nodes) if not node.children]
        wide = max(deep + 14 + max(width(said, TEXT) for said in written) + MARGIN, NARROW)
        ends = sum(not node.children for node in self.game.nodes)
        order = _("payoffs: {players}").format(players=", ".join(self.players))
        parts = [text(MARGIN, 18, shortened(order, wide - 2 * MARGIN, SMALL), font_size=SMALL, fill=QUIET)]
        parts += [*self._sets(), *self._branches(), *self._points()]
        below, legend = self._legend(TOP + ROW * ends + 22, wide)
        title = _("The game '{title}' and what is played in it").format(title=self.title)
        return Figure(title, f"{title}. {order}. {'; '.join(self._described())}.", wide, below, together([*parts, *legend]))

    def _branches(self) -> Iterator[Markup]:
        for child, (parent, branch) in self.parent.items():
            at, to, p = self.spots[parent], self.spots[child], self._chosen(parent, branch)
            is_chance = self.game.nodes[parent].chance is not None
            is_played = p > 1e-9 and not is_chance
            stroke, thick = (INK if at.reached > 1e-9 else STRONG, 3.5) if is_played else (STRONG, 1.2)
            path = f"M{at.x:.1f},{at.y:.1f}L{at.x + ELBOW:.1f},{to.y:.1f}H{to.x:.1f}"
            yield tag("path", d=path, fill="none", stroke=stroke, stroke_width=thick, stroke_linejoin="round")
        for child, (parent, branch) in self.parent.items():
            at, to, p = self.spots[parent], self.spots[child], self._chosen(parent, branch)
            is_chance = self.game.nodes[parent].chance is not None
            label = self._action(parent, branch)
            share = self.spoken.share(p) if is_chance or 1e-9 < p < SURE else ""
            label = shortened(label, STEP - ELBOW - 12 - width(share, SMALL), SMALL)
            bold = 700 if p > 1e-9 and not is_chance else None
            said = f"{label} {share}" if share else label
            yield haloed(at.x + ELBOW + 4, to.y - 6, said, font_size=SMALL, font_weight=bold, fill=INK if bold else QUIET)

    def _action(self, parent: int, branch: int) -> str:
        node = self.game.nodes[parent]
        if node.chance is not None:
            return clean(self.game.chance_moves[node.chance].actions[branch])
        assert node.decision is not None
        return clean(self.game.information_sets[node.decision].actions[branch])

    def _sets(self) -> Iterator[Markup]:
        """Join the points of a set by arcs; those of different sets in one column bulge differently."""
        joined: dict[float, int] = {}
        for where in range(len(self.game.information_sets)):
            spots = [self.spots[i] for i, node in enumerate(self.game.nodes) if node.decision == where]
            if len(spots) < 2:
                continue
            bulge = 12.0 + 10.0 * (joined.get(spots[0].x, 0) % 6)
            joined[spots[0].x] = joined.get(spots[0].x, 0) + 1
            path = f"M{spots[0].x:.1f},{spots[0].y:.1f}"
            for a, b in pairwise(spots):
                path += f"Q{max(a.x, b.x) + bulge:.1f},{(a.y + b.y) / 2:.1f} {b.x:.1f},{b.y:.1f}"
            yield tag("path", d=path, fill="none", stroke=INK, stroke_width=1.5, stroke_dasharray="2 4")

    def _points(self) -> Iterator[Markup]:
        _ = self.spoken.translate
        for i, (node, spot) in enumerate(zip(self.game.nodes, self.spots, strict=True)):
            if node.chance is not None:
                yield tag("circle", cx=spot.x, cy=spot.y, r=5, fill=PAPER, stroke=INK, stroke_width=1.5)
                yield haloed(spot.x - 9, spot.y + 14, _("chance"), font_size=SMALL, fill=QUIET, text_anchor="end")
            elif node.decision is not None:
                player = self.players[self.game.information_sets[node.decision].player]
                yield tag("rect", x=spot.x - 5, y=spot.y - 5, width=10, height=10, fill=INK)
                called = shortened(player, STEP - ELBOW - 10, SMALL)
                yield haloed(spot.x - 9, spot.y + 14, called, font_size=SMALL, font_weight=650, text_anchor="end")
            else:
                weight = 650 if spot.reached > 1e-9 else None
                yield tag("circle", cx=spot.x, cy=spot.y, r=2.5, fill=INK)
                yield text(spot.x + 9, spot.y + 4, self._end_said(i), font_weight=weight, fill=INK if weight else QUIET)

    def _end_said(self, at: int) -> str:
        payoffs = [0.0] * len(self.players)
        label, node = "", at
        while True:
            outcome = self.game.nodes[node].outcome
            if outcome is not None:
                one = self.game.outcomes[outcome]
                label = label or clean(one.label)
                payoffs = [total + float(payoff) for total, payoff in zip(payoffs, one.payoffs, strict=True)]
            if node not in self.parent:
                break
            node = self.parent[node][0]
        worth = ", ".join(f"{payoff:.4g}".replace("-", MINUS) for payoff in payoffs)
        return f"{shortened(label, 120, TEXT)} ({worth})" if label else f"({worth})"

    def _legend(self, y: float, wide: float) -> tuple[float, Sequence[Markup]]:
        _ = self.spoken.translate
        keys = [
            (tag("path", d="M0,-4h24", stroke=INK, stroke_width=3.5), _("what is played")),
            (tag("path", d="M0,-4h24", stroke=STRONG, stroke_width=3.5), _("would be played if it came to it")),
        ]
        if len({node.decision for node in self.game.nodes} - {None}) < sum(node.decision is not None for node in self.game.nodes):
            dashes = tag("path", d="M0,-4h24", stroke=INK, stroke_width=1.5, stroke_dasharray="2 4")
            keys.append((dashes, _("cannot be told apart by who moves")))
        parts, x = [], MARGIN
        for key, said in keys:
            needed = 32 + width(said, SMALL) + 14
            if x > MARGIN and x + needed > wide:
                x, y = MARGIN, y + 19
            parts.append(tag("g", key, text(32, 0, said, font_size=SMALL, fill=QUIET), transform=f"translate({x:.1f},{y:.1f})"))
            x += needed
        return y + 12, parts

    def _described(self) -> Iterator[str]:
        _ = self.spoken.translate
        for one, there in zip(self.game.information_sets, self.profile, strict=True):
            chosen = ", ".join(
                clean(action) + ("" if p > SURE else f" {self.spoken.share(float(p))}")
                for action, p in zip(one.actions, there, strict=True)
                if p > 1e-9
            )
            yield _("{player} at '{place}': {chosen}").format(
                player=self.players[one.player], place=clean(one.label), chosen=chosen
            )
