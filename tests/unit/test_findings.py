"""The report's sentences and pictures, on tables planted by hand."""

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image
from tables import claim, comparison, effect, scores, study, system

from maple import explorer, findings, page, verdicts
from maple.findings_differences import published, real
from maple.findings_settings import best, quantisation
from maple.systems import System

BASE, RANK8, RANK64 = system(), system(rank=8), system(rank=64)
CELLS = {BASE: (0.50, 0.40), RANK8: (0.51, 0.44), RANK64: (0.52, 0.47)}


def sentence(finding, start):
    found = [part for part in finding.sentences if part.startswith(start)]
    assert len(found) == 1, finding.sentences
    return found[0]


def over_seeds(kind, first, second, difference, p_holm, seeds=3):
    return comparison(kind, first, second, "all", difference, p_holm, about="settings, over seeds", seeds=seeds)


def test_a_real_effect_of_rank_is_said_with_its_interval():
    rows = [effect("rank", "all", 0.012, "positive", 0.0005), effect("rank", "low", -0.004, "undecided", 0.2)]
    compared = [
        over_seeds("rank", RANK64, RANK8, 0.03, 0.01),
        over_seeds("rank", system(4, 64), system(4, 8), 0.01, 0.6),
    ]
    found = best(study(scores(CELLS), compared, rows))
    assert found.answer == (
        "rank: the higher in 1 of 2 comparisons, over all adapters the higher in all languages; precision: not varied"
    )
    assert sentence(found, "XNLI, change") == (
        "XNLI, change of finetuning's gain per doubling of the rank: all languages +1.20 points (+0.90 to +1.50), "
        "positive (adjusted p < 0.001); low-resource −0.40 points (−0.70 to −0.10), undecided (adjusted p = 0.20)."
    )
    assert sentence(found, "Higher ranks") == (
        "Higher ranks against lower ones, means over all languages (settings, over seeds): the higher rank is better "
        "in 1 and worse in none of 2."
    )
    assert "The precision cannot be judged: this grid does not vary it by itself." in found.sentences


def test_what_the_answer_says_is_not_repeated_in_every_sentence():
    lacks = "1 seed a setting; 3 are needed"
    rows = [effect("bits", group, 0.02, evidence=lacks, p_holm=float("nan")) for group in ("all", "low")]
    found = best(study(scores(CELLS), effects=rows))
    assert found.answer == f"rank: not varied; precision: undecided ({lacks})"
    assert sentence(found, "XNLI, change of finetuning's gain per doubling of the bits") == (
        "XNLI, change of finetuning's gain per doubling of the bits: all languages +2.00 points (+1.70 to +2.30), "
        "low-resource +2.00 points (+1.70 to +2.30)."
    )
    both = rows + [row | {"term": "rank"} for row in rows]
    helps = [effect("rank", "all", 0.002), effect("rank", "low", 0.02, "positive", 0.01)]
    assert best(study(scores(CELLS), effects=helps)).answer.startswith(
        "rank: undecided in single comparisons, over all adapters the higher in low-resource languages;"
    )
    assert best(study(scores(CELLS), effects=both)).answer == f"rank and precision: undecided ({lacks})"
    compared = [over_seeds("bits", RANK8, system(4, 8), 0.03, 0.9, seeds=2)]
    assert "undecided (2 seeds a setting; 3 are needed)" in best(study(scores(CELLS), compared)).answer


def test_precisions_of_bases_alone_do_not_want_for_seeds():
    row = comparison("bits", BASE, system(4), "all", 0.05, 0.01)
    found = best(study(scores({BASE: (0.5, 0.4), system(4): (0.4, 0.4)}), [row]))
    assert found.answer == "rank: not varied; precision: compared on untuned bases only"


def test_settings_that_contradict_each_other_are_not_averaged():
    compared = [
        over_seeds("bits", RANK8, system(4, 8), 0.03, 0.01),
        over_seeds("bits", RANK64, system(4, 64), -0.03, 0.01),
    ]
    assert best(study(scores(CELLS), compared)).answer.endswith("precision: it depends on the setting")


def test_measurements_are_not_averaged():
    other = {"scope": "xquad", "benchmarks": "xquad", "scoring": "generation"}
    rows = [
        effect("finetuning", "low", 0.01, "positive", 0.01),
        effect("finetuning", "low", -0.01, "negative", 0.01, **other),
    ]
    found = findings.resources(study(scores(CELLS), effects=rows))
    assert found.answer == "low-resource: the measurements disagree; high-resource: undecided"
    # What one measurement decides and the other does not is said of the one.
    rows[1] = effect("finetuning", "low", -0.01, "undecided", 0.5, **other)
    found = findings.resources(study(scores(CELLS), effects=rows))
    assert found.answer == "low-resource: gain by likelihood; high-resource: undecided"


