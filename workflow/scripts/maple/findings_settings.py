"""Findings on settings: which rank and precision is best, and what fewer bits cost."""

from maple.benchmarks import DECLARED
from maple.findings_differences import PAIRS
from maple.pairs import ADAPTERS, FEWEST_SEEDS, SETTINGS
from maple.question import Finding, Tables
from maple.verdicts import coefficient, coefficients, compared, lacking, leading, outcome, side, together, turned
from maple.words import count, listed, percent, points

_SETTING = ["model", "bits", "data", "method", "rank"]
# Means of scores with six digits that lie as near as this are the same.
_SAME = 1e-6


def best(tables: Tables) -> Finding:
    """Return which rank and precision is best."""
    sentences, answers = [], {}
    for term, noun in (("rank", "rank"), ("bits", "precision")):
        answer, said = _of_term(tables, term, noun)
        answers.setdefault(answer, []).append(noun)
        sentences += said
    answer = "; ".join(f"{listed(nouns)}: {words}" for words, nouns in answers.items())
    return Finding("Which rank and precision is best?", answer, sentences + highest(tables))


def _of_term(tables: Tables, term: str, noun: str) -> tuple[str, list[str]]:
    """Return what is said of rank or precision: a short answer and the sentences behind it."""
    scopes = leading(tables.effects)
    alls, lows = ([coefficient(rows, term, group) for _, rows in scopes] for group in ("all", "low"))
    estimated = [row for row in alls if row is not None]
    means = _means(tables.comparisons, term)
    tuned = means[means["rank"].notna()]
    if not estimated and means.empty:
        return "not varied", [f"The {noun} cannot be judged: this grid does not vary it by itself."]
    if not estimated and tuned.empty:
        return "compared on untuned bases only", []
    over_seeds = tuned[tuned["about"] == SETTINGS]
    answer = _winner(over_seeds) or _undecided(over_seeds if len(over_seeds) else tuned, estimated)
    sentences = _tally(over_seeds, term)
    for (scope, _), row, low in zip(scopes, alls, lows, strict=True):
        parts = [part for part in (("all languages", row), ("low-resource", low)) if part[1] is not None]
        if parts:
            said = coefficients(parts, answer)
            sentences.append(f"{scope}, change of finetuning's gain per doubling of the {term}: {said}.")
    # The model of all adapters sees what single comparisons do not.
    places = {"all languages": alls, "low-resource languages": lows}
    sides = {place: side(rows, "the higher", "the lower") for place, rows in places.items()}
    seen = [f"{which} in {place}" for place, which in sides.items() if which != "undecided"]
    if seen:
        single = " in single comparisons" if answer == "undecided" else ""
        answer += f"{single}, over all adapters {listed(seen)}"
    return answer, sentences


def _means(comparisons, kind: str):
    """Return the comparisons of one kind in the mean over all languages."""
    return comparisons[(comparisons["kind"] == kind) & (comparisons["language"] == "all")]


def _winner(rows) -> str:
    """Return which side of comparisons of settings wins: those that are decided must agree; empty if none is."""
    decided = rows[rows["verdict"] != "undecided"]
    if decided.empty:
        return ""
    if decided["verdict"].nunique() > 1:
        return "it depends on the setting"
    which = {"better": "higher", "worse": "lower"}[decided["verdict"].iloc[0]]
    return f"the {which} in {len(decided):,} of {count(len(rows), 'comparison')}"


def _undecided(rows, estimated: list) -> str:
    """Return that nothing is decided and what it lacks, as far as anything but an effect is lacking.

    Args:
        rows: Comparisons of adapters or of settings.
        estimated: Coefficients.
    """
    lack = next(filter(None, map(lacking, estimated)), "")
    if not lack and len(rows) and rows["seeds"].min() < FEWEST_SEEDS:
        lack = f"{count(int(rows['seeds'].min()), 'seed')} a setting; {FEWEST_SEEDS} are needed"
    return f"undecided ({lack})" if lack else "undecided"


def _tally(rows, kind: str) -> list[str]:
    """Return a sentence on how comparisons of one kind and about the same came out; none if there are none."""
    what, first = PAIRS[kind]
    about = "" if rows.empty else rows["about"].iloc[0]
    return [f"{what}, means over all languages ({about}): {outcome(rows, first)}."] if len(rows) else []


# -- the highest setting ----------------------------------------------------------------------


def highest(tables: Tables) -> list[str]:
    """Return one sentence per benchmark: the setting with the highest mean, and what that is worth."""
    sentences = []
    for benchmark, part in tables.scores.groupby("benchmark", sort=False):
        means = part.groupby(_SETTING, dropna=False)["score"].mean().sort_values(ascending=False)
        labels = part.drop_duplicates(_SETTING).set_index(_SETTING)["label"].str.replace(r", seed \d+$", "", regex=True)
        name, over = DECLARED[benchmark].name, f"mean over {count(part['language'].nunique(), 'language')}"
        sentences.append(f"{name}: {_first(tables.comparisons, benchmark, means, labels, over)}.")
    if tables.scores.groupby(_SETTING, dropna=False).ngroups > 2:
        sentences.append("The highest of several means is too high on average; nothing here is adjusted for that.")
    return sentences


