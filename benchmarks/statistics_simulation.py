"""How often the intervals cover, the tests err and the verdicts are right, on SYNTHETIC credits.

    python benchmarks/statistics_simulation.py --out benchmarks/results/statistics_simulation.json

Coverage at the item counts in use, beside the percentile and BCa bootstrap; error rates of the item-level tests; and
error rate and power of comparisons over seeds and of verdicts, and coverage of effects, on whole studies with planted
effects. One core; each part is written when it is done.
"""

import argparse
import gc
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "benchmarks")]

COUNTS = (100, 500, 900, 1190, 1511, 5010)
KINDS = ("null", "null, large seed spread", "null, languages differ", "planted", "reversed")
# Probability of 0 and of 1, and the Beta distribution of the rest.
F1 = {"F1 0.55": (0.3, 0.4, 2, 2), "F1 0.85": (0.07, 0.68, 4, 2), "F1 0.05": (0.88, 0.02, 1.5, 3)}


def draw(rng, kind: str, n: int, repeats: int):
    """Return n x repeats of credits, and their true mean."""
    if kind in F1:
        none, full, a, b = F1[kind]
        u = rng.random((n, repeats))
        mean = full + (1 - none - full) * a / (a + b)
        return np.where(u < none, 0, np.where(u < none + full, 1, rng.beta(a, b, (n, repeats)))), mean
    if kind == "ties":
        return rng.choice([0, 1 / 3, 0.5, 1], p=[0.5, 0.1, 0.1, 0.3], size=(n, repeats)), 0.1 / 3 + 0.05 + 0.3
    mean = float(kind.split()[1])
    return (rng.random((n, repeats)) < mean).astype(float), mean


