"""Pairs, the model of score changes, claims, references and gaps, on scores small enough to check by hand."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import tables
from scipy import stats
from workspace import ROOT, TINY

from maple import comparisons, config, design, effects, gaps, groups, hypotheses, latex, paper, references
from maple.errors import UserError
from maple.item_tables import Items
from maple.pairs import SETTINGS, pairs
from maple.scored import Scored
from maple.study import Study
from maple.systems import System

LANGUAGES = [("en", "English", 5), ("sw", "Swahili", 2), ("ht", "Haitian Creole", 0), ("de", "German", 5)]


def grid(models=("m",), bits=(4, 16), data=("d",), methods=("lora",), ranks=(8, 16), seeds=(0,)):
    systems = [System(model, b) for model in models for b in bits]
    return systems + [
        System(base.model, base.bits, d, method, rank, seed)
        for base in systems
        for d in data
        for method in methods
        for rank in ranks
        for seed in seeds
    ]


def scored(systems, means, noise=0.001, resamples=400):
    rng = np.random.default_rng(0)
    means = np.asarray(means, dtype=float)
    drawn = means + noise * rng.normal(size=(resamples, *means.shape))
    labels = [system.path for system in systems]
    return Scored(systems, labels, LANGUAGES[: means.shape[1]], means, drawn, [900] * means.shape[1])


# -- pairs ------------------------------------------------------------------------------------


def test_pairs_differ_in_one_coordinate():
    found = pairs(grid(data=("d", "e"), ranks=(8, 16, 32)))
    count = {kind: sum(pair.kind == kind for pair in found) for kind in ("base", "rank", "bits", "data")}
    # 12 adapters; 3 pairs of ranks in 4 settings; 6 adapters and the base across bits; 6 pairs of data.
    assert count == {"base": 12, "rank": 12, "bits": 7, "data": 6}
    assert all(pair.first.rank > pair.second.rank for pair in found if pair.kind == "rank")


def test_ranks_of_two_methods_are_no_comparison_of_rank():
    # Each method has its own learning rate and rule for alpha.
    systems = [System("m", 16), System("m", 16, "d", "lora", 8, 0), System("m", 16, "d", "lora-fast", 16, 0)]
    assert [pair.kind for pair in pairs(systems)] == ["base", "base"]


def test_seeds_are_paired_with_themselves():
    found = [pair for pair in pairs(grid(bits=(4,), seeds=(0, 1))) if pair.kind == "rank"]
    assert {(pair.first.seed, pair.second.seed) for pair in found} == {(0, 0), (1, 1)}


# -- groups and the model ---------------------------------------------------------------------


def test_groups_of_languages():
    assert groups.members([(code, joshi) for code, _, joshi in LANGUAGES] + [("kea", None)]) == {
        "all": [0, 1, 2, 3, 4],
        "low": [1, 2],
        "high": [0, 3],
    }


def changed(adapters, values, cells, noise=0.0):
    values = np.asarray(values, dtype=float)
    deviations = noise * np.random.default_rng(0).normal(size=(300, *values.shape))
    return design.Changes(adapters, cells, values, deviations.astype(np.float32))


def adapters_of(systems):
    return pd.DataFrame([vars(system) for system in systems if not system.is_base])


def test_coefficients_are_statsmodels_least_squares_on_cells():
    import statsmodels.formula.api as smf

    adapters = adapters_of(grid(models=("a", "b"), bits=(4, 8, 16), data=("d", "e"), ranks=(8, 32), seeds=(0, 1)))
    cells = [("xcopa", code, joshi) for code, _, joshi in LANGUAGES]
    values = np.random.default_rng(1).normal(0, 0.05, (len(adapters), 4))
    rows = {(row["term"], row["group"]): row for row in effects.fit(changed(adapters, values, cells))}
    frame = pd.concat([adapters.assign(y=values[:, place], low=float(cells[place][2] <= 2)) for place in range(4)])
    frame = frame.assign(r=np.log2(frame["rank"].astype(float)), b=np.log2(frame["bits"].astype(float)))
    centred = frame.assign(r=frame["r"] - frame["r"].mean(), b=frame["b"] - frame["b"].mean())
    for group, part in (("all", centred), ("low", centred[centred["low"] == 1])):
        fit = smf.ols("y ~ r + b + C(model, Sum) + C(data)", part).fit()
        assert rows["rank", group]["estimate"] == pytest.approx(fit.params["r"])
        assert rows["bits", group]["estimate"] == pytest.approx(fit.params["b"])
        assert rows["model: b", group]["estimate"] == pytest.approx(-2 * fit.params["C(model, Sum)[S.a]"])
        assert rows["finetuning", group]["estimate"] == pytest.approx(part["y"].mean())
    interaction = smf.ols("y ~ low * (r + b + C(model) + C(data))", centred).fit()
    assert rows["rank", "low - high"]["estimate"] == pytest.approx(interaction.params["low:r"])
    slope = smf.ols("y ~ joshi", frame.assign(joshi=np.repeat([5, 2, 0, 5], len(adapters)))).fit()
    assert rows["finetuning", "per class"]["estimate"] == pytest.approx(slope.params["joshi"])


def test_the_spread_between_adapters_is_that_of_least_squares_on_their_means():
    import statsmodels.formula.api as smf

    adapters = adapters_of(grid(seeds=(0, 1, 2)))
    cells = [("xcopa", "en", 5)]
    values = np.random.default_rng(2).normal(0, 0.05, (len(adapters), 1))
    rows = {(row["term"], row["group"]): row for row in effects.fit(changed(adapters, values, cells))}
    frame = adapters.assign(y=values[:, 0], r=np.log2(adapters["rank"]), b=np.log2(adapters["bits"]))
    fit = smf.ols("y ~ r + b", frame).fit()
    row = rows["rank", "english"]
    assert row["se"] == pytest.approx(fit.bse["r"]) and row["p"] == pytest.approx(fit.pvalues["r"])
    assert (row["low"], row["high"]) == pytest.approx(tuple(fit.conf_int().loc["r"]), abs=1e-6)


def test_what_the_grid_does_not_vary_apart_has_no_coefficient():
    # The second model is only there at 16 bit: bits and model cannot be told apart.
    systems = grid(models=("a",), bits=(4,), seeds=(0, 1, 2)) + grid(models=("b",), bits=(16,), seeds=(0, 1, 2))
    rows = effects.fit(changed(adapters_of(systems), np.zeros((12, 1)), [("xcopa", "en", 5)]))
    evidence = {row["term"]: row["evidence"] for row in rows}
    assert "does not vary it apart" in evidence["bits"] and "does not vary it apart" in evidence["model: b"]
    assert evidence["rank"] == ""


def test_rank_is_judged_only_from_three_seeds():
    cells = [("xcopa", code, joshi) for code, joshi in (("ht", 0), ("qu", 1), ("sw", 2), ("en", 5))]
    for seeds, verdict in (((0, 1), "undecided"), ((0, 1, 2), "supported")):
        adapters = adapters_of(grid(ranks=(8, 16, 32), seeds=seeds))
        values = 0.02 * np.log2(adapters["rank"].to_numpy(float))[:, None] + np.zeros(4)
        values += np.random.default_rng(0).normal(0, 0.002, values.shape)
        changes = changed(adapters, values, cells, noise=0.001)
        rows = effects.fit(changes)
        found = {row["claim"]: row for row in hypotheses.judge(changes, rows, pd.DataFrame(), "x")}
        assert found["a: rank"]["verdict"] == verdict
        decided = {(row["term"], row["group"]): row for row in effects.decide(rows, "x")}
        assert decided["rank", "low"]["verdict"] == {"undecided": "undecided", "supported": "positive"}[verdict]
    assert "2 seeds a setting" in effects.lacks(
        changed(adapters_of(grid(seeds=(0, 1))), np.zeros((8, 4)), cells),
        design.Term("rank", "", np.zeros(8)),
        design.language_groups(cells)["low"],
    )


def judged(systems, cells=LANGUAGES, values=None):
    adapters = adapters_of(systems)
    values = np.random.default_rng(0).normal(0, 0.02, (len(adapters), len(cells))) if values is None else values
    found = changed(adapters, values, [("xnli", code, joshi) for code, _, joshi in cells], 0.01)
    rows = effects.fit(found)
    claims = hypotheses.judge(found, rows, pd.DataFrame(), "xnli")
    return {row["claim"]: row["evidence"] for row in claims}, {(row["term"], row["group"]): row for row in rows}


def test_what_is_undecided_says_what_it_lacks():
    three = [System("m", bits, "d", "lora", rank, 0) for bits, rank in ((16, 8), (16, 16), (4, 8))]
    claims, rows = judged(three)
    # Three adapters for mean, rank and bits: none is left to tell the spread from.
    assert rows["finetuning", "all"]["evidence"] == "3 adapters, as many as coefficients; more are needed"
    assert claims["d"].startswith("2 languages; 3 are needed; low-resource ")
    assert claims["a: rank"].startswith("1 seed a setting; 3 are needed; ")
    assert claims["a: rank"].endswith(" points (no interval) per doubling of the rank in 2 low-resource languages")
    claims, _ = judged(three, [part for part in LANGUAGES if part[2] > 2])
    assert (claims["a: rank"], claims["d"]) == ("no low-resource language", "no low-resource language")
    assert judged(three[:2])[0]["a: bits"] == "no two values of bits"
    assert judged(three[1:])[0]["a: bits"] == "this grid does not vary it apart from others"


def test_gaps_that_cannot_be_tested_say_why():
    gap = {"larger": True, "counted": True, "why_not": "", "difference": -0.1, "p": 0.01, "seeds": 3, "p_gap": 0.04}
    table = pd.DataFrame([gap, gap])
    assert hypotheses._gap(table)["evidence"] == (
        "0 of 2 gaps to larger models closed by the estimate; none is sure after Holm's correction"
    )
    assert hypotheses._gap(table.assign(seeds=1))["evidence"].endswith("; 3 seeds a setting are needed")
    assert hypotheses._gap(table.assign(p_gap=0.001))["evidence"].endswith("; 2 tested")


def test_settings_of_unequal_seeds_are_not_said_to_be_alike():
    seeds = [System("m", 16, "d", "lora", rank, seed) for rank, seed in ((8, 0), (16, 0), (16, 1), (16, 2))]
    assert judged(seeds)[1]["rank", "all"]["evidence"] == "1 seed in some settings; 3 are needed"


def test_claims_about_all_parts_and_about_some():
    assert hypotheses.all_of([0.01, 0.2]) == (0.2, 1.0)
    assert hypotheses.all_of([0.99, 0.2])[1] == pytest.approx(0.02)
    assert hypotheses.any_of([0.01, 0.2]) == (0.02, 0.99)
    assert hypotheses.any_of([0.99, 0.98])[1] == pytest.approx(0.02)


# -- comparisons over seeds -------------------------------------------------------------------


def over_seeds(systems, means, noise):
    part = scored(systems, means, noise=noise)
    items = {code: Items(None, part.means[:, [place]].T) for place, (code, *_) in enumerate(part.languages)}
    table = comparisons.correct(comparisons.frame(part, items), "XCOPA")
    return table[table["about"] == SETTINGS]


def test_settings_are_compared_over_their_seeds():
    systems = grid(bits=(4,), seeds=(0, 1, 2))
    means = [[0.5, 0.5]] + [[0.6 + jitter, 0.5 + jitter] for jitter in (0, 0.01, -0.01)]
    means += [[0.7 - jitter, 0.5 + jitter] for jitter in (0, 0.01, -0.01)]
    table = over_seeds(systems, means, noise=1e-5)
    row = table[(table["kind"] == "rank") & (table["language"] == "en")].iloc[0]
    assert row["system"] == "m/4bit/d/lora-r16" and row["against"] == "m/4bit/d/lora-r8" and row["seeds"] == 3
    assert row["difference"] == pytest.approx(0.1)
    # Three seeds of two settings with hardly any noise from items: Student's two-sample test.
    expected = stats.ttest_ind(np.array(means)[4:, 0], np.array(means)[1:4, 0])
    interval = expected.confidence_interval()
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high), rel=1e-3)
    assert row["p"] == pytest.approx(expected.pvalue, rel=1e-3)
    mean = table[(table["kind"] == "rank") & (table["language"] == "all")].iloc[0]
    assert mean["languages"] == 2 and mean["english"] == pytest.approx(0.1)
    assert mean["difference"] == pytest.approx(0.05)


def test_two_seeds_decide_nothing():
    systems = grid(bits=(4,), seeds=(0, 1))
    means = [[0.2]] + [[0.6 + jitter] for jitter in (0, 1e-6)] + [[0.7 + jitter] for jitter in (0, 2e-6)]
    table = over_seeds(systems, means, noise=1e-6)
    assert (table["p_holm"] < 0.05).any() and set(table["verdict"]) == {"undecided"}


# -- published scores -------------------------------------------------------------------------

HEADER = ",".join(references.COLUMNS)
ROW = "xnli,sw,gpt-4,,monolingual,generation,accuracy,62.3,,somewhere"


def test_the_shipped_references_are_read():
    found = references.load()
    assert len(found) == 816 and sum(bool(part.flag) for part in found) == 143
    assert {part.language for part in found if part.benchmark == "belebele"} >= {"nb", "zh", "zh-Hant"}
    assert all(0 <= part.score < 1 and part.scoring == "generation" for part in found)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (ROW.replace("xnli", "xnlu"), "unknown benchmark 'xnlu': use one of xnli"),
        (ROW.replace("sw", "ja"), "xnli has no language 'ja': use one of ar"),
        (ROW.replace("62.3", "62,3"), "fields: put text with commas in quotes"),
        (ROW.replace("62.3", "0.62%"), "score '0.62%' must be a number from 0 to 100"),
        (ROW.replace("62.3", "nan"), "score 'nan' must be a number"),
        (ROW.replace("62.3", ""), "score is empty: fill it in or delete the row"),
        (ROW.replace("accuracy", "f1"), "metric 'f1': scores of xnli must be accuracy"),
        (ROW.replace("generation", "guess"), "scoring 'guess' must be likelihood or generation"),
        (ROW.replace("gpt-4,", "gpt-4,7B"), "parameters '7B' must be billions of weights"),
        (ROW + "\n" + ROW, "line 3: xnli, sw, gpt-4, monolingual occurs twice: delete one"),
        (ROW.rpartition(",")[0], "source is empty"),
    ],
)
def test_broken_references_name_file_row_and_remedy(tmp_path, row, says):
    path = tmp_path / "references.csv"
    path.write_text(f"{HEADER}\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError) as error:
        references.load(path)
    text = str(error.value)
    assert says in text and text.startswith(f"{path}, line ") and "\n" not in text


def test_references_without_their_header(tmp_path):
    path = tmp_path / "references.csv"
    path.write_text(ROW, encoding="utf-8")
    with pytest.raises(UserError, match="line 1: the columns must be benchmark,language"):
        references.load(path)
    with pytest.raises(UserError, match="restore it"):
        references.load(tmp_path / "absent.csv")


def test_published_scores_belong_to_the_spec_of_their_benchmark_alone():
    raw = copy.deepcopy(TINY)
    assert json.loads(Study(config.resolve(raw)).compare_spec("xnli"))["references"] is None
    raw["benchmarks"]["xnli"] |= {"source": "local", "path": "."}
    both = json.loads(Study(config.resolve(raw)).compare_spec("xnli"))["references"]
    raw["benchmarks"]["xnli"]["languages"] = ["en"]
    english = json.loads(Study(config.resolve(raw)).compare_spec("xnli"))["references"]
    assert len({None, both, english, references.content("xcopa", ["en"])}) == 4


def published(score, flag="", scoring="likelihood", parameters=None, language="en"):
    return references.Reference("xcopa", language, "large", parameters, "few-shot", scoring, score, flag, "here")


def gap_rows(*published_scores, tuned=0.65, noise=0.005):
    systems = [System("m", 16), System("m", 16, "d", "lora", 8, 0)]
    part = scored(systems, [[0.5], [tuned]], noise=noise)
    return gaps.frame(part, list(published_scores), "likelihood", {"m": 7e9})


def test_share_of_the_gap():
    row = gap_rows(published(0.8)).iloc[0]
    assert row["gap_closed"] == pytest.approx(0.5) and row["counted"] and row["larger"]
    # Fieller against drawing base, finetuned and published scores.
    rng = np.random.default_rng(1)
    base, tuned = 0.5 + 0.005 * rng.normal(size=40000), 0.65 + 0.005 * rng.normal(size=40000)
    other = 0.8 + np.sqrt(0.16 / 900) * rng.normal(size=40000)
    expected = np.quantile((tuned - base) / (other - base), [0.025, 0.975])
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=0.01)


def test_what_is_never_counted_as_closed():
    table = gap_rows(
        published(0.8, flag="below_chance"),
        published(0.8, scoring="generation"),
        published(0.51),
        published(0.45),
        published(0.8, parameters=13.0),
        published(0.8, parameters=70.0),
    )
    assert list(table["counted"]) == [False, False, False, False, True, True]
    assert list(table["larger"]) == [True, True, True, True, False, True]
    assert table["why_not"].iloc[0] == "flagged: below chance"
    assert table["why_not"].iloc[1] == "measured by generation"
    assert table["why_not"].iloc[2].startswith("no gap") and table["gap_closed"].iloc[2:4].isna().all()
    shown = comparisons.correct(gaps.as_comparisons(table), "XCOPA")
    assert (shown["pairing"] == "none: published score").all()
    assert list(shown["p"].isna()) == [True, True, False, False, False, False]
    assert "all 4 comparisons of a finetuned system with a published score" in shown["family"].iloc[0]


# -- LaTeX ------------------------------------------------------------------------------------


def test_latex_escapes_what_it_must():
    assert latex.escape("a_b & 5 % < {x}") == r"a\_b \& 5 \% $<$ \{x\}"
    text = latex.table([("l", "A_b"), ("r", "%")], [["x", latex.number(-0.0123, sign=True)]], "100 %", "tab:x")
    assert r"A\_b & \% \\" in text and r"x & $-1.2$ \\" in text and r"\caption{100 \%}" in text
    assert latex.number(float("nan")) == "--" and latex.probability(0.0004) == "$<$0.001"


def test_bases_stay_in_the_table_of_precisions_where_adapters_have_seeds():
    base, four = tables.system(), tables.system(bits=4)
    rows = [tables.comparison("bits", base, four, "all")]
    for seed in (0, 1):
        first, second = tables.system(rank=8, seed=seed), tables.system(bits=4, rank=8, seed=seed)
        rows.append(tables.comparison("bits", first, second, "all"))
    rows.append(rows[-1] | {"about": SETTINGS, "seeds": 2, "seed": None, "system": "a setting", "against": "another"})
    rows[-1] |= {"label": "Over seeds", "against_label": "the same at 4 bit"}
    text = paper.comparisons(pd.DataFrame(rows).assign(english=0.0, data_source="local"), [])
    pairs = [line.split(" & ")[0] for line in text.splitlines() if " vs " in line]
    assert pairs == ["Tiny, 16-bit, untuned vs Tiny, 4-bit, untuned", "Over seeds vs the same at 4 bit"]
    assert "precisions, these systems; settings, over seeds." in text


def test_the_config_readme_names_the_columns_of_references():
    text = (ROOT / "config/README.md").read_text(encoding="utf-8")
    assert all(f"`{column}`" in text for column in references.COLUMNS)
