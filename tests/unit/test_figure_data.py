"""What stands behind the figures: means, intervals, what is filled, what is counted, what is said to be missing."""

import io

import numpy as np
import pandas as pd
import pytest

from maple import (
    figure_by_bits,
    figure_by_lang,
    figure_by_rank,
    figure_by_resource_class,
    figure_english_forgetting,
    figure_gap_to_references,
    figure_training,
    gap_shares,
    group_panels,
    group_scores,
    plots,
)
from maple.pairs import ADAPTERS, SETTINGS
from maple.systems import System

LANGUAGES = [("en", "English", 5), ("de", "German", 5), ("sw", "Swahili", 2), ("ht", "Haitian Creole", 0)]


def table(systems, score, languages=LANGUAGES, benchmark="xnli"):
    """The long table of scores; `score` is a function of system and language code."""
    rows = []
    for system in systems:
        for code, name, joshi in languages:
            value = score(system, code)
            rows.append(
                vars(system)
                | {"benchmark": benchmark, "system": system.path, "label": system.path, "language": code}
                | {"language_name": name, "joshi_class": joshi, "metric": "accuracy", "score": value}
                | {"low": value - 0.11, "high": value + 0.13, "items": 100, "unparsed": 0, "chance": 1 / 3}
            )
    return pd.DataFrame(rows)


def resampled(scores, noise=0.01, resamples=500, seed=0):
    means = scores["score"].to_numpy().reshape(scores["system"].nunique(), -1)
    return means + np.random.default_rng(seed).normal(scale=noise, size=(resamples, *means.shape))


def row(kind, first, against, language, difference=0.02, verdict="undecided", about=ADAPTERS, seeds=1):
    return vars(first) | {
        "kind": kind,
        "about": about,
        "language": language,
        "against_value": against,
        "difference": difference,
        "low": difference - 0.01,
        "high": difference + 0.03,
        "verdict": verdict,
        "items": 100,
        "seeds": seeds,
    }


def tuned(bits=16, rank=8, seed=0, model="m"):
    return System(model, bits, "d", "lora", rank, seed)


SPEC = {
    "title": "A title",
    "benchmark": "xnli",
    "source": "hub",
    "models": {"m": "Model", "n": "Other model"},
    "data": {"d": "Data"},
    "methods": {"lora": "LoRA"},
    "rankless": [],
    "sample": False,
    "notes": ["A caveat."],
}


def text(figure):
    """All words of a figure, on one line."""
    found = [part.get_text() for part in figure.findobj(match=lambda artist: hasattr(artist, "get_text"))]
    return " ".join(" ".join(found).split())


# -- groups and means -----------------------------------------------------------------------------


def test_groups_name_a_single_language_and_list_nothing_twice():
    groups = group_scores.groups_of(LANGUAGES)
    assert [(group.key, group.places) for group in groups] == [("low", (2, 3)), ("high", (0, 1)), ("en", (0,))]
    groups = group_scores.groups_of([LANGUAGES[0], LANGUAGES[2]])
    # English is all that the high-resource group has; the comparisons know both groups by their language.
    assert [(group.key, group.places) for group in groups] == [("sw", (1,)), ("en", (0,))]
    assert groups[0].words.endswith("Swahili only")


def test_all_languages_stand_in_where_a_group_is_missing():
    groups = group_scores.groups_of([("en", "English", 5), ("de", "German", 5), ("bg", "Bulgarian", 3)])
    assert [group.key for group in groups] == ["all", "high", "en"]
    assert [group.words for group in group_scores.groups_of([("bg", "Bulgarian", 3)])] == ["Bulgarian"]


def test_means_over_languages_and_their_interval():
    systems = [System("m", 16), tuned()]
    scores = table(systems, lambda system, code: 0.4 + 0.1 * (code == "sw") + 0.05 * (not system.is_base))
    found = group_scores.scored(scores, resampled(scores, noise=0.02))
    frame = group_scores.frame(found, scores).set_index(["group", "seeds"])
    low = frame.loc["low", 1]
    assert low["score"] == pytest.approx(0.5)
    # Two independent languages: the half width is that of a mean of two.
    assert (low["high"] - low["low"]) / 2 == pytest.approx(1.96 * 0.02 / 2**0.5, rel=0.15)
    # One system in one language keeps the interval of the table.
    assert tuple(frame.loc["en", 1][["low", "high"]]) == pytest.approx((0.34, 0.58))


