"""Objects that fail while others pass."""

from gateway.delivery.suspects import Suspects


def test_an_object_that_fails_while_the_partner_is_down_is_never_given_up() -> None:
    suspects = Suspects(strikes=3)
    assert not any(suspects.failed("a", float(time)) for time in range(1000))


def test_an_object_that_fails_while_others_pass_is_given_up_after_its_strikes() -> None:
    suspects = Suspects(strikes=3)
    outcomes = []
    for time in range(3):
        outcomes.append(suspects.failed("a", float(time)))
        suspects.answered("b")
    assert outcomes == [False, False, True]


def test_an_answer_of_any_kind_clears_the_object() -> None:
    suspects = Suspects(strikes=2)
    suspects.failed("a", 0.0)
    suspects.answered("b")
    suspects.failed("a", 1.0)
    suspects.answered("a")
    assert suspects.wait("a", 1.0) == 0.0
    assert suspects.ranks() == {}


def test_a_suspect_is_held_back_longer_with_every_strike() -> None:
    suspects = Suspects(strikes=9, first_hold=10.0)
    holds = []
    for _ in range(4):
        suspects.failed("a", 0.0)
        holds.append(suspects.wait("a", 0.0))
        suspects.answered("b")
    assert holds == [0.0, 10.0, 20.0, 40.0]


def test_the_suspect_that_failed_longest_ago_is_tried_first() -> None:
    suspects = Suspects()
    for key in ("a", "b", "c", "a"):
        suspects.failed(key, 0.0)
    assert sorted("abc", key=suspects.ranks().__getitem__) == ["b", "c", "a"]


def test_the_list_of_suspects_is_bounded() -> None:
    suspects = Suspects()
    for number in range(5_000):
        suspects.failed(number, 0.0)
    assert len(suspects.ranks()) == 1_000
