"""What a study found, as sentences computed from its tables, each with its uncertainty.

A finding is a question, a short answer, and the sentences behind it. Nothing here tests anything: verdicts and
intervals are those of the tables (docs/analysis.md).
"""

from dataclasses import dataclass

from maple.benchmarks import DECLARED
from maple.groups import NAMES
from maple.pairs import ADAPTERS, FEWEST_SEEDS, SETTINGS
from maple.verdicts import clause, coefficient, leading, side
from maple.words import count, percent, points, probability, scored, verb

_SETTING = ["model", "bits", "data", "method", "rank"]
# Kind of a comparison: what is compared, and which side of it is better or worse.
_PAIRS = {
    "base": ("adapters with their bases", "the adapter"),
    "rank": ("a higher rank with a lower one", "the higher rank"),
    "bits": ("a higher precision with a lower one", "the higher precision"),
    "data": ("two data sets", "the later by name"),
    "reference": ("finetuned systems with published scores", "the finetuned system"),
}
# More than this many of the same kind are not listed one by one.
_LONGEST = 6


@dataclass(frozen=True)
class Tables:
    """The study's tables, as data frames.

    Attributes:
        scores: A row per system, benchmark and language.
        comparisons: A row per pair.
        gaps: A row per setting and published score.
        effects: Coefficients and claims.
        alpaca: Win rates, or ``None`` if the study has none.
    """

    scores: object
    comparisons: object
    gaps: object
    effects: object
    alpaca: object = None


@dataclass(frozen=True)
class Finding:
    """A question and its answer.

    Attributes:
        question: In words.
        answer: The verdict in a few words.
        sentences: The evidence.
    """

    question: str
    answer: str
    sentences: list[str]


def findings(tables: Tables, notes: list[str] = ()) -> list[Finding]:
    """Return what the tables say, the study's questions first.

    Args:
        tables: The study's tables.
        notes: Caveats about its models, said again where precisions are compared.
    """
    found = [best(tables), quantisation(tables, notes), resources(tables), english(tables), published(tables)]
    found.append(real(tables))
    if tables.alpaca is not None and len(tables.alpaca):
        found.append(win_rates(tables.alpaca))
    return [*found, trust(tables.scores)]


def best(tables: Tables) -> Finding:
    """Return which rank and precision is best."""
    sentences, answers = [], []
    for term, noun in (("rank", "rank"), ("bits", "precision")):
        rows = [(scope, rows, coefficient(rows, term, "all")) for scope, rows in leading(tables.effects)]
        means = tables.comparisons[(tables.comparisons["kind"] == term) & (tables.comparisons["language"] == "all")]
        over_seeds = means[(means["about"] == SETTINGS) & means["rank"].notna()]
        if not any(row is not None for *_, row in rows) and means.empty:
            sentences.append(f"The {noun} cannot be judged: this grid does not vary it by itself.")
            answers.append(f"{noun}: not varied")
            continue
        answers.append(f"{noun}: {_side(over_seeds)}")
        sentences += _tally(over_seeds, term, "in the mean over all languages")
        for scope, part, row in rows:
            clauses = [
                (row, "in the mean over all languages"),
                (coefficient(part, term, "low"), "in low-resource ones"),
            ]
            said = [clause(one, name) for one, name in clauses if one is not None]
            if said:
                sentences.append(
                    f"{scope}: per doubling of the {term}, what finetuning gains changes: {'; '.join(said)}."
                )
    return Finding("Which rank and precision is best?", "; ".join(answers), sentences + _highest(tables))


def _side(rows) -> str:
    """Return which side of comparisons of settings wins: those that are decided must agree."""
    decided = rows[rows["verdict"] != "undecided"]
    fewest = int(rows["seeds"].min()) if len(rows) else 1
    if decided.empty and fewest < FEWEST_SEEDS:
        there = f"there {verb(fewest, 'is')} {count(fewest, 'seed')} a setting"
        return f"undecided, as {there}; {FEWEST_SEEDS} are needed"
    if decided.empty:
        return "undecided"
    if decided["verdict"].nunique() > 1:
        return "it depends on the setting"
    side = {"better": "higher", "worse": "lower"}[decided["verdict"].iloc[0]]
    return f"the {side} in {len(decided):,} of {count(len(rows), 'comparison')}"


