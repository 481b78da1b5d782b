"""What a study found, as sentences computed from its tables, each with its uncertainty.

A finding is a question, a short answer, and the sentences behind it. Nothing here tests anything: verdicts and
intervals are those of the tables (docs/analysis.md). The page says once what the brackets are.
"""

from maple.benchmarks import DECLARED
from maple.findings_differences import published, real
from maple.findings_settings import best, quantisation
from maple.pairs import ADAPTERS
from maple.question import Finding, Tables, without_model
from maple.unparsed import shares
from maple.verdicts import coefficient, coefficients, compared, leading, outcome, side
from maple.words import count, percent, points, scored, signed, some, verb


def findings(tables: Tables, notes: list[str] = ()) -> list[Finding]:
    """Return what the tables say, the study's questions first.

    Args:
        tables: The study's tables.
        notes: Caveats about its models, said again where precisions are compared.
    """
    tables = without_model(tables)
    found = [best(tables), quantisation(tables, notes), resources(tables), english(tables), published(tables)]
    found.append(real(tables))
    if tables.alpaca is not None and len(tables.alpaca):
        found.append(win_rates(tables.alpaca))
    return [*found, trust(tables.scores, tables.comparisons)]


def resources(tables: Tables) -> Finding:
    """Return whether finetuning helps low-resource and hurts high-resource languages."""
    question = "Does finetuning help low-resource and hurt high-resource languages?"
    names = {"low": "low-resource", "high": "high-resource", "low - high": "low minus high"}
    sentences, found = [], {name: [] for name in names}
    for scope, rows in leading(tables.effects):
        parts = {name: coefficient(rows, "finetuning", name) for name in names}
        for name, row in parts.items():
            found[name].append(row)
        said = [(names[name], row) for name, row in parts.items() if row is not None]
        lack = [f"no {names[name]} language" for name in ("low", "high") if parts[name] is None]
        words = ([coefficients(said)] if said else []) + lack
        sentences.append(f"{scope}, mean change over adapters: {'; '.join(words)}.")
    if not sentences:
        return Finding(question, "nothing was finetuned", ["No adapter has been scored."])
    low, high = (side(found[name], "gain", "lose") for name in ("low", "high"))
    sentences.append("Low-resource are classes 0 to 2 of Joshi et al. 2020, high-resource 4 and 5.")
    answer = f"both: {low}" if low == high else f"low-resource: {low}; high-resource: {high}"
    return Finding(question, answer, sentences)


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
    sentences, found = [], {term: [] for term in ("finetuning", "rank", "bits")}
    for scope, part in leading(tables.effects):
        own = {term: coefficient(part, term, "english") for term in found}
        for term, row in own.items():
            found[term].append(row)
        change = own.pop("finetuning")
        if change is not None:
            sentences.append(f"{scope}, mean change over adapters: {coefficients([('English', change)])}.")
        said = [(f"of the {term}", row) for term, row in own.items() if row is not None]
        if said:
            sentences.append(f"{scope}, change of finetuning's gain in English per doubling: {coefficients(said)}.")
    undecided = rows["verdict"].eq("undecided").all()
    sentences.append(f"Adapters against their bases in English: {outcome(rows, 'the adapter')}.")
    for benchmark, part in rows.groupby("benchmark", sort=False):
        lowest = part[part["difference"] == part["difference"].min()]
        first, others = lowest.iloc[0], len(lowest) - 1
        who = first["label"] + (f" and {count(others, 'other')}" if others else "")
        tally = "" if undecided or len(part) == len(rows) else f"{outcome(part, 'the adapter')}; "
        verdict = "" if undecided else f": {compared(first)}"
        sentences.append(
            f"{DECLARED[benchmark].name}: {tally}the lowest change is {points(first)}, n = {int(first['items']):,}, "
            f"{who}{verdict}."
        )
    answer = side(found["finetuning"], "it gained", "it lost")
    slopes = {}
    for where, term in (("at a higher rank", "rank"), ("at more bits", "bits")):
        slopes.setdefault(side(found[term], "its change is higher", "its change is lower"), []).append(where)
    slopes.pop("undecided", None)
    answer += "".join(f"; {' and '.join(places)} {which}" for which, places in slopes.items())
    return Finding(question, answer, sentences)


