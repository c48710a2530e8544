"""Activity networks for tests and measurements: reference model R, small known ones, and random ones."""

from __future__ import annotations

import math
from random import Random

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
from katchi.network.model import (
    Absence,
    Alternative,
    Bearer,
    Cause,
    Factor,
    Network,
    Post,
    Question,
    Shift,
    Span,
    Stage,
)

H = 3_600.0


def model_r(*, outages: bool = True) -> Network:
    """Issue 4's reference model, with copies written out."""
    stages = []
    for topic in "123":
        stages += [
            Stage(name=f"prepare.{topic}", group="prepare", at="staff-a", duration=Exponential(0.75 * H)),
            Stage(name=f"send.{topic}", group="send", over="line", duration=Exponential(0.1 * H), after=(f"prepare.{topic}",)),
            Stage(name=f"study.{topic}", group="study", at="staff-b", duration=Exponential(1.0 * H), after=(f"send.{topic}",)),
            Stage(name=f"return.{topic}", group="return", over="line", duration=Exponential(0.1 * H), after=(f"study.{topic}",)),
        ]
    back = tuple(f"return.{topic}" for topic in "123")
    stages += [
        Stage(name="principal-a", duration=Exponential(0.5 * H), after=back),
        Stage(name="principal-b", duration=Exponential(0.5 * H), after=back),
        Stage(name="decision", duration=Exponential(0.5 * H), after=("principal-a", "principal-b")),
    ]
    return Network(
        stages=tuple(stages),
        posts=(Post("staff-a", 2), Post("staff-b", 2)),
        bearers=(Bearer("line", 6 * H, 0.5 * H) if outages else Bearer("line"),),
        questions=(Question("consulted", "decision", 6 * H),),
    )


def alone(duration: Duration, *, by_s: float = 1.0) -> Network:
    """One stage."""
    return Network(stages=(Stage(name="only", duration=duration),), questions=(Question("done", "only", by_s),))


def in_series(*durations: Duration, by_s: float = 1.0) -> Network:
    """One after the other."""
    stages = [Stage(name=f"s{i}", duration=duration, after=(f"s{i - 1}",) if i else ()) for i, duration in enumerate(durations)]
    return Network(stages=tuple(stages), questions=(Question("done", stages[-1].name, by_s),))


def all_at_once(*durations: Duration, seats: int | None = None, by_s: float = 1.0) -> Network:
    """Each from the start, at a post if it has seats; then all have to be done."""
    at = None if seats is None else "desk"
    stages = [Stage(name=f"s{i}", duration=duration, at=at) for i, duration in enumerate(durations)]
    end = Stage(name="end", duration=Constant(0.0), after=tuple(stage.name for stage in stages))
    posts = () if seats is None else (Post("desk", seats),)
    return Network(stages=(*stages, end), posts=posts, questions=(Question("done", "end", by_s),))


def random_duration(chance: Random) -> Duration:
    """Any law, any parameters."""
    low, mode, high = sorted(chance.uniform(0.0, 9_000.0) for _ in range(3))
    durations: list[Duration] = [
        Constant(chance.choice([0.0, 60.0, chance.uniform(1, 5_000)])),
        Exponential(chance.uniform(1, 5_000)),
        Erlang(chance.uniform(1, 5_000), chance.randint(1, 6)),
        Lognormal(chance.uniform(1, 5_000), chance.uniform(0.05, 2.0)),
        Uniform(low, high),
        Triangular(low, mode, high),
        Pert(low, mode, high),
        Empirical(tuple(chance.uniform(0, 5_000) for _ in range(chance.randint(1, 9)))),
    ]
    return chance.choice(durations)


