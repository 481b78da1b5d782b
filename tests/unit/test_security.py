"""Configs and prompt sets written to do harm: each is refused in one line."""

import copy

import pytest
import yaml
from workspace import ROOT, TINY

from maple import config
from maple.errors import UserError
from maple.prompts import PromptSet
from maple.systems import System

NAMES = [
    "..",
    "../x",
    "a/../../b",
    "/etc",
    "a/b",
    "a b",
    "a;touch x",
    "$(touch x)",
    "`id`",
    "a|b",
    "a\nb",
    "a\n",
    "a&b",
    "a'b",
    'a"b',
    "{system}",
    "*",
    "~",
    "-rf",
    "a\0b",
    "é",
    "A",
    "x" * 64,
    "x" * 5000,
    "",
]
ITEM = {"id": "1", "language": "en", "fields": {"premise": "It rains"}, "options": ["a"]}


def refused(change):
    raw = copy.deepcopy(TINY)
    change(raw)
    with pytest.raises(UserError) as error:
        config.resolve(raw, "config.yaml")
    assert "\n" not in str(error.value) and str(error.value).startswith("config.yaml: ")


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("section", ["models", "instructions", "methods"])
def test_slugs(section, name):
    refused(lambda c: c[section].update({name: next(iter(c[section].values()))}))


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_benchmarks_and_prompt_sets(name):
    refused(lambda c: c["benchmarks"].update({name: c["benchmarks"]["xnli"]}))
    refused(lambda c: c["benchmarks"]["xnli"].update(prompts=name))


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in {"a/b", "-rf", "A", "x" * 64, "x" * 5000}], ids=repr
)
def test_results_folders(name):
    refused(lambda c: c.update(results=name))


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_paths_of_systems_are_parsed_strictly(name):
    for path in (f"{name}/16bit/base", f"tiny/16bit/{name}/lora-r4/seed0", f"tiny/16bit/sample/{name}-r4/seed0"):
        with pytest.raises(ValueError):
            System.parse(path)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "https://user:secret@host", "http://h/?key=s", "http://h;id", "http://$(id)", "http://h\n"],
)
def test_the_judges_address(address):
    section = {"source": "sample", "judge": {"base_url": address, "model": "m"}}
    refused(lambda c: c.update(alpaca_eval=section))


def test_yaml_that_asks_for_python_objects(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("study: !!python/object/apply:os.system ['touch x']\n")
    with pytest.raises(UserError, match="not valid YAML"):
        config.load(path)


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ self.__init__.__globals__ }}",
    "{{ premise.format.__self__.__class__ }}",
    "{{ '{0.__class__.__init__}'.format(premise) }}",
    "{{ ('%s' | attr('__class__')).x }}",
    "{{ words.update(x=1) }}",
    "{{ joiner.__init__.__builtins__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% for i in range(10000000000) %}x{% endfor %}",
    "{{ 1 // 0 }}",
    "{{ premise.undefined_thing }}",
]


@pytest.mark.parametrize("template", ESCAPES)
@pytest.mark.parametrize("place", ["context", "option", "answer"])
def test_templates_that_try_to_leave_the_sandbox(tmp_path, template, place):
    data = {"context": "{{ premise }}", "options": {"a": " yes"}, "words": {"en": {}}}
    data |= {"context": template} if place == "context" else {"options": {"a": template}} if place == "option" else {}
    item = ITEM
    if place == "answer":
        data["answer"] = template
        item = {key: ITEM[key] for key in ("id", "language", "fields")} | {"answers": ["wet"]}
        template = template.replace("words.", "answers.")
    path = tmp_path / "set.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(UserError) as error:
        PromptSet(path).demonstration(item)
    assert "\n" not in str(error.value) and str(path) in str(error.value)


def test_the_code_unpickles_nothing_and_trusts_no_remote_code():
    for file in [*(ROOT / "workflow").rglob("*.py"), *(ROOT / "rules").glob("*.smk")]:
        text = file.read_text(encoding="utf-8")
        for word in ("import pickle", "torch.load(", "trust_remote_code=True", "yaml.load(", "shell=True", "eval("):
            assert word not in text.replace(".eval(", ""), f"{file}: {word}"
        assert "allow_pickle=True" not in text, file
