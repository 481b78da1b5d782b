"""Scores of multiple-choice answers, as a local `evaluate` module."""

from collections import Counter
from fractions import Fraction
from itertools import chain

import datasets
import evaluate


class ChoiceScores(evaluate.Metric):
    """Accuracy, macro-F1 and chance-corrected accuracy, with fractional credit for ties.

    An item's best options share one vote: of k tied ones each gets 1/k. No best option means that no
    answer could be read: no vote, and the item counts as wrong.

    * accuracy: mean of the items' credits; a credit is the vote of the gold option.
    * macro_f1: mean over all of `options` of 2 * hits / (votes + golds), where votes are an option's votes
      on all items, golds the items whose gold it is, and hits its votes on those; 0 if it has neither.
      Without ties this is sklearn's f1_score(labels=options, average="macro", zero_division=0): options
      that never occur count, as 0.
    * chance_corrected_accuracy: (accuracy - 1/K) / (1 - 1/K) with K options: guessing 0, perfection 1.

    Sums are exact fractions, so the order of items does not matter and guessing is 0, not nearly 0.
    """

    def _info(self):
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="predictions: lists of best options; references: gold options; options: all options",
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("string")),
                    "references": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions, references, options):
        options = list(dict.fromkeys(options))
        unknown = {*references, *chain.from_iterable(predictions)} - {*options}
        if unknown or len(options) < 2:
            raise ValueError(f"options {options}: fewer than two, or without {sorted(unknown)}")
        credits, hits, votes, golds = [], Counter(), Counter(), Counter(references)
        for best, gold in zip(predictions, references, strict=True):
            for option in best:
                votes[option] += Fraction(1, len(best))
            credits.append(Fraction(gold in best, max(len(best), 1)))
            hits[gold] += credits[-1]
        accuracy = sum(credits) / len(credits)
        # An option with neither votes nor golds has no hits either: 0 / 1.
        f1 = [2 * hits[option] / Fraction(votes[option] + golds[option] or 1) for option in options]
        return {
            "accuracy": float(accuracy),
            "macro_f1": float(sum(f1) / len(f1)),
            "chance_corrected_accuracy": float((len(options) * accuracy - 1) / (len(options) - 1)),
            "credits": [float(credit) for credit in credits],
        }
