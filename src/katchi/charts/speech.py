"""How charts and reports say figures, in one language: shares, times, gains, how long a stage takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from katchi.charts.lettering import clean
from katchi.errors import Sentence
from katchi.exercise.scenario import Inject, Scenario, Text
from katchi.language import Language, translator
from katchi.network.durations import (
    Constant,
    Duration,
    Empirical,
    Erlang,
    Exponential,
    Lognormal,
    Pert,
    Triangular,
    Uniform,
)
from katchi.vocabulary import WORDS

MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"
SMALLEST = 0.0005  # a share below this rounds to nothing


class Speech:
    """One language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.translate = translator(language)

    def given(self, text: Text, otherwise: str = "") -> str:
        """Return what a file says, else how it names the thing."""
        return clean(text.said(self.language)) or clean(otherwise)

    def sentence(self, said: Sentence) -> str:
        """Return why something is as it is."""
        return clean(said.said(self.words))

    def words(self, text: str) -> str:
        """Return the catalogue's words for a text, or those for the words of the vocabulary in it."""
        found = self.translate(text)
        if self.language == "en" or found != text:
            return found
        korean = {known.en: known.ko for known in WORDS.values()}
        return ", ".join(korean.get(part, part) for part in text.split(", "))

    def share(self, value: float, digits: int = 1) -> str:
        """Return a probability or a share as percent."""
        if 0 < value < SMALLEST and digits == 1:
            return "<0.1%"
        return f"{100 * value:z.{digits}f}%"

    def shares(self, ends: tuple[float, float], digits: int = 1) -> str:
        """Return an interval of shares."""
        return f"{100 * ends[0]:.{digits}f}{DASH}{100 * ends[1]:.{digits}f}%"

    def signed(self, value: float, digits: int = 1) -> str:
        """Return a gain with its sign."""
        said = f"{abs(value):.{digits}f}"
        return said if float(said) == 0 else ("+" if value > 0 else MINUS) + said

    def time(self, seconds: float | None) -> str:
        """Return a length of time as people say it, in three digits."""
        _ = self.translate
        if seconds is None:
            return _("never")
        for template, size in ((_("{n} d"), 86_400.0), (_("{n} h"), 3_600.0), (_("{n} min"), 60.0)):
            if seconds >= 2 * size or seconds in (size, 1.5 * size):
                return template.format(n=f"{seconds / size:.3g}")
        return _("{n} s").format(n=f"{seconds:.3g}")

    def times(self, low: float, high: float) -> str:
        """Return a range of times."""
        return f"{self.time(low)} {DASH} {self.time(high)}"

    def roughly(self, duration: Duration) -> str:
        """Return about how long a stage takes, shortly."""
        match duration:
            case Constant(value):
                return self.time(value)
            case Exponential(mean) | Erlang(mean, _):
                return f"~ {self.time(mean)}"
            case Lognormal(median, _):
                return f"~ {self.time(median)}"
            case Uniform(low, high) | Triangular(low, _, high) | Pert(low, _, high):
                return self.times(low, high)
            case Empirical(values):
                return self.times(min(values), max(values))

    def takes(self, duration: Duration) -> str:
        """Return how long a stage takes, with its law."""
        _ = self.translate
        match duration:
            case Constant(value):
                return _("always {time}").format(time=self.time(value))
            case Exponential(mean):
                return _("{time} on average, exponential").format(time=self.time(mean))
            case Erlang(mean, phases):
                return _("{time} on average, Erlang of {n} phases").format(time=self.time(mean), n=phases)
            case Lognormal(median, sigma):
                return _("half take longer than {time}, lognormal with sigma {sigma:g}").format(
                    time=self.time(median), sigma=sigma
                )
            case Uniform(low, high):
                return _("{low} to {high}, all alike").format(low=self.time(low), high=self.time(high))
            case Triangular(low, mode, high):
                return _("{low} to {high}, most likely {mode}, triangular").format(
                    low=self.time(low), high=self.time(high), mode=self.time(mode)
                )
            case Pert(low, mode, high):
                return _("{low} to {high}, most likely {mode}, PERT").format(
                    low=self.time(low), high=self.time(high), mode=self.time(mode)
                )
            case Empirical(values):
                return _("one of {n} observed, {low} to {high}").format(
                    n=len(values), low=self.time(min(values)), high=self.time(max(values))
                )


@cache
def speech(language: Language) -> Speech:
    """Return the speech of a language."""
    return Speech(language)


class Names:
    """What the parts of one scenario are called, in one language."""

    def __init__(self, scenario: Scenario, language: Language) -> None:
        self._scenario, self.speech = scenario, speech(language)

    def stage(self, name: str) -> str:
        """Return the title of a stage as written (before copies), or what is told by the inject that it stands for."""
        part, inject = self._scenario.parts.get(name), self.injected(name)
        if part is None and inject is not None:
            return self.speech.given(inject.about, inject.name)
        return self.speech.given(part.title, name) if part else clean(name)

    def injected(self, name: str) -> Inject | None:
        """Return the inject that a stage stands for, if it does."""
        return next((one for one in self._scenario.injects if one.stage == name), None)

    def of(self, kind: str, name: str) -> str:
        """Return the title of one of the "posts", "bearers" or "questions"."""
        titles: Mapping[str, Text] = self._scenario.titles
        return self.speech.given(titles.get(f"{kind}.{name}", Text()), name)
