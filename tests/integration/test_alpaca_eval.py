"""AlpacaEval from instructions to the table, by Snakemake, with a judge on loopback; and what an edit costs."""

import copy
import csv
import math
import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest
import torch
from judge_server import KEY, JudgeServer, annotations, assert_no_key, command, prepare_outputs, run
from tiny import COMMON, CPU, load
from workspace import ROOT, TINY, Workspace

from maple import alpaca_eval_outputs, engine, examples, files, model_sources, models
from maple.canonical import canonical
from maple.errors import UserError

TABLE = "results/tables/alpaca_eval.csv"
BASE, TUNED = "tiny/16bit/base", "tiny/16bit/sample/lora-r4/seed0"


@pytest.fixture(scope="module")
def judge(judge_environment):
    server = JudgeServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def judged(judge, tmp_path_factory):
    """A study judged to its end, the first judging killed half-way."""
    config = copy.deepcopy(TINY)
    config["grid"][0]["ranks"] = [4]
    endpoint = {"base_url": judge.url, "model": "gpt-4", "parallel": 1}
    config["alpaca_eval"] = {"source": "sample", "limit": 6, "max_new_tokens": 16, "judge": endpoint}
    study = Workspace.create(tmp_path_factory.mktemp("alpaca") / "maple", config)
    (study.folder / ".venv-judge").symlink_to(ROOT / ".venv-judge")
    judge.faults = [None, None, None, "hang"]
    started = [sys.executable, "-m", "snakemake", "--cores", "2", TABLE]
    kept = os.environ | {"OPENAI_API_KEY": KEY}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    first = subprocess.Popen(started, cwd=study.folder, env=kept, **pipes)
    while not judge.hanging.wait(0.2):
        assert first.poll() is None, first.communicate()
    jobs = [p for p in psutil.Process(first.pid).children(recursive=True) if "judge.py" in " ".join(p.cmdline())]
    [p for p in jobs if p.name().startswith("python")][-1].send_signal(signal.SIGKILL)
    output = first.communicate(timeout=120)[0]
    assert first.returncode != 0 and KEY not in output
    study.answered = [request for request, _ in list(judge.asked.items())[:3]]
    study.asked_by_then = judge.asked.total()
    done = study.command("-m", "snakemake", "--cores", "2", TABLE, env={"OPENAI_API_KEY": KEY})
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert KEY not in done.stdout + done.stderr
    return study


def rows(study):
    with open(study.folder / TABLE, encoding="utf-8") as stream:
        return {row["system"]: row for row in csv.DictReader(stream)}


def test_the_table_says_what_was_judged(judged, judge):
    found = rows(judged)
    assert set(found) == {BASE, TUNED}
    for system, row in found.items():
        index = judged.folder / f"results/judgements/{system}/alpaca_eval/index.json"
        preferences = [r["preference"] for r in files.read_jsonl(index.parent / "annotations.jsonl")]
        outputs = files.read_jsonl(judged.folder / f"results/predictions/{system}/alpaca_eval/en.jsonl")
        assert len(preferences) == len(outputs) == int(row["items"]) == 6 and row["malformed"] == "0"
        assert float(row["score"]) == pytest.approx(sum(p - 1 for p in preferences) / 6, abs=1e-5)
        assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
        assert float(row["characters"]) == pytest.approx(sum(len(r["output"]) for r in outputs) / 6, abs=0.1)
        assert (row["judge"], row["annotator"], row["reference"]) == ("gpt-4", "alpaca_eval_gpt4", "sample")
        assert files.read_json(index)["judges"] == ["gpt-4-0613"] and row["answered_by"] == "gpt-4-0613"
    difference = float(found[TUNED]["score"]) - float(found[BASE]["score"])
    assert float(found[TUNED]["difference"]) == pytest.approx(difference, abs=1e-5)
    assert found[TUNED]["against"] == BASE and found[TUNED]["family"].startswith("all 1 comparisons")
    assert found[BASE]["against"] == ""


def test_a_killed_judging_asks_nothing_twice(judged, judge):
    assert [judge.asked[request] for request in judged.answered] == [1, 1, 1]
    assert judge.asked.total() == len(judge.asked) + 1  # the one under way


def test_the_key_is_nowhere(judged):
    assert_no_key(judged.folder)


def test_what_an_edit_costs(judged, judge, tmp_path):
    asked = judge.asked.total()
    study = judged.copy(tmp_path / "maple")
    assert study.pending(TABLE) == {}
    verified = study.command("workflow/scripts/verify.py")
    assert verified.returncode == 0, verified.stdout

    def edit(**changes):
        study.edit_config(lambda config: config["alpaca_eval"]["judge"].update(changes))

    edit(base_url="http://127.0.0.1:1/v1", parallel=9)
    assert study.pending(TABLE) == {}
    after_scores = {"gather_alpaca_eval": 1}
    after_judging = {"judge": 2, "score_alpaca_eval": 2} | after_scores
    edit(model="gpt-5")
    assert study.pending(TABLE) == after_judging
    edit(model="gpt-4", annotator="chatgpt")
    assert study.pending(TABLE) == after_judging
    edit(annotator="alpaca_eval_gpt4")
    study.edit_config(lambda config: config["alpaca_eval"].update(max_new_tokens=17))
    assert study.pending(TABLE) == {"predict_alpaca_eval": 2} | after_judging
    study.edit_config(lambda config: config["alpaca_eval"].update(max_new_tokens=16))
    study.edit("workflow/scripts/maple/statistics.py", "spread > 1e-12", "spread > 1e-13")
    assert study.pending(TABLE) == {"score_alpaca_eval": 2} | after_scores
    # Annotations that were lost come back from the kept answers: the address above has no judge.
    (study.folder / f"results/judgements/{BASE}/alpaca_eval/annotations.jsonl").unlink()
    assert study.pending(TABLE) == {"judge": 1, "score_alpaca_eval": 2} | after_scores
    before = rows(study)
    study.run(TABLE)
    assert rows(study) == before and judge.asked.total() == asked


