"""What `verify` finds, and that nothing is found where nothing is wrong."""

import json
import os
import platform
import random
import shutil

import pytest
import verify
from workspace import TINY

from maple import audit, config, manifests
from maple.study import Study

ADAPTER = "results/adapters/tiny/16bit/sample/lora-r4/seed0"
TABLE = "results/tables/xnli_scores.csv"


@pytest.fixture(scope="module")
def tree(finished, tmp_path_factory):
    """A finished study of this module's own; each test leaves it as it was."""
    return finished.copy(tmp_path_factory.mktemp("tree") / "maple")


@pytest.fixture(scope="module")
def maker(tree):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree.folder)
        patch.setenv("MAPLE_ADOPTING", "1")
        return verify.makers("config/config.yaml")


@pytest.fixture
def findings(tree, maker, monkeypatch):
    """Return what an audit finds, as path -> (reason, rule)."""
    monkeypatch.chdir(tree.folder)

    def look():
        done = audit.Audit(Study(config.resolve(TINY)), maker).run()
        return {finding.path: (finding.reason, finding.rule) for finding in done.findings}

    return look


class Tampered:
    """Changes a file for the time of a block."""

    def __init__(self, path, content):
        self.path, self.content = path, content

    def __enter__(self):
        self.before = self.path.read_bytes() if self.path.exists() else None
        if self.content is None:
            self.path.unlink()
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_bytes(self.content)

    def __exit__(self, *_):
        if self.before is None:
            self.path.unlink()
        else:
            self.path.write_bytes(self.before)


def test_nothing_in_a_clean_tree(findings):
    assert findings() == {}


def test_an_edited_table_and_what_came_from_it(tree, findings):
    path = tree.folder / TABLE
    with Tampered(path, path.read_bytes().replace(b"Tiny", b"Tina", 1)):
        found = findings()
    assert "wrong sha256" in found[TABLE][0] and found[TABLE][1] == "gather"
    assert found["results/figures/xnli_by_lang.pdf"] == (f"made from another {TABLE}", "plot_by_lang")
    assert found["results/report.html"][1] == "report"
    assert f"{ADAPTER}/adapter.json" not in found


def test_a_truncated_figure(tree, findings):
    path = tree.folder / "results/figures/xnli_by_lang.png"
    with Tampered(path, path.read_bytes()[:-100]):
        found = findings()
    assert "bytes, expected" in found["results/figures/xnli_by_lang.pdf"][0]


def test_a_score_edited_by_hand(tree, findings, tmp_path):
    kept = tree.copy(tmp_path / "kept")
    path = tree.folder / "results/scores/tiny/16bit/base/xnli.json"
    content = json.loads(path.read_text())
    content["scores"]["en"]["score"] = 0.99
    with Tampered(path, json.dumps(content, indent=1, sort_keys=True).encode()):
        found = findings()
        refused = tree.snakemake("--forcerun", "gather", "--", TABLE)
    assert found["results/scores/tiny/16bit/base/xnli.json"][0].endswith("damaged or edited")
    assert found["results/scores/tiny/16bit/base/xnli.json"][1] == "score_xnli"
    assert TABLE in found
    assert refused.returncode != 0 and "xnli.json: damaged or edited" in refused.stdout + refused.stderr
    # The refused job's table is gone, as a failed job's is.
    for name in ("results", ".snakemake"):
        shutil.rmtree(tree.folder / name)
        shutil.move(kept.folder / name, tree.folder / name)


def test_foreign_files(tree, findings):
    planted = ["results/notes.txt", "results/tables/extra.csv", f"{ADAPTER}/pytorch_model.bin", "results/junk/a/b.json"]
    for name in planted:
        with Tampered(tree.folder / name, b"{}"):
            assert findings() == {name: ("foreign: no rule makes it", "")}


def test_a_result_without_its_record(tree, findings):
    record = tree.folder / f"{TABLE}.provenance.json"
    with Tampered(record, None):
        assert findings()[TABLE] == ("nothing says how it was made", "gather")


def test_what_a_killed_job_left(tree, findings):
    name = f"results/tables/.effects.csv.999999999@{platform.node()}.tmp"
    with Tampered(tree.folder / name, b"half"):
        assert findings() == {name: ("left by a killed job", "")}


def test_what_another_machine_may_be_writing(tree, findings):
    name = "results/tables/.effects.csv.999999999@another.example.tmp"
    with Tampered(tree.folder / name, b"half"):
        assert findings() == {}
        os.utime(tree.folder / name, (0, 0))
        assert findings() == {name: ("left by a killed job", "")}


def test_a_model_that_a_killed_job_was_unpacking(tree, findings):
    unpacked = f"results/models/tiny/.model.ab_c1.999999999@{platform.node()}.tmp/model/model.safetensors"
    with Tampered(tree.folder / unpacked, b"half"):
        assert findings() == {unpacked: ("left by a killed job", "")}


