"""Secrets of the environment and hostile words of the config: in no file, and never executed."""

import shutil

from workspace import SECRETS, TINY

HOSTILE = (
    """Title '; touch pwned; echo " $(touch pwned) `touch pwned` $x_{1$ {input} \\input{/etc/passwd} """
    "<script>alert(1)</script>"
)


def searched(folder):
    """Return the files below a folder that hold one of the secrets, and how many files there are."""
    secrets = [value.encode() for value in SECRETS.values()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(secret in path.read_bytes() for secret in secrets)], len(files)


def test_no_secret_of_the_environment_in_any_file(finished):
    for place, least in (("results", 40), (".snakemake", 10)):
        holding, count = searched(finished.folder / place)
        assert count >= least and not holding, holding


def test_a_failing_run_tells_no_secret_either(study):
    shutil.rmtree(study.folder / "results/predictions/tiny/16bit/base")
    study.edit("workflow/scripts/predict.py", "    device = devices.setup", "    1 / 0\n    device = devices.setup")
    target = "results/predictions/tiny/16bit/base/xnli/index.json"
    done = study.command("-m", "snakemake", "--cores", "2", "--", target, env=SECRETS)
    assert done.returncode != 0 and "ZeroDivisionError" in done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert not any(value in said for value in SECRETS.values())
    assert searched(study.folder)[0] == []


def test_words_of_the_config_are_never_executed(study):
    study.edit_config(lambda c: c.update(study=HOSTILE))
    study.edit_config(lambda c: c["models"]["tiny"].update(name=HOSTILE, note=HOSTILE))
    study.run()
    assert not list(study.folder.rglob("pwned"))
    page = (study.folder / "results/report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert "\\input{/etc" not in (study.folder / "results/tables/scores.tex").read_text(encoding="utf-8")


def test_hostile_slugs_stop_before_any_job(study):
    for name in ("../../outside", "a b", "$(touch pwned)", "x" * 300):
        study.edit_config(lambda c, name=name: c.update(models={name: TINY["models"]["tiny"]}, grid=TINY["grid"]))
        done = study.snakemake("-n")
        assert done.returncode != 0 and "models" in done.stdout + done.stderr
    assert not list(study.folder.parent.rglob("pwned")) and not (study.folder.parent.parent / "outside").exists()
