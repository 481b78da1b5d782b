"""Flips, label bias and agreement on tables small enough to check by hand."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from workspace import ROOT

from maple import agreement, comparisons, flips, item_tables, item_views, label_bias, manifests
from maple.errors import UserError
from maple.scored import Scored
from maple.systems import System

BASE, TUNED = System("m", 16), System("m", 16, "d", "lora", 8, 0)
OPTIONS = ("yes", "no")
# id, gold, answer of the base, answer of the adapter.
EN = [("1", "yes", "yes", "yes"), ("2", "yes", "no", "yes"), ("3", "no", "no", "yes"), ("4", "no", None, "no")]
SW = [("2", "yes", "no", "no"), ("3", "no", "no", "no"), ("9", "yes", "yes", "no")]


def write_tables(folder, languages, systems=(BASE, TUNED)):
    paths = []
    for place in range(len(systems)):
        rows = [
            {"id": row[0], "language": code, "gold": row[1], "prediction": row[2 + place],
             "credit": float(row[1] == row[2 + place])}
            for code, items in languages.items() for row in items
        ]  # fmt: skip
        path = folder / f"{place}.json"
        pd.DataFrame(rows).to_parquet(path.with_suffix(".parquet"), index=False)
        files = {f"{place}.parquet": manifests.describe(path.with_suffix(".parquet"))}
        manifests.write(path, spec="{}", code="c", inputs={}, files=files)
        paths.append(path)
    return paths


@pytest.fixture
def views(tmp_path):
    return item_views.load(write_tables(tmp_path, {"en": EN, "sw": SW}), ["en", "sw"], OPTIONS)


def one(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def test_of_a_difference_what_comes_from_answers_that_could_not_be_parsed(tmp_path):
    paths = write_tables(tmp_path, {"en": EN, "sw": SW})
    tables = item_tables.load(paths, ["en", "sw"], generated=True)
    means = np.stack([part.credits.mean(axis=0) for part in tables.values()], axis=1)
    drawn = means + np.random.default_rng(0).normal(0, 0.01, (200, 2, 2))
    languages = [("en", "English", 5), ("sw", "Swahili", 2)]
    found = comparisons.frame(Scored([BASE, TUNED], ["base", "adapter"], languages, means, drawn, [4, 3]), tables)
    rows = found[found["languages"] == 1].set_index("language")
    # Item 4 alone, which the base left unparsed: of the others one was won and one lost.
    assert rows.loc["en", ["difference", "difference_unparsed"]].tolist() == [0.25, 0.25]
    assert rows.loc["sw", ["difference", "difference_unparsed"]].tolist() == [pytest.approx(-1 / 3), 0]
    assert item_tables.load(paths, ["en"])["en"].unparsed is None


def test_flips(views):
    rows = flips.rows(views, [BASE, TUNED], OPTIONS)
    assert len(rows) == 3 * 3
    english = one(rows, language="en", gold="all")
    assert (english["items"], english["right_before"], english["right_after"]) == (4, 2, 3)
    assert (english["wrong_to_right"], english["right_to_wrong"]) == (2, 1)
    assert (english["mended_share"], english["lost_share"], english["flipped_share"]) == (1.0, 0.5, 0.75)
    no = one(rows, language="en", gold="no")
    assert (no["items"], no["wrong_to_right"], no["right_to_wrong"]) == (2, 1, 1)
    together = one(rows, language="all", gold="yes")
    assert (together["items"], together["right_before"], together["wrong_to_right"]) == (4, 2, 1)
    assert together["right_to_wrong"] == 1


def test_a_language_without_a_gold_label_has_counts_and_no_share(tmp_path):
    views = item_views.load(write_tables(tmp_path, {"en": EN[:2]}), ["en"], OPTIONS)
    row = one(flips.rows(views, [BASE, TUNED], OPTIONS), language="en", gold="no")
    assert row["items"] == 0 and row["lost_share"] is None and row["flipped_share"] is None


def test_label_bias(views):
    rows = label_bias.rows(views, [BASE, TUNED], OPTIONS, generated=True)
    assert {row["option"] for row in rows} == {"yes", "no", "unparsed"}
    unread = one(rows, system=BASE, language="en", option="unparsed")
    # Predicted: 1 yes, 2 no, 1 unparsed; gold: 2 and 2.
    assert (unread["predicted"], unread["gold"], unread["total_variation"]) == (1, 0, 0.25)
    tuned = one(rows, system=TUNED, language="sw", option="no")
    assert (tuned["predicted"], tuned["gold"], tuned["predicted_share"]) == (3, 1, 1.0)
    assert tuned["total_variation"] == pytest.approx(2 / 3)
    assert not label_bias.rows(views, [BASE], (), generated=True)


def test_chance_distance_is_that_of_drawn_labels():
    gold = np.array([100, 60, 40])
    drawn = np.random.default_rng(0).multinomial(200, gold / 200, size=4000)
    simulated = (np.abs(drawn - gold) / 200).sum(axis=1).mean() / 2
    assert label_bias.total_variation(gold, gold)[1] == pytest.approx(simulated, rel=0.02)


def test_agreement_is_cohens_kappa(views):
    rng = np.random.default_rng(1)
    answers = rng.integers(0, 3, size=(2, 400))
    answers[1, :200] = answers[0, :200]
    found = agreement.pairwise(answers.astype(np.int8))
    expected = cohens_kappa(stats.contingency.crosstab(answers[0], answers[1]).count).kappa
    assert agreement.kappa(found.agreement[0, 1], found.expected[0, 1]) == pytest.approx(expected)


def test_only_items_that_both_languages_have_are_compared(views):
    rows = agreement.rows(views, [BASE, TUNED])
    swahili = one(rows, system=BASE, language="sw", measure="prediction", against="en")
    # Items 2 and 3: no and no in both languages, so chance alone agrees always.
    assert (swahili["items"], swahili["agreement"], swahili["expected"], swahili["kappa"]) == (2, 1.0, 1.0, None)
    tuned = one(rows, system=TUNED, language="sw", measure="prediction", against="en")
    assert (tuned["agreement"], tuned["expected"], tuned["kappa"]) == (0.0, 0.0, 0.0)
    correct = one(rows, system=TUNED, language="all", measure="correct", against="each other")
    # In English right and wrong, in Swahili wrong and right.
    assert (correct["pairs"], correct["agreement"], correct["expected"], correct["kappa"]) == (1, 0.0, 0.5, -1.0)
    assert not [row for row in rows if row["language"] == "en" and row["against"] == "en"]


def test_independent_languages_agree_as_their_accuracies_say():
    right = (np.random.default_rng(2).random((3, 200_000)) < np.array([[0.8], [0.5], [0.3]])).astype(np.int8)
    found = agreement.pairwise(right)
    assert np.allclose(found.agreement[0, 1:], found.expected[0, 1:], atol=0.005)
    assert found.expected[0, 2] == pytest.approx(0.8 * 0.3 + 0.2 * 0.7, abs=0.005)


def test_languages_without_common_items(tmp_path):
    views = item_views.load(write_tables(tmp_path, {"en": EN[:1], "sw": SW[2:]}), ["en", "sw"], OPTIONS)
    row = one(agreement.rows(views, [BASE]), language="all", measure="correct")
    assert row["items"] == 0 and "kappa" not in row


def test_item_view(tmp_path):
    paths = write_tables(tmp_path, {"en": EN, "sw": SW})
    file = tmp_path / "items.parquet"
    with open(file, "wb") as stream:
        item_views.write(stream, paths, [BASE.path, TUNED.path], ["en", "sw"])
    parquet = pq.ParquetFile(file)
    assert parquet.num_row_groups == 2
    rows = parquet.read().to_pylist()
    assert [row["right"] for row in rows] == [2, 1, 1, 1, 0, 2, 1]
    assert rows[1] == {
        "language": "en", "id": "2", "gold": "yes", "systems": 2, "right": 1, f"prediction {BASE.path}": "no",
        f"credit {BASE.path}": 0.0, f"prediction {TUNED.path}": "yes", f"credit {TUNED.path}": 1.0,
    }  # fmt: skip
    assert rows[3][f"prediction {BASE.path}"] is None


def test_other_items_and_unknown_options_are_refused(tmp_path):
    paths = write_tables(tmp_path, {"en": EN})
    with pytest.raises(UserError, match="'yes' is not one of maybe, no"):
        item_views.load(paths, ["en"], ("maybe", "no"))
    (tmp_path / "other").mkdir()
    others = write_tables(tmp_path / "other", {"en": EN[::-1]})
    with pytest.raises(UserError, match="other items of 'en'"):
        item_views.load([paths[0], others[1]], ["en"], OPTIONS)


def test_answers_in_words(tmp_path):
    table = pa.table({
        "id": ["1", "2"], "language": ["en", "en"], "gold": pa.nulls(2, pa.large_string()),
        "prediction": ["Nile", None], "credit": [0.5, 0.0], "exact_match": [0.0, 0.0],
    })  # fmt: skip
    paths = []
    for place, exact in enumerate(([0.0, 0.0], [1.0, 0.0])):
        path = tmp_path / f"{place}.json"
        own = table.set_column(5, "exact_match", pa.array(exact))
        pq.write_table(own, path.with_suffix(".parquet"))
        files = {f"{place}.parquet": manifests.describe(path.with_suffix(".parquet"))}
        manifests.write(path, spec="{}", code="c", inputs={}, files=files)
        paths.append(str(path))
    spec = {"benchmark": "xquad", "source": "sample", "scoring": "generation", "languages": [["en", "English", 5, "x"]],
            "systems": [[BASE.path, "base"], [TUNED.path, "tuned"]]}  # fmt: skip
    outputs = {name: tmp_path / f"{name}.csv" for name in ("flips", "labels", "agreement", "items")}
    command = [
        sys.executable,
        str(ROOT / "workflow/scripts/tabulate_errors.py"),
        "--spec",
        json.dumps(spec),
        "--scores",
        *paths,
    ]
    for name, path in outputs.items():
        command += [f"--{name}", path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    row, together = pd.read_csv(outputs["flips"]).to_dict("records")
    assert together["language"] == "all"
    assert (row["wrong_to_right"], row["right_to_wrong"], row["gold"], row["against"]) == (1, 0, "all", BASE.path)
    labels = pd.read_csv(outputs["labels"])
    assert labels.empty and "total_variation" in labels
    assert set(pd.read_csv(outputs["agreement"])["measure"]) == {"correct"}
