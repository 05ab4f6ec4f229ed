from __future__ import annotations

import pytest

from training.errors import UserError
from training.view.newest import Asked, Newest


class Question:
    def __init__(self) -> None:
        self.interrupted = False

    def interrupt(self) -> None:
        self.interrupted = True


def test_a_newer_question_ends_the_one_before() -> None:
    newest, first, second = Newest(), Question(), Question()
    with newest.of(Asked("page", 1), first), newest.of(Asked("page", 2), second):
        assert (first.interrupted, second.interrupted) == (True, False)


def test_a_question_that_arrives_late_does_not_end_a_newer_one() -> None:
    newest, late, running = Newest(), Question(), Question()
    with newest.of(Asked("page", 2), running):
        with pytest.raises(UserError, match="newer"), newest.of(Asked("page", 1), late):
            raise AssertionError("it must not be asked")
        assert not running.interrupted
        with newest.of(Asked("page", 3), late):
            assert running.interrupted


def test_askers_and_kinds_of_questions_leave_one_another_alone() -> None:
    newest, running = Newest(), Question()
    asked = Asked("page", 1)
    with newest.of(asked.of("count"), running):
        for other in (Asked("other page", 2).of("count"), Asked("page", 2).of("page")):
            with newest.of(other, Question()):
                assert not running.interrupted


def test_what_ended_is_not_interrupted_and_does_not_forget_its_follower() -> None:
    newest, first, second, third = Newest(), Question(), Question(), Question()
    with newest.of(Asked("page", 1), first):
        pass
    with newest.of(Asked("page", 2), second):
        assert not first.interrupted
        outer = newest.of(Asked("page", 3), third)
        outer.__enter__()
    with newest.of(Asked("page", 4), Question()):
        assert third.interrupted
    outer.__exit__(None, None, None)
