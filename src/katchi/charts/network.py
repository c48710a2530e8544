"""A scenario drawn as a network: its stages from left to right, each ally's in a lane of its own, what joins them between.

Copies of a stage are drawn once. Work at a post has a thick left edge, a transmission over a bearer round ends; what follows by
chance hangs on a line of dashes that says how likely. What is wider than a page goes on in a row below (rows.py). With a
sweep, a bar under each stage says how much of the time it held everything up, and the stage that did most is marked. Injects are
named where they strike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from markupsafe import Markup

from katchi.charts.copies import grouped
from katchi.charts.figure import Figure, tag, text, together
from katchi.charts.ink import INK, LINE, MIDDLE, NARROW, PAPER, QUIET, SHADE, SMALL, STRONG, TEXT, WARN
from katchi.charts.layers import Box, Placed, Point, placed
from katchi.charts.lettering import broken, shortened, width
from katchi.charts.passages import RADIUS, Passages, numbered
from katchi.charts.rows import Rows, in_rows
from katchi.charts.speech import Names, speech
from katchi.exercise.scenario import Inject, Scenario
from katchi.language import Language
from katchi.network.model import Stage

if TYPE_CHECKING:
    from katchi.simulate.sweep import Criticality

BOX, MARGIN, GAP, GAP_OF_CHANCE = 176.0, 12.0, 40.0, 80.0  # px
PAD, LEADING_TITLE, LEADING_NOTE, GAUGE = 9.0, 16.0, 15.0, 5.0
STAGES_MAX = 150  # more boxes than this nobody reads
MARK, INJECT = "▲", "▼"
ROUND = 16.0


class Drawn(NamedTuple):
    """A stage with all its copies, as a box."""

    name: str
    stage: Stage
    copies: int
    title: list[str]
    notes: list[tuple[str, str]]  # each with its tone
    lane: int
    share: float  # of the time
    is_worst: bool

    @property
    def height(self) -> float:
        """Return how high its box is, px."""
        return 2 * PAD + LEADING_TITLE * len(self.title) + LEADING_NOTE * len(self.notes) + GAUGE


def network(scenario: Scenario, language: Language, *, critical: Mapping[str, Criticality] | None = None) -> Figure | None:
    """Return the drawing of a scenario's process; None if it has more stages than anyone could read.

    Args:
        scenario: what is drawn.
        language: of the drawing.
        critical: how much each stage held up, of a sweep.
    """
    return _Drawing(scenario, language, critical or {}).figure()


class _Drawing:
    def __init__(self, scenario: Scenario, language: Language, critical: Mapping[str, Criticality]) -> None:
        self.scenario, self.language, self.critical = scenario, language, critical
        self.spoken, self.names = speech(language), Names(scenario, language)
        self.groups, self.edges = grouped(scenario)
        self.before: dict[str, list[str]] = {name: [] for name in self.groups}
        for earlier, later in self.edges:
            self.before[later].append(earlier)

    def figure(self) -> Figure | None:
        if len(self.groups) > STAGES_MAX:
            return None
        lanes = self._lanes()
        boxes = {name: self._box(name, lanes) for name in self.groups}
        layout = placed([Box(box.name, box.height, box.lane) for box in boxes.values()], self.edges, lanes=len(lanes) or 1)
        heights = {box.name: box.height for box in boxes.values()}
        rows = in_rows(layout, heights, self._gaps(layout), box=BOX, margin=MARGIN)
        wide = max(rows.width, NARROW)
        parts = [*self._bands(lanes, rows, wide), *self._ways(layout, rows)]
        for name, box in boxes.items():
            middle = rows.at(layout.layer[name], layout.top[name] + box.height / 2)
            parts.append(self._stage(box, middle.x, middle.y - box.height / 2))
        notes, below = self._notes(rows.height + 14, wide, is_folded=len(rows.firsts) > 1)
        return Figure(self._title(), self._described(boxes), wide, below, together([*parts, *notes]))

    def _title(self) -> str:
        _ = self.spoken.translate
        return _("The process of '{title}' as a network").format(title=self.spoken.given(self.scenario.title, "-"))

    def _lanes(self) -> dict[str, int]:
        """Return the lane of each ally that does something, that of what is between them second; none where one would do."""
        doers = {self._ally(name) for name in self.groups}
        allies = [ally for ally in self.scenario.allies if ally in doers]
        if len(allies) + ("" in doers) < 2:
            return {}
        ordered = [allies[0], "", *allies[1:]] if "" in doers else allies
        return {ally: i for i, ally in enumerate(ordered)}

    def _ally(self, name: str) -> str:
        """Return whose a stage is; what goes over a bearer is between allies."""
        stage = self.groups[name][0]
        part = self.scenario.parts.get(stage.reported)
        if stage.over is not None:
            return ""
        post = stage.at or next((one.at for one in self.scenario.network.stages if one.reported == stage.reported and one.at), "")
        ally = (part.by if part else "") or self.scenario.posts.get(post, "")
        return ally if ally in self.scenario.allies else ""

    def _box(self, name: str, lanes: Mapping[str, int]) -> Drawn:
        stages, found = self.groups[name], self.critical.get(name)
        worst = max(self.critical.items(), key=lambda item: item[1].time)[0] if self.critical else ""
        is_worst = name == worst and found is not None and found.time > 0
        inject = self.names.injected(name)
        called = self._called(name)
        mark = f"{MARK} " if is_worst else f"{INJECT} " if inject else ""
        return Drawn(
            name=name, stage=stages[0], copies=len(stages), title=broken(mark + called, BOX - 2 * PAD - 4, TEXT, 3),
            notes=[(shortened(said, BOX - 2 * PAD, SMALL), tone) for said, tone in self._said(name, inject)],
            lane=lanes.get(self._ally(name), 0), share=found.time if found else 0.0, is_worst=is_worst,
        )  # fmt: skip

    def _called(self, name: str) -> str:
        """Return the title of a stage; of one drawn apart from its copies, with what tells it from them."""
        _, stage = self.spoken.translate, self.groups[name][0]
        if name == stage.reported:
            return self.names.stage(name)
        called = self.names.stage(stage.reported)
        for part in name.removeprefix(f"{stage.reported}.").split("."):
            if part.startswith("try"):
                called = _("{stage}, attempt {n}").format(stage=called, n=part.removeprefix("try"))
            elif part.startswith("pause"):
                called = _("{stage}, pause after attempt {n}").format(stage=called, n=part.removeprefix("pause"))
            else:
                called += f" · {part}"
        return called

    def _said(self, name: str, inject: Inject | None) -> Iterator[tuple[str, str]]:
        """Yield the lines under a stage's title."""
        _, stage, copies = self.spoken.translate, self.groups[name][0], len(self.groups[name])
        if inject is not None:
            yield _("inject after {time}").format(time=self.spoken.time(inject.at_s)), INK
            return
        struck = f" {INJECT}" if self._is_struck(stage) else ""
        if stage.at is not None:
            yield _("at {post}").format(post=self.names.of("posts", stage.at)) + struck, QUIET
        elif stage.over is not None:
            yield _("over {bearer}").format(bearer=self.names.of("bearers", stage.over)) + struck, QUIET
        takes = self.spoken.roughly(stage.duration)
        yield (takes if copies == 1 else f"{takes} × {copies}"), INK
        if len(self.before[name]) > 1:
            template = _("waits for any of {n}") if stage.join == "any" else _("waits for all {n}")
            yield template.format(n=len(self.before[name])), QUIET
        for alternative in stage.alternatives:
            if not alternative.stages and alternative.probability > 0:
                yield _("{chance}: nothing follows").format(chance=self.spoken.share(alternative.probability, 0)), QUIET
        for question in self.scenario.network.questions:
            if question.stage == stage.name:
                yield _("◎ asked: by {time}").format(time=self.spoken.time(question.by_s)), INK
        if name in self.critical:
            said = _("{share} of the time").format(share=self.spoken.share(self.critical[name].time))
            yield said, QUIET

    def _is_struck(self, stage: Stage) -> bool:
        return any(
            (one.post and one.post == stage.at) or (one.bearer and one.bearer == stage.over) for one in self.scenario.injects
        )

    def _gaps(self, layout: Placed) -> list[float]:
        """Return the room after each layer: more where chances lead on."""
        chancy = {layout.layer[earlier] for (earlier, _), chance in self.edges.items() if chance is not None}
        return [GAP_OF_CHANCE if layer in chancy else GAP for layer in range(layout.layers)]

    def _bands(self, lanes: Mapping[str, int], rows: Rows, wide: float) -> Iterator[Markup]:
        _ = self.spoken.translate
        allies = {lane: ally for ally, lane in lanes.items()}
        for band in (band for row in rows.bands for band in row if allies):
            yield tag("rect", x=2, y=band.top - 24, width=wide - 4, height=band.height + 32, fill=SHADE, rx=3)
            called = allies[band.lane] or _("between the allies")
            yield text(MARGIN, band.top - 9, called, font_weight=650, fill=QUIET, font_size=SMALL)

    def _ways(self, layout: Placed, rows: Rows) -> Iterator[Markup]:
        marks = Passages(rows.width, MARGIN)
        for (earlier, later), chance in self.edges.items():
            way = layout.ways[earlier, later]
            points = [rows.at(way.layer + i, y) for i, y in enumerate(way.ys)]
            dashes = "5 3" if chance is not None else None
            path = f"M{points[0].x + BOX:.1f},{points[0].y:.1f}"
            begin = points[0]  # the last point before the chance is told
            for i, (at, to) in enumerate(pairwise(points)):
                is_last = i == len(points) - 2
                goes_on = rows.row(way.layer + i) != rows.row(way.layer + i + 1)
                if goes_on:
                    out, into = marks.passed(at, to)
                    path += f"H{out.x - RADIUS:.1f}M{into.x + RADIUS:.1f},{into.y:.1f}"
                    begin = Point(into.x - BOX, into.y) if i == 0 else begin
                start, end = (into.x + RADIUS if goes_on else at.x + BOX), to.x - (6 if is_last else 0)
                middle, y = (start + end) / 2, into.y if goes_on else at.y
                path += f"C{middle:.1f},{y:.1f} {middle:.1f},{to.y:.1f} {end:.1f},{to.y:.1f}"
                if not is_last:
                    path += f"h{BOX:g}"
            last = points[-1]
            yield tag("path", d=path, fill="none", stroke=STRONG, stroke_width=1.5, stroke_dasharray=dashes)
            yield tag("path", d=f"M{last.x:.1f},{last.y:.1f}l-8,-4v8z", fill=QUIET)
            if chance is not None:
                yield self._chance([begin, *points[1:]], chance)
        yield from marks.drawn()

    def _chance(self, points: Sequence[Point], chance: float) -> Markup:
        """The chance on a line, towards its end, where lines from one stage have parted."""
        at, to = points[0], points[1]
        x, y = to.x - GAP_OF_CHANCE * 0.38, at.y + 0.8 * (to.y - at.y)
        said = self.spoken.share(chance, 0)
        wide = width(said, SMALL) + 8
        return together([
            tag("rect", x=x - wide / 2, y=y - 9, width=wide, height=18, rx=9, fill=PAPER, stroke=STRONG),
            text(x, y + 4, said, font_size=SMALL, text_anchor="middle"),
        ])  # fmt: skip

    def _stage(self, box: Drawn, x: float, y: float) -> Markup:
        stage, is_inject = box.stage, self.names.injected(box.name) is not None
        edge = {"stroke": INK if box.is_worst else STRONG, "stroke_width": "2.5" if box.is_worst else "1"}
        rounded = ROUND if stage.over is not None else 2.0
        frame = {"width": BOX, "height": box.height, "rx": rounded}
        parts = []
        if box.copies > 1:
            parts = [tag("rect", x=x + 2 * i, y=y - 2 * i, fill=PAPER, stroke=STRONG, **frame) for i in (2, 1)]
        parts.append(tag("rect", x=x, y=y, fill=PAPER, stroke_dasharray="4 3" if is_inject else None, **frame, **edge))
        if stage.at is not None:
            parts.append(tag("rect", x=x, y=y, width=5, height=box.height, fill=INK if box.is_worst else QUIET))
        line = y + PAD + 12
        for i, title in enumerate(box.title):
            tone = WARN if box.is_worst and i == 0 else INK
            parts.append(text(x + PAD + 4, line, title, font_weight=650, fill=tone))
            line += LEADING_TITLE
        for note, tone in box.notes:
            parts.append(text(x + PAD + 4, line - 1, note, font_size=SMALL, fill=tone))
            line += LEADING_NOTE
        if box.share > 0:
            inner = BOX - 2 * PAD - 4
            bottom = y + box.height - GAUGE - 4
            parts.append(tag("rect", x=x + PAD + 4, y=bottom, width=inner, height=GAUGE, fill=SHADE))
            filled = max(inner * box.share, 1.0)
            parts.append(tag("rect", x=x + PAD + 4, y=bottom, width=filled, height=GAUGE, fill=QUIET if box.is_worst else MIDDLE))
        return tag("g", *parts)

    def _notes(self, y: float, wide: float, *, is_folded: bool) -> tuple[list[Markup], float]:
        """Return the injects in words and the legend, and where they end."""
        parts: list[Markup] = []
        space = min(wide, 640.0) - 2 * MARGIN
        for inject in self.scenario.injects:
            for line in broken(f"{INJECT} {self._inject_said(inject)}", space, SMALL, 3):
                y += LEADING_NOTE + 1
                parts.append(text(MARGIN, y, line, font_size=SMALL))
        x, y = MARGIN, y + 26
        for key, said in self._legend(is_folded=is_folded):
            needed = 34 + width(said, SMALL) + 16
            if x > MARGIN and x + needed > MARGIN + space:
                x, y = MARGIN, y + 19
            parts.append(tag("g", key, text(32, 0, said, font_size=SMALL, fill=QUIET), transform=f"translate({x:.1f},{y:.1f})"))
            x += needed
        return parts, y + 12

    def _inject_said(self, inject: Inject) -> str:
        _ = self.spoken.translate
        about = self.spoken.given(inject.about, inject.name)
        said = _("after {time}: {what}").format(time=self.spoken.time(inject.at_s), what=about)
        until = self.spoken.time(inject.span.until_s) if inject.span else ""
        if inject.bearer:
            bearer = self.names.of("bearers", inject.bearer)
            said += " " + _("({bearer} down until {time})").format(bearer=bearer, time=until)
        elif inject.post:
            post = self.names.of("posts", inject.post)
            said += " " + _("({post}, seats until {time}: {n})").format(post=post, n=inject.seats, time=until)
        return said

    def _legend(self, *, is_folded: bool) -> Iterator[tuple[Markup, str]]:
        _ = self.spoken.translate
        stages = [stages[0] for stages in self.groups.values()]
        plain: dict[str, Any] = {"y": -11, "width": 24, "height": 14, "fill": PAPER, "stroke": STRONG}
        if any(stage.at is not None for stage in stages):
            yield (
                tag("g", tag("rect", x=0, **plain), tag("rect", x=0, y=-11, width=4, height=14, fill=QUIET)),
                _("work at a post"),
            )
        if any(stage.over is not None for stage in stages):
            yield tag("rect", x=0, rx=7, **plain), _("transmission over a bearer")
        if any(stage.at is None and stage.over is None for stage in stages):
            yield tag("rect", x=0, **plain), _("takes time only")
        if any(chance is not None for chance in self.edges.values()):
            yield tag("path", d="M0,-4h24", stroke=STRONG, stroke_width=1.5, stroke_dasharray="5 3"), _("follows by chance")
        if is_folded:
            yield numbered(Point(12, -4), "1"), _("goes on at the same number")
        if any(share.time for share in self.critical.values()):
            gauge = (
                tag("rect", x=0, y=-7, width=24, height=GAUGE, fill=LINE),
                tag("rect", x=0, y=-7, width=10, height=GAUGE, fill=QUIET),
            )
            yield tag("g", *gauge), _("share of the time that it held up; {mark} the most").format(mark=MARK)

    def _described(self, boxes: Mapping[str, Drawn]) -> str:
        _ = self.spoken.translate
        said = []
        for name in boxes:
            notes = ", ".join(note for note, _tone in self._said(name, self.names.injected(name)))
            earlier = ", ".join(self._called(one) for one in self.before[name])
            whole = f"{self._called(name)} ({notes})"
            said.append(_("{stage} after {earlier}").format(stage=whole, earlier=earlier) if earlier else whole)
        injects = [self._inject_said(one) for one in self.scenario.injects]
        return f"{self._title()}. {'; '.join([*said, *injects])}."