def test_seeds_are_averaged_and_widen_the_interval():
    systems = [System("m", 16), *(tuned(seed=seed) for seed in (0, 1, 2))]
    scores = table(systems, lambda system, code: 0.5 if system.is_base else (0.4, 0.5, 0.6)[system.seed])
    found = group_scores.scored(scores, resampled(scores, noise=0.001))
    frame = group_scores.frame(found, scores)
    own = frame[(frame["seeds"] == 3) & (frame["group"] == "low")].iloc[0]
    assert own["score"] == pytest.approx(0.5)
    assert own["high"] - own["low"] > 0.2
    dots = group_scores.by_seed(found)
    assert sorted(dots[dots["group"] == "low"]["score"]) == pytest.approx([0.4, 0.5, 0.6])
    assert dots["seed"].notna().all()


# -- by rank and by bits --------------------------------------------------------------------------


def study(bits=(4, 16), ranks=(8, 64)):
    systems = [system for b in bits for system in [System("m", b), *(tuned(b, rank) for rank in ranks)]]
    scores = table(systems, lambda system, code: 0.4 + 0.01 * system.bits)
    return scores, group_scores.scored(scores, resampled(scores))


def test_filled_by_rank_is_what_the_paired_test_says():
    scores, found = study()
    comparisons = pd.DataFrame(
        [
            row("base", tuned(4, 8), "untuned", "low", verdict="better"),
            row("base", tuned(4, 64), "untuned", "low", verdict="undecided"),
            row("base", tuned(16, 8), "untuned", "en", verdict="worse"),
            row("rank", tuned(16, 64), 8, "low", verdict="better"),
        ]
    )
    frame = figure_by_rank.decided(group_scores.frame(found, scores), comparisons)
    filled = frame[frame["filled"]]
    assert set(filled[["bits", "rank", "group"]].itertuples(index=False, name=None)) == {(4, 8, "low"), (16, 8, "en")}


def test_over_seeds_only_the_verdict_on_settings_counts():
    systems = [System("m", 16), *(tuned(seed=seed) for seed in (0, 1))]
    scores = table(systems, lambda system, code: 0.5)
    found = group_scores.scored(scores, resampled(scores))
    single = [row("base", tuned(seed=seed), "untuned", "low", verdict="better") for seed in (0, 1)]
    setting = row("base", tuned(seed=None), "untuned", "low", about=SETTINGS, seeds=2)
    frame = figure_by_rank.decided(group_scores.frame(found, scores), pd.DataFrame([*single, setting]))
    assert not frame["filled"].any()


def test_bits_are_filled_against_the_most_bits_of_the_same_system():
    scores, found = study(bits=(4, 8, 16))
    comparisons = pd.DataFrame(
        [
            row("bits", System("m", 16), 4, "low", verdict="better"),
            row("bits", System("m", 8), 4, "high", verdict="better"),
            row("bits", tuned(16, 8), "8.0", "en", verdict="worse"),
        ]
    )
    frame = figure_by_bits.decided(group_scores.frame(found, scores), comparisons)
    filled = frame[frame["filled"]].fillna({"rank": 0})
    assert set(filled[["bits", "rank", "group"]].itertuples(index=False, name=None)) == {(4, 0, "low"), (8, 8, "en")}


def test_cost_of_quantisation_is_the_fewest_bits_minus_the_most():
    scores, found = study()
    comparisons = pd.DataFrame(
        [
            row("bits", System("m", 16), 4, "low", 0.05),
            row("bits", tuned(16, 8), 4, "low", 0.01),
            row("bits", tuned(16, 64), 4, "low", 0.03),
            row("bits", tuned(16, 64), 4, "high", 0.5),
        ]
    )
    words = figure_by_bits.cost(group_scores.frame(found, scores), comparisons, ("m", "d", "lora"), "low")
    assert "4 instead of 16 bit" in words
    assert "untuned −5.0 (−8.0 to −4.0)" in words
    assert "tuned −2.0 (ranks −3.0 to −1.0)" in words


