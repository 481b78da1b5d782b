"""Small tables of a study, planted by hand, and large ones that only have the right shape."""

import itertools

import numpy as np
import pandas as pd

from maple import languages
from maple.benchmarks import DECLARED
from maple.question import Tables
from maple.systems import System

LABELS = {16: "Tiny, 16-bit", 4: "Tiny, 4-bit"}
LANGUAGES = (("en", "English", 5), ("sw", "Swahili", 2))


def system(bits=16, rank=None, seed=0):
    return System("tiny", bits) if rank is None else System("tiny", bits, "sample", "lora", rank, seed)


def label(one):
    return f"Tiny, {one.bits}-bit, untuned" if one.is_base else f"Tiny, {one.bits}-bit, LoRA rank {one.rank}"


def coordinates(one):
    return {"system": one.path, "label": label(one), **vars(one)}


def scores(cells, benchmark="xnli", **columns):
    """Return a table of scores: system -> score in each language."""
    rows = []
    for one, values in cells.items():
        for (code, name, joshi), value in zip(LANGUAGES, values, strict=True):
            rows.append(
                coordinates(one)
                | {"benchmark": benchmark, "data_source": "local", "prompts": "native", "scoring": "likelihood"}
                | {"shots": 0, "language": code, "language_name": name, "joshi_class": joshi, "metric": "accuracy"}
                | {"score": value, "low": value - 0.1, "high": value + 0.1, "items": 100, "ties": 0, "unparsed": 0}
                | {"unparsed_share": 0.0, "chance": 1 / 3}
                | columns
            )
    return pd.DataFrame(rows)


def comparison(kind, first, second, language="en", difference=0.02, p_holm=0.5, **columns):
    """Return one row of a table of comparisons."""
    verdict = "undecided" if p_holm >= 0.05 else "better" if difference > 0 else "worse"
    values = {"base": ("finetuned", "untuned")}.get(kind) or (getattr(first, kind), getattr(second, kind))
    names = {"all": "mean of 2: all languages", "en": "English", "sw": "Swahili"}
    return (
        coordinates(first)
        | {"benchmark": "xnli", "kind": kind, "about": "these systems", "against": second.path}
        | {"against_label": label(second), "value": str(values[0]), "against_value": str(values[1]), "seeds": 1}
        | {"language": language, "language_name": names[language], "difference": difference, "items": 100}
        | {"low": difference - 0.01, "high": difference + 0.01, "p_holm": p_holm, "verdict": verdict}
        | {"difference_unparsed": float("nan")}
        | columns
    )


def effect(term, group, estimate=0.004, verdict="undecided", p_holm=0.4, evidence="", **columns):
    """Return one coefficient."""
    return (
        {"scope": "xnli", "benchmarks": "xnli", "scoring": "likelihood", "kind": "effect", "claim": None}
        | {"term": term, "group": group, "statement": "", "estimate": estimate, "low": estimate - 0.003}
        | {"high": estimate + 0.003, "p_holm": p_holm, "verdict": verdict, "evidence": evidence}
        | columns
    )


def claim(name, verdict="undecided", evidence="", p_holm=float("nan")):
    """Return one claim of the paper."""
    return effect(
        None, None, float("nan"), verdict, p_holm, evidence, kind="hypothesis", claim=name, statement="it is so"
    )


def study(scores_table, compared=(), effects=(), gaps=(), alpaca=None):
    """Return the tables of a study, also where some have no rows."""
    columns = list(comparison("base", system(rank=8), system()))
    return Tables(
        scores_table,
        pd.DataFrame(list(compared), columns=columns),
        pd.DataFrame(list(gaps), columns=["benchmark", "larger"] if not gaps else None),
        pd.DataFrame(list(effects), columns=list(effect("rank", "all"))),
        alpaca,
    )


def large(models=2, codes=80):
    """Return the tables of a study of paper size: random numbers, every benchmark in as many languages."""
    rng = np.random.default_rng(0)
    systems = []
    for model, bits in itertools.product([f"model-{place}" for place in range(models)], (4, 8, 16)):
        systems.append(System(model, bits))
        systems += [System(model, bits, d, "lora", rank, 0) for d in ("a", "b") for rank in (8, 16, 32, 64, 128)]
    known = languages.load()
    shown = [known[code] for code in ("en", "ar", "hi", "th", "zh")]
    listed = shown + [one for one in known.values() if one not in shown][: codes - len(shown)]
    frames, pairs = [], []
    for name, benchmark in DECLARED.items():
        grid = list(itertools.product(systems, listed))
        table = pd.DataFrame([coordinates(one) for one, _ in grid]).assign(
            benchmark=name, data_source="local", prompts="native", shots=0, ties=0, unparsed=0, unparsed_share=0.0,
            scoring=benchmark.scoring, metric=benchmark.metric, items=1000, chance=benchmark.chance,
            language=[one.code for _, one in grid], language_name=[one.name for _, one in grid],
            joshi_class=[one.joshi_class for _, one in grid], score=rng.uniform(0.3, 0.9, len(grid)),
        )  # fmt: skip
        table["label"] = [
            f"Model, {one.bits}-bit, {'untuned' if one.is_base else f'LoRA rank {one.rank}'}" for one, _ in grid
        ]
        table = table.assign(low=table["score"] - 0.03, high=table["score"] + 0.03)
        frames.append(table)
        own = table[table["rank"].notna()]
        difference = rng.normal(0, 0.02, len(own))
        pairs.append(
            own.assign(
                kind="base", about="these systems", against="base", against_label="the base", value="finetuned",
                against_value="untuned", seeds=1, difference=difference, low=difference - 0.02,
                high=difference + 0.02, p_holm=1.0, verdict="undecided",
            )
        )  # fmt: skip
    return study(pd.concat(frames), pd.concat(pairs).to_dict("records"))
