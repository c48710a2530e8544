"""What held up the first question: the share of the time that each stage, post and bearer was what all else waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from katchi.charts.bars import Axis, Bar, bars
from katchi.charts.figure import Figure
from katchi.charts.speech import Names, speech
from katchi.exercise.scenario import Scenario
from katchi.language import Language
from katchi.simulate.sweep import Criticality

ROWS_MAX = 12
NOTHING = 1e-9  # sums of floats may miss 0 by so much
Kind = Literal["stages", "posts", "bearers"]


def holdups(scenario: Scenario, kind: Kind, rows: Mapping[str, Criticality], language: Language) -> Figure:
    """Return the bars of all stages, posts or bearers, the longest first.

    Args:
        scenario: what they are called.
        kind: what they are.
        rows: by name; at least one.
        language: of the chart.
    """
    spoken, names = speech(language), Names(scenario, language)
    _ = spoken.translate
    ranked = sorted(rows.items(), key=lambda item: -item[1].time)
    made = []
    for i, (name, one) in enumerate(ranked[:ROWS_MAX]):
        said = _("{time} of the time, in {runs} of the runs").format(time=spoken.share(one.time), runs=spoken.share(one.runs))
        if one.outage and one.outage > NOTHING:
            said += _("; outages {share}").format(share=spoken.share(one.outage))
        called = names.stage(name) if kind == "stages" else names.of(kind, name)
        made.append(
            Bar(
                called,
                said,
                100 * one.time,
                part=100 * max(one.outage or 0.0, 0.0),
                stands_out=kind == "stages" and i == 0 and one.time > 0,
            )
        )
    titles = {
        "stages": _("What held it up: stages"),
        "posts": _("What held it up: posts, waiting for a seat included"),
        "bearers": _("What held it up: bearers, outages included"),
    }
    legend = [("bar", _("share of the time")), ("part", _("of it, outages"))] if any(row.part for row in made) else []
    return bars(made, Axis(_("share of the time, %")), title=titles[kind], legend=legend)
