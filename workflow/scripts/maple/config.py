"""The study's configuration: reading, defaults, and errors a person can act on."""

import math
import re
from functools import lru_cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from maple import languages
from maple.benchmarks import DECLARED
from maple.errors import UserError
from maple.files import read_json

# Neither a user's name and password, nor a query with a key in it, nor what a shell would read.
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/\[\]-]+")
ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "workflow/schemas/config.schema.json"


# JSON calls 8.0 an integer and YAML .nan a number. Here 8.0 would become part of a path, and NaN of a spec.
_TYPES = Draft202012Validator.TYPE_CHECKER.redefine_many(
    {
        "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda _, value: (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ),
    }
)
_Validator = extend(Draft202012Validator, type_checker=_TYPES)


@lru_cache
def _schema() -> dict:
    return read_json(SCHEMA)


def _resolved(schema: dict, root: dict) -> dict:
    reference = schema.get("$ref")
    return root["$defs"][reference.removeprefix("#/$defs/")] | schema if reference else schema


def _fill(value, schema: dict, root: dict):
    """Return ``value`` with the schema's defaults put in, at every level."""
    schema = _resolved(schema, root)
    if isinstance(value, dict):
        known = schema.get("properties", {})
        others = schema.get("additionalProperties")
        filled = {
            key: _fill(item, known.get(key, others if isinstance(others, dict) else {}), root)
            for key, item in value.items()
        }
        for key, part in known.items():
            if key not in filled and "default" in part and _wanted(key, value, schema):
                filled[key] = _fill(part["default"], part, root)
        return filled
    if isinstance(value, list):
        return [_fill(item, schema.get("items", {}), root) for item in value]
    return value


def _wanted(key: str, value: dict, schema: dict) -> bool:
    """Whether a default may be added: not where the key would demand others that are absent."""
    return all(other in value for other in schema.get("dependentRequired", {}).get(key, []))


def neutral(value: dict, schema_path: tuple[str, ...]) -> dict:
    """Return ``value`` without the keys that stand at their neutral value.

    A key marked ``x-neutral`` in the schema does nothing at that value. Leaving it out of specs means
    that a key which a later version adds, left alone, reruns nothing.
    """
    root = _schema()
    part = root
    for step in schema_path:
        part = part["additionalProperties"] if step == "*" else part["properties"][step]
    return {
        key: item
        for key, item in value.items()
        if not ("x-neutral" in part["properties"][key] and item == part["properties"][key]["x-neutral"])
    }


