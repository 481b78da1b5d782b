"""What edits cost the report, and that a partial one starts no work but its own."""

import json


def test_a_caption_or_the_page_reruns_the_report_alone(study):
    study.edit("workflow/report/report.css", "font-size: 1.7rem", "font-size: 1.8rem")
    assert study.pending() == {"report": 1}


def test_a_sentence_reruns_the_report_alone(study):
    study.edit("workflow/scripts/maple/findings.py", "What happened to English?", "What became of English?")
    assert study.pending() == {"report": 1}


def test_how_items_are_shown_reruns_no_prediction(study):
    study.edit("workflow/scripts/maple/shown_items.py", '"sum"], 2)', '"sum"], 3)')
    assert study.pending() == {"report_items_xnli": 1, "report": 1}


def test_deleted_items_are_made_again_alone(study):
    kept = (study.folder / "results/report/xnli/en.js").stat().st_ino
    content = (study.folder / "results/report/xnli/sw.js").read_bytes()
    (study.folder / "results/report/xnli/sw.js").unlink()
    assert set(study.pending()) <= {"report_items_xnli", "report"} and study.pending()
    study.run()
    assert (study.folder / "results/report/xnli/sw.js").read_bytes() == content
    assert (study.folder / "results/report/xnli/en.js").stat().st_ino == kept
    assert study.pending() == {}


def test_a_partial_report_starts_nothing_else(study):
    def grow(config):
        config["grid"][0]["ranks"] = [4, 8, 16]
        config["benchmarks"]["xnli"]["languages"] = ["en", "sw", "zh"]
        config["benchmarks"]["xcopa"] = {"source": "sample", "languages": ["en"]}

    study.edit_config(grow)
    assert study.pending("report_partial") == {"report_partial": 1}
    study.run("report_partial")
    page = (study.folder / "results/report_partial.html").read_text(encoding="utf-8")
    for line in (
        "XNLI: no scores yet for Tiny, 16-bit, LoRA rank 16.",
        "XNLI: no scores yet in Chinese (Simplified).",
        "XCOPA: no scores yet.",
        "Figures not drawn yet: xcopa_by_lang and xcopa_by_rank.",
    ):
        assert f"<li>{line}</li>" in page
    assert study.pending("report_partial") == {}
    assert (study.folder / "results/report_partial/xnli/sw.js").is_file()
    done = study.command("workflow/scripts/verify.py")
    assert "partial" not in done.stdout, done.stdout


def test_a_partial_report_leaves_out_what_the_present_settings_would_not_give(study):
    study.edit_config(lambda config: config["methods"]["lora"].update(learning_rate=2.0e-3))
    study.run("report_partial")
    page = (study.folder / "results/report_partial.html").read_text(encoding="utf-8")
    assert "no scores yet for Tiny, 16-bit, LoRA rank 4; Tiny, 16-bit, LoRA rank 8." in page
    summary = json.loads(page.partition('id="summary">')[2].partition("</script>")[0])
    assert [system["label"] for system in summary["systems"]] == ["Tiny, 16-bit, untuned"]


def test_a_partial_report_on_nothing_is_one_line(study):
    study.edit_config(lambda config: config.update(results="results/new"))
    done = study.snakemake("report_partial")
    assert done.returncode != 0 and "nothing has been scored yet" in done.stdout + done.stderr
    assert not (study.folder / "results/new/report_partial.html").exists()


def test_verify_notices_items_edited_by_hand(study):
    with open(study.folder / "results/report/xnli/sw.js", "a") as stream:
        stream.write(" ")
    done = study.command("workflow/scripts/verify.py")
    assert done.returncode == 1 and "report/xnli/sw.js" in done.stdout


def test_a_partial_report_reads_one_file_and_says_so(study):
    (study.folder / "more.yaml").write_text("study: Other\n")
    for options in (["--config", "study=Other"], ["--configfile", "config/config.yaml", "more.yaml"]):
        for rule in ("report_partial", "verify"):
            done = study.snakemake(rule, *options)
            assert done.returncode != 0 and "put all of it into one file" in done.stdout + done.stderr
    assert study.pending("report_partial", "--configfile", "config/config.yaml") == {"report_partial": 1}
