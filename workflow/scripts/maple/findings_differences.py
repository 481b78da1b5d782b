"""Findings on differences: which are more than chance, and which remain to published scores."""

from maple.benchmarks import DECLARED
from maple.groups import NAMES
from maple.pairs import ADAPTERS, SETTINGS
from maple.question import Finding, Tables
from maple.verdicts import outcome
from maple.words import count, points, probability, some, verb

# Kind of a comparison: what is compared, and which side of it is better or worse.
PAIRS = {
    "base": ("Adapters against their bases", "the adapter"),
    "rank": ("Higher ranks against lower ones", "the higher rank"),
    "bits": ("Higher precisions against lower ones", "the higher precision"),
    "data": ("Data sets against each other", "the later by name"),
    "reference": ("Finetuned systems against published scores", "the finetuned system"),
}
# More than this many of the same kind are not listed one by one.
_LONGEST = 6


def real(tables: Tables) -> Finding:
    """Return which differences are more than chance."""
    question, table = "Which differences are real?", tables.comparisons
    if table.empty:
        return Finding(question, "nothing was compared", ["There is no pair to compare."])
    over_seeds = (table["about"] == SETTINGS).any()
    sentences, group = [], table["language"].isin(NAMES)
    for kind, (what, first) in PAIRS.items():
        for about in (ADAPTERS, SETTINGS):
            chosen = (table["kind"] == kind) & (table["about"] == about)
            levels = {"in single languages": table[chosen & ~group], "in means over languages": table[chosen & group]}
            said = [f"{where} {outcome(rows, first)}" for where, rows in levels.items() if len(rows)]
            if said:
                sentences.append(f"{what}{f' ({about})' if over_seeds else ''}: {'; '.join(said)}.")
    # What is said over seeds stands in place of what is said of each seed.
    single = over_seeds & (table["about"] == ADAPTERS) & table["rank"].notna()
    decided = table[table["verdict"].isin(["better", "worse"]) & (group | (table["kind"] == "base")) & ~single]
    largest = decided.reindex(decided["difference"].abs().sort_values(ascending=False, kind="stable").index)
    # Each pair where it differs most: means over groups of languages overlap.
    largest = largest.drop_duplicates(["benchmark", "about", "system", "against"])
    for row in largest.head(_LONGEST).to_dict("records"):
        sentences.append(
            f"{DECLARED[row['benchmark']].name}, {row['language_name'].replace(': ', ', ')}: {row['label']} against "
            f"{row['against_label']}, {points(row)}, adjusted {probability(row['p_holm'])}."
        )
    if over_seeds:
        sentences.append(
            f"'{ADAPTERS.capitalize()}' tells of the adapters at hand, '{SETTINGS}' of a rank, a precision or a data "
            "set whatever the seed."
        )
    own = table[table["kind"] != "reference"]
    total = int(own["verdict"].isin(["better", "worse"]).sum())
    answer = f"{some(total)} of {count(len(own), 'comparison')} on the same items"
    return Finding(question, answer if len(own) else "nothing was compared on the same items", sentences)


def published(tables: Tables) -> Finding:
    """Return how close finetuned systems come to published scores of larger models."""
    question = "How close is it to the published large models?"
    gaps = tables.gaps[tables.gaps["larger"].astype(bool)] if len(tables.gaps) else tables.gaps
    if gaps.empty:
        return Finding(question, "no published score to compare with", [f"There is no comparison: {_no_gap(tables)}."])
    sentences, closed, total = [], 0, 0
    for benchmark, part in gaps.groupby("benchmark", sort=False):
        own = part[part["counted"].astype(bool)]
        name = DECLARED[benchmark].name
        if len(own):
            over = int((own["difference"] > 0).sum())
            closed, total = closed + over, total + len(own)
            sentences.append(
                f"{name}: of {count(len(own), 'gap')} to larger models that {verb(len(own), 'is')} clearly there, "
                f"{some(over)} {verb(over, 'is')} closed by the estimate; {_shares(own)}."
            )
        rest = part[~part["counted"].astype(bool)]
        reasons = [f"{len(rows):,} {why}" for why, rows in rest.groupby("why_not", sort=True)]
        if reasons:
            none = "" if len(own) else "no published score counts; "
            sentences.append(f"{name}: {none}{count(len(rest), 'gap')} not counted ({'; '.join(reasons)}).")
    answer = f"{some(closed)} of {count(total, 'gap')} closed by the estimate"
    sentences.append("A gap is one finetuned setting, one published score and one language.")
    return Finding(question, answer if total else "no gap can be counted", sentences)


def _no_gap(tables: Tables) -> str:
    """Return why there is no gap to a larger model."""
    if tables.scores["rank"].isna().all():
        return "nothing was finetuned"
    if (tables.scores["data_source"] == "sample").all():
        return "sample data are never held against published scores"
    return "none is listed for these languages" + (" of a larger model" if len(tables.gaps) else "")


def _shares(gaps) -> str:
    """Return the median and the largest share that is closed of some gaps."""
    first, middle, third = (_percent(gaps["gap_closed"].quantile(part)) for part in (0.25, 0.5, 0.75))
    half = f", for half of them between {first} and {third} %" if len(gaps) > 3 else ""
    top = gaps.loc[gaps["gap_closed"].idxmax()]
    share, low, high = (_percent(top[column]) for column in ("gap_closed", "low", "high"))
    whose = f"{top['label']} against {top['reference']} in {top['language_name']}"
    if len(gaps) == 1:
        return f"the share closed is {share} % ({low} to {high}), {whose}"
    return (
        f"the median share closed is {middle} %{half}. The largest is {share} % ({low} to {high}, not adjusted for "
        f"being the largest), {whose}"
    )


def _percent(share: float) -> str:
    """Return a share that may be negative in per cent, without decimals."""
    return f"{round(share * 100) + 0}".replace("-", "−")