def _explain(error) -> str:
    """Return one line for a schema error: the key, the value, what is allowed."""
    where = ".".join(str(step) for step in error.absolute_path) or "the top level"
    value = error.instance
    if error.validator == "additionalProperties":
        allowed = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(value) - set(allowed))
        return f"unknown key {unknown[0]!r} at {where}: allowed are {', '.join(allowed)}"
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in value]
        return f"{where} lacks the key {missing[0]!r}"
    if error.validator == "dependentRequired":
        needs = [(key, other) for key, others in error.validator_value.items() for other in others]
        key, other = next((key, other) for key, other in needs if key in value and other not in value)
        return f"{where} has the key {key!r}, but lacks {other!r}"
    if error.validator == "not" and error.validator_value == {"required": ["target_modules"]}:
        return f"{where}.target_modules has no meaning for this kind of method: take it out"
    if error.validator == "anyOf" or error.validator == "not":
        if where.startswith("instructions"):
            return f"{where} needs either 'source' and 'languages', or 'sources'"
        return f"{where} needs exactly one of 'alpha' and 'alpha_per_rank'"
    if "propertyNames" in error.absolute_schema_path:
        where = f"a name in {where}"
    if error.validator == "uniqueItems":
        return f"{where} is {value!r}: each may stand there once"
    if error.validator == "oneOf":
        return f"{where} is {value!r}, which it cannot be: {error.schema['description']}"
    if value is False and ("languages" in where or "limits" in where):
        return f'{where} is false: YAML reads an unquoted no as false; write "no" in quotes, or nb for Bokmål'
    if error.validator == "type":
        hint = ""
        if isinstance(value, str) and "number" in str(error.validator_value) and _is_number(value):
            hint = f": YAML reads {value} as text; write {float(value):.1e}".replace("e-0", "e-").replace("e+0", "e+")
        if isinstance(value, float) and "integer" in str(error.validator_value) and value.is_integer():
            hint = f": write {value:.0f}"
        return f"{where} is {value!r}, but must be of type {error.validator_value}{hint}"
    if error.validator == "enum":
        return f"{where} is {value!r}: allowed are {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern":
        return f"{where} is {value!r}: must match {error.validator_value}"
    return f"{where}: {error.message}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_references(config: dict, name: str) -> None:
    """Check what a schema cannot: that names used in one place are declared in another."""
    for number, block in enumerate(config["grid"]):
        for key, section in (("models", "models"), ("data", "instructions"), ("methods", "methods")):
            for slug in block.get(key, []):
                if slug not in config[section]:
                    known = ", ".join(config[section]) or "none"
                    raise UserError(f"{name}: grid.{number}.{key} names {slug!r}, not in {section} (declared: {known})")
        for slug in block.get("methods", []):
            if config["methods"][slug]["kind"] == "full" and block["bits"] != [16]:
                raise UserError(f"{name}: grid.{number}.bits: {slug!r} trains all weights: only [16] can be")
    for slug in config["models"]:
        _check_tokenizer(config["models"], slug, name)
    for slug, part in config["benchmarks"].items():
        sets = sorted(file.stem for file in (ROOT / "config/prompts" / slug).glob("*.yaml"))
        if part["prompts"] and part["prompts"] not in sets:
            having = f"config/prompts/{slug} has {', '.join(sets)}"
            raise UserError(f"{name}: benchmarks.{slug}.prompts: no set {part['prompts']!r}: {having}")
        if part["question_from"] != "own" and slug != "xcopa":
            raise UserError(f"{name}: benchmarks.{slug}.question_from: only xcopa has that field: take it out")
        if part["scoring"] == "likelihood" and not DECLARED[slug].golds:
            raise UserError(f"{name}: benchmarks.{slug}.scoring: its answers are in words, so only generation can be")
    judge = config.get("alpaca_eval", {}).get("judge")
    if judge and not _ADDRESS.fullmatch(judge["base_url"]):
        raise UserError(
            f"{name}: alpaca_eval.judge.base_url must be a plain address such as https://api.openai.com/v1; "
            "the key belongs into OPENAI_API_KEY"
        )
    table = languages.load()
    for section in ("benchmarks", "instructions"):
        for slug, part in config[section].items():
            listed = [*part.get("languages", []), *part.get("limits", {})]
            listed += [code for source in part.get("sources", []) for code in source["languages"]]
            for code in listed:
                if code not in table:
                    raise UserError(
                        f"{name}: {section}.{slug}.languages: unknown language {code!r}; see config/languages.csv"
                    )
                if section == "benchmarks" and slug not in table[code].codes:
                    having = ", ".join(row.code for row in table.values() if slug in row.codes)
                    raise UserError(f"{name}: benchmarks.{slug}.languages: no {code!r} there; it has {having}")


def _check_tokenizer(models: dict, slug: str, name: str) -> None:
    """Check that a model which borrows its tokenizer gets one in the end."""
    seen = [slug]
    while (other := models[seen[-1]].get("tokenizer", "bytes")) != "bytes":
        where = f"{name}: models.{seen[-1]}.tokenizer"
        if other not in models:
            raise UserError(f"{where} names {other!r}, not in models (declared: {', '.join(models)}), nor is it bytes")
        if other in seen:
            raise UserError(f"{where}: {' borrows from '.join([*seen, other])}: name a model that has a tokenizer")
        seen.append(other)


def resolve(raw: dict, name: str = "config") -> dict:
    """Return a checked configuration with every default filled in.

    Args:
        raw: What the YAML said.
        name: What to call it in errors.

    Raises:
        UserError: One line naming the key, the value and what is allowed.
    """
    schema = _schema()
    errors = sorted(
        _Validator(schema).iter_errors(raw), key=lambda error: (len(error.absolute_path), str(error.absolute_path))
    )
    if errors:
        raise UserError(f"{name}: {_explain(errors[0])}")
    config = _fill(raw, schema, schema)
    _check_references(config, name)
    return config


def check_keys(path) -> None:
    """Check that no key stands twice in a mapping of a YAML file; YAML itself keeps the last without a word.

    Raises:
        UserError: One does; the line says which and where.
    """
    pending = [yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)]
    while pending:
        node = pending.pop()
        if isinstance(node, yaml.SequenceNode):
            pending += node.value
        elif isinstance(node, yaml.MappingNode):
            lines = {}
            for key, value in node.value:
                line, first = key.start_mark.line + 1, lines.get(key.value)
                if first and key.value != "<<":
                    raise UserError(
                        f"{path}, line {line}: the key {key.value!r} stood in line {first} already: keep one"
                    )
                lines[key.value] = line
                pending.append(value)


def load(path) -> dict:
    """Read and resolve a YAML file."""
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        check_keys(path)
    except FileNotFoundError:
        raise UserError(f"{path}: file not found") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return resolve(raw or {}, str(path))
