"""How much of the gap to a published score finetuning closes."""

from maple import statistics, variance
from maple.pairs import ADAPTERS, SETTINGS
from maple.references import Reference
from maple.scored import Scored, between_seeds, name, over_seeds

# A model counts as larger if it has at least this many times the weights, or does not say how many.
LARGER = 2


def frame(scored: Scored, references: list[Reference], scoring: str, parameters: dict[str, float]):
    """Return one row per setting (a finetuned system without its seed) and published score.

    The published score's items are not at hand: it is compared without pairing, and its own chance error is taken as
    that of as many coin tosses as the language has items, which for F1 is an upper bound.

    Args:
        scored: Scores and their bootstrap.
        references: Published scores of this benchmark and its languages.
        scoring: How the study measures the benchmark.
        parameters: Weights of each base model.
    """
    import numpy as np
    import pandas as pd

    settings, seeds = over_seeds(scored)
    own = [system for system in settings.systems if not system.is_base and system.base in settings.places]
    tuned = np.array([settings.places[system] for system in own], dtype=int)
    base = np.array([settings.places[system.base] for system in own], dtype=int)
    facts = pd.DataFrame([vars(system) | {"system": name(system)} for system in own]).assign(
        label=[settings.labels[place] for place in tuned], seeds=seeds[tuned]
    )
    # One adapter stands for itself; from two seeds on, what seeds add counts too.
    repeated = np.where(seeds[tuned] > 1, 1 / np.maximum(seeds[tuned], 1), 0.0)
    codes = [code for code, *_ in settings.languages]
    parts, measured = [], {}
    for reference in references if own else []:
        place = codes.index(reference.language)
        if place not in measured:
            spread = between_seeds(scored, [place]).times(repeated)
            measured[place] = (*_measure(*settings.cell([place]), tuned, base), spread)
        code, words, joshi = settings.languages[place]
        size = facts["model"].map(parameters) / 1e9
        parts.append(
            facts.assign(
                language=code,
                language_name=words,
                joshi_class=joshi,
                items=settings.counts[place],
                reference=reference.model,
                parameters=reference.parameters,
                larger=reference.parameters is None or reference.parameters >= LARGER * size,
                setup=reference.setup,
                reference_scoring=reference.scoring,
                flag=reference.flag,
                source=reference.source,
                **_gap(reference, settings.counts[place], *measured[place]),
            )
        )
    return _counted(pd.concat(parts, ignore_index=True), scoring) if parts else pd.DataFrame()


def _measure(means, resampled, tuned, base) -> tuple:
    """Return means, variances over items and their covariance of some settings and of their bases.

    Args:
        means: Settings.
        resampled: Resamples x settings.
        tuned: Places of the finetuned settings.
        base: Places of their bases.
    """
    drawn = resampled - resampled.mean(axis=0)
    covariance = (drawn[:, tuned] * drawn[:, base]).mean(axis=0)
    spread = (drawn**2).mean(axis=0)
    return means[tuned], means[base], spread[tuned], spread[base], covariance


def _gap(reference, items, tuned, base, tuned_variance, base_variance, covariance, spread) -> dict:
    """Return the columns of a published score: difference, test, and share of the gap with Fieller's interval."""
    import numpy as np

    seeds = [spread] if spread.df else []
    own = reference.score * (1 - reference.score) / items
    difference = variance.combine(tuned - reference.score, tuned_variance + own, seeds)
    gained, gap = tuned - base, reference.score - base
    gain = variance.combine(gained, tuned_variance + base_variance - 2 * covariance, seeds)
    gap_variance = base_variance + own
    z2 = np.where(gain.se > 0, (gain.high - gain.low) / 2 / np.maximum(gain.se, 1e-300), statistics.Z) ** 2
    # Fieller (1954): the shares s at which gained - s * gap does not differ from 0. Both contain the base.
    square = gap**2 - z2 * gap_variance
    cross = gained * gap - z2 * (base_variance - covariance)
    clear = (gap > 0) & (square > 0)
    root = np.sqrt(np.maximum(cross**2 - square * (gained**2 - z2 * gain.se**2), 0.0))
    safe = np.where(clear, square, 1.0)
    return {
        "base": base,
        "tuned": tuned,
        "reference_score": reference.score,
        "difference": tuned - reference.score,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p": difference.p,
        "p_gap": variance.combine(gap, gap_variance).p,
        "gap_closed": np.where(clear, gained / np.where(clear, gap, 1.0), np.nan),
        "low": np.where(clear, (cross - root) / safe, np.nan),
        "high": np.where(clear, (cross + root) / safe, np.nan),
    }


def _counted(table, scoring: str):
    """Return the table with what speaks against each row: against the published score, and against a share."""
    import numpy as np

    doubt = np.where(
        table["flag"] != "",
        "flagged: " + table["flag"].str.replace("_", " "),
        np.where(table["reference_scoring"] != scoring, "measured by " + table["reference_scoring"], ""),
    )
    no_gap = "no gap: the base is not clearly below the published score"
    why_not = np.where(doubt != "", doubt, np.where(table["gap_closed"].isna(), no_gap, ""))
    return table.assign(doubt=doubt, counted=why_not == "", why_not=why_not)


def as_comparisons(table):
    """Return the rows as comparisons with a published score, unpaired; doubtful ones are shown, not tested."""
    import numpy as np

    if table.empty:
        return table
    shared = ["system", "label", "model", "bits", "data", "method", "rank", "seeds"]
    shared += ["language", "language_name", "joshi_class", "items", "difference"]
    return table[shared].assign(
        kind="reference",
        about=np.where(table["seeds"] > 1, SETTINGS, ADAPTERS),
        pairing="none: published score",
        against=table["reference"],
        against_label=table["reference"] + ", " + table["setup"],
        value="finetuned",
        against_value=table["reference_score"],
        languages=1,
        low=table["difference_low"],
        high=table["difference_high"],
        test="z against the published score",
        p=table["p"].where(table["doubt"] == "", np.nan),
        note=table["doubt"],
    )
