"""The tables of the analysis as LaTeX: compact, one idea a table."""

from maple import latex
from maple.benchmarks import DECLARED
from maple.groups import NAMES
from maple.pairs import ADAPTERS, SETTINGS

HEADER = "% Needs \\usepackage{booktabs}. Made by the workflow from the CSV beside it; edit a copy, not this file.\n"
# Languages side by side that a page holds.
_WIDE = 15


def _sample(part) -> str:
    """Return the warning that belongs to sample data."""
    return " Sample data: these numbers measure nothing." if (part["data_source"] == "sample").any() else ""


def scores(table, comparisons) -> str:
    """Return a table per benchmark and base model: systems x languages, a star where an adapter differs from its base.

    A benchmark of more languages than a page holds shows English and the means of the resource classes.
    """
    real = comparisons[(comparisons["kind"] == "base") & (comparisons["about"] == ADAPTERS)]
    real = real[real["p_holm"] < 0.05]
    stars = set(zip(real["system"], real["benchmark"], real["language"], strict=True))
    pages = []
    for (name, model), part in table.groupby(["benchmark", "model"], sort=False):
        wide = part.pivot(index="system", columns="language", values="score")
        wide = wide.loc[list(dict.fromkeys(part["system"])), list(dict.fromkeys(part["language"]))]
        labels = part.drop_duplicates("system").set_index("system")["label"]
        columns = _columns(part.drop_duplicates("language"))
        rows = [
            [latex.escape(labels[system])]
            + [
                latex.number(row[codes].mean()) + "*" * (len(codes) == 1 and (system, name, codes[0]) in stars)
                for codes in columns.values()
            ]
            for system, row in wide.iterrows()
        ]
        heads = [("l", "System"), *(("r", heading) for heading in columns)]
        pages.append(latex.table(heads, rows, _caption(name, part), f"tab:scores-{name}-{model}"))
    return HEADER + "\n".join(pages)


def _columns(languages) -> dict[str, list[str]]:
    """Return heading and languages of each column of a benchmark's scores."""
    codes = list(languages["language"])
    if len(codes) <= _WIDE:
        return {code: [code] for code in codes} | {"mean": codes}
    found = {"en": ["en"]} if "en" in codes else {}
    for joshi, part in languages.groupby("joshi_class"):
        found[f"class {joshi:.0f} ({len(part)})"] = list(part["language"])
    return found | {f"mean ({len(codes)})": codes}


def _caption(name: str, part) -> str:
    """Return the caption of a benchmark's scores: metric, chance, items, interval."""
    items = part.drop_duplicates("language")["items"]
    metric = "accuracy" if part["metric"].iloc[0] == "accuracy" else "F1"
    chance = f" (chance {part['chance'].iloc[0] * 100:.0f})" if part["chance"].notna().any() else ""
    many = f"{items.min():,}" if items.nunique() == 1 else f"{items.min():,} to {items.max():,}"
    half = (part["high"] - part["low"]).mean() / 2
    return (
        f"{DECLARED[name].name}: {metric} in %{chance}, by {part['scoring'].iloc[0]}, {many} items a language; "
        f"95 % intervals reach {half * 100:.1f} points to each side on average. Classes of Joshi et al. 2020 "
        f"with their number of languages. *: differs from its base at Holm-adjusted p < 0.05.{_sample(part)}"
    )


def comparisons(table, notes: list[str]) -> str:
    """Return a table per benchmark and factor: means over languages, English beside them, and what is real.

    Where settings were compared over seeds, these rows stand and those of their single adapters stay in the CSV.

    Args:
        table: The table of comparisons.
        notes: What must stand wherever bits are compared.
    """
    words = {"base": "finetuned against untuned", "rank": "ranks", "bits": "precisions", "data": "training data"}
    pages = []
    for (name, kind), both in table[table["kind"] != "reference"].groupby(["benchmark", "kind"], sort=False):
        part = both[(both["about"] == SETTINGS) | ~_in_settings(both)]
        about = "; ".join(dict.fromkeys(part["about"]))
        is_mean = part["language"].isin(NAMES)
        counts = part[~is_mean].groupby(["system", "against", "verdict"]).size()
        rows = []
        for (system, against), means in part[is_mean].groupby(["system", "against"], sort=False):
            pair = means["label"].iloc[0] + ("" if kind == "base" else f" vs {means['against_label'].iloc[0]}")
            by_group = means.set_index("language")
            rows.append([latex.escape(pair), *(_with_interval(by_group, group) for group in NAMES)])
            rows[-1].append(latex.number(means["english"].iloc[0], sign=True))
            rows[-1] += [str(counts.get((system, against, verdict), 0)) for verdict in ("better", "worse")]
        heads = ["All languages", "Low-resource", "High-resource", "English", "Better", "Worse"]
        columns = [("l", "System" if kind == "base" else "Pair"), *(("r", head) for head in heads)]
        caption = (
            f"{DECLARED[name].name}: {words[kind]}, {about}. Difference in points with its 95 % interval, mean over "
            f"languages; better and worse count languages at Holm-adjusted p < 0.05.{_sample(part)}"
        )
        caption += "".join(f" {latex.escape(note)}" for note in notes if kind == "bits")
        pages.append(latex.table(columns, rows, caption, f"tab:{kind}-{name}"))
    return HEADER + "\n".join(pages)