def test_annotations_without_records_are_refused_until_adopted(judged, tmp_path):
    study = judged.copy(tmp_path / "maple")
    shutil.rmtree(study.folder / ".snakemake")
    refused = study.snakemake("-n", TABLE)
    assert refused.returncode != 0 and "adopt.py" in refused.stdout + refused.stderr
    adopted = study.command("workflow/scripts/adopt.py")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert not {"finetune", "predict_alpaca_eval", "judge"} & set(study.pending(TABLE))


def test_asking_without_the_section_is_one_line(judged, tmp_path):
    study = judged.copy(tmp_path / "maple")
    study.edit_config(lambda config: config.pop("alpaca_eval"))
    assert not [rule for rule in study.pending() if "alpaca" in rule or rule == "judge"]
    refused = study.snakemake("-n", TABLE)
    assert refused.returncode != 0 and "no section alpaca_eval" in refused.stdout + refused.stderr


# -- outputs ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "manifest.json"
    spec = {"source": "random", "seed": 3, "architecture": COMMON | {"model_type": "llama"}}
    model_sources.prepare(canonical(spec), "code", path)
    model, tokenizer = load(path)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "_proj" in name or "embed" in name:
                value.mul_(8)
    return model, tokenizer


ITEMS = [{"id": f"{n}", "instruction": text} for n, text in enumerate(["Say yes. ", "Name a river.", "Why?\nHow?"])]


def test_asked_as_trained(tiny):
    _, tokenizer = tiny
    for item in ITEMS:
        content = item["instruction"].strip()
        messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "Yes."}]
        example = examples.tokenise({"id": "1", "messages": messages}, tokenizer)
        before = example.tokens[: example.learned.index(True)]
        assert alpaca_eval_outputs.tokens_before(item["instruction"], tokenizer) == before


def test_outputs_are_plain_greedy_decoding(tiny):
    model, tokenizer = tiny
    ready = engine.Engine(models.causal_parts(model), model.config, CPU)
    records, _ = alpaca_eval_outputs.compute(ITEMS, ready, tokenizer, 24)
    for item, record in zip(ITEMS, records, strict=True):
        tokens = list(alpaca_eval_outputs.tokens_before(item["instruction"], tokenizer))
        start = len(tokens)
        with torch.inference_mode():
            while len(tokens) < start + 24 and tokens[-1] != tokenizer.eos_token_id:
                tokens.append(int(model(torch.tensor([tokens])).logits[0, -1].float().argmax()))
        new = tokens[start:-1] if tokens[-1] == tokenizer.eos_token_id else tokens[start:]
        assert record["raw"] == tokenizer.decode(new, skip_special_tokens=True)
        assert (record["id"], record["output"]) == (item["id"], record["raw"].strip())


def test_an_output_that_does_not_fit_is_named(tiny):
    model, tokenizer = tiny
    ready = engine.Engine(models.causal_parts(model), model.config, CPU)
    with pytest.raises(UserError, match="item 0 has .* lower alpaca_eval.max_new_tokens"):
        alpaca_eval_outputs.compute(ITEMS, ready, tokenizer, 500)


# -- a model as the judge ---------------------------------------------------------------------


def test_a_model_judges(tiny, tmp_path, judge_environment):
    """A real, if random, model behind the endpoint: its probabilities of the two names are the preferences."""
    model, tokenizer = tiny
    names = {name: tokenizer.encode(name, add_special_tokens=False)[0] for name in "mM"}
    given = {}

    def answer(request):
        text = "".join(message["content"] for message in request["messages"])[-400:]
        with torch.inference_mode():
            logits = model(torch.tensor([tokenizer.encode(text)])).logits[0, -1].float()
        found = dict(zip(names, logits[list(names.values())].log_softmax(-1).tolist(), strict=True))
        given[request["messages"][-1]["content"]] = found
        best = max(found, key=found.get)
        top = [{"token": name, "logprob": value, "bytes": None} for name, value in found.items()]
        content = [{"token": best, "logprob": found[best], "bytes": None, "top_logprobs": top}]
        return {"text": best, "logprobs": {"content": content}}

    server = JudgeServer(answer)
    spec = {"annotator": "weighted_alpaca_eval_gpt4_turbo", "model": "tiny"}
    try:
        done = run(command(prepare_outputs(tmp_path), tmp_path, server.url, spec))
    finally:
        server.stop()
    assert done.returncode == 0, done.stderr
    judged = [record for record in annotations(tmp_path) if record["judge"]]
    assert len(judged) == len(given) == 5
    # Where the reference stands first it is called m, and 1 is the reference's certain win.
    first = sorted(round(2 - math.exp(found["m"]), 4) for found in given.values())
    shown = (r["preference"] if r["shown_first"] == "reference" else 3 - r["preference"] for r in judged)
    assert sorted(round(value, 4) for value in shown) == first
    assert all(1 < record["preference"] < 2 for record in judged)
