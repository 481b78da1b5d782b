"""A short part of the fault campaign, and that the campaign notices what it is there to notice."""

import pytest
from campaign import Campaign

# One of each that needs no rights of its own and brings a run down quickly; the moments are drawn.
KINDS = ["kill -9, Snakemake alone", "a second Snakemake", "kill -9, all at once"]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """A campaign whose study has ended after faults, was damaged, mended, and has ended again."""
    done = Campaign(tmp_path_factory.mktemp("faults"), seed=6, size="short")
    try:
        for kind in KINDS:
            if done.live(kind):
                break
        else:
            done.finish()
        done.damage_results(6)
        done.finish()
        done.compare()
        yield done
    finally:
        done.close()


def test_every_fault_leaves_the_same_bytes(campaign):
    assert not campaign.problems
    assert len(campaign.faults) >= 7
    assert {fault.outcome for fault in campaign.faults} == {"same bytes"}
    assert all(fault.noticed for fault in campaign.faults if fault.kind == "result damaged")


@pytest.fixture
def noticed(campaign, monkeypatch):
    """The campaign with an empty list of problems and a `verify` that finds nothing."""
    monkeypatch.setattr(campaign, "problems", [])
    monkeypatch.setattr(campaign, "faults", [])
    monkeypatch.setattr(campaign, "verified", lambda *_: "9 right, 0 wrong")
    campaign.snapshot()
    return campaign


def test_a_wrong_byte_is_noticed(noticed):
    path = next(noticed.study.results.glob("scores/**/xnli.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    noticed.compare()
    path.write_bytes(content)
    assert ["seed0/xnli.parquet" in words for words in noticed.problems] == [True]


def test_damage_that_verify_overlooks_is_noticed(noticed, monkeypatch):
    monkeypatch.setattr(noticed, "read_damaged", lambda *_: None)
    files = {path: path.read_bytes() for path in noticed.study.files()}
    noticed.damage_results(3)
    for path, content in files.items():
        path.write_bytes(content)
    assert len(noticed.problems) == len(noticed.faults) > 0
    assert all("verify does not name" in words for words in noticed.problems)


def test_finished_work_that_is_gone_is_noticed(noticed):
    path = next(noticed.study.results.glob("adapters/**/adapter.json"))
    content = path.read_bytes()
    path.unlink()
    noticed.checked()
    path.write_bytes(content)
    assert any("kept, 0 left" in words for words in noticed.problems)
    assert any("is gone" in words for words in noticed.problems)


def test_a_training_that_began_anew_or_twice_is_noticed(noticed):
    adapter, (_, steps) = next(iter(noticed.ledger.adapters.items()))
    log = noticed.study.results / f"logs/finetune/{adapter.removeprefix('results/adapters/')}.log"
    before = {adapter: steps // 2}
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(" spec {}\n")
    assert "at once" in noticed.ledger.shared(noticed.study, {f"{adapter}/adapter.json"})[0]
    log.write_text("waiting for it\n spec {}\n")
    assert not noticed.ledger.shared(noticed.study, {f"{adapter}/adapter.json"})
    log.write_text(" spec {}\nresuming after step 1 of 9\n")
    assert "training began after 1" in noticed.ledger.resumed(noticed.study, before)[1][0]
    log.write_text(f" spec {{}}\nresuming after step {steps // 2} of 9\n")
    assert noticed.ledger.resumed(noticed.study, before) == (1, [])
