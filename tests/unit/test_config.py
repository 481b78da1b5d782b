import copy
import json

import pytest
import yaml
from workspace import ROOT, TINY

from maple import config
from maple.errors import UserError
from maple.study import Study
from maple.systems import System


def broken(change):
    raw = copy.deepcopy(TINY)
    change(raw)
    with pytest.raises(UserError) as error:
        config.resolve(raw, "config.yaml")
    text = str(error.value)
    assert "\n" not in text and text.startswith("config.yaml: ")
    return text


def test_unknown_key_names_it_and_what_is_allowed():
    text = broken(lambda c: c["methods"]["lora"].update(learning_rte=1))
    assert "'learning_rte'" in text and "methods.lora" in text and "learning_rate" in text


def test_number_that_yaml_reads_as_text():
    text = broken(lambda c: c["methods"]["lora"].update(yaml.safe_load("learning_rate: 1e-4")))
    assert "methods.lora.learning_rate" in text and "'1e-4'" in text and "1.0e-4" in text


def test_rank_of_the_wrong_type():
    assert "grid.0.ranks.0 is '1e-4'" in broken(lambda c: c["grid"][0].update(yaml.safe_load("ranks: [1e-4]")))


def test_unknown_language():
    text = broken(lambda c: c["benchmarks"]["xnli"].update(languages=["en", "xx"]))
    assert "'xx'" in text and "languages.csv" in text


def test_language_that_the_benchmark_lacks():
    assert "'ja'" in broken(lambda c: c["benchmarks"]["xnli"].update(languages=["ja"]))


def test_norwegian():
    text = broken(lambda c: c["benchmarks"]["xnli"].update(yaml.safe_load("languages: [en, no]")))
    assert "unquoted no" in text


def test_undeclared_model():
    assert "'other'" in broken(lambda c: c["grid"][0].update(models=["other"]))


@pytest.mark.parametrize("slug", ["..", "a/b", "a b", "a;b", "-r8", "x" * 80, "$(id)", ""])
def test_slugs_that_could_leave_the_results_folder(slug):
    assert "config.yaml" in broken(lambda c: c["models"].update({slug: c["models"]["tiny"]}))


@pytest.mark.parametrize("folder", ["../x", "/tmp/x", "a/../b", "a b"])
def test_results_folder_stays_inside(folder):
    assert "results" in broken(lambda c: c.update(results=folder))


def test_alpha_twice():
    assert "alpha" in broken(lambda c: c["methods"]["lora"].update(alpha_per_rank=2))


def test_defaults_come_from_the_schema():
    resolved = config.resolve(copy.deepcopy(TINY))
    assert resolved["results"] == "results"
    assert resolved["methods"]["lora"]["schedule"] == "cosine"
    assert resolved["grid"][0]["seeds"] == [0]
    assert resolved["statistics"] == {"resamples": 100, "seed": 0}


def test_default_study_has_exactly_its_systems():
    study = Study(config.load(ROOT / "config/config.yaml"))
    assert [system.path for system in study.systems] == [
        f"gemma-3-270m/{bits}bit/{rest}"
        for bits in (4, 16)
        for rest in ("base", "sample/lora-r8/seed0", "sample/lora-r64/seed0")
    ]


def test_paper_study_has_exactly_its_systems():
    study = Study(config.load(ROOT / "config/maple.yaml"))
    assert len(study.systems) == 66 and len(study.adapters) == 60
    assert {s.rank for s in study.adapters} == {8, 16, 32, 64, 128}
    specs = {study.finetune_spec(s.path) + s.model + s.data for s in study.adapters}
    assert len(specs) == 60
    # What decides an adapter, and nothing of the machine: no device batch, device, thread or GPU.
    for found in (json.loads(study.finetune_spec(s.path)) for s in study.adapters):
        assert found.keys() == {"bits", "rank", "seed", "method"}
        assert found["method"].keys() <= {
            "alpha", "batch_size", "dropout", "epochs", "held_out", "learning_rate", "max_grad_norm", "max_length",
            "schedule", "target_modules", "warmup_steps", "weight_decay",
        }  # fmt: skip
    counts = {name: len(part["languages"]) for name, part in study.config["benchmarks"].items()}
    assert counts == {"xnli": 15, "xcopa": 11, "xstorycloze": 11, "belebele": 122, "mlqa": 7, "xquad": 12}


def test_system_paths_round_trip():
    for path in ("m/4bit/base", "gemma-3-270m/16bit/a.b/lora-qv-r8-r64/seed3"):
        assert System.parse(path).path == path
    assert System.parse("m/4bit/d/lora-r8-r64/seed0").method == "lora-r8"
    for path in ("m/5bit/base", "m/4bit/d/lora/seed0", "../m/4bit/base", "m/4bit/base/x", "m/4bit/d/lora-r0/seed0"):
        with pytest.raises(ValueError):
            System.parse(path)


