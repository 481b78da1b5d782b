"""Numbers in sentences."""

import pytest

from maple import words


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "no language"), (1, "1 language"), (2, "2 languages"), (1234, "1,234 languages")],
)
def test_counts_agree_with_their_nouns(number, said):
    assert words.count(number, "language") == said


def test_verbs_agree():
    assert [words.verb(number, "lies") for number in (0, 1, 2)] == ["lies", "lies", "lie"]


def test_lists():
    assert [words.listed(part) for part in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_what_rounds_to_nothing_has_no_sign():
    assert [words.signed(value) for value in (0.012, -0.012, 0.0004, -0.0004)] == ["+1.2", "−1.2", "0.0", "0.0"]


def test_points_carry_their_interval():
    assert words.points({"difference": 0.012, "low": -0.003, "high": 0.027}) == "+1.2 points (−0.3 to +2.7)"
    missing = float("nan")
    assert words.points({"difference": 0.012, "low": missing, "high": missing}) == "+1.2 points (no interval)"


def test_p_values():
    found = [words.probability(p) for p in (0.0001, 0.0312, 0.31, 1.0)]
    assert found == ["p < 0.001", "p = 0.031", "p = 0.31", "p = 1.00"]
