"""Accuracy of multiple-choice answers, as a local `evaluate` module."""

import datasets
import evaluate


class ChoiceAccuracy(evaluate.Metric):
    """Share of items whose best option is the gold one; k options tied for best count 1/k each."""

    def _info(self):
        return evaluate.MetricInfo(
            description=self.__doc__,
            citation="",
            inputs_description="predictions: list of lists of best options; references: gold options",
            features=datasets.Features(
                {
                    "predictions": datasets.Sequence(datasets.Value("string")),
                    "references": datasets.Value("string"),
                }
            ),
        )

    def _compute(self, predictions, references):
        credits = [(gold in best) / len(best) for best, gold in zip(predictions, references, strict=True)]
        return {"accuracy": sum(credits) / len(credits), "credits": credits}
