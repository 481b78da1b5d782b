"""A question that the report answers: the tables that it is put to, and what they say."""

from dataclasses import dataclass, replace


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


def without_model(tables: Tables) -> Tables:
    """Return the tables of a study of one base model without its name in each label."""
    if tables.scores["model"].nunique() > 1:
        return tables
    name = tables.scores["label"].iloc[0].split(", ")[0] + ", "

    def short(table):
        named = [column for column in ("label", "against_label") if column in table]
        return table.assign(**{column: table[column].str.removeprefix(name) for column in named})

    made = {key: short(getattr(tables, key)) for key in ("scores", "comparisons", "gaps")}
    return replace(tables, **made)
