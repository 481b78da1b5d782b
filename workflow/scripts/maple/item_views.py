"""What every system answered to every item of a benchmark: the item view, and what the error tables are made from."""

from dataclasses import dataclass
from pathlib import Path

from maple import item_tables
from maple.errors import UserError

# Code of an answer that could not be read.
UNPARSED = -1


@dataclass(frozen=True)
class View:
    """One language of a benchmark, all systems side by side.

    Attributes:
        ids: Item ids, an Arrow array.
        predictions: Items x systems, int8: place of the predicted option, or ``UNPARSED``; ``None`` where answers
            are in words.
        golds: Place of each item's gold option; ``None`` where answers are in words.
        right: Items x systems, bool: full credit for an option, an exact match for words.
    """

    ids: object
    predictions: object
    golds: object
    right: object


def load(paths: list[Path], languages: list[str], options: tuple[str, ...]) -> dict[str, View]:
    """Return the view of each language.

    Args:
        paths: The systems' score files, with their item tables beside them.
        languages: Codes to read.
        options: The benchmark's options; none where answers are in words.

    Raises:
        UserError: A table is damaged, lacks a language, holds other items than the first, or an unknown option.
    """
    import numpy as np

    found = {code: View(None, [], None, []) for code in languages}
    columns = ["id", "gold", "prediction", "credit"] if options else ["id", "exact_match"]
    for path in paths:
        for code, part in item_tables.slices(path, languages, columns).items():
            view, ids = found[code], part["id"].chunk(0)
            if view.ids is None:
                golds = _places(part["gold"], options, path) if options else None
                view = found[code] = View(ids, view.predictions, golds, view.right)
            item_tables.same_items(ids, view.ids, code, path, paths[0])
            view.right.append(part["credit" if options else "exact_match"].to_numpy() == 1)
            if options:
                view.predictions.append(_places(part["prediction"], options, path))
    return {
        code: View(
            view.ids,
            np.stack(view.predictions, axis=1) if options else None,
            view.golds,
            np.stack(view.right, axis=1),
        )
        for code, view in found.items()
    }


def _places(column, options: tuple[str, ...], path: Path):
    """Return the place of each answer among the options."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    column = column.combine_chunks()
    places = pc.index_in(column, value_set=pa.array(options, column.type))
    unknown = pc.and_(pc.is_null(places), pc.is_valid(column))
    if pc.any(unknown).as_py():
        name = pc.filter(column, unknown)[0].as_py()
        raise UserError(f"{path}: {name!r} is not one of {', '.join(options)}: delete it and run again")
    return pc.fill_null(places, UNPARSED).to_numpy(zero_copy_only=False).astype(np.int8)


def write(stream, paths: list[Path], systems: list[str], languages: list[str]) -> None:
    """Write the item view as Parquet, one row group per language.

    Columns are ``language``, ``id``, ``gold`` (empty where answers are in words), ``systems`` and ``right`` (how many
    systems there are, and how many earned full credit), then ``prediction <system>`` and ``credit <system>`` of each.

    Args:
        stream: Where to.
        paths: The systems' score files.
        systems: The systems' paths, in the same order.
        languages: Codes.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [item_tables.slices(path, languages, ["id", "gold", "prediction", "credit"]) for path in paths]
    writer = None
    for code in languages:
        first = parts[0][code]
        earned = [part[code]["credit"].to_numpy() for part in parts]
        columns = {
            "language": pa.array([code] * len(first)),
            "id": first["id"].cast(pa.string()),
            "gold": first["gold"].cast(pa.string()),
            "systems": pa.array(np.full(len(first), len(parts), dtype=np.int32)),
            "right": pa.array(np.sum([credit == 1 for credit in earned], axis=0, dtype=np.int32)),
        }
        for system, part, credit in zip(systems, parts, earned, strict=True):
            columns[f"prediction {system}"] = part[code]["prediction"].cast(pa.string())
            columns[f"credit {system}"] = pa.array(credit)
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(stream, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=len(table))
    writer.close()
