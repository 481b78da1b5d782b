"""Judging pairs of outputs with an annotator of the `alpaca_eval` package.

The package brings the prompt, the order in which a pair is shown, and the reading of the judge's answer.
Asking and keeping answers is :mod:`maple.judge_answers`'s part: the package would write its cache once in 128
items, and take an endpoint that stays at its rate limit for a judge that says nothing.
"""

import re

from maple.errors import UserError

# Parameters of the package's own client; the rest goes to the endpoint.
_CLIENT = {"model_name", "num_procs", "batch_size", "price_per_token", "is_chat", "requires_chatml"}
# These need a tokenizer from the network, or name an endpoint themselves.
_UNSUPPORTED = ("tokens_to_favor", "tokens_to_avoid", "client_kwargs")
_PLACES = re.compile(r"\{(instruction|output_1|output_2)\}")


def _declared(folder) -> dict | None:
    """Return the declaration in an annotator's folder, if any chat model can take its part."""
    from alpaca_eval import utils

    if not (folder / "configs.yaml").is_file():
        return None
    parts = list(utils.load_configs(folder).values())
    if len(parts) != 1 or parts[0].get("fn_completions") != "openai_completions" or parts[0].get("batch_size", 1) != 1:
        return None
    if any(name in parts[0]["completions_kwargs"] for name in _UNSUPPORTED):
        return None
    template = folder.parent / parts[0]["prompt_template"]
    return parts[0] if template.is_file() and "<|im_start|>" in template.read_text(encoding="utf-8") else None


def check(annotator: str) -> None:
    """Check that an annotator can be used.

    Raises:
        UserError: The package has none of that name, or it does not fit; those that do are listed.
    """
    from alpaca_eval import constants

    folder = constants.EVALUATORS_CONFIG_DIR
    if not _declared(folder / annotator):
        usable = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and _declared(path)]
        raise UserError(f"alpaca_eval.judge.annotator is {annotator!r}: usable are {', '.join(usable)}")


def _fill(messages: list[dict], row: dict) -> list[dict]:
    """Return messages with the row's texts in their placeholders, all put in at once.

    The package puts one text after the other into the template and cuts it into messages afterwards, so an
    output could write messages of its own, or stand in for the other output's placeholder.
    """
    return [message | {"content": _PLACES.sub(lambda found: row[found[1]], message["content"])} for message in messages]


def _annotator(name: str, model: str, answers, shown: dict):
    """Return the package's annotator with a model in its judge's place.

    Args:
        name: The annotator.
        model: The judge.
        answers: Returns the answers to a list of requests.
        shown: Gets, for each instruction asked about, whose output stood first and the answer.
    """
    from alpaca_eval import annotators, utils

    class Single(annotators.SinglePairwiseAnnotator):
        def __init__(self, *args, fn_completions, completions_kwargs, **kwargs):
            super().__init__(*args, fn_completions=self._answered, **kwargs)
            own = {key: value for key, value in completions_kwargs.items() if key not in _CLIENT}
            self._request = {"model": model, **own}
            self._messages = utils.prompt_to_chatml(self.prompt_template)

        def _make_prompts(self, df_to_annotate, prompt_template=None):
            self._rows = df_to_annotate.to_dict("records")
            return [{**self._request, "messages": _fill(self._messages, row)} for row in self._rows], df_to_annotate

        def _answered(self, prompts):
            found = answers(prompts)
            for row, answer in zip(self._rows, found, strict=True):
                shown[row["instruction"]] = "system" if row.get("is_switched_outputs") else "reference", answer
            return {"completions": [answer["text"] for answer in found], "completions_all": found}

    class Pairwise(annotators.PairwiseAnnotator):
        SingleAnnotator = Single

    return Pairwise(annotators_config=name, caching_path=None)


def judge(pairs: list[dict], annotator: str, model: str, answers) -> list[dict]:
    """Return one annotation per pair: preference, order shown, the judge's words and the name it gives itself.

    A preference is 1 where the reference wins, 2 where the system does, between them where the annotator
    weighs both by their probability, 1.5 for equal outputs (nobody is asked), and ``None`` where the judge's
    answer could not be read.

    Args:
        pairs: ``{"id", "instruction", "reference", "output"}``; no instruction twice.
        annotator: Name of an annotator of the package.
        model: The judge's name at the endpoint.
        answers: Returns the answers to a list of requests (:func:`maple.judge_answers.collect`).
    """
    shown = {}
    rows = [
        {"instruction": pair["instruction"], "output_1": pair["reference"], "output_2": pair["output"]}
        for pair in pairs
    ]
    found = _annotator(annotator, model, answers, shown)(rows, chunksize=None)
    preferences = {row["instruction"]: row["preference"] for row in found}
    records = []
    for pair in pairs:
        first, answer = shown.get(pair["instruction"], (None, {}))
        preference = preferences.get(pair["instruction"])
        records.append(
            {
                "id": pair["id"],
                "language": "en",
                # An answer that could not be read comes back as None or NaN.
                "preference": float(preference) if preference is not None and 1 <= preference <= 2 else None,
                "shown_first": first,
                "answer": answer.get("text"),
                "judge": answer.get("answered"),
                "characters": len(pair["output"]),
                "reference_characters": len(pair["reference"]),
            }
        )
    return records
