"""What the figures over the whole study plot, on tables small enough to check by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from maple import (
    adapter_points,
    fertility,
    figure_cost,
    figure_fertility,
    figure_forest,
    figure_heatmap,
    figure_parts,
    figure_tradeoff,
    heatmap_headings,
    plots,
)
from maple.figure_cost import Cost
from maple.pairs import ADAPTERS, SETTINGS

BASE = "m/16bit/base"
R8, R64 = (f"m/16bit/d/lora-r{rank}/seed0" for rank in (8, 64))
SPEC = {
    "study": "Test", "sources": {"xnli": "hub"}, "models": {"m": "Model"}, "data": {"d": "Data"},
    "methods": {"lora": "LoRA"}, "notes": {"m": ""}, "adapters": [R8, R64], "rankless": [],
}  # fmt: skip


def comparison(system, benchmark, language, difference, half=0.02, scoring="likelihood", **more):
    row = {"kind": "base", "about": ADAPTERS, "system": system, "model": "m", "benchmark": benchmark}
    row |= {"language": language, "difference": difference, "low": difference - half, "high": difference + half}
    return row | {"scoring": scoring, "verdict": "undecided", "languages": 1} | more


COMPARISONS = pd.DataFrame(
    [
        comparison(R8, "xnli", "low", 0.03, 0.03),
        comparison(R8, "xnli", "en", -0.02),
        comparison(R8, "belebele", "low", 0.01, 0.04),
        comparison(R8, "belebele", "en", -0.04),
        comparison(R8, "xcopa", "low", 0.9),
        comparison(R8, "xquad", "en", 0.5, scoring="generation"),
        comparison(R8, "xnli", "low", 0.5, about=SETTINGS),
        comparison(R64, "xnli", "low", 0.5, kind="rank"),
    ]
)


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text")))


# -- one point per adapter --------------------------------------------------------------------


def test_mean_over_the_benchmarks_that_have_every_group():
    points, used = adapter_points.changes(COMPARISONS, ["low", "en"])
    # XCOPA lacks English and XQuAD a low-resource language; other kinds of comparison do not count.
    assert used == {"likelihood": ["XNLI", "Belebele"]}
    (point,) = points.to_dict("records")
    assert point["low"] == pytest.approx(2.0) and point["en"] == pytest.approx(-3.0)
    # Half intervals of 3 and 4 points on two independent benchmarks: 5 over 2.
    assert point["low_low"] == pytest.approx(-0.5) and point["low_high"] == pytest.approx(4.5)


def test_interval_of_a_mean_covers_what_independent_benchmarks_give():
    rng = np.random.default_rng(0)
    errors = rng.normal(scale=[0.01, 0.02, 0.03], size=(20000, 3))
    half = 1.96 * np.array([0.01, 0.02, 0.03])
    rows = [comparison(R8, name, "all", 0.0, h) for name, h in zip(("xnli", "xcopa", "belebele"), half, strict=True)]
    point = adapter_points.changes(pd.DataFrame(rows), ["all"])[0].iloc[0]
    inside = np.abs(errors.mean(axis=1)) * 100 < point["all_high"]
    assert 0.94 < inside.mean() < 0.96


def test_looks_tell_what_varies_and_nothing_else():
    spec = SPEC | {"models": {"m": "Model", "n": "Other"}}
    looks = adapter_points.looks([R8, "n/4bit/d/lora-r8/seed0"], spec)
    assert [look["family"] for look in looks.values()] == ["Model", "Other"]
    first, second = looks.values()
    assert first["colour"] != second["colour"] and first["marker"] != second["marker"]
    assert (first["fill"], second["fill"]) == (1.0, 0.0)
    # With one precision fill says nothing, so all are full.
    assert adapter_points.looks(["n/4bit/d/lora-r8/seed0"], spec)["n/4bit/d/lora-r8/seed0"]["fill"] == 1.0


def test_tradeoff_names_what_is_missing():
    found = texts(figure_tradeoff.draw(COMPARISONS, {R8: 4_200_000}, SPEC))
    assert "XCOPA and XQuAD" in found and "4.2 million trainable parameters" in found
    none = COMPARISONS[COMPARISONS["benchmark"].isin(["xcopa", "xquad"])]
    assert "No benchmark of this study has both English" in texts(figure_tradeoff.draw(none, {R8: 1}, SPEC))
    assert "no adapter" in texts(figure_tradeoff.draw(COMPARISONS[:0], {}, SPEC))


def test_larger_adapters_have_larger_markers():
    sizes = figure_tradeoff._sizes({"a": 10, "b": 100, "c": 1000})
    assert sizes[10] < sizes[100] < sizes[1000]
    assert sizes[100] - sizes[10] == pytest.approx(sizes[1000] - sizes[100])


# -- forest -----------------------------------------------------------------------------------


def effects(**claims):
    rows = []
    for claim in ("a: rank", "a: bits", "b", "c", "d"):
        verdict = claims.get(claim[0], "undecided")
        p = 0.01 if verdict != "undecided" else np.nan
        rows.append({"kind": "hypothesis", "claim": claim, "verdict": verdict, "p_holm": p, "evidence": "few seeds"})
    for term, group in [("rank", "low"), ("finetuning", "english"), ("finetuning", "low"), ("finetuning", "all")]:
        row = {"kind": "effect", "term": term, "group": group, "estimate": 0.01, "low": -0.01, "high": 0.03}
        rows.append(row | {"verdict": "undecided", "p_holm": 0.5, "adapters": 4, "seeds": 1, "evidence": np.nan})
    return pd.DataFrame(rows).assign(scope="xnli")


def test_forest_has_a_panel_per_claim_with_its_verdict_in_words():
    found = figure_forest.panels(effects(c="supported"), SPEC)
    titles = [title.replace("\n", " ") for title, *_ in found]
    # No bits and no high-resource language here: nothing to draw, no panel.
    assert titles == ["(a) Higher rank helps low-resource languages", "(c) English can drop",
                      "(d) Low-resource languages gain ...", "Finetuning, mean over all languages"]  # fmt: skip
    (rank,), (english,) = found[0][2], found[1][2]
    assert (english.verdict, english.tested, english.estimate) == ("supported", True, 1.0)
    assert (rank.verdict, rank.tested, rank.low) == ("undecided", False, -1.0)


def test_forest_shows_claim_b_only_where_it_was_tested():
    titles = [title for title, *_ in figure_forest.panels(effects(b="contradicted"), SPEC)]
    assert any(title.startswith("(b)") for title in titles)
    assert "undecided everywhere" in texts(figure_forest.draw(effects(), SPEC))
    assert "no adapter" in texts(figure_forest.draw(effects()[:0], SPEC))


def test_forest_names_a_contrast_in_words():
    row = {"kind": "effect", "term": "data: e", "group": "all", "statement": "data e in place of d, all languages",
           "estimate": 0.02, "verdict": "positive", "p_holm": 0.01, "scope": "xnli"}  # fmt: skip
    table = pd.concat([effects(), pd.DataFrame([row])])
    title, _, (shown,) = figure_forest.panels(table, SPEC | {"data": {"d": "Data", "e": "Else"}})[-1]
    assert title == "Else\nin place of Data" and shown.verdict == "positive" and np.isnan(shown.low)


# -- heatmap ----------------------------------------------------------------------------------


def scores(systems=(BASE, R8), languages=(("en", "English", 5), ("kea", "Kabuverdianu", None), ("sw", "Swahili", 2))):
    rows = []
    for place, system in enumerate(systems):
        for code, name, joshi in languages:
            row = {"benchmark": "xnli", "scoring": "likelihood", "system": system, "label": system, "model": "m"}
            row |= {"bits": 16, "rank": np.nan if system == BASE else 8, "language": code, "language_name": name}
            row |= {"joshi_class": joshi, "score": 0.5 + 0.1 * place, "low": 0.4, "high": 0.6, "items": 100}
            rows.append(row | {"metric": "accuracy"})
    return pd.DataFrame(rows)


def compared():
    return pd.DataFrame(
        [
            comparison(R8, "xnli", "en", -0.1, verdict="worse"),
            comparison(R8, "xnli", "sw", 0.1, verdict="better"),
            comparison(R8, "xnli", "kea", 0.02),
            comparison(R8, "xnli", "all", 0.5),
        ]
    )


def test_heatmap_shows_scores_of_bases_and_changes_of_adapters():
    base, change, signs = figure_heatmap.cells(scores(), compared())
    # By falling resource class, languages without a class last.
    assert list(base.index) == ["en", "sw", "kea"]
    assert base[BASE].tolist() == [50, 50, 50] and base[R8].isna().all()
    assert change[R8].tolist() == pytest.approx([-10, 10, 2]) and change[BASE].isna().all()
    assert signs[R8].tolist() == [-1, 1, 0] and signs[BASE].tolist() == [0, 0, 0]


def test_heatmap_marks_what_is_real():
    found = texts(figure_heatmap.draw([(scores(), compared())], SPEC))
    assert "+10.0*" in found and "\N{MINUS SIGN}10.0*" in found and "+2.0\n" in found
    assert "2 of 3 cells" in found
    # The width is that of what is drawn: single adapters, not their settings over seeds.
    over = compared().assign(about=SETTINGS, low=-1.0, high=1.0)
    assert texts(figure_heatmap.draw([(scores(), pd.concat([compared(), over], ignore_index=True))], SPEC)) == found
    only = texts(figure_heatmap.draw([(scores(systems=(BASE,)), compared()[:0])], SPEC))
    assert "no adapter" in only and "against the base" not in only


def test_heatmap_headings_leave_out_what_does_not_vary():
    spec = SPEC | {"data": {"d": "Data", "e": "Else"}}
    headings = heatmap_headings.levels([BASE, R8, "m/16bit/e/lora-r8/seed0"], spec)
    assert headings == [["Model"] * 3, ["16-bit"] * 3, ["", "Data", "Else"], ["untuned", "8", "8"]]
    assert list(heatmap_headings.spans(headings[2], [BASE, R8, "x"], headings[:3]))[1:] == [
        (1, 1, "Data"),
        (2, 2, "Else"),
    ]


# -- fertility --------------------------------------------------------------------------------


def by_two(text, add_special_tokens):
    assert not add_special_tokens
    return {"input_ids": [text[start : start + 2] for start in range(0, len(text), 2)]}


def test_fertility_counts_each_text_once_and_no_labels():
    items = [{"fields": {"premise": "a bc", "question": "cause"}}, {"fields": {"premise": "a bc", "choice1": "defg"}}]
    texts = fertility.texts_of(items, {"question": ("cause", "effect")})
    assert texts == ["a bc", "defg"]
    assert fertility.count(texts, by_two) == fertility.Counts(texts=2, tokens=4, words=3, characters=7)


@pytest.mark.parametrize(
    "script, unit", [("Latn", "word"), ("Hang", "word"), ("Thai", "character"), ("Hans", "character")]
)
def test_unit_follows_the_script(script, unit):
    assert fertility.unit(script) == unit


def test_fertility_points_are_score_of_the_best_base_and_mean_change():
    low = scores(systems=(BASE,)).assign(bits=4, score=0.1, system="m/4bit/base")
    table = pd.DataFrame(
        [{"model": "m", "benchmark": "xnli", "language": c, "language_name": c, "unit": "word", "fertility": 2.0}
         for c in ("en", "sw", "kea")]
    )  # fmt: skip
    rows = pd.concat([compared(), compared().assign(difference=0.3, system=R64)])
    found = figure_fertility.points(table, pd.concat([scores(), low]), rows)
    assert len(found) == 6
    change = found[found["quantity"] == figure_fertility._CHANGE].set_index("language")
    assert change.loc["sw", ["value", "low", "high"]].tolist() == pytest.approx([20, 10, 30])
    score = found[found["quantity"] == figure_fertility._SCORE].set_index("language")
    assert score.loc["en", ["value", "low", "high"]].tolist() == pytest.approx([50, 40, 60])


# -- cost -------------------------------------------------------------------------------------


def made(**changes):
    facts = {"seconds": 7200, "processes": 2, "peak_device_memory_bytes": 2**31, "peak_memory_bytes": 2**30}
    return facts | {"device": "GPU X", "resumed_at": 0} | changes


def test_cost_is_read_from_provenance():
    evaluation = {"seconds": 1800, "languages": ["en", "sw"], "device": "GPU X"}
    cost = figure_cost.read(made(), [(evaluation, {"en"}), (evaluation, {"en", "sw"})])
    # Half of a run's time where half of its languages count.
    assert cost == Cost(training=4.0, evaluation=0.75, memory=2.0, device="GPU X", resumed=False)
    assert figure_cost.read(made(), [(evaluation, {"en", "de"})]).evaluation is None
    # A later run added a language and made one anew.
    before = {"seconds": 7200, "languages": {"en": "a digest", "sw": None}, "device": "GPU X"}
    later = [(evaluation | {"languages": ["sw", "de"], "earlier": [before]}, {"en", "sw", "de"})]
    assert figure_cost.read(made(), later).evaluation == 1.5
    assert figure_cost.read(made(), [(None, {"en"})]).evaluation is None
    on_cpu = figure_cost.read(made(device="cpu", peak_device_memory_bytes=None, resumed_at=3), [])
    assert on_cpu.memory == 1.0 and on_cpu.resumed and on_cpu.evaluation is None
    assert figure_cost.read(None, []).training is None
    # Four such jobs share a GPU; a CPU is no GPU to be shared.
    shared = [(evaluation | {"gpu_percent": 50}, {"en"})]
    assert figure_cost.read(made(gpu_percent=25), shared) == Cost(1.0, 0.125, 2.0, "GPU X", False)
    # Of a tenth two sixteenths are held.
    assert figure_cost.read(made(gpu_percent=10), []).training == 0.5
    assert figure_cost.read(made(gpu_percent=25, device="cpu", processes=1), []).training == 2.0


def test_cost_says_whose_hours_and_what_is_unknown():
    table = compared().assign(languages=3)
    known, unknown = Cost(4.0, None, 2.0, "cpu", True), Cost(None, None, None, "", False)
    rows = pd.concat([table, table.assign(system=R64)])
    found = texts(figure_cost.draw(rows, {R8: known, R64: unknown}, SPEC))
    assert "Training (CPU-hours)" in found and "Evaluation (" not in found
    assert "Training time is not shown for 1 adapters" in found and "Resumed adapters: 1" in found
    assert "GPU-hours" in texts(figure_cost.draw(table, {R8: Cost(4.0, 1.0, 2.0, "GPU X", False)}, SPEC))
    # Of a small model, so that the axis does not read 0.0005.
    assert "GPU-minutes" in texts(figure_cost.draw(table, {R8: Cost(0.04, 0.01, 2.0, "GPU X", False)}, SPEC))
    assert "nothing is known of the cost" in texts(figure_cost.draw(rows, {R8: unknown, R64: unknown}, SPEC))
    assert "no adapter" in texts(figure_cost.draw(table[:0], {}, SPEC))


# -- all of them ------------------------------------------------------------------------------


def test_sample_data_and_notes_are_said():
    spec = SPEC | {"sources": {"xnli": "sample"}, "notes": {"m": "A caveat."}}
    assert figure_parts.caveats(spec) == [plots.SAMPLE, "A caveat."]
    assert figure_parts.caveats(SPEC) == []


def test_files_are_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        plots.save(
            figure_heatmap.draw([(scores(), compared())], SPEC), tmp_path / f"{name}.pdf", tmp_path / f"{name}.png"
        )
    for kind in ("pdf", "png"):
        assert (tmp_path / f"one.{kind}").read_bytes() == (tmp_path / f"two.{kind}").read_bytes()


def test_specs_name_what_figures_need():
    from workspace import TINY

    from maple import config
    from maple.figure_specs import Figures
    from maple.study import Study

    raw = json.loads(json.dumps(TINY))
    raw["benchmarks"]["belebele"] = {"source": "sample", "languages": ["zh"]}
    study = Study(config.resolve(raw, "test"))
    spec = json.loads(Figures(study).summary())
    assert spec["models"] == {"tiny": "Tiny"} and spec["data"] == {"sample": "sample"}
    assert spec["adapters"] == [f"tiny/16bit/sample/lora-r{rank}/seed0" for rank in (4, 8)]
    # In the order in which the rules hand over the files, which is not that of the alphabet.
    assert json.loads(Figures(study).cost())["languages"] == [["xnli", ["en", "sw"]], ["belebele", ["zh"]]]
    tokenized = json.loads(study.tokenize_spec())["benchmarks"]
    assert [name for name, _ in tokenized] == study.benchmarks == ["xnli", "belebele"]
    assert tokenized[0][1][1] == ["sw", "Swahili", "Latn", 2]
