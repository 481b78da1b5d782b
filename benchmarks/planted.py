"""Synthetic scores with planted effects, in the files that `score` writes. They measure nothing but the analysis.

An item's outcome is one draw of a Gaussian copula: a part shared by all translations and systems, a part shared by
all systems, and a part of its own. The mean credit of a cell is therefore exactly the planted probability, while
items are correlated across languages and systems as in a real benchmark.
"""

from dataclasses import dataclass

from maple import manifests, statistics
from maple.benchmarks import DECLARED
from maple.files import replaced

# Shares of an item's variance that all translations, and all systems of one translation, have in common.
PARALLEL, SHARED = 0.25, 0.35
# Width of the ramp that makes a token F1 out of the draw.
RAMP = 0.3


@dataclass(frozen=True)
class Plan:
    """What is planted.

    Attributes:
        items: Benchmark -> items of a language by its code.
        score: Function of system, benchmark and resource class that gives the true score.
        seed_sd: Standard deviation between adapters of one setting, the same in all languages.
        cell_sd: Standard deviation between adapters that differs by language.
        language_sd: Standard deviation between languages of what finetuning does to all adapters alike.
        seed: Of all draws.
    """

    items: object
    score: object
    seed_sd: float = 0.0
    cell_sd: float = 0.0
    language_sd: float = 0.0
    seed: int = 0


def credits(plan: Plan, study, benchmark: str):
    """Return ids, and items x systems of credits, of each language of a benchmark."""
    import numpy as np
    from scipy.special import ndtr

    rng = np.random.default_rng([plan.seed, sorted(DECLARED).index(benchmark)])
    listed = [(code, joshi) for code, _, joshi, _ in study.facts(benchmark)]
    systems = study.systems
    luck = {system: np.random.default_rng([plan.seed, 99, place]).normal() for place, system in enumerate(systems)}
    count = max(plan.items(benchmark, code) for code, _ in listed)
    parallel = rng.normal(size=(count, 1)) * PARALLEL**0.5
    for code, joshi in listed:
        n = plan.items(benchmark, code)
        shared = parallel[:n] + rng.normal(size=(n, 1)) * SHARED**0.5
        own = rng.normal(size=(n, len(systems)), scale=(1 - PARALLEL - SHARED) ** 0.5)
        draw = ndtr(shared + own)
        true = np.empty(len(systems))
        language = plan.language_sd * np.random.default_rng([plan.seed, 98, *code.encode()]).normal()
        for place, system in enumerate(systems):
            true[place] = plan.score(system, benchmark, joshi)
            if not system.is_base:
                true[place] += language + plan.seed_sd * luck[system] + plan.cell_sd * rng.normal()
        ramp = np.clip((true - draw) / RAMP + 0.5, 0, 1)
        found = (draw < true).astype(float) if DECLARED[benchmark].golds else ramp
        yield code, [f"synthetic/{benchmark}/an-id-as-long-as-real-ones#{number:06d}" for number in range(n)], found


def write(plan: Plan, study) -> int:
    """Write the scores and item tables of a whole study; return the number of item records."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    records = 0
    for benchmark in study.benchmarks:
        metric = DECLARED[benchmark].metric
        languages = list(credits(plan, study, benchmark))
        ids = pa.array([name for _, own, _ in languages for name in own], pa.large_string())
        codes = pa.array([code for code, own, _ in languages for _ in own], pa.large_string())
        together = np.concatenate([found for *_, found in languages])
        for place, system in enumerate(study.systems):
            path = study.scores(system.path, benchmark)
            items = path.removesuffix("json") + "parquet"
            columns = {"id": ids, "language": codes} | _answers(DECLARED[benchmark].options, together[:, place])
            with replaced(items, "wb") as stream:
                pq.write_table(pa.table(columns), stream)
            scores = {code: _scores(found[:, place], metric) for code, _, found in languages}
            files = {items.rpartition("/")[2]: manifests.describe(items)}
            facts = {"metric": metric, "scoring": study.scoring(benchmark), "scores": scores}
            manifests.write(path, spec=study.score_spec(benchmark), code="planted", inputs={}, files=files, **facts)
            records += len(ids)
    return records


def write_predictions(plan: Plan, study, system) -> int:
    """Write one system's predictions on every benchmark, as `predict` does; return the number of records."""
    import json

    records = 0
    place = study.systems.index(system)
    for benchmark in study.benchmarks:
        index, files = study.predictions_index(system.path, benchmark), {}
        options = DECLARED[benchmark].options
        for code, ids, found in credits(plan, study, benchmark):
            path = f"{index.rpartition('/')[0]}/{code}.jsonl"
            with replaced(path) as stream:
                for number, (name, credit) in enumerate(zip(ids, found[:, place], strict=True)):
                    record = _prediction(options, number, float(credit))
                    record = {"id": name, "language": code, "shots": 0, "prompt": "0" * 16} | record
                    stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            files[f"{code}.jsonl"] = manifests.describe(path)
            records += len(ids)
        spec = study.predict_spec(system.path, benchmark)
        manifests.write(index, spec=spec, code="planted", inputs={}, files=files)
    return records


