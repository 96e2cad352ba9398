"""Computations take turns; whoever waits is told so, and may give up."""

import threading

import pytest

from app.shell.keeping import _TURN, _turn


class GivenUp(Exception):
    """As Streamlit's own, which ends a page's run at its next report."""


def test_waiting_is_said_and_can_be_given_up():
    holding, done = threading.Event(), threading.Event()

    def hold():
        with _TURN:
            holding.set()
            done.wait(20)

    other = threading.Thread(target=hold)
    other.start()
    holding.wait(20)
    said = []

    def report(*at):
        said.append(at)
        if len(said) == 2:
            raise GivenUp

    with pytest.raises(GivenUp), _turn(report):
        raise AssertionError("It was another's turn.")
    assert said == [(0, 0), (0, 0)]
    done.set()
    other.join()
    with _turn(said.append):
        pass  # Free again.
    assert len(said) == 2