def _first(comparisons, benchmark: str, means, labels, over: str) -> str:
    """Return which setting has the highest mean on a benchmark, before which, and what it gains on its base."""
    top = percent(means.iloc[0])
    if len(means) == 1:
        return f"{labels[means.index[0]]}, the only system, has a {over} of {top}"
    shared = list(means.index[means >= means.iloc[0] - _SAME])
    said = f"{labels[shared[0]]} has the highest {over} by the estimate, {top}"
    if len(shared) == 1:
        said += f", before {labels[means.index[1]]}, {percent(means.iloc[1])}"
        said += _first_and_second(comparisons, benchmark, *means.index[:2])
    else:
        who = f"{len(shared)} settings" if len(shared) > 2 else " and ".join(labels[one] for one in shared)
        said = f"{who} share the highest {over}, {top}"
    tuned = [setting for setting in means.index if setting[-1] == setting[-1]]
    row = _against_base(comparisons, benchmark, tuned[0]) if tuned else None
    if row is not None:
        which = "" if tuned[0] == shared[0] and len(shared) == 1 else f"the best adapter, {labels[tuned[0]]}, "
        said += f"; {which}against its base {points(row)}, {compared(row)}"
    return said


def _rows(comparisons, benchmark: str, kind: str, setting: tuple):
    """Return a setting's comparisons of one kind on one benchmark, of means over all languages."""
    rows = _means(comparisons, kind)
    rows = rows[rows["benchmark"] == benchmark]
    for name, value in zip(_SETTING, setting, strict=True):
        rows = rows[rows[name] == value]
    return rows


def _over_seeds_first(rows):
    """Return the comparison over seeds if there is one, else that of single systems, else ``None``."""
    for about in (SETTINGS, ADAPTERS):
        own = rows[rows["about"] == about]
        if len(own):
            return own.iloc[0]
    return None


def _against_base(comparisons, benchmark: str, setting: tuple):
    """Return the comparison of a setting's mean with its base's."""
    return _over_seeds_first(_rows(comparisons, benchmark, "base", setting))


def _first_and_second(comparisons, benchmark: str, first: tuple, second: tuple) -> str:
    """Return the difference of two settings; nothing if they differ in more than one coordinate.

    A comparison with the base follows in the sentence anyway.
    """
    differ = [name for name, one, other in zip(_SETTING, first, second, strict=True) if one != other and one == one]
    if len(differ) != 1 or second[-1] != second[-1]:
        return ""
    place = _SETTING.index(differ[0])
    # The table holds the larger value first.
    for one, other, turn in ((first, second, dict), (second, first, turned)):
        rows = _rows(comparisons, benchmark, differ[0], one)
        row = _over_seeds_first(rows[rows["against_value"].astype(str) == str(_whole(other[place]))])
        if row is not None:
            row = turn(row.to_dict())
            return f", by {points(row)}, {compared(row)}"
    return ""


def _whole(value):
    """Return a rank that a table with gaps holds as a float as the whole number it is."""
    return int(value) if isinstance(value, float) else value


# -- precision --------------------------------------------------------------------------------


def quantisation(tables: Tables, notes: list[str] = ()) -> Finding:
    """Return what fewer bits cost; ``notes`` are caveats about the models."""
    rows = _means(tables.comparisons, "bits")
    question = "What does quantisation cost?"
    if rows.empty:
        return Finding(question, "not varied", ["No system was evaluated at two precisions."])
    bases = rows[rows["rank"].isna() & (rows["about"] == ADAPTERS)]
    sentences = [_widest(part) for _, part in bases.groupby("model", sort=False)]
    tuned = [rows[rows["rank"].notna() & (rows["about"] == about)] for about in (ADAPTERS, SETTINGS)]
    sentences += [part for own in tuned for part in _tally(own, "bits")]
    answers = [f"untuned bases: {_more_bits(bases)}"] if len(bases) else []
    if len(tuned[1]):
        answers.append(f"adapters over seeds: {_more_bits(tuned[1])}")
    elif len(tuned[0]):
        answers.append(f"these adapters: {_more_bits(tuned[0])}")
    return Finding(question, "; ".join(answers), [*sentences, *notes])


def _more_bits(rows) -> str:
    """Return how often more bits are better or worse, in a few words."""
    found = rows["verdict"].value_counts()
    said = [f"{name} in {found[name]:,}" for name in ("better", "worse") if name in found]
    return f"more bits {' and '.join(said)} of {count(len(rows), 'comparison')}" if said else "undecided"


def _widest(rows) -> str:
    """Return what the fewest bits change against the most on each benchmark, for one untuned base model."""
    values, others = rows["value"].astype(int), rows["against_value"].astype(int)
    rows = rows[values == values.max()]
    rows = rows[others[rows.index] == others[rows.index].min()]
    said = []
    for row in map(turned, rows.to_dict("records")):
        said.append((f"{DECLARED[row['benchmark']].name} {points(row)}", row["verdict"]))
    first = rows.iloc[0]
    return f"{first['against_label']}, in place of {first['value']}-bit, mean over languages: {together(said)}."
