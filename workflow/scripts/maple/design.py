"""What a model of score changes is fitted on: a row per adapter, a column per language of a benchmark."""

from dataclasses import dataclass

from maple import groups


@dataclass(frozen=True)
class Changes:
    """Score changes: adapter minus its base.

    Attributes:
        adapters: Table with model, bits, data, method, rank and seed of each adapter.
        cells: Benchmark, language and resource class of each column.
        values: Adapters x cells.
        deviations: Resamples x adapters x cells: what resampling the items adds to ``values``.
    """

    adapters: object
    cells: list[tuple[str, str, int | None]]
    values: object
    deviations: object

    @property
    def seeds(self) -> int:
        """The fewest seeds of any setting."""
        return int(self._by_setting.min())

    @property
    def alike(self) -> bool:
        """Whether all settings have as many seeds."""
        return self._by_setting.nunique() == 1

    @property
    def _by_setting(self):
        return self.adapters.groupby(["model", "bits", "data", "method", "rank"]).size()


@dataclass(frozen=True)
class Term:
    """A coefficient of the model over adapters.

    Attributes:
        name: Short name.
        words: What the coefficient is, for sentences.
        weights: Adapters: the linear combination that estimates it; ``None`` if this grid cannot tell it from others.
    """

    name: str
    words: str
    weights: object


@dataclass(frozen=True)
class Group:
    """A mean over languages, or a contrast between them.

    Attributes:
        name: Short name.
        words: In words.
        weights: Cells: the linear combination.
        spread: Languages x cells: squares of what this makes of the cells add up to the variance that the choice of
            languages gives (cluster-robust: Liang and Zeger 1986). No rows for a single language.
        df: Degrees of freedom of that variance.
        languages: Number of languages, the smaller one for a contrast of two groups.
    """

    name: str
    words: str
    weights: object
    spread: object
    df: int
    languages: int


def changes(scores, resampled: dict) -> Changes:
    """Return the score changes of some benchmarks, of the adapters that each of them has beside their base.

    Args:
        scores: Their long table, rows by benchmark, system and language.
        resampled: Benchmark -> resamples x systems x languages.
    """
    import numpy as np

    cells, values, deviations = [], [], []
    shared = _shared(scores)
    for benchmark, part in scores.groupby("benchmark", sort=False):
        systems = part.drop_duplicates("system").reset_index(drop=True)
        languages = part.drop_duplicates("language")
        bases = {(row.model, row.bits): row.Index for row in systems[systems["rank"].isna()].itertuples()}
        tuned = np.flatnonzero(systems["system"].isin(shared))
        base = [bases[row.model, row.bits] for row in systems.loc[tuned].itertuples()]
        means = part["score"].to_numpy().reshape(len(systems), len(languages))
        values.append(means[tuned] - means[base])
        drawn = resampled[benchmark]
        deviations.append(drawn[:, tuned] - drawn[:, base] - values[-1].astype(np.float32))
        classes = [None if np.isnan(joshi) else int(joshi) for joshi in languages["joshi_class"].astype(float)]
        cells += [(benchmark, code, joshi) for code, joshi in zip(languages["language"], classes, strict=True)]
        adapters = systems.loc[tuned].reset_index(drop=True)
    return Changes(adapters, cells, np.concatenate(values, axis=1), np.concatenate(deviations, axis=2))


def _shared(scores) -> set[str]:
    """Return the adapters that every benchmark has, each beside its base; a study on its way may lack some."""
    found = []
    for _, part in scores.groupby("benchmark"):
        systems = part.drop_duplicates("system")
        bases = set(systems.loc[systems["rank"].isna(), ["model", "bits"]].itertuples(index=False, name=None))
        tuned = systems[systems["rank"].notna()]
        found.append({row.system for row in tuned.itertuples() if (row.model, row.bits) in bases})
    return set.intersection(*found)