def _in_settings(table):
    """Return which comparisons of single systems there are over seeds as well; of untuned bases there are none."""
    keys = ["model", "bits", "data", "method", "rank", "against_value"]
    settings = table.loc[table["about"] == SETTINGS, keys]
    return (table["about"] == ADAPTERS) & table.set_index(keys).index.isin(settings.set_index(keys).index)


def _with_interval(by_group, group: str) -> str:
    """Return a difference with its interval; a dash if the benchmark has no such language."""
    if group not in by_group.index:
        return "--"
    row = by_group.loc[group]
    return f"{latex.number(row['difference'], sign=True)} [{latex.number(row['low'])}, {latex.number(row['high'])}]"


def effects(table) -> str:
    """Return the verdicts, and a table of coefficients per scope."""
    claims = table[table["kind"] == "hypothesis"]
    rows = [
        [latex.escape(row.scope), f"({latex.escape(row.claim)})", latex.escape(row.statement), row.verdict,
         latex.probability(row.p_holm), latex.escape(row.evidence)]
        for row in claims.itertuples()
    ]  # fmt: skip
    heads = [("l", "Scope"), ("l", "Claim"), ("p{4cm}", "Statement"), ("l", "Verdict"), ("r", "p (Holm)")]
    caption = f"Claims of arXiv 2401.07598 and what this study says of them.{_sample(table)}"
    pages = [latex.table([*heads, ("p{5cm}", "Evidence")], rows, caption, "tab:claims")]
    for scope, part in table[table["kind"] == "effect"].groupby("scope", sort=False):
        rows = [
            [latex.escape(row.statement), latex.number(row.estimate, 2, True),
             f"[{latex.number(row.low, 2)}, {latex.number(row.high, 2)}]", latex.probability(row.p),
             latex.probability(row.p_holm), row.verdict]
            for row in part[part["estimate"].notna()].itertuples()
        ]  # fmt: skip
        heads = [
            ("l", "Effect"),
            ("r", "Points"),
            ("r", "95 % interval"),
            ("r", "p"),
            ("r", "p (Holm)"),
            ("l", "Verdict"),
        ]
        facts = part.iloc[0]
        caption = (
            f"Effects on score change (adapter minus its base), {scope}: {facts['adapters']:.0f} adapters, "
            f"{facts['seeds']:.0f} seed(s) a setting.{_sample(part)}"
        )
        pages.append(latex.table(heads, rows, caption, f"tab:effects-{scope.replace(' ', '-')}"))
    return HEADER + "\n".join(pages)


def gaps(table) -> str:
    """Return, per benchmark, how far each setting closes the gap to each larger model, over the counted languages."""
    pages = []
    for name, part in table[table["larger"].astype(bool)].groupby("benchmark", sort=False):
        counted = part[part["counted"].astype(bool)]
        rows = []
        for (_, reference, setup), own in counted.groupby(["system", "reference", "setup"], sort=False):
            best = own.loc[own["gap_closed"].idxmax()]
            rows.append(
                [latex.escape(own["label"].iloc[0]), latex.escape(f"{reference}, {setup}"), str(len(own)),
                 latex.number(own["gap_closed"].median(), 0), latex.escape(best["language_name"]),
                 f"{latex.number(best['gap_closed'], 0)} [{latex.number(best['low'], 0)}, "
                 f"{latex.number(best['high'], 0)}]"]
            )  # fmt: skip
        heads = ["Finetuned", "Larger model", "Languages", "Median", "Best language", "There"]
        columns = list(zip("llrrlr", heads, strict=True))
        caption = (
            f"{DECLARED[name].name}: share of the gap to published scores that finetuning closes, in %, with Fieller's "
            f"95 % interval. {len(part) - len(counted)} of {len(part)} are not counted: see why_not in the CSV."
        )
        pages.append(latex.table(columns, rows, caption, f"tab:gaps-{name}"))
    return HEADER + "\n".join(pages)