def _highest(tables: Tables) -> list[str]:
    """Return one sentence per benchmark: the setting with the highest mean, and what that is worth."""
    sentences = []
    for benchmark, part in tables.scores.groupby("benchmark", sort=False):
        means = part.groupby(_SETTING, dropna=False)["score"].mean().sort_values(ascending=False)
        labels = part.drop_duplicates(_SETTING).set_index(_SETTING)["label"].str.replace(r", seed \d+$", "", regex=True)
        languages = part["language"].nunique()
        name, over = DECLARED[benchmark].name, f"mean over {count(languages, 'language')}"
        shared = int((means == means.iloc[0]).sum())
        if shared > 1:
            sentences.append(f"{name}: {shared} settings share the highest {over}, {percent(means.iloc[0])}.")
            continue
        said = f"{name}: {labels[means.index[0]]} has the highest {over} by the estimate, {percent(means.iloc[0])}"
        if len(means) > 1:
            said += f", before {labels[means.index[1]]}, {percent(means.iloc[1])}"
            said += _first_and_second(tables.comparisons, benchmark, *means.index[:2])
        tuned = [setting for setting in means.index if setting[-1] == setting[-1]]
        row = _against_base(tables.comparisons, benchmark, tuned[0]) if tuned else None
        if row is not None:
            which = "it" if tuned[0] == means.index[0] else f"the best adapter, {labels[tuned[0]]},"
            said += f"; {which} differs from its base by {points(row)}, {_verdict(row)}"
        sentences.append(said + ".")
    return sentences