def test_what_is_missing_stands_below_the_figures():
    scores, found = study(bits=(16,), ranks=(8,))
    comparisons = pd.DataFrame([row("base", tuned(), "untuned", "low")])
    words = text(figure_by_rank.draw(found, scores, comparisons, SPEC))
    assert "one rank only; one precision only" in words and "1 seed a setting" in words
    assert "95 % interval" in words and "n = 100 items" in words and "A caveat." in words and "chance (33 %)" in words
    assert "lora" not in words
    words = text(figure_by_bits.draw(found, scores, comparisons, SPEC))
    assert "a second precision" in words


def test_bars_are_named_where_some_settings_have_seeds_and_others_none():
    systems = [System("m", 16), tuned(rank=64), *(tuned(seed=seed) for seed in (0, 1, 2))]
    scores = table(systems, lambda system, code: 0.5)
    found = group_scores.scored(scores, resampled(scores))
    frame, groups = group_scores.frame(found, scores), group_scores.groups_of(found.languages)
    said = group_panels.intervals(frame, groups, [100])
    assert "over 3 seeds (t)" in said[0] and "of systems without several seeds: Wilson's interval." in said[0]
    assert said[1].startswith("1 seed in some settings: ")
    one = frame[frame["seeds"] < 2]
    assert group_panels.intervals(one, groups, [100])[0].endswith(" Single languages: Wilson's interval.")


def test_bases_alone_are_drawn_by_bits():
    systems = [System("m", 4), System("m", 16)]
    scores = table(systems, lambda system, code: 0.5)
    found = group_scores.scored(scores, resampled(scores))
    comparisons = pd.DataFrame([row("bits", System("m", 16), 4, "low")])
    words = text(figure_by_bits.draw(found, scores, comparisons, SPEC))
    assert "untuned only" in words and "Missing: adapters." in words


# -- English --------------------------------------------------------------------------------------


def test_english_is_of_settings_where_there_are_seeds_and_of_adapters_elsewhere():
    comparisons = pd.DataFrame(
        [
            row("base", tuned(rank=8, seed=0), "untuned", "en", -0.01),
            row("base", tuned(rank=8, seed=1), "untuned", "en", -0.03),
            row("base", tuned(rank=8, seed=None), "untuned", "en", -0.02, about=SETTINGS, seeds=2),
            row("base", tuned(rank=64), "untuned", "en", 0.01),
            row("base", tuned(rank=64), "untuned", "high", 0.5),
            row("bits", tuned(rank=64), 4, "en", 0.5),
        ]
    )
    settings, dots = figure_english_forgetting.changes(comparisons)
    assert sorted(settings["difference"]) == [-0.02, 0.01]
    assert sorted(dots["difference"]) == [-0.03, -0.01]
    # Two seeds of one rank and one of the other: both kinds of bars are named.
    said = figure_english_forgetting.notes([settings], SPEC)
    assert (
        "items and seeds" in said[0]
        and "Of one seed alone: over items" in said[0]
        and said[1].startswith("1 seed in some")
    )


def test_english_names_its_benchmarks_and_their_items():
    comparisons = pd.DataFrame([row("base", tuned(bits), "untuned", "en") for bits in (4, 16)])
    figure = figure_english_forgetting.draw([comparisons], SPEC | {"benchmarks": [["xnli", "XNLI"]]})
    words = text(figure)
    assert "XNLI n = 100" in words and "Model, Data" in words and "4-bit" in words and "rank 8" in words


# -- resource classes -----------------------------------------------------------------------------


def effects(**classes):
    rows = []
    for name, (estimate, languages, verdict, evidence) in classes.items():
        rows.append(
            {"scope": "xnli", "benchmarks": "xnli", "kind": "effect", "term": "finetuning"}
            | {"group": name.replace("_", " "), "estimate": estimate, "low": estimate - 0.02, "high": estimate + 0.02}
            | {"languages": languages, "verdict": verdict, "evidence": evidence, "adapters": 3, "seeds": 1}
        )
    return pd.DataFrame(rows)


def test_classes_have_their_languages_and_only_they():
    found = figure_by_resource_class.estimates(
        effects(all=(0.1, 4, "positive", ""), class_0=(0.2, 1, "undecided", "few"), class_5=(-0.1, 3, "negative", "")),
        "xnli",
    )
    assert list(found["joshi_class"]) == [0, 5]
    assert list(found["languages"]) == [1, 3] and list(found["decided"]) == [False, True]


