"""Item tables of many systems side by side, and the bootstrap over items that all of them share."""

from dataclasses import dataclass
from pathlib import Path

from maple import manifests
from maple.errors import UserError


@dataclass(frozen=True)
class Items:
    """The items of one language of a benchmark.

    Attributes:
        ids: Item ids, an Arrow array.
        credits: Items x systems, float64 in [0, 1].
        unparsed: Items x systems, bool: whether a generated answer could not be read; ``None`` if it was not asked for.
    """

    ids: object
    credits: object
    unparsed: object = None


def load(paths: list[Path], languages: list[str], generated: bool = False) -> dict[str, Items]:
    """Return the items of each language, credits of all systems side by side.

    Args:
        paths: The systems' score files, with their item tables beside them.
        languages: Codes to read; a table may hold more.
        generated: Whether to read which answers could not be parsed.

    Raises:
        UserError: A table is damaged, lacks a language, or holds other items than the first system's.
    """
    import numpy as np

    ids, earned, lost = {}, {code: [] for code in languages}, {code: [] for code in languages}
    columns = ["id", "credit", *(["prediction"] if generated else [])]
    for path in paths:
        for code, part in slices(path, languages, columns).items():
            own = part["id"].chunk(0)
            ids.setdefault(code, own)
            same_items(own, ids[code], code, path, paths[0])
            earned[code].append(credits(part))
            if generated:
                lost[code].append(part["prediction"].is_null().to_numpy())

    def beside(found):
        return np.stack(found, axis=1) if found else None

    return {code: Items(ids[code], beside(earned[code]), beside(lost[code])) for code in languages}


def same_items(ids, expected, code: str, path: Path, first: Path) -> None:
    """Refuse two systems that were scored on different items."""
    if not ids.equals(expected):
        raise UserError(f"{path}: was scored on other items of {code!r} than {first}: delete both and run again")


def credits(part):
    """Return the credits of a slice.

    As multiples of 2**-20: sums over items are exact in any order, on any number of threads.
    """
    import numpy as np

    return np.round(part["credit"].to_numpy() * 2**20) / 2**20


def slices(path: Path, languages: list[str], columns: list[str]) -> dict:
    """Return some columns of one system's item table, an Arrow table per language.

    Args:
        path: The system's score file, with the item table beside it.
        languages: Codes to read; the table may hold more.
        columns: Names of columns.

    Raises:
        UserError: The table is damaged or lacks a language.
    """
    import numpy as np
    import pyarrow.parquet as pq

    manifests.read(path)
    table = pq.read_table(path.with_suffix(".parquet"), columns=["language", *columns], read_dictionary=["language"])
    table = table.combine_chunks()
    names = table["language"].chunk(0).dictionary.to_pylist()
    own = table["language"].chunk(0).indices.to_numpy()
    starts = np.flatnonzero(np.diff(own, prepend=-1))
    ends = [*starts[1:], len(own)]
    found = {
        names[own[start]]: table.select(columns).slice(start, end - start)
        for start, end in zip(starts, ends, strict=True)
    }
    for code in languages:
        if code not in found:
            raise UserError(f"{path}: has no scores for {code!r}: delete it and run again")
    return {code: found[code] for code in languages}


def resample(tables: dict[str, Items], resamples: int, seed: int):
    """Return the mean credits of every system and language under a bootstrap over items.

    An item is drawn with all its translations and all systems' answers to it (a cluster bootstrap: Efron and
    Tibshirani 1993, chapter 8; Field and Welsh 2007), so that what they share stays shared.

    Args:
        tables: The items of each language.
        resamples: Number of bootstrap samples.
        seed: Of the draws.

    Returns:
        Resamples x systems x languages, float32.
    """
    import numpy as np
    import pandas as pd

    lengths = [len(part.ids) for part in tables.values()]
    cluster, unique = pd.factorize(
        np.concatenate([part.ids.to_numpy(zero_copy_only=False) for part in tables.values()])
    )
    rows = np.split(cluster, np.cumsum(lengths)[:-1])
    systems = next(iter(tables.values())).credits.shape[1]
    means = np.empty((resamples, systems, len(tables)), dtype=np.float32)
    rng = np.random.default_rng(seed)
    for start in range(0, resamples, 250):
        batch = min(250, resamples - start)
        drawn = rng.integers(len(unique), size=(batch, len(unique)))
        drawn += np.arange(batch)[:, None] * len(unique)
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(float)
        for number, (part, own) in enumerate(zip(tables.values(), rows, strict=True)):
            counts = weights[:, own]
            # Of a handful of items a resample may hold none; it then says nothing new.
            total = counts.sum(axis=1, keepdims=True)
            found = np.where(total > 0, counts @ part.credits / np.maximum(total, 1), part.credits.mean(axis=0))
            means[start : start + batch, :, number] = found
    return means