def _first_and_second(comparisons, benchmark: str, first: tuple, second: tuple) -> str:
    """Return the difference of two settings in brackets; nothing if they differ in more than one coordinate.

    A comparison with the base follows in the sentence anyway.
    """
    differ = [name for name, one, other in zip(_SETTING, first, second, strict=True) if one != other and one == one]
    if len(differ) != 1 or second[-1] != second[-1]:
        return ""
    (kind,) = differ
    own = comparisons[
        (comparisons["benchmark"] == benchmark) & (comparisons["kind"] == kind) & (comparisons["language"] == "all")
    ]
    values = dict(zip(_SETTING, first, strict=True)), dict(zip(_SETTING, second, strict=True))
    for one, other, sign in ((values[0], values[1], 1), (values[1], values[0], -1)):
        rows = own[own["against_value"].astype(str) == str(_whole(other[kind]))]
        for name, value in one.items():
            rows = rows[rows[name] == value]
        for about in (SETTINGS, ADAPTERS):
            if len(rows[rows["about"] == about]):
                row = rows[rows["about"] == about].iloc[0].to_dict()
                if sign < 0:
                    row |= {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
                    row["verdict"] = {"better": "worse", "worse": "better"}.get(row["verdict"], row["verdict"])
                return f" (by {points(row)}, {_verdict(row)})"
    return ""


def _whole(value):
    """Return a rank that a table with gaps holds as a float as the whole number it is."""
    return int(value) if isinstance(value, float) else value


def _against_base(comparisons, benchmark: str, setting: tuple):
    """Return the comparison of a setting's mean with its base's, over seeds if there are several."""
    rows = comparisons[
        (comparisons["benchmark"] == benchmark) & (comparisons["kind"] == "base") & (comparisons["language"] == "all")
    ]
    for name, value in zip(_SETTING, setting, strict=True):
        rows = rows[rows[name] == value]
    for about in (SETTINGS, ADAPTERS):
        own = rows[rows["about"] == about]
        if len(own):
            return own.iloc[0]
    return None


def _verdict(row) -> str:
    """Return a comparison's verdict with its reason."""
    if row["verdict"] == "undecided" and row["about"] == SETTINGS and row["seeds"] < FEWEST_SEEDS:
        return f"undecided ({count(int(row['seeds']), 'seed')}; {FEWEST_SEEDS} are needed)"
    return f"{row['verdict']} (adjusted {probability(row['p_holm'])})"


def quantisation(tables: Tables, notes: list[str] = ()) -> Finding:
    """Return what fewer bits cost; ``notes`` are caveats about the models."""
    rows = tables.comparisons[(tables.comparisons["kind"] == "bits") & (tables.comparisons["language"] == "all")]
    question = "What does quantisation cost?"
    if rows.empty:
        return Finding(question, "not varied", ["No system was evaluated at two precisions."])
    sentences = []
    bases = rows[rows["rank"].isna() & (rows["about"] == ADAPTERS)].copy()
    for _, part in bases.groupby("model", sort=False):
        first = part[part["value"].astype(int) == part["value"].astype(int).max()]
        first = first[first["against_value"].astype(int) == first["against_value"].astype(int).min()]
        said = []
        for row in first.to_dict("records"):
            cost = {"difference": -row["difference"], "low": -row["high"], "high": -row["low"]}
            turned = {"better": "worse", "worse": "better"}.get(row["verdict"], row["verdict"])
            said.append(f"{DECLARED[row['benchmark']].name} {points(cost)}, {turned}")
        row = first.iloc[0]
        sentences.append(
            f"{row['against_label']}, in place of {row['value']}-bit, changes the mean over languages by: "
            f"{'; '.join(said)}."
        )
    tuned = rows[rows["rank"].notna()]
    for about in (ADAPTERS, SETTINGS):
        sentences += _tally(tuned[tuned["about"] == about], "bits", "in the mean over all languages")
    decided = bases["verdict"].value_counts()
    better, worse = int(decided.get("better", 0)), int(decided.get("worse", 0))
    answer = "undecided for untuned bases"
    if better or worse:
        answer = f"of {count(len(bases), 'comparison')} of untuned bases, more bits are better in {better or 'none'}"
        answer += f" and worse in {worse or 'none'}"
    return Finding(question, answer, [*sentences, *notes])


def _tally(rows, kind: str, where: str) -> list[str]:
    """Return a sentence that counts the verdicts of comparisons of one kind; none if there are none."""
    if rows.empty:
        return []
    what, first = _PAIRS[kind]
    better, worse, undecided = _counts(rows)
    return [
        f"Of {count(len(rows), 'comparison')} of {what} {where} ({rows['about'].iloc[0]}), {first} is better in "
        f"{better} and worse in {worse}; {undecided} undecided."
    ]


def _counts(rows) -> list[str]:
    """Return how many comparisons are better, worse and undecided, in digits or as none."""
    found = rows["verdict"].value_counts()
    return [f"{found[name]:,}" if name in found else "none" for name in ("better", "worse", "undecided")]


def resources(tables: Tables) -> Finding:
    """Return whether finetuning helps low-resource and hurts high-resource languages."""
    question = "Does finetuning help low-resource and hurt high-resource languages?"
    sentences, low, high = [], [], []
    for scope, rows in leading(tables.effects):
        parts = {name: coefficient(rows, "finetuning", name) for name in ("low", "high", "low - high")}
        names = {"low": "low-resource languages", "high": "high-resource languages", "low - high": "their difference"}
        said = [clause(row, names[name]) for name, row in parts.items() if row is not None]
        low, high = low + [parts["low"]], high + [parts["high"]]
        if said:
            sentences.append(f"{scope}, mean score change over adapters: {'; '.join(said)}.")
        for name, missing in (("low", "low-resource (classes 0 to 2)"), ("high", "high-resource (classes 4 and 5)")):
            if parts[name] is None and rows["kind"].eq("effect").any():
                sentences.append(f"{scope}: no estimate, for want of a {missing} language or of adapters.")
    if not sentences:
        return Finding(question, "nothing was finetuned", ["No adapter has been scored."])
    answers = [side(low, "gain", "lose", "undecided"), side(high, "gain", "lose", "undecided")]
    return Finding(question, f"low-resource: {answers[0]}; high-resource: {answers[1]}", sentences)


def english(tables: Tables) -> Finding:
    """Return what happened to English."""
    question = "What happened to English?"
    rows = tables.comparisons[
        (tables.comparisons["kind"] == "base")
        & (tables.comparisons["language"] == "en")
        & (tables.comparisons["about"] == ADAPTERS)
    ]
    if rows.empty:
        return Finding(question, "not measured", ["No adapter was evaluated in English beside its base."])
    effects = [(scope, coefficient(part, "finetuning", "english")) for scope, part in leading(tables.effects)]
    sentences = [
        f"{scope}: mean change over adapters in {clause(row, 'English')}." for scope, row in effects if row is not None
    ]
    for benchmark, part in rows.groupby("benchmark", sort=False):
        better, worse, undecided = _counts(part)
        lowest = part.loc[part["difference"].idxmin()]
        sentences.append(
            f"{DECLARED[benchmark].name}: in English, the adapter is better than its base in {better} and worse in "
            f"{worse} of {count(len(part), 'comparison')}; {undecided} undecided. The lowest change is "
            f"{points(lowest)}, n = {int(lowest['items']):,}, {lowest['label']}: {_verdict(lowest)}."
        )
    answer = side([row for _, row in effects], "it gained", "it lost", "undecided")
    return Finding(question, answer, sentences)


def published(tables: Tables) -> Finding:
    """Return how close finetuned systems come to published scores of larger models."""
    question = "How close is it to the published large models?"
    gaps = tables.gaps[tables.gaps["larger"].astype(bool)] if len(tables.gaps) else tables.gaps
    if gaps.empty:
        sample = (tables.scores["data_source"] == "sample").all()
        why = "sample data are never held against them" if sample else "none is listed for these languages"
        return Finding(question, "no published score to compare with", [f"There is no comparison: {why}."])
    sentences, closed, total = [], 0, 0
    for benchmark, part in gaps.groupby("benchmark", sort=False):
        own = part[part["counted"].astype(bool)]
        name = DECLARED[benchmark].name
        if len(own):
            over = int((own["difference"] > 0).sum())
            closed, total = closed + over, total + len(own)
            top = own.loc[own["gap_closed"].idxmax()]
            share, low, high = (_share(top[column]) for column in ("gap_closed", "low", "high"))
            first, middle, third = (_share(own["gap_closed"].quantile(part)) for part in (0.25, 0.5, 0.75))
            half = f", for half of them between {first} and {third} %" if len(own) > 3 else ""
            sentences.append(
                f"{name}: of {count(len(own), 'gap')} to larger models that {verb(len(own), 'is')} clearly there, "
                f"{over or 'none'} {verb(over, 'is')} closed by the estimate; the median share closed is "
                f"{middle} %{half}. The largest is {share} % (95 % interval {low} to {high}, not "
                f"adjusted for being the largest), {top['label']} against {top['reference']} in {top['language_name']}."
            )
        rest = part[~part["counted"].astype(bool)]
        reasons = [f"{len(rows):,} {why}" for why, rows in rest.groupby("why_not", sort=True)]
        if reasons:
            none = "" if len(own) else "no published score counts; "
            sentences.append(f"{name}: {none}{count(len(rest), 'gap')} not counted ({'; '.join(reasons)}).")
    answer = f"{closed:,} of {count(total, 'gap')} closed by the estimate" if total else "no gap can be counted"
    sentences.append("A gap is one finetuned setting, one published score and one language.")
    return Finding(question, answer, sentences)


def _share(value: float) -> str:
    """Return a share that may be negative in per cent, without decimals."""
    return f"{value * 100:.0f}".replace("-", "−")


def real(tables: Tables) -> Finding:
    """Return which differences are more than chance."""
    table = tables.comparisons
    sentences = []
    group = table["language"].isin(NAMES)
    for kind in _PAIRS:
        for about in (ADAPTERS, SETTINGS):
            chosen = (table["kind"] == kind) & (table["about"] == about)
            sentences += _tally(table[chosen & ~group], kind, "in single languages")
            sentences += _tally(table[chosen & group], kind, "in means over languages")
    decided = table[table["verdict"].isin(["better", "worse"]) & (group | (table["kind"] == "base"))]
    largest = decided.reindex(decided["difference"].abs().sort_values(ascending=False, kind="stable").index)
    for row in largest.head(_LONGEST).to_dict("records"):
        sentences.append(
            f"{DECLARED[row['benchmark']].name}, {row['language_name']}: {row['label']} against "
            f"{row['against_label']}, {points(row)}, adjusted {probability(row['p_holm'])}."
        )
    own = table[table["kind"] != "reference"]
    total = int(own["verdict"].isin(["better", "worse"]).sum())
    if not len(table):
        return Finding("Which differences are real?", "nothing was compared", ["There is no pair to compare."])
    answer = f"{total:,} of {count(len(own), 'comparison')} on the same items, at Holm-adjusted p < 0.05"
    sentences.append("Adjusted p values hold within a family; each row of the comparisons table names its own.")
    if (own["about"] == SETTINGS).any():
        sentences.append(
            f"'{ADAPTERS.capitalize()}' tells of the adapters at hand, '{SETTINGS}' of a rank, a precision or a data "
            "set whatever the seed."
        )
    return Finding("Which differences are real?", answer, sentences)


def win_rates(table) -> Finding:
    """Return AlpacaEval's win rates of adapters against their bases."""
    row = table.iloc[0]
    sentences = [
        f"Judge {row['judge']} against the outputs of {row['reference']}, {count(int(row['items']), 'instruction')}: "
        f"{table.loc[table['score'].idxmax(), 'label']} has the highest win rate, "
        f"{scored(table.loc[table['score'].idxmax()])}."
    ]
    own = table[table["p_holm"].notna()] if "p_holm" in table else table.iloc[:0]
    decided = own[own["p_holm"] < 0.05]
    if len(own):
        better, worse = (decided["difference"] > 0).sum(), (decided["difference"] < 0).sum()
        sentences.append(
            f"Of {count(len(own), 'adapter')}, {better} {verb(better, 'wins')} more often than "
            f"the base and {worse} less; {len(own) - better - worse} undecided (Holm-adjusted)."
        )
    malformed = int(table["malformed"].sum())
    if malformed:
        sentences.append(f"{count(malformed, 'annotation')} could not be read and {verb(malformed, 'is')} left out.")
    return Finding("Does it follow English instructions (AlpacaEval)?", percent(table["score"].max()), sentences)


def trust(scores) -> Finding:
    """Return what limits the scores: chance, unparsed answers, ties."""
    sentences = []
    for benchmark, part in scores.groupby("benchmark", sort=False):
        name, unparsed = DECLARED[benchmark].name, int(part["unparsed"].sum())
        if part["chance"].notna().any():
            above = int((part["low"] > part["chance"]).sum())
            sentences.append(
                f"{name}: {above} of {count(len(part), 'cell')} (a system in a language) {verb(above, 'lies')} above "
                f"chance ({percent(part['chance'].iloc[0])}), each by its own 95 % interval."
            )
        if part["scoring"].iloc[0] == "generation":
            worst = part.loc[part["unparsed_share"].idxmax()]
            said = f"{name}: every generated answer could be parsed."
            if unparsed:
                share = percent(unparsed / part["items"].sum())
                said = (
                    f"{name}: {share} of the generated answers could not be parsed and count as wrong; the most are "
                    f"{percent(worst['unparsed_share'])}, {worst['label']}, "
                    f"{worst['language_name']}."
                )
            sentences.append(said)
        ties = int(part["ties"].sum())
        if ties:
            sentences.append(f"{name}: {count(ties, 'answer')} tied between options and share the credit.")
    known = scores[scores["chance"].notna()]
    answer = "no benchmark with a chance level"
    if len(known):
        above = int((known["low"] > known["chance"]).sum())
        answer = f"{above:,} of {count(len(known), 'cell')} above chance, each by its own 95 % interval"
    return Finding("How far can the scores be trusted?", answer, sentences)
