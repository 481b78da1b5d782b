"""Which share of the gap to a published score one setting of each base model closes, by language."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """The gap of one base model in one language, closed by its middle setting.

    Attributes:
        base: Score of that setting's base.
        tuned: Its score: the median over the model's settings, the lower one of two.
        lowest: Lowest score of any setting.
        highest: Highest score of any setting.
        reference: Name of the best published score that counts; empty if none does.
        share: Share of the gap to it that the setting closes.
        low: Lower end of the 95 % interval.
        high: Upper end.
        why_not: Why no published score counts.
    """

    base: float
    tuned: float
    lowest: float
    highest: float
    reference: str
    share: float
    low: float
    high: float
    why_not: str


def share(gaps) -> Share:
    """Return the share of the gap that the rows of one model and language say.

    The middle setting stands for the others: the best of many on the same items would be too good to be true. Only
    published scores that count are candidates for the gap; flagged ones never do.
    """
    settings = gaps.drop_duplicates("system").sort_values(["tuned", "system"])
    middle = settings.iloc[(len(settings) - 1) // 2]
    own = gaps[gaps["system"] == middle["system"]]
    counted = own[own["counted"]].sort_values("reference_score")
    facts = (middle["base"], middle["tuned"], settings["tuned"].min(), settings["tuned"].max())
    if counted.empty:
        why = own["why_not"].str.partition(":")[0].mode().iloc[0]
        return Share(*facts, "", float("nan"), float("nan"), float("nan"), why)
    best = counted.iloc[-1]
    return Share(*facts, best["reference"], best["gap_closed"], best["low"], best["high"], "")


def references(gaps):
    """Return one row per published score of one benchmark: language, score, whether it may count, and its flag.

    A score may count if nothing speaks against itself; whether there is a gap to it depends on the base.
    """
    flagged, otherwise = gaps["flag"].fillna("") != "", gaps["reference_scoring"] != gaps["scoring"]
    found = gaps.assign(flagged=flagged, solid=~(flagged | otherwise))
    found = found.drop_duplicates(["language", "reference", "setup"])
    return found[["language", "reference", "setup", "reference_score", "solid", "flagged"]]


def order(gaps) -> list[str]:
    """Return the languages by falling resource class, then by name."""
    facts = gaps.drop_duplicates("language").assign(joshi_class=lambda t: t["joshi_class"].fillna(-1))
    return list(facts.sort_values(["joshi_class", "language_name"], ascending=[False, True])["language"])


def shares(table, models) -> dict[tuple[str, str], Share]:
    """Return model and language -> :class:`Share` of one benchmark."""
    found = {key: share(part) for key, part in table.groupby(["model", "language"])}
    return {key: found[key] for key in sorted(found, key=lambda key: list(models).index(key[0]))}