def coverage(repeats: int, bootstraps: int) -> list[dict]:
    """Return the coverage of 95 % intervals of a mean credit."""
    from scipy.stats import bootstrap

    from maple import statistics

    rows, rng = [], np.random.default_rng(0)
    for kind in ("accuracy 0.25", "accuracy 0.35", "accuracy 0.5", "accuracy 0.8", "ties", *F1):
        for n in COUNTS:
            hits = []
            for _ in range(repeats // 1000):
                credits, mean = draw(rng, kind, n, 1000)
                low, high = statistics.interval(credits)
                hits.append(((low <= mean) & (mean <= high)).mean())
            row = {"credits": kind, "items": n, "ours": float(np.mean(hits))}
            for method in ("percentile", "BCa") if n <= 500 else ():
                inside = 0
                for place in range(bootstraps):
                    found = bootstrap((credits[:, place],), np.mean, n_resamples=1000, method=method, rng=rng)
                    inside += found.confidence_interval.low <= mean <= found.confidence_interval.high
                row[method] = inside / bootstraps
            rows.append(row)
    return rows


def differences(repeats: int) -> list[dict]:
    """Return coverage and error rate for paired differences: of 0/1 credits and of F1."""
    from maple import statistics

    rows, rng = [], np.random.default_rng(1)
    for won, lost in ((0.02, 0.02), (0.1, 0.1), (0.25, 0.25), (0.12, 0.07), (0.3, 0.1)):
        for n in COUNTS:
            for kind, test in (("0/1", statistics.mcnemar), ("F1", statistics.sign_flip)):
                sign = rng.choice([1, -1, 0], p=[won, lost, 1 - won - lost], size=(n, repeats))
                size = 1.0 if kind == "0/1" else np.where(rng.random(sign.shape) < 0.4, 1, rng.random(sign.shape))
                found = sign * size
                true = (won - lost) * (1 if kind == "0/1" else 0.7)
                low, high = statistics.difference_interval(found)
                row = {"credits": kind, "items": n, "won": won, "lost": lost}
                row["coverage"] = float(((low <= true) & (true <= high)).mean())
                row["rejected"] = float((test(found) < 0.05).mean())
                rows.append(row)
    return rows


def small_study(seeds: int):
    """Return a study of 6 settings on two benchmarks, and the Study."""
    from maple import config
    from maple.study import Study

    raw = config.load(ROOT / "config/maple.yaml")
    raw["models"] = {"tiny": raw["models"]["llama-2-7b"] | {"name": "Tiny"}}
    raw["grid"] = [{"models": ["tiny"], "bits": [4, 16], "data": ["multialpaca"], "methods": ["lora"],
                    "ranks": [8, 16, 32], "seeds": list(range(seeds))}]  # fmt: skip
    raw["benchmarks"] = {name: raw["benchmarks"][name] for name in ("xcopa", "xstorycloze")}
    return Study(config.resolve(raw))


def scored(plan, study, name: str, resamples: int) -> tuple:
    """Return items, scores with their bootstrap, and the table of scores of one benchmark, without any file."""
    import pandas as pd
    import planted
    import pyarrow as pa

    from maple import item_tables
    from maple.scored import Scored

    items = {code: item_tables.Items(pa.array(ids), found) for code, ids, found in planted.credits(plan, study, name)}
    languages = [(code, words, joshi) for code, words, joshi, _ in study.facts(name)]
    found = Scored(
        systems=study.systems,
        labels=[study.label(system) for system in study.systems],
        languages=languages,
        means=np.stack([part.credits.mean(axis=0) for part in items.values()], axis=1),
        resampled=item_tables.resample(items, resamples, plan.seed),
        counts=[len(part.ids) for part in items.values()],
    )
    rows = []
    for place, system in enumerate(study.systems):
        facts = {"benchmark": name, "system": system.path} | vars(system)
        for number, (code, _, joshi) in enumerate(languages):
            rows.append(facts | {"language": code, "joshi_class": joshi, "score": found.means[place, number]})
    return items, found, pd.DataFrame(rows)


def benchmark(plan, study, name: str, published: float, resamples: int) -> tuple:
    """Return scores, bootstrap, comparisons and gaps of one benchmark."""
    from maple import comparisons, gaps
    from maple.references import Reference

    items, found, rows = scored(plan, study, name, resamples)
    table = comparisons.frame(found, items)
    rng, references = np.random.default_rng([plan.seed, 7]), []
    for (code, _, joshi), count in zip(found.languages, found.counts, strict=True):
        score = rng.binomial(count, plan.score(study.adapters[0], name, joshi) + published) / count
        references.append(Reference(name, code, "large", None, "-", "likelihood", score, "", "-"))
    gap = gaps.frame(found, references, "likelihood", {"tiny": 7e9})
    return rows, found.resampled, comparisons.correct(table, name), gap


def analyse(plan, study, published: float = 0.0, resamples: int = 200) -> tuple:
    """Return comparisons, coefficients and verdicts of all benchmarks together.

    Args:
        plan: What is planted.
        study: The study.
        published: How far the true score of a larger model lies above that of the first adapter.
        resamples: Bootstrap samples.
    """
    import pandas as pd

    from maple import design, effects, hypotheses

    parts = [benchmark(plan, study, name, published, resamples) for name in study.benchmarks]
    scores, resampled, tables, closed = zip(*parts, strict=True)
    changes = design.changes(pd.concat(scores), dict(zip(study.benchmarks, resampled, strict=True)))
    rows = effects.fit(changes)
    return pd.concat(tables), rows, hypotheses.judge(changes, rows, pd.concat(closed), "all")


def plan(kind: str, seed: int, items: int):
    """Return a plan: null, planted or its reverse; adapters differ by chance in all of them."""
    import planted

    sign = {"planted": 1, "reversed": -1}.get(kind, 0)

    def score(system, benchmark, joshi):
        level = 0.45 + 0.01 * np.log2(system.bits)
        if system.is_base:
            return level
        low = joshi is not None and joshi <= 2
        return level + sign * (0.05 + 0.02 * (np.log2(system.rank) - 4) if low else -0.03)

    spreads = {"null, large seed spread": (0.03, 0.01, 0), "null, languages differ": (0.01, 0.005, 0.02)}
    return planted.Plan(lambda name, code: items, score, *spreads.get(kind, (0.01, 0.005, 0)), seed=seed)


def truth(plan, study) -> dict:
    """Return the planted value of every coefficient, by term and group: the fit on the true scores."""
    import pandas as pd

    from maple import design, effects

    rows = []
    for name in study.benchmarks:
        for system in study.systems:
            facts = {"benchmark": name, "system": system.path} | vars(system)
            for code, _, joshi, _ in study.facts(name):
                rows.append(facts | {"language": code, "joshi_class": joshi, "score": plan.score(system, name, joshi)})
    scores = pd.DataFrame(rows)
    flat = {
        name: np.repeat(part["score"].to_numpy().reshape(1, len(study.systems), -1), 2, axis=0)
        for name, part in scores.groupby("benchmark")
    }
    return {(row["term"], row["group"]): row["estimate"] for row in effects.fit(design.changes(scores, flat))}


def tally(counts: dict, kind: str, table, effects, found, true: dict | None = None) -> None:
    """Add to the outcomes of each kind what one study gave.

    Whatever is rejected in a null study is an error. Given the planted values, intervals are checked against them.
    """
    from maple.pairs import SETTINGS

    def add(key: str, value) -> None:
        counts.setdefault(key, []).append(value)

    # Where languages differ, English may truly drop, and a language be truly as good as a larger model.
    for row in [row for row in found if not ("languages" in kind and row["claim"] in {"b", "c"})]:
        for verdict in ("supported", "contradicted"):
            add(f"claim {row['claim']}: {verdict}", row["verdict"] == verdict)
    over_seeds = table[table["about"] == SETTINGS]
    if not kind.startswith("null"):
        ranks = over_seeds[(over_seeds["kind"] == "rank") & (over_seeds["language"] == "low")]
        for other in (8, 16):
            part = ranks[(ranks["value"] == 32) & (ranks["against_value"] == other)]
            add(f"rank 32 against {other}, low-resource mean: decided", (part["verdict"] != "undecided").mean())
        inside = [row["low"] <= true[row["term"], row["group"]] <= row["high"] for row in effects] if true else []
        if inside:
            add("intervals of effects that hold the planted value", np.mean(inside))
            own = next(row for row in effects if (row["term"], row["group"]) == ("rank", "low"))
            add("interval of rank, low, holds the planted value", own["low"] <= true["rank", "low"] <= own["high"])
        return
    # Planted scores rise with the bits, and where languages differ finetuning does change single ones.
    null = {"rank"} if "languages" in kind else {"rank", "base"}
    for name, part in over_seeds[over_seeds["kind"].isin(null)].groupby("kind"):
        add(f"comparison of {name}: p < 0.05", (part["p"] < 0.05).mean())
        add(f"comparison of {name}: any Holm-adjusted p < 0.05", (part["p_holm"] < 0.05).any())
    for row in effects:
        fixed = row["group"] == "english" or row["group"].startswith("class")
        if not fixed or ("languages" not in kind and row["group"] == "english"):
            add(f"{row['term']}, {row['group']}: p < 0.05", row["p"] < 0.05)


def verdicts(kind: str, repeats: int, seeds: int, items: int) -> dict:
    """Return how often each verdict fell in studies of one kind, and errors of comparisons over seeds."""
    study, counts = small_study(seeds), {}
    true = truth(plan(kind, 0, items), study)
    for seed in range(repeats):
        tally(counts, kind, *analyse(plan(kind, seed, items), study), true)
    rates = {key: round(float(np.mean(values)), 4) for key, values in counts.items()}
    return {"study": kind, "repeats": repeats, "seeds": seeds, "items": items, "rates": rates}


def coefficients(repeats: int, seeds: int, items: int, resamples: int = 200) -> dict:
    """Return how often each coefficient is rejected in null studies, and how often a term gives any verdict.

    Only the model is fitted, so that there can be more studies than :func:`verdicts` has.
    """
    import pandas as pd

    from maple import design, effects

    study, counts = small_study(seeds), {}
    for seed in range(repeats):
        # Other draws than those of verdicts.
        own = plan("null", 100_000 + seed, items)
        parts = [scored(own, study, name, resamples) for name in study.benchmarks]
        drawn = {name: found.resampled for name, (_, found, _) in zip(study.benchmarks, parts, strict=True)}
        rows = effects.decide(effects.fit(design.changes(pd.concat([rows for *_, rows in parts]), drawn)), "all")
        for row in rows:
            if not row["group"].startswith("class"):
                counts.setdefault(f"{row['term']}, {row['group']}: p < 0.05", []).append(row["p"] < 0.05)
        for term in dict.fromkeys(row["term"] for row in rows):
            decided = any(row["verdict"] != "undecided" for row in rows if row["term"] == term)
            counts.setdefault(f"any verdict on {term}", []).append(decided)
    rates = {key: round(float(np.mean(values)), 4) for key, values in counts.items()}
    return {"study": "null", "repeats": repeats, "seeds": seeds, "items": items, "rates": rates}


def main() -> None:
    """Run all parts, each written when it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="results, JSON")
    parser.add_argument("--repeats", type=int, default=400, help="studies of each kind without effects")
    parser.add_argument(
        "--fits", type=int, default=2000, help="studies without effects in which the model alone is fitted"
    )
    parser.add_argument("--planted", type=int, default=100, help="studies of each kind with planted effects")
    args = parser.parse_args()
    # statsmodels collects garbage in every Holm correction: 28 ms each, half of a simulated study.
    gc.collect = lambda *_: 0
    from maple.files import write_json

    found = {"data": "synthetic", "cpu_seconds": {}, "verdicts": []}

    def part(name: str, function, *arguments):
        begun = time.process_time()
        value = function(*arguments)
        found["cpu_seconds"][name] = round(time.process_time() - begun)
        print(f"{name}: {found['cpu_seconds'][name]} s", flush=True)
        return value

    found["coverage"] = part("coverage", coverage, 20000, 500)
    found["differences"] = part("differences", differences, 4000)
    write_json(args.out, found)
    for kind in KINDS:
        repeats = args.repeats if kind.startswith("null") else args.planted
        found["verdicts"].append(part(kind, verdicts, kind, repeats, 3, 200))
        write_json(args.out, found)
    found["coefficients"] = part("coefficients", coefficients, args.fits, 3, 200)
    write_json(args.out, found)


if __name__ == "__main__":
    main()