def test_the_scope_over_all_benchmarks_of_a_measurement_leads():
    wide = {"scope": "all by likelihood", "benchmarks": "xnli xcopa"}
    rows = [effect("rank", "all", 0.01, "positive", 0.01), effect("rank", "all", 0.001, **wide)]
    found = best(study(scores(CELLS), effects=rows))
    assert sentence(found, "2 benchmarks by likelihood, change of finetuning's gain per doubling of the rank")


def test_the_best_setting_is_compared_with_its_base():
    row = comparison("base", RANK64, BASE, "all", 0.045, 0.01)
    found = best(study(scores(CELLS), [row]))
    assert sentence(found, "XNLI: Tiny") == (
        "XNLI: Tiny, 16-bit, LoRA rank 64 has the highest mean over 2 languages by the estimate, 49.5 %, before Tiny, "
        "16-bit, LoRA rank 8, 47.5 %; against its base +4.5 points (+3.5 to +5.5), better (adjusted p = 0.010)."
    )


def test_the_first_setting_is_compared_with_the_second_where_one_coordinate_differs():
    row = comparison("rank", RANK64, RANK8, "all", 0.02, 0.2)
    assert "47.5 %, by +2.0 points (+1.0 to +3.0), undecided (adjusted p = 0.20)." in sentence(
        best(study(scores(CELLS), [row])), "XNLI: Tiny"
    )
    # The lower rank first: the same comparison, turned round.
    order = scores({BASE: (0.3, 0.3), RANK8: (0.5, 0.5), RANK64: (0.4, 0.4)})
    row = comparison("rank", RANK64, RANK8, "all", -0.1, 0.001)
    said = sentence(best(study(order, [row])), "XNLI: Tiny")
    assert ", by +10.0 points (+9.0 to +11.0), better (adjusted p = 0.001)" in said


def test_settings_with_equal_means_share_the_first_place():
    # Twelfths as the table rounds them: 11/24 each, and a millionth apart.
    cells = {BASE: (0.333333, 0.583333), RANK8: (0.416667, 0.5)}
    row = comparison("base", RANK8, BASE, "all", 0.0, 1.0)
    assert best(study(scores(cells), [row])).sentences[-1] == (
        "XNLI: Tiny, 16-bit, LoRA rank 8 and Tiny, 16-bit, untuned share the highest mean over 2 languages, 45.8 %; "
        "the best adapter, Tiny, 16-bit, LoRA rank 8, against its base 0.0 points (−1.0 to +1.0), undecided (adjusted "
        "p = 1.00)."
    )
    found = best(study(scores(cells | {RANK64: (0.5, 0.416667)})))
    assert found.sentences[-2] == "XNLI: 3 settings share the highest mean over 2 languages, 45.8 %."


def test_one_system_alone_is_not_the_highest():
    assert best(study(scores({BASE: (0.5, 0.4)}))).sentences[-1] == (
        "XNLI: Tiny, 16-bit, untuned, the only system, has a mean over 2 languages of 45.0 %."
    )


def test_what_quantisation_costs_turns_the_comparison_round():
    four = system(bits=4)
    cells = CELLS | {four: (0.47, 0.38)}
    row = comparison("bits", BASE, four, "all", 0.025, 0.01)
    tuned = comparison("bits", RANK8, system(bits=4, rank=8), "all", 0.01, 0.9)
    found = quantisation(study(scores(cells), [row, tuned]), ["Stored at about 4.8 bits."])
    assert found.answer == "untuned bases: more bits better in 1 of 1 comparison; these adapters: undecided"
    assert found.sentences == [
        "Tiny, 4-bit, untuned, in place of 16-bit, mean over languages: XNLI −2.5 points (−3.5 to −1.5), worse.",
        "Higher precisions against lower ones, means over all languages (these systems): undecided.",
        "Stored at about 4.8 bits.",
    ]
    # Adapters alone, and a verdict that all benchmarks share.
    assert quantisation(study(scores(cells), [tuned])).answer == "these adapters: undecided"
    rows = [comparison("bits", BASE, four, "all", 0.01, 0.9) | {"benchmark": name} for name in ("xnli", "xcopa")]
    assert (
        quantisation(study(scores(cells), rows))
        .sentences[0]
        .endswith("XNLI −1.0 points (−2.0 to 0.0), XCOPA −1.0 points (−2.0 to 0.0); both undecided.")
    )