def test_points_are_mean_changes_against_the_base_of_equal_precision():
    systems = [System("m", 4), tuned(4), System("m", 16), tuned(16)]
    change = {("de", 4): 0.02, ("en", 4): 0.04, ("sw", 4): -0.1, ("ht", 4): 0.3}

    def score(system, code):
        return 0.3 + 0.01 * system.bits + (0 if system.is_base else change.get((code, system.bits), 0.01))

    points = figure_by_resource_class.adapters(table(systems, score), ["xnli"]).set_index(["system", "joshi_class"])
    assert points["change"].loc[tuned(4).path].to_dict() == pytest.approx({0: 0.3, 2: -0.1, 5: 0.03})
    assert points["change"].loc[tuned(16).path].to_dict() == pytest.approx({0: 0.01, 2: 0.01, 5: 0.01})


def test_an_interval_of_too_few_languages_does_not_stretch_the_axis():
    wide = effects(class_0=(0.0, 1, "undecided", "1 language(s)"), class_5=(0.0, 3, "undecided", ""))
    wide.loc[0, ["low", "high"]] = -3.0, 3.0
    points = pd.DataFrame({"change": [0.05]})
    low, high = figure_by_resource_class.reach([figure_by_resource_class.estimates(wide, "xnli")], [points])
    assert -0.05 < low < -0.02 and 0.05 < high < 0.08


def test_the_figure_by_class_says_what_it_leaves_out():
    systems = [System("m", 16), tuned()]
    scores = table(systems, lambda system, code: 0.5)
    scores.loc[scores["language"] == "ht", "joshi_class"] = None
    figure = figure_by_resource_class.draw(
        effects(class_5=(0.1, 2, "undecided", "few")), scores, SPEC | {"scopes": {"xnli": "XNLI"}}
    )
    words = text(figure)
    assert "5 (2)" in words and "0 (0)" in words and "resource classes of 1 of the languages" in words


# -- published scores -----------------------------------------------------------------------------


def gap(tuned_score, reference, score, flag="", counted=True, closed=0.5, rank=8, language="en", scoring="likelihood"):
    return {
        "system": f"m/16bit/d/lora-r{rank}",
        "model": "m",
        "language": language,
        "language_name": {"en": "English", "sw": "Swahili"}[language],
        "joshi_class": {"en": 5, "sw": 2}[language],
        "items": 100,
        "seeds": 1,
        "reference": reference,
        "setup": "",
        "scoring": "likelihood",
        "reference_scoring": scoring,
        "flag": flag,
        "base": 0.4,
        "tuned": tuned_score,
        "reference_score": score,
        "gap_closed": closed,
        "low": closed - 0.2,
        "high": closed + 0.2,
        "counted": counted,
        "why_not": "" if counted else (f"flagged: {flag}" if flag else "measured by generation"),
    }


def test_a_flagged_score_is_hollow_and_never_the_measure_of_a_gap():
    rows = pd.DataFrame([gap(0.5, "good", 0.6), gap(0.5, "flagged", 0.9, flag="odd", counted=False, closed=0.99)])
    own = gap_shares.share(rows)
    assert (own.reference, own.share, own.low, own.high) == ("good", 0.5, 0.3, 0.7)
    solid = gap_shares.references(rows).set_index("reference")["solid"].to_dict()
    assert solid == {"good": True, "flagged": False}


def test_a_score_measured_the_other_way_is_hollow():
    rows = pd.DataFrame([gap(0.5, "other", 0.6, counted=False, scoring="generation")])
    assert not gap_shares.references(rows)["solid"].any()
    own = gap_shares.share(rows)
    assert own.reference == "" and np.isnan(own.share) and own.why_not == "measured by generation"
    words = text(figure_gap_to_references.draw({"xnli": rows}, gap_spec()))
    assert "XNLI: for orientation" in words and "no published score counts" in words and "Median" not in words
    # The best one is named all the same, and chance drawn; a flagged one is neither.
    assert "60 other" in words and "chance" in words and "measured the other way" in words
    assert "published, flagged" not in words
    rows = pd.concat([rows, pd.DataFrame([gap(0.5, "odd", 0.9, flag="odd", counted=False, scoring="generation")])])
    words = text(figure_gap_to_references.draw({"xnli": rows}, gap_spec()))
    assert "90 odd" not in words and "60 other" in words and "published, flagged" in words