def test_finetune_spec_knows_alpha_per_rank():
    raw = copy.deepcopy(TINY)
    del raw["methods"]["lora"]["alpha"]
    raw["methods"]["lora"]["alpha_per_rank"] = 2
    study = Study(config.resolve(raw))
    assert '"alpha":16' in study.finetune_spec("tiny/16bit/sample/lora-r8/seed0")


def test_hardware_and_names_stay_out_of_specs():
    study = Study(config.resolve(copy.deepcopy(TINY)))
    raw = copy.deepcopy(TINY)
    raw["models"]["tiny"].update(name="Other", parameters=9.0e9, note="x")
    raw["methods"]["lora"]["name"] = "Other"
    raw["cluster"] = {"tflops": 300, "max_minutes": 60}
    other = Study(config.resolve(raw))
    path = study.adapters[0].path
    assert study.finetune_spec(path) == other.finetune_spec(path)
    assert study.model_spec("tiny") == other.model_spec("tiny")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "full"}, "grid.0.bits: 'lora' trains all weights"),
        ({"kind": "full", "target_modules": "all-linear"}, "methods.lora.target_modules has no meaning"),
        ({"kind": "dora", "target_modules": None}, "methods.lora lacks the key 'target_modules'"),
    ],
)
def test_each_kind_of_method_has_its_keys(change, words):
    def make(raw):
        raw["grid"][0]["bits"] = [4, 16]
        method = {key: value for key, value in raw["methods"]["lora"].items() if key != "target_modules"}
        raw["methods"]["lora"] = method | {key: value for key, value in change.items() if value}

    assert words in broken(make)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["grid"][0].update(ranks=[8.0]), "grid.0.ranks.0 is 8.0, but must be of type integer: write 8"),
        (lambda c: c["grid"][0].update(seeds=[1.0]), "grid.0.seeds.0 is 1.0, but must be of type integer: write 1"),
        (lambda c: c["grid"][0].update(bits=[16.0]), "grid.0.bits.0 is 16.0, but must be of type integer: write 16"),
        (lambda c: c["grid"][0].update(bits=["4"]), "grid.0.bits.0 is '4'"),
        (lambda c: c["grid"][0].update(bits=[5]), "grid.0.bits.0 is 5: allowed are 4, 8, 16"),
        (lambda c: c["grid"][0].update(seeds=[0, 0]), "grid.0.seeds is [0, 0]: each may stand there once"),
        (lambda c: c["grid"][0].pop("ranks"), "grid.0 has the key 'data', but lacks 'ranks'"),
        (lambda c: c.update(grid=[]), "grid: [] should be non-empty"),
        (
            lambda c: c["methods"]["lora"].update(learning_rate=float("nan")),
            "learning_rate is nan, but must be of type",
        ),
        (lambda c: c["methods"]["lora"].update(epochs=float("inf")), "methods.lora.epochs is inf, but must be of type"),
        (lambda c: c["methods"]["lora"].update(target_modules="q_proj"), "cannot be: all-linear, or a list of module"),
        (lambda c: c["instructions"]["sample"].update(source="local"), "instructions.sample lacks the key 'path'"),
        (lambda c: c["benchmarks"].update(xnly=c["benchmarks"]["xnli"]), "a name in benchmarks is 'xnly': allowed are"),
        (lambda c: c["benchmarks"]["xnli"].update(limits={False: 3}), "unquoted no"),
        (lambda c: c["benchmarks"]["xnli"].update(prompts="nativ"), "'nativ': config/prompts/xnli has mega, native"),
        (lambda c: c["models"]["tiny"].update(tokenizer="nope"), "models.tiny.tokenizer names 'nope', not in models"),
        (lambda c: c["models"]["tiny"].update(tokenizer="tiny"), "tiny borrows from tiny"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(change, words):
    assert words in broken(change)


def test_a_key_that_stands_twice(tmp_path):
    path = tmp_path / "c.yaml"
    text = yaml.safe_dump(TINY)
    path.write_text(text)
    config.load(path)
    path.write_text(f"{text}grid: []\n")
    line = text.splitlines().index("grid:") + 1
    with pytest.raises(UserError, match=rf"line {len(text.splitlines()) + 1}: the key 'grid' stood in line {line} "):
        config.load(path)
    path.write_text(text.replace("  ranks:", "  ranks: [2]\n  ranks:"))
    with pytest.raises(UserError, match="'ranks' stood in line"):
        config.load(path)