def test_low_and_high_resource_languages_get_an_answer_each():
    rows = [effect("finetuning", "low", 0.03, "positive", 0.001), effect("finetuning", "high", -0.02, "negative", 0.03)]
    found = findings.resources(study(scores(CELLS), effects=rows))
    assert found.answer == "low-resource: gain; high-resource: lose"
    assert "low-resource +3.00 points" in found.sentences[0] and "−2.00 points" in found.sentences[0]
    found = findings.resources(study(scores(CELLS), effects=rows[1:]))
    assert found.sentences[0].endswith("negative (adjusted p = 0.030); no low-resource language.")


def test_english_counts_adapters_and_names_the_lowest():
    rows = [comparison("base", RANK8, BASE, "en", -0.03, 0.01), comparison("base", RANK64, BASE, "en", 0.01, 0.9)]
    found = findings.english(study(scores(CELLS), rows, [effect("finetuning", "english", -0.01, "negative", 0.02)]))
    assert found.answer == "it lost"
    assert found.sentences[1:] == [
        "Adapters against their bases in English: the adapter is better in none and worse in 1 of 2.",
        "XNLI: the lowest change is −3.0 points (−4.0 to −2.0), n = 100, Tiny, 16-bit, LoRA rank 8: worse (adjusted "
        "p = 0.010).",
    ]
    other = comparison("base", RANK8, BASE, "en", 0.0, 1.0) | {"benchmark": "xquad"}
    said = findings.english(study(scores(CELLS), [*rows, other])).sentences
    assert said[1].startswith("XNLI: the adapter is better in none and worse in 1 of 2; the lowest change is −3.0")
    assert said[2].startswith("XQuAD: undecided; the lowest change is 0.0 points")
    rows = [comparison("base", one, BASE, "en", 0.0, 1.0) for one in (RANK8, RANK64)]
    assert findings.english(study(scores(CELLS), rows)).sentences == [
        "Adapters against their bases in English: all 2 undecided.",
        "XNLI: the lowest change is 0.0 points (−1.0 to +1.0), n = 100, Tiny, 16-bit, LoRA rank 8 and 1 other.",
    ]


def test_what_rank_and_bits_cost_english_is_said_beside_its_mean_change():
    rows = [comparison("base", RANK8, BASE, "en", 0.01, 0.9)]
    terms = [effect("finetuning", "english"), effect("rank", "english", -0.008, "negative", 0.0001)]
    terms += [effect("bits", "english", -0.002), effect("rank", "all", 0.01, "positive", 0.001)]
    found = findings.english(study(scores(CELLS), rows, terms))
    assert found.answer == "undecided; at a higher rank its change is lower"
    assert found.sentences[:2] == [
        "XNLI, mean change over adapters: English +0.40 points (+0.10 to +0.70), undecided (adjusted p = 0.40).",
        "XNLI, change of finetuning's gain in English per doubling: of the rank −0.80 points (−1.10 to −0.50), "
        "negative (adjusted p < 0.001); of the bits −0.20 points (−0.50 to +0.10), undecided (adjusted p = 0.40).",
    ]
    both = [*terms[:2], effect("bits", "english", -0.009, "negative", 0.001)]
    assert findings.english(study(scores(CELLS), rows, both)).answer == (
        "undecided; at a higher rank and at more bits its change is lower"
    )
    other = effect("rank", "english", 0.01, "positive", 0.001, scope="xquad", scoring="generation")
    said = findings.english(study(scores(CELLS), rows, [*terms, other])).answer
    assert said == "undecided; at a higher rank the measurements disagree"


def gap(counted=True, closed=0.4, difference=-0.1, why=""):
    return {"benchmark": "xnli", "larger": True, "counted": counted, "gap_closed": closed, "difference": difference,
            "low": closed - 0.2, "high": closed + 0.2, "label": "Tiny, 16-bit, LoRA rank 8", "reference": "GPT-4",
            "language_name": "Swahili", "why_not": why}  # fmt: skip


