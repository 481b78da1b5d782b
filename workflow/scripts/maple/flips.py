"""Which items finetuning turned from right to wrong and from wrong to right."""

from maple.systems import System


def rows(views: dict, systems: list[System], options: tuple[str, ...]) -> list[dict]:
    """Return one row per adapter, language and gold label, and ``all`` for all of either.

    Args:
        views: Language -> :class:`maple.item_views.View`.
        systems: The systems, in the order of the views' columns.
        options: The benchmark's options; none where answers are in words.
    """
    places = {system: place for place, system in enumerate(systems)}
    found = []
    for system in systems:
        if system.is_base:
            continue
        total = {}
        for code, view in views.items():
            before, after = view.right[:, places[system.base]], view.right[:, places[system]]
            for label, members in _groups(view, options).items():
                own = _count(before[members], after[members])
                found.append({"system": system, "language": code, "gold": label} | own)
                total[label] = {key: total.get(label, {}).get(key, 0) + value for key, value in own.items()}
        found += [{"system": system, "language": "all", "gold": label} | own for label, own in total.items()]
    return [row | _shares(row) for row in found]


def _groups(view, options: tuple[str, ...]) -> dict:
    """Return a mask, or a slice for all, of the items of each gold label."""
    return {"all": slice(None)} | {option: view.golds == place for place, option in enumerate(options)}


def _count(before, after) -> dict[str, int]:
    return {
        "items": len(before),
        "right_before": int(before.sum()),
        "right_after": int(after.sum()),
        "wrong_to_right": int((~before & after).sum()),
        "right_to_wrong": int((before & ~after).sum()),
    }


def _shares(row: dict) -> dict[str, float | None]:
    """Return what share of the wrong were mended, of the right were lost, and of all were flipped either way."""
    wrong = row["items"] - row["right_before"]
    flipped = row["wrong_to_right"] + row["right_to_wrong"]
    return {
        "mended_share": row["wrong_to_right"] / wrong if wrong else None,
        "lost_share": row["right_to_wrong"] / row["right_before"] if row["right_before"] else None,
        "flipped_share": flipped / row["items"] if row["items"] else None,
    }
