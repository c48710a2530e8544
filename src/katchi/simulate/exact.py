"""The exact answer, where every stage is exponential or Erlang: the time is then phase-type, and no sampling is needed.

The network is unfolded into a Markov chain (unfolding.py: common causes of outages included), states that cannot be told apart
(the same topics in another order) are lumped (template.py), and the chain is solved (chain.py). What is too large, or has
something that may touch the answer and is of another kind, is refused with the reason; the sampled answer then stands alone.

Source: Neuts (1981) for phase-type laws.
"""

from __future__ import annotations

from typing import NamedTuple

from katchi.errors import Malformed
from katchi.network.model import Network
from katchi.simulate.chain import Chain
from katchi.simulate.template import Template


class Answer(NamedTuple):
    """The law of the time at which a stage finishes."""

    states: int
    mean_s: float  # inf if it may never finish
    probability: float  # of having finished by the deadline asked for


def answer(network: Network, question: str) -> Answer:
    """Return the exact answer to one question of the network.

    Raises:
        Malformed: no such question.
        Refused: something that has no exact answer, or too many states; the message says which.
    """
    asked = next((one for one in network.questions if one.name == question), None)
    if asked is None:
        raise Malformed("there is no question '{name}'", hint="The file's [questions] name them.", name=question)
    chain = chain_of(network, asked.stage)
    return Answer(chain.states, chain.mean_s(), chain.probability_by(asked.by_s))


def chain_of(network: Network, stage: str) -> Chain:
    """Return the chain that ends when `stage` finishes.

    Raises:
        Refused: a stage that it may wait for is of another law, or what else unfolding.py names, or there are too many states.
    """
    return Template(network, stage).chain()