def terms(adapters) -> tuple[object, list[Term]]:
    """Return the design matrix over adapters, and its coefficients.

    All columns but the first are centred, so the intercept is the mean over adapters. Rank is centred within its
    method: methods differ in learning rate and alpha, so only ranks of one method tell about rank.
    """
    import numpy as np

    ranks = np.log2(adapters["rank"].astype(float))
    columns = [("finetuning", "score change by finetuning, mean over adapters", np.ones(len(adapters)))]
    columns.append(("rank", "per doubling of the rank", ranks - ranks.groupby(adapters["method"]).transform("mean")))
    columns.append(("bits", "per doubling of the bits", np.log2(adapters["bits"].astype(float))))
    for factor in ("model", "data", "method"):
        first, *others = sorted(adapters[factor].unique())
        for level in others:
            words = f"{factor} {level} in place of {first}"
            columns.append((f"{factor}: {level}", words, (adapters[factor] == level).astype(float)))
    columns = [(name, words, np.asarray(column, dtype=float)) for name, words, column in columns]
    columns = columns[:1] + [(name, words, column - column.mean()) for name, words, column in columns[1:]]
    columns = columns[:1] + [part for part in columns[1:] if np.abs(part[2]).max() > 1e-9]
    matrix = np.stack([column for *_, column in columns], axis=1)
    inverse, rank = np.linalg.pinv(matrix), np.linalg.matrix_rank(matrix)
    found = []
    for place, (name, words, _) in enumerate(columns):
        # A column that the others already span has no coefficient of its own.
        own = np.linalg.matrix_rank(np.delete(matrix, place, axis=1)) < rank
        found.append(Term(name, words, inverse[place] if own else None))
    return matrix, found


def language_groups(cells: list[tuple[str, str, int | None]]) -> dict[str, Group]:
    """Return the groups that the cells' languages allow, by name; each cell of a group counts the same."""
    import numpy as np

    classes = np.array([np.nan if joshi is None else joshi for *_, joshi in cells], dtype=float)
    found = groups.members([(code, joshi) for _, code, joshi in cells])
    members = {name: (groups.NAMES[name], places) for name, places in found.items()}
    english = [place for place, (_, code, _) in enumerate(cells) if code == "en"]
    if english:
        members["english"] = ("English", english)
    for joshi in sorted(set(classes[~np.isnan(classes)].astype(int))):
        members[f"class {joshi}"] = (f"resource class {joshi}", list(np.flatnonzero(classes == joshi)))
    made = {name: _mean(name, words, cells, places) for name, (words, places) in members.items()}
    low = np.isin(classes, groups.LOW).astype(float)
    both = np.flatnonzero((low > 0) | np.isin(classes, groups.HIGH))
    contrast = _slope("low - high", "low-resource minus high-resource languages", cells, both, low)
    slope = _slope("per class", "per resource class", cells, np.flatnonzero(~np.isnan(classes)), classes)
    return made | {group.name: group for group in (contrast, slope) if group}


def _clusters(cells, places):
    """Return languages x cells: 1 where a cell of ``places`` is of the language."""
    import numpy as np

    codes = list(dict.fromkeys(cells[place][1] for place in places))
    matrix = np.zeros((len(codes), len(cells)))
    for place in places:
        matrix[codes.index(cells[place][1]), place] = 1
    return matrix


def _mean(name: str, words: str, cells, places) -> Group:
    """Return the mean over some cells."""
    import numpy as np

    weights = np.zeros(len(cells))
    weights[places] = 1 / len(places)
    clusters = _clusters(cells, places)
    count = len(clusters)
    spread = clusters * weights @ (np.eye(len(cells)) - weights) * np.sqrt(count / max(count - 1, 1))
    return Group(name, words, weights, spread if count > 1 else spread[:0], count - 1, count)


def _slope(name: str, words: str, cells, places, values) -> Group | None:
    """Return the slope on a property of languages within benchmarks, ``None`` if no benchmark tells about it."""
    import numpy as np

    benchmarks = np.array([benchmark for benchmark, *_ in cells])
    chosen = np.zeros(len(cells), dtype=bool)
    chosen[places] = True
    x = np.zeros(len(cells))
    columns = []
    for benchmark in dict.fromkeys(benchmarks):
        own = chosen & (benchmarks == benchmark)
        if own.any():
            x[own] = values[own] - values[own].mean()
            columns.append(own.astype(float))
    if not np.abs(x).sum() > 1e-9:
        return None
    weights = x / (x @ x)
    design = np.stack([*columns, x], axis=1)
    residual = np.diag(chosen.astype(float)) - design @ np.linalg.pinv(design)
    clusters = _clusters(cells, places)
    count = len(clusters)
    spread = clusters * weights @ residual * np.sqrt(count / max(count - 2, 1))
    sides = [len({cells[place][1] for place in places if values[place] == side}) for side in set(values[places])]
    # Two groups hold as many languages as the smaller one; a slope over classes as many as there are.
    languages = min(sides) if len(sides) == 2 else count
    df = max((languages - 1) if len(sides) == 2 else count - 2, 1)
    return Group(name, words, weights, spread if count > 2 else spread[:0], df, languages)
