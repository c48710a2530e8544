"""Signatures checked on threads: the same answers, in the same order, as in one thread."""

from __future__ import annotations

import threading

import pytest

from katchi.record.checking import Signature, checked_here
from katchi.serve.threads import SIGNATURES_MIN, Threads
from katchi.testing.builders import an_ally

AZURE = an_ally("azure")


def signatures(count):
    """Every seventh item has nothing to check, every fifth of the others a signature of something else."""
    for number in range(count):
        message = b"entry %d" % number
        signature = AZURE.signer.entry(message if number % 5 else b"another")
        yield number, None if number % 7 == 3 else Signature(AZURE.known, message, signature)


@pytest.mark.parametrize("count", [0, 1, SIGNATURES_MIN - 1, SIGNATURES_MIN, 100, 101, 102])
@pytest.mark.parametrize("cores", [1, 2, 3])
def test_threads_give_every_item_back_in_order_with_the_answer_that_one_thread_gives(count, cores):
    answers = list(Threads(cores)(signatures(count)))
    assert answers == list(checked_here(signatures(count)))
    assert [number for number, _ in answers] == list(range(count))


def test_many_signatures_are_shared_out_and_a_few_are_not():
    names = set()

    class Noting:
        def entry(self, message, signature):
            names.add(threading.current_thread().name.split("_")[0])

    class Signer:
        verifier = Noting()

    def jobs(count):
        return [(n, Signature(Signer(), b"", b"")) for n in range(count)]

    check = Threads(2)
    assert all(holds for _, holds in check(jobs(SIGNATURES_MIN - 1)))
    assert names == {threading.current_thread().name}
    assert all(holds for _, holds in check(jobs(SIGNATURES_MIN)))
    assert names == {threading.current_thread().name, "verify"}
