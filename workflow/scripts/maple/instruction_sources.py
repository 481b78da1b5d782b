"""Reading instruction records where they lie: sample data, a local folder, the hub."""

from pathlib import Path

from maple import conversations, languages
from maple.errors import UserError

SAMPLE = Path(__file__).resolve().parents[3] / "resources/sample/instructions"
# Where each repository keeps a language, by its own code. Read as files: MBZUAI's has a loading script,
# which `datasets` no longer runs.
_HUB_FILES = {"bactrian-x": "data/{code}.json.gz", "multialpaca": "data/{code}.jsonl"}


def read(source: dict, language: str) -> list[tuple[str, str, dict]]:
    """Return ``(file, where, raw record)`` of one language of a source, in the order of its files.

    A local folder holds ``<language>.jsonl``, ``<language>.json``, or a folder ``<language>/`` with any
    number of such files.

    Raises:
        UserError: There is no such file, or it cannot be read.
    """
    if source["source"] == "hub":
        files = [(source["layout"], f"{source['id']}@{source['revision']} ({language})", _from_hub(source, language))]
    else:
        folder = SAMPLE if source["source"] == "sample" else Path(source["path"])
        files = [(path.stem, str(path), path) for path in _files(folder, language)]
    return [
        (name, f"{where}, record {number}", record)
        for name, where, path in files
        for number, record in enumerate(conversations.read(path), 1)
    ]


def _files(folder: Path, language: str) -> list[Path]:
    """Return the files of a language in a local folder."""
    for name in (f"{language}.jsonl", f"{language}.json"):
        if (folder / name).is_file():
            return [folder / name]
    inside = sorted(path for path in (folder / language).glob("*") if path.suffix in {".jsonl", ".json"})
    if not inside:
        raise UserError(
            f"{folder}: has no {language}.jsonl, {language}.json or folder {language}/ with such files: "
            f"add it or take {language!r} off the list"
        )
    return inside


def _from_hub(source: dict, language: str) -> Path:
    from maple import hub

    code = languages.load()[language].codes.get(source["layout"].replace("-", "_"), language)
    return hub.dataset_file(source["id"], _HUB_FILES[source["layout"]].format(code=code), source["revision"])