def _prediction(options: tuple[str, ...], number: int, credit: float) -> dict:
    """Return what a record says of its answer: right if the credit is above a half."""
    if not options:
        answer = "a synthetic answer of some six words"
        return {"answers": [answer], "prediction": answer if credit > 0.5 else "another answer", "raw": answer}
    gold = options[number % len(options)]
    picked = gold if credit > 0.5 else options[(number + 1) % len(options)]
    sums = {name: {"sum": -22.641435, "per_token": -3.234491, "per_byte": -0.707545} for name in options}
    return {"gold": gold, "prediction": picked, "tied": [picked], "options": sums}


def _answers(options: tuple[str, ...], credit) -> dict:
    """Return gold, prediction and credits: options take turns at being right, and a miss names the next one."""
    import numpy as np
    import pyarrow as pa

    if not options:
        columns = {"gold": pa.nulls(len(credit), pa.large_string()), "prediction": ["a synthetic answer"] * len(credit)}
        return columns | {"credit": credit, "exact_match": (credit == 1).astype(float)}
    names, gold = np.array(options), np.arange(len(credit)) % len(options)
    return {"gold": names[gold], "prediction": names[(gold + (credit < 1)) % len(options)], "credit": credit}


def _scores(credits, metric: str) -> dict:
    """Return what `score` says of one language."""
    low, high = statistics.interval(credits)
    mean = round(float(credits.mean()), 6)
    facts = {"low": round(float(low), 6), "high": round(float(high), 6), "items": len(credits)}
    return {metric: mean, "score": mean, **facts, "ties": 0, "unparsed": 0, "fewest_shots": 0}


def commands(study) -> list[list[list[str]]]:
    """Return the commands that make the tables, stage by stage, as the rules of rules/analyse.smk give them."""
    folder = f"{study.results}/tables"
    gathered, compared = [], []
    for name in study.benchmarks:
        scores = [study.scores(system.path, name) for system in study.systems]
        gathered.append(["gather.py", "--spec", study.table_spec(name), "--scores", *scores])
        gathered[-1] += ["--out", f"{folder}/{name}_scores.csv"]
        compared.append(["compare.py", "--spec", study.compare_spec(name), "--scores", *scores])
        compared[-1] += ["--out", f"{folder}/{name}_comparisons.csv", "--gaps", f"{folder}/{name}_gaps.csv"]
        compared[-1] += ["--resampled", f"{folder}/{name}_resampled.npy"]
    last = ["analyse.py", "--spec", study.analyse_spec(), "--out", f"{folder}/effects.csv"]
    for kind, suffix in (("scores", "csv"), ("comparisons", "csv"), ("gaps", "csv"), ("resampled", "npy")):
        last += [f"--{kind}", *(f"{folder}/{name}_{kind}.{suffix}" for name in study.benchmarks)]
    return [[*gathered, *compared], [last]]


def error_commands(study) -> list[list[str]]:
    """Return the commands that make the tables of errors, as rules/errors.smk gives them."""
    folder, found = f"{study.results}/tables", []
    for name in study.benchmarks:
        found.append(["tabulate_errors.py", "--spec", study.errors_spec(name), "--scores"])
        found[-1] += [study.scores(system.path, name) for system in study.systems]
        for kind, suffix in (("flips", "csv"), ("labels", "csv"), ("agreement", "csv"), ("items", "parquet")):
            found[-1] += [f"--{kind}", f"{folder}/{name}_{kind}.{suffix}"]
    return found


def figure_commands(study) -> list[list[str]]:
    """Return the commands of the figures that are drawn from tables alone, as the rules give them."""
    from maple.figure_specs import Figures

    figures, tables = Figures(study), f"{study.results}/tables"
    found = []

    def add(name: str, script: str, spec: str, *inputs: str) -> None:
        out = [f"{study.results}/figures/{name}.{kind}" for kind in ("pdf", "png")]
        found.append([f"plot_{script}.py", "--spec", spec, *inputs, "--out", *out])

    def of(kinds: tuple[str, ...], names: list[str]) -> list[str]:
        suffix = {"resampled": "npy"}
        given = []
        for kind in kinds:
            given += [f"--{kind}", *(f"{tables}/{name}_{kind}.{suffix.get(kind, 'csv')}" for name in names)]
        return given

    for name in study.benchmarks:
        add(f"{name}_by_lang", "by_lang", figures.by_lang(name), "--table", f"{tables}/{name}_scores.csv")
        for kind in ("by_rank", "by_bits"):
            spec = getattr(figures, kind)(name)
            add(f"{name}_{kind}", kind, spec, *of(("scores", "comparisons", "resampled"), [name]))
        if study.has_options(name):
            spec = figures.label_bias(name)
            add(f"{name}_label_bias", "label_bias", spec, "--table", f"{tables}/{name}_labels.csv")
    english, published = figures.with_english(), figures.with_references()
    add("english_forgetting", "english_forgetting", figures.english_forgetting(), *of(("comparisons",), english))
    add("gap_to_references", "gap_to_references", figures.gap_to_references(), *of(("gaps",), published))
    whole = ["--effects", f"{tables}/effects.csv"]
    scores = ["--scores", f"{tables}/scores.csv"]
    add("by_resource_class", "by_resource_class", figures.by_resource_class(), *whole, *scores)
    add("forest", "forest", figures.summary(), *whole)
    add("heatmap", "heatmap", figures.summary(), *of(("scores", "comparisons"), study.benchmarks))
    return found
