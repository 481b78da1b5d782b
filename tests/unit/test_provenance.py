"""Facts of earlier runs outlive the file that a later run replaces, for as long as something of theirs is kept."""

from maple.provenance import Recorder, earlier_runs


def test_runs_are_remembered_while_languages_of_theirs_are_kept(tmp_path):
    path = tmp_path / "provenance.json"
    assert earlier_runs(path, {"en"}) == []
    facts = {"device": "cpu", "gpu_percent": 100, "tokens": 5}
    Recorder().write(path, languages=["en", "sw"], **facts, earlier=[])
    (first,) = earlier_runs(path, {"en"})
    assert first["languages"] == ["en", "sw"] and first["seconds"] >= 0 and first.keys() >= facts.keys()
    assert "versions" not in first
    Recorder().write(path, languages=["de"], **facts, earlier=[first])
    assert [run["languages"] for run in earlier_runs(path, {"sw", "de"})] == [["de"], ["en", "sw"]]
    assert earlier_runs(path, {"sw"}) == [first]
    # All made anew, or the file was edited.
    assert earlier_runs(path, set()) == []
    path.write_text(path.read_text().replace("de", "fr"))
    assert earlier_runs(path, {"sw"}) == []
