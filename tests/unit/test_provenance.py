"""Facts of earlier runs outlive the file that a later run replaces, for as long as something of theirs is kept."""

from maple import origin
from maple.provenance import Recorder, earlier_runs


def test_runs_are_remembered_while_languages_of_theirs_are_kept(tmp_path):
    path = tmp_path / "provenance.json"
    assert earlier_runs(path, {"en": "1"}) == []
    facts = {"device": "cpu", "gpu_percent": 100, "tokens": 5}
    Recorder().write(path, languages={"en": "1", "sw": "2"}, **facts, earlier=[])
    (first,) = earlier_runs(path, {"en": "1", "sw": "2"})
    assert first["languages"] == {"en": "1", "sw": "2"} and first["seconds"] >= 0 and first.keys() >= facts.keys()
    assert first.keys() >= {"versions", "peak_memory_bytes"}
    Recorder().write(path, languages={"de": "3"}, **facts, earlier=[first])
    found = earlier_runs(path, {"sw": "2", "de": "3"})
    assert [run["languages"] for run in found] == [{"de": "3"}, {"en": None, "sw": "2"}]
    # Found in review: a language made anew by a run that was killed later was charged to the run before.
    assert earlier_runs(path, {"en": "7", "de": "3"}) == found[:1]
    # All made anew, or the file was edited.
    assert earlier_runs(path, {}) == []
    path.write_text(path.read_text().replace("de", "fr"))
    assert earlier_runs(path, {"sw": "2"}) == []


def test_records_that_say_less_are_no_obstacle(tmp_path):
    """Found in review: one without a share of its GPU ended a job after all its work."""
    path = tmp_path / "provenance.json"
    Recorder().write(path, languages=["en"], device="cpu", tokens=5)
    assert earlier_runs(path, {"en": "1"}) == []
    Recorder().write(path, languages={"en": "1"}, device="cpu", tokens=5)
    assert earlier_runs(path, {"en": "1"})[0].keys() >= {"device", "tokens", "seconds"}


def test_the_report_counts_runs_before_an_increment(tmp_path):
    path = tmp_path / "predictions/m/16bit/base/xnli/provenance.json"
    path.parent.mkdir(parents=True)
    facts = {"gpu_percent": 100, "tokens": 5}
    Recorder().write(path, languages={"en": "1"}, device="GPU X", **facts)
    before = earlier_runs(path, {"en": "1"})
    before[0]["seconds"] = 7200
    Recorder().write(path, languages={"sw": "2"}, device="GPU Y", **facts, earlier=before)
    (step,) = origin.work(tmp_path, ["m/16bit/base"], ["xnli"])["steps"]
    assert round(step["hours"], 1) == 2.0 and step["devices"] == ["GPU X", "GPU Y"] and step["jobs"] == 2