def test_stale_results_of_another_config(tree, maker, monkeypatch):
    monkeypatch.chdir(tree.folder)
    changed = json.loads(json.dumps(TINY))
    changed["methods"]["lora"]["learning_rate"] = 5.0e-4
    done = audit.Audit(Study(config.resolve(changed)), maker).run()
    reasons = {finding.path: finding.reason for finding in done.findings}
    assert reasons[f"{ADAPTER}/adapter.json"] == "made with other settings"
    # A new learning rate says nothing about what else it spoils; what was made from the adapter is named too.
    assert "results/figures/training_curves.pdf" in reasons
    assert not any("/base/" in path for path in reasons)


def test_a_rank_taken_off_the_grid_is_kept(tree, monkeypatch):
    tree.edit_config(lambda c: c["grid"][0].update(ranks=[4]))
    try:
        done = tree.command("workflow/scripts/verify.py")
    finally:
        tree.write_config(TINY)
    assert "lora-r8" not in done.stdout.split(" wrong")[0]
    assert "sound but not of this config" in done.stdout
    assert f"{TABLE}: made with other settings (rule gather makes it)" in done.stdout


def test_remove_bad_and_a_run_mend_it(study):
    before = {path: path.read_bytes() for path in (study.folder / "results/tables").glob("*.*v")}
    for path in before:
        path.write_bytes(path.read_bytes()[:-3])
    done = study.command("workflow/scripts/verify.py", "--remove-bad")
    assert done.returncode == 0, done.stdout + done.stderr
    drawn = "by_lang by_rank by_resource_class cost english_forgetting forest heatmap tokenizer_fertility tradeoff"
    tables = {"gather": 1, "compare": 1, "analyse": 1, "tokenize_benchmarks": 1, "report": 1}
    assert study.pending() == tables | {f"plot_{name}": 1 for name in drawn.split()}
    study.run()
    assert all(path.read_bytes() == content for path, content in before.items())
    assert study.snakemake("verify").returncode == 0


def test_foreign_files_are_never_deleted(study):
    note = study.folder / "results/notes.txt"
    note.write_text("mine")
    done = study.command("workflow/scripts/verify.py", "--remove-bad")
    assert done.returncode == 1 and "results/notes.txt: foreign" in done.stdout and note.exists()


def tamperings(folder, number):
    """Yield path and new content of tamperings drawn with a fixed seed; ``None`` for a deleted file."""
    draw = random.Random(20240107)
    files = sorted(
        path
        for path in (folder / "results").rglob("*")
        if path.is_file() and not {"logs", ".scratch"} & set(path.relative_to(folder).parts)
    )
    payload = [path for path in files if not path.name.endswith(".json") and path.suffix != ".html"]
    for _ in range(number):
        kind = draw.choice(["flip", "truncate", "append", "empty", "copy", "delete", "plant"])
        path = draw.choice(payload if kind == "delete" else files)
        content = path.read_bytes()
        if kind == "flip":
            place = draw.randrange(len(content))
            content = content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]
        elif kind == "truncate":
            content = content[: draw.randrange(len(content))]
        elif kind == "append":
            content += b"\n"
        elif kind == "copy":
            others = [other for other in files if other.suffix == path.suffix and other.read_bytes() != content]
            content = draw.choice(others).read_bytes() if others else b""
        elif kind == "plant":
            path = path.with_name(f"{path.stem}-copy{path.suffix}")
        yield kind, path, None if kind == "delete" else b"" if kind == "empty" else content


def test_all_of_fifty_tamperings_are_found(tree, findings):
    missed = []
    for kind, path, content in tamperings(tree.folder, 50):
        with Tampered(path, content):
            if not findings():
                missed.append((kind, str(path.relative_to(tree.folder))))
    assert not missed
    assert findings() == {}


def test_every_result_carries_its_provenance(tree):
    """Spec, code and inputs stand in the manifest or the record; versions, commit and time in the record."""
    manifest_names = {"index.json", "adapter.json", "manifest.json"}
    checked = 0
    for path in (tree.folder / "results").rglob("*"):
        if path.name not in manifest_names and path.suffix not in {".csv", ".pdf", ".html"}:
            continue
        own = path.parent / "provenance.json"
        record = own if own.is_file() else path.with_name(f"{path.name}.provenance.json")
        if not record.is_file() and path.name not in manifest_names:
            record = next(other for other in path.parent.glob("*.provenance.json") if path.name in other.read_text())
        facts = json.loads(record.read_text())
        assert manifests.is_sealed(facts), record
        assert {"versions", "workflow", "seconds", "peak_memory_bytes", "started"} <= set(facts), record
        said = facts if "spec" in facts else json.loads(path.read_text())
        assert {"spec", "code", "inputs", "files"} <= set(said), path
        checked += 1
    facts = json.loads((tree.folder / ADAPTER / "provenance.json").read_text())
    assert {"device", "tokens", "peak_device_memory_bytes"} <= set(facts)
    assert json.loads((tree.folder / ADAPTER / "adapter.json").read_text())["spec"]["seed"] == 0
    facts = json.loads((tree.folder / "results/predictions/tiny/16bit/base/xnli/provenance.json").read_text())
    assert {"device", "tokens", "peak_device_memory_bytes"} <= set(facts)
    assert checked >= 12