def test_flagged_scores_are_not_counted_as_closed():
    table = [gap(), gap(closed=1.2, difference=0.05), gap(False, difference=0.3, why="flagged: below chance")]
    found = published(study(scores(CELLS), gaps=table))
    assert found.answer == "1 of 2 gaps closed by the estimate"
    assert found.sentences == [
        "XNLI: of 2 gaps to larger models that are clearly there, 1 is closed by the estimate; the median share closed "
        "is 80 %. The largest is 120 % (100 to 140, not adjusted for being the largest), Tiny, 16-bit, LoRA rank 8 "
        "against GPT-4 in Swahili.",
        "XNLI: 1 gap not counted (1 flagged: below chance).",
        "A gap is one finetuned setting, one published score and one language.",
    ]


def test_one_gap_has_no_median():
    assert published(study(scores(CELLS), gaps=[gap(closed=-0.004)])).sentences[0] == (
        "XNLI: of 1 gap to larger models that is clearly there, none is closed by the estimate; the share closed is "
        "0 % (−20 to 20), Tiny, 16-bit, LoRA rank 8 against GPT-4 in Swahili."
    )


def test_a_benchmark_on_which_no_published_score_counts_says_so():
    found = published(study(scores(CELLS), gaps=[gap(False, why="measured by generation")] * 2))
    assert found.answer == "no gap can be counted"
    assert found.sentences[0] == ("XNLI: no published score counts; 2 gaps not counted (2 measured by generation).")


def test_no_gap_says_why():
    def why(table, gaps=()):
        (said,) = published(study(table, gaps=gaps)).sentences
        return said.removeprefix("There is no comparison: ")

    assert why(scores(CELLS, data_source="sample")) == "sample data are never held against published scores."
    assert why(scores({BASE: (0.5, 0.4)})) == "nothing was finetuned."
    assert why(scores(CELLS)) == "none is listed for these languages."
    assert why(scores(CELLS), [gap() | {"larger": False}]) == "none is listed for these languages of a larger model."


def test_real_differences_are_counted_by_family_level_and_the_largest_named():
    rows = [comparison("base", RANK64, BASE, "sw", 0.07, 0.001), comparison("base", RANK8, BASE, "en", 0.01, 0.9)]
    # The same pair again, in a mean over languages.
    rows.append(comparison("base", RANK64, BASE, "all", 0.06, 0.001))
    found = real(study(scores(CELLS), rows))
    assert found.answer == "2 of 3 comparisons on the same items"
    assert found.sentences == [
        "Adapters against their bases: in single languages the adapter is better in 1 and worse in none of 2; in means "
        "over languages the adapter is better in 1 and worse in none of 1.",
        "XNLI, Swahili: Tiny, 16-bit, LoRA rank 64 against Tiny, 16-bit, untuned, +7.0 points (+6.0 to +8.0), adjusted "
        "p = 0.001.",
    ]


def test_what_was_not_tested_is_not_undecided():
    rows = [comparison("base", RANK8, BASE, "en", -0.2, 0.01)]
    rows += [comparison("base", RANK8, BASE, "sw", 0.02) | {"p_holm": float("nan")}] * 9
    found = real(study(scores(CELLS), [row | {"kind": "reference"} for row in rows]))
    assert found.answer == "nothing was compared on the same items"
    assert found.sentences == [
        "Finetuned systems against published scores: in single languages the finetuned system is better in none and "
        "worse in 1 of 1; 9 not tested."
    ]


def test_unparsed_answers_and_chance():
    written = scores({RANK8: (0.2, 0.1)}, "xquad", scoring="generation", metric="f1", chance=float("nan"))
    written.loc[1, ["unparsed", "unparsed_share"]] = 10, 0.1
    found = findings.trust(pd.concat([scores(CELLS), written]), pd.DataFrame())
    assert found.answer == "5 of 6 cells (a system in a language) above chance"
    assert found.sentences == [
        "XNLI: 5 of 6 cells above chance (33.3 %).",
        "XQuAD: 5.0 % of the adapters' generated answers could not be parsed and count as wrong; the most are 10.0 %, "
        "Tiny, 16-bit, LoRA rank 8, Swahili.",
        "A cell is above chance if its interval is; of mere guesses 2.5 % would be, here 0.",
    ]
    guessed = findings.trust(scores({BASE: (0.3, 0.3)}), pd.DataFrame())
    assert guessed.answer.startswith("none of 2 cells") and guessed.sentences[0].startswith("XNLI: none of 2 cells")


