"""Exact match and token F1 of extracted answers, as a local `evaluate` module."""

from statistics import fmean

import datasets
import evaluate

# `evaluate` runs a copy of this file from its cache, and first imports each package that an unindented
# import names, to see whether it is installed. `maple` passes, and the copy finds it, because commands run
# with workflow/scripts on sys.path. A plain import stays visible to whoever reads imports off the source.
from maple import spans


class SpanMatch(evaluate.Metric):
    """SQuAD exact match and token F1, each the maximum over the gold answers, normalised as in MLQA.

    `compute` takes the `language` of the answers. Means and credits per item are in [0, 1]; `maple.spans`
    says what is compared.
    """

    def _info(self):
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="predictions: answers; references: lists of gold answers; language: a code",
            features=datasets.Features(
                {
                    "predictions": datasets.Value("string"),
                    "references": datasets.Sequence(datasets.Value("string")),
                }
            ),
        )

    def _compute(self, predictions, references, language):
        pairs = list(zip(predictions, references, strict=True))
        exact = [spans.best(spans.exact, prediction, answers, language) for prediction, answers in pairs]
        f1 = [spans.best(spans.f1, prediction, answers, language) for prediction, answers in pairs]
        return {"exact_match": fmean(exact), "f1": fmean(f1), "exact_match_credits": exact, "f1_credits": f1}