def test_the_middle_setting_stands_for_all_and_the_best_counted_score_is_the_goal():
    scores = {8: 0.45, 16: 0.7, 32: 0.5, 64: 0.55}
    rows = [
        gap(value, name, goal, closed=value, rank=rank)
        for rank, value in scores.items()
        for name, goal in {"a": 0.6, "b": 0.8}.items()
    ]
    own = gap_shares.share(pd.DataFrame(rows))
    # The lower one of the two in the middle; not the best.
    assert (own.tuned, own.lowest, own.highest, own.reference, own.share) == (0.5, 0.45, 0.7, "b", 0.5)


def gap_spec():
    spec = {"title": "A", "benchmarks": [["xnli", "XNLI"]], "without": ["MLQA"], "models": {"m": "Model"}}
    return spec | {"chance": {"xnli": 0.333333}, "notes": []}


def test_the_figure_of_gaps_counts_what_was_reached():
    rows = pd.DataFrame(
        [
            gap(0.5, "a", 0.6, closed=0.5),
            gap(0.7, "a", 0.6, closed=1.5, language="sw"),
            gap(0.5, "f", 0.9, "odd", False),
        ]
    )
    words = text(figure_gap_to_references.draw({"xnli": rows}, gap_spec()))
    assert "XNLI: Model 100 % (2 languages, 50 % to 150 %; 1 reached)" in words
    assert "no published scores for MLQA" in words and "English" in words and "Swahili" in words
    assert gap_shares.order(rows) == ["en", "sw"]


# -- by language, and files -----------------------------------------------------------------------


def test_many_systems_are_drawn_by_base():
    systems = [system for bits in (4, 16) for system in [System("m", bits), *(tuned(bits, 2**n) for n in range(3, 9))]]
    scores = table(systems, lambda system, code: 0.5)
    words = text(figure_by_lang.draw(scores, "A title", [], {"m": "Model"}))
    assert "4-bit, untuned" in words and "16-bit, finetuned" in words and "12 in all" in words
    assert tuned(4, 8).path not in words
    # Finetuned means have no interval, and the words do not claim one.
    assert "95 % interval of the untuned bases" in words and "is no interval" in words
    few = scores[scores["system"].isin([System("m", 4).path, tuned(4, 8).path])]
    assert tuned(4, 8).path in text(figure_by_lang.draw(few, "A title", [], {"m": "Model"}))


def test_equal_figures_are_equal_bytes(tmp_path):
    rows = pd.DataFrame([gap(0.5, "a", 0.6)])
    for name in ("one", "two"):
        figure = figure_gap_to_references.draw({"xnli": rows}, gap_spec())
        plots.save(figure, tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"two.{suffix}").read_bytes()


def test_notes_stay_within_the_width_of_the_figure():
    plt = plots.style()
    figure, _ = plt.subplots(figsize=(plots.COLUMN, 2), layout="constrained")
    plots.small_print(figure, ["many words " * 60], [plt.Line2D([], [], label=f"rank {n}") for n in range(12)])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", dpi=100)
    width = plt.imread(io.BytesIO(buffer.getvalue())).shape[1]
    assert width <= 100 * (plots.COLUMN + 0.1)


def test_points_carry_their_sign():
    assert [plots.points(value) for value in (0.0123, -0.0123, 0.0001, -0.0001)] == ["+1.2", "−1.2", "0.0", "0.0"]


def test_ranks_keep_their_colours_where_panels_have_different_ones():
    """Found in review: the legend said rank 8 of the colour that rank 64 had alone in the last panel."""
    from matplotlib.colors import to_hex

    journal = [{"step": 1, "loss": 2.0, "held_out_loss": 2.1}, {"step": 2, "loss": 1.0}]
    ranks = {"one": (64, 8, 16), "two": (64,)}
    panels = {name: {f"rank {rank}": journal for rank in own} for name, own in ranks.items()}
    figure = figure_training.draw(panels, "title")
    entries = figure.legends[0].get_lines()
    shown = dict(
        zip(
            [text.get_text() for text in figure.legends[0].get_texts()],
            [to_hex(entry.get_color()) for entry in entries],
            strict=True,
        )
    )
    assert list(shown) == ["rank 8", "rank 16", "rank 64"] and len(set(shown.values())) == 3
    for axes in figure.axes:
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True):
            assert to_hex(line.get_color()) == shown[label]