def win_rates(table) -> Finding:
    """Return AlpacaEval's win rates of adapters against their bases."""
    row, first = table.iloc[0], table.loc[table["score"].idxmax()]
    sentences = [
        f"Judge {row['judge']} against the outputs of {row['reference']}, {count(int(first['items']), 'instruction')}: "
        f"{first['label']} has the highest win rate, {scored(first)}."
    ]
    own = table[table["p_holm"].notna()] if "p_holm" in table else table.iloc[:0]
    decided = own[own["p_holm"] < 0.05]
    if len(own):
        better, worse = int((decided["difference"] > 0).sum()), int((decided["difference"] < 0).sum())
        sentences.append(
            f"Of {count(len(own), 'adapter')}, {some(better)} {verb(better, 'wins')} more often than the base and "
            f"{some(worse)} less; {some(len(own) - better - worse)} undecided."
        )
    malformed = int(table["malformed"].sum())
    if malformed:
        sentences.append(f"{count(malformed, 'annotation')} could not be read and {verb(malformed, 'is')} left out.")
    return Finding("Does it follow English instructions (AlpacaEval)?", percent(table["score"].max()), sentences)


def trust(scores, comparisons) -> Finding:
    """Return what limits the scores: chance, unparsed answers and what they explain, ties."""
    sentences = []
    for benchmark, part in scores.groupby("benchmark", sort=False):
        name, unparsed = DECLARED[benchmark].name, int(part["unparsed"].sum())
        if part["chance"].notna().any():
            above = int((part["low"] > part["chance"]).sum())
            chance = percent(part["chance"].iloc[0])
            sentences.append(f"{name}: {some(above)} of {count(len(part), 'cell')} above chance ({chance}).")
        if part["scoring"].iloc[0] == "generation":
            sentences += (
                _unparsed(name, part, comparisons) if unparsed else [f"{name}: every generated answer could be parsed."]
            )
        ties = int(part["ties"].sum())
        if ties:
            sentences.append(f"{name}: {count(ties, 'answer')} tied between options, the credit being shared.")
    known = scores[scores["chance"].notna()]
    answer = "no benchmark with a chance level"
    if len(known):
        above = int((known["low"] > known["chance"]).sum())
        answer = f"{some(above)} of {count(len(known), 'cell')} (a system in a language) above chance"
        sentences.append(
            f"A cell is above chance if its interval is; of mere guesses 2.5 % would be, here {len(known) * 0.025:.0f}."
        )
    return Finding("How far can the scores be trusted?", answer, sentences)


def _unparsed(name: str, scores, comparisons) -> list[str]:
    """Return how many of a benchmark's generated answers could not be parsed, and what of the change that is."""
    worst = scores.loc[scores["unparsed_share"].idxmax()]
    sentences = [
        f"{name}: {shares(scores)} generated answers could not be parsed and count as wrong; the most are "
        f"{percent(worst['unparsed_share'])}, {worst['label']}, {worst['language_name']}."
    ]
    if comparisons.empty:
        return sentences
    own = (comparisons["benchmark"] == worst["benchmark"]) & (comparisons["kind"] == "base")
    rows = comparisons[own & comparisons["difference_unparsed"].notna()]
    if len(rows):
        change, unread = rows["difference"].mean(), rows["difference_unparsed"].mean()
        sentences.append(
            f"{name}: of the adapters' mean change in single languages, {signed(change)} points, {signed(unread)} come "
            f"from questions that one of the two gave no parsable answer to, {signed(change - unread)} from all others."
        )
    return sentences
