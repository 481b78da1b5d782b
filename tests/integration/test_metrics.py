"""The metric modules as `evaluate` loads them."""

import pytest
from workspace import ROOT


@pytest.fixture(scope="module")
def load():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_EVALUATE_OFFLINE", "1")
        import evaluate

        yield lambda name: evaluate.load(str(ROOT / "workflow/metrics" / name))


@pytest.fixture(scope="module")
def choices(load):
    metric = load("choice_scores")

    def scores(predictions, references, options):
        return metric.compute(predictions=predictions, references=list(references), options=list(options))

    return scores


def test_spans(load):
    metric = load("span_match")
    assert metric.compute(
        predictions=["the cat", "Denver", ""],
        references=[["dog", "Cat!"], ["Denver Broncos", "x"], ["y"]],
        language="en",
    ) == {
        "exact_match": 1 / 3,
        "f1": pytest.approx(5 / 9, abs=1e-15),
        "exact_match_credits": [1, 0, 0],
        "f1_credits": [1, 2 / 3, 0],
    }
    assert metric.compute(predictions=["北京市"], references=[["北京"]], language="zh")["f1"] == 4 / 5
    assert metric.compute(predictions=["北京市"], references=[["北京"]], language="en")["f1"] == 0


def test_choices_without_ties_are_the_usual_scores(choices):
    # F1 of a: 2/4, of b: 4/5, of c: 2/3.
    assert choices([[x] for x in "abbbca"], "aabbcc", "abc") == {
        "accuracy": 4 / 6,
        "macro_f1": 59 / 90,
        "chance_corrected_accuracy": 0.5,
        "credits": [1, 0, 1, 1, 1, 0],
    }


def test_options_that_never_occur_count(choices):
    # F1 of a: 4/5, of b, which is never predicted: 0.
    assert choices([["a"]] * 3, "aab", "ab")["macro_f1"] == 2 / 5
    assert choices([["a"]] * 3, "aab", "abc")["macro_f1"] == 4 / 15


def test_ties_share_one_vote(choices):
    # Votes a 1/2, b 3/2; hits a 1/2, b 1; F1 of a: 1 / (3/2), of b: 2 / (5/2).
    assert choices([["a", "b"], ["b"]], "ab", "ab") == {
        "accuracy": 0.75,
        "macro_f1": 11 / 15,
        "chance_corrected_accuracy": 0.5,
        "credits": [0.5, 1],
    }
    # The gold option is not among the tied: hits 0, votes a 1/2, b 1/2.
    assert choices([["a", "b"], ["c"]], "cc", "abc")["macro_f1"] == pytest.approx(2 / 9, abs=1e-15)


def test_guessing_is_exactly_chance(choices):
    guessed = choices([list("abc")] * 7, "aaabbcc", "abc")
    assert guessed["accuracy"] == 1 / 3 and guessed["chance_corrected_accuracy"] == 0


def test_unparsed_is_wrong_and_votes_for_nothing(choices):
    # F1 of a: 2/3, of b: 1.
    assert choices([[], ["a"], ["b"]], "aab", "ab") == {
        "accuracy": 2 / 3,
        "macro_f1": 5 / 6,
        "chance_corrected_accuracy": 1 / 3,
        "credits": [0, 1, 1],
    }
    assert choices([[], []], "ab", "ab") == {
        "accuracy": 0,
        "macro_f1": 0,
        "chance_corrected_accuracy": -1,
        "credits": [0, 0],
    }


@pytest.mark.parametrize(("predictions", "options"), [([["z"]], "ab"), ([["a"]], "bc"), ([["a"]], "aa")])
def test_options_must_be_those_that_occur(choices, predictions, options):
    with pytest.raises(ValueError, match="options"):
        choices(predictions, "a", options)