def random_network(seed: int, *, markov: bool = False) -> Network:
    """A sound network of everything there is; `markov`: of exponential, Erlang and no time only."""
    chance = Random(seed)  # noqa: S311  # no secret is drawn from it
    posts = tuple(
        Post(f"post{i}", chance.randint(1, 3)) if markov or chance.random() < 0.5 else _random_shifts(chance, f"post{i}")
        for i in range(chance.randint(1, 3))
    )
    causes = tuple(Cause(f"cause{i}", chance.uniform(500, 9_000), chance.uniform(50, 2_000)) for i in range(chance.randint(0, 2)))
    bearers = tuple(_random_bearer(chance, f"way{i}", () if markov else causes) for i in range(chance.randint(1, 2)))
    factors = () if markov else tuple(Factor(f"factor{i}", chance.uniform(0.1, 1.0)) for i in range(chance.randint(0, 2)))
    stages: list[Stage] = []
    for i in range(chance.randint(3, 5 if markov else 16)):
        earlier = [stage.name for stage in stages]
        after = tuple(sorted(chance.sample(earlier, chance.randint(0, min(3, len(earlier))))))
        where = chance.random()
        duration = random_duration(chance)
        if markov:
            phases = chance.randint(1, 2)
            mean = chance.uniform(100, 5_000)
            duration = Exponential(mean) if phases == 1 else Erlang(mean, phases)
        stages.append(
            Stage(
                name=f"s{i}",
                group=chance.choice(["", "", "many"]),
                duration=duration,
                at=chance.choice(posts).name if where < 0.4 else None,
                over=chance.choice(bearers).name if 0.4 <= where < 0.7 else None,
                after=after,
                join=chance.choice(["all", "any"]),
                factor=chance.choice([None, *(factor.name for factor in factors)]),
            )
        )
    ways = chance.randint(1, 3)
    shares = [chance.uniform(0.1, 1.0) for _ in range(ways)]
    branches = [
        Stage(name=f"way{i}", duration=Exponential(chance.uniform(1, 900)), at=chance.choice([None, posts[0].name]))
        for i in range(ways)
    ]
    chooser = Stage(
        name="choice",
        duration=Exponential(300.0),
        after=(stages[-1].name,),
        alternatives=tuple(
            Alternative(share / sum(shares), (branch.name,)) for share, branch in zip(shares, branches, strict=True)
        ),
    )
    end = Stage(
        name="end", duration=Constant(0.0), join="any", after=tuple(branch.name for branch in branches[: max(1, ways - 1)])
    )
    asked = (Question("end", "end", 4 * H), Question("early", stages[0].name, 1 * H))
    return Network(
        stages=(*stages, chooser, *branches, end),
        posts=posts,
        bearers=bearers,
        causes=causes,
        factors=factors,
        questions=asked,
    )


def _random_shifts(chance: Random, name: str) -> Post:
    """A post with shifts, some that repeat, and absences."""
    times = sorted(chance.sample(range(0, 9_000, 100), chance.randint(1, 3)))
    shifts = tuple(Shift(float(at), chance.randint(i == 0, 3)) for i, at in enumerate(times))
    from_s = chance.uniform(0, 5_000)
    absence = Absence(Span(from_s, from_s + chance.uniform(1, 3_000)), chance.randint(0, 1))
    return Post(name, chance.randint(1, 2), shifts, chance.choice([0.0, 9_000.0]), (absence,) if chance.random() < 0.5 else ())


def _random_bearer(chance: Random, name: str, causes: tuple[Cause, ...]) -> Bearer:
    """A bearer with or without outages of its own, by a common cause, and scripted."""
    up, down = (chance.uniform(50, 9_000), chance.uniform(50, 4_000)) if chance.random() < 0.7 else (math.inf, 0.0)
    times = sorted(chance.uniform(0, 9_000) for _ in range(2 * chance.randint(0, 2)))
    cuts = tuple(Span(*pair) for pair in zip(times[::2], times[1::2], strict=True)) if causes else ()
    return Bearer(name, up, down, tuple(cause.name for cause in causes if chance.random() < 0.5), cuts)
