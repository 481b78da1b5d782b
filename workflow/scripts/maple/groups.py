"""Groups of languages whose mean is reported: all, by resource, English."""

# Classes of Joshi et al. 2020: 0 left-behinds, 1 scraping-bys, 2 hopefuls, 3 rising stars, 4 underdogs, 5 winners.
LOW, HIGH = (0, 1, 2), (4, 5)


def members(languages: list[tuple[str, int | None]]) -> dict[str, list[int]]:
    """Return the places of each group's languages; groups without a language are left out.

    Args:
        languages: Code and resource class (``None`` if not classified) of each.
    """
    found = {
        "all": list(range(len(languages))),
        "low": [place for place, (_, joshi) in enumerate(languages) if joshi in LOW],
        "high": [place for place, (_, joshi) in enumerate(languages) if joshi in HIGH],
    }
    return {name: places for name, places in found.items() if places}


NAMES = {"all": "all languages", "low": "low-resource (classes 0-2)", "high": "high-resource (classes 4-5)"}