def test_a_gain_from_answering_at_all_is_told_from_answering_better():
    generated = {"scoring": "generation", "metric": "f1", "chance": float("nan")}
    written = scores({BASE: (0.2, 0.1), RANK8: (0.3, 0.2)}, "xquad", **generated)
    written.loc[1, ["unparsed", "unparsed_share"]] = 50, 0.5
    rows = [
        comparison("base", RANK8, BASE, "en", -0.01, benchmark="xquad", difference_unparsed=0.0),
        comparison("base", RANK8, BASE, "sw", 0.05, benchmark="xquad", difference_unparsed=0.07),
        # Not said of means, of other benchmarks, or of other pairs.
        comparison("base", RANK8, BASE, "all", 0.02, benchmark="xquad"),
        comparison("base", RANK8, BASE, "en", 0.9, benchmark="mlqa", difference_unparsed=0.9),
        comparison("rank", RANK64, RANK8, "en", 0.9, benchmark="xquad", difference_unparsed=0.9),
    ]
    assert findings.trust(written, study(written, rows).comparisons).sentences == [
        "XQuAD: 25.0 % of the untuned bases' and 0.0 % of the adapters' generated answers could not be parsed and "
        "count as wrong; the most are 50.0 %, Tiny, 16-bit, untuned, Swahili.",
        "XQuAD: of the adapters' mean change in single languages, +2.0 points, +3.5 come from questions that one of "
        "the two gave no parsable answer to, −1.5 from all others.",
    ]


def test_a_study_of_bases_alone_says_what_it_cannot_say():
    tables = study(scores({BASE: (0.5, 0.4)}))
    found = {finding.question: finding.answer for finding in findings.findings(tables)}
    assert found["Does finetuning help low-resource and hurt high-resource languages?"] == "nothing was finetuned"
    assert found["Which differences are real?"] == "nothing was compared"
    assert verdicts.claims(tables.effects) == []


def test_labels_name_the_model_only_where_there_are_several():
    row = comparison("base", RANK8, BASE, "en", 0.07, 0.001)
    table = scores({BASE: (0.5, 0.4), RANK8: (0.57, 0.4)})
    said = [part for finding in findings.findings(study(table, [row])) for part in finding.sentences]
    assert any("16-bit, LoRA rank 8 against 16-bit, untuned" in part for part in said)
    assert not any("Tiny" in part for part in said)
    other = scores({System("other", 16): (0.5, 0.4)}).assign(label="Other, 16-bit, untuned")
    said = [
        part for finding in findings.findings(study(pd.concat([table, other]), [row])) for part in finding.sentences
    ]
    assert any("Tiny, 16-bit, LoRA rank 8 against Tiny, 16-bit, untuned" in part for part in said)


def test_claims_keep_verdict_and_evidence():
    rows = [claim("c", "supported", "tiny on sample: -1.2 points", 0.004), claim("d", evidence="2 adapters")]
    found = verdicts.claims(study(scores(CELLS), effects=rows).effects, {"tiny": "Tiny-1"})
    assert found[0]["evidence"] == "Tiny-1 on sample: −1.2 points"
    assert [(row["claim"], row["verdict"], row["p_holm"]) for row in found] == [
        ("c", "supported", "p = 0.004"),
        ("d", "undecided", ""),
    ]


def test_win_rates():
    row = {"judge": "j", "reference": "r", "items": 1, "malformed": 1, "low": 0.1, "high": 0.4, "difference": 0.1}
    table = pd.DataFrame(
        [row | {"label": "base", "score": 0.2, "p_holm": None}, row | {"label": "a", "score": 0.3, "p_holm": 0.01}]
    )
    found = findings.win_rates(table)
    assert found.sentences == [
        "Judge j against the outputs of r, 1 instruction: a has the highest win rate, 30.0 % (10.0 to 40.0).",
        "Of 1 adapter, 1 wins more often than the base and none less; none undecided.",
        "2 annotations could not be read and are left out.",
    ]


def test_the_explorer_has_a_place_for_what_is_missing():
    table = scores(CELLS)
    table = table[~((table["system"] == RANK8.path) & (table["language"] == "sw"))]
    tables = study(table, [comparison("base", RANK8, BASE, "en", 0.01, 0.9)])
    found = explorer.summary(tables, "report")["benchmarks"][0]
    assert found["score"] == [500, 400, 510, None, 520, 470]
    assert found["change"] == [None, None, 10, None, None, None]
    assert found["verdict"] == [None, None, 0, None, None, None]


def test_pictures_in_the_page_have_the_pixels_of_the_files(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (40, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "xnli_by_lang.png")
    found = page.figure(tmp_path / "xnli_by_lang.png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(found["image"])))), pixels)
    assert (found["title"], found["width"], found["height"]) == ("XNLI by language", 50, 25)
