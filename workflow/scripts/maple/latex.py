"""Tables for a paper, with booktabs rules, ready to paste."""

_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {"<": "$<$", ">": "$>$"}
_SPECIAL |= {character: "\\" + character for character in "&%$#_{}"}


def escape(text) -> str:
    """Return text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in str(text))


def number(value, digits: int = 1, sign: bool = False) -> str:
    """Return a share in per cent or points, with a true minus; a dash if missing."""
    if value is None or value != value:
        return "--"
    return f"${value * 100:{'+' if sign else ''}.{digits}f}$"


def probability(value) -> str:
    """Return a p value."""
    if value is None or value != value:
        return "--"
    return "$<$0.001" if value < 0.001 else f"{value:.3f}"


def table(columns: list[tuple[str, str]], rows: list[list[str]], caption: str, label: str) -> str:
    """Return a table environment.

    Args:
        columns: Alignment (``l``, ``r``, ``p{4cm}``) and heading of each column; headings are escaped here.
        rows: Cells, already in LaTeX.
        caption: Caption, plain text.
        label: Label.
    """
    head = " & ".join(escape(heading) for _, heading in columns)
    body = "\n".join(" & ".join(row) + r" \\" for row in rows)
    return (
        "\\begin{table}\n\\centering\\small\n"
        f"\\caption{{{escape(caption)}}}\n\\label{{{label}}}\n"
        f"\\begin{{tabular}}{{{''.join(alignment for alignment, _ in columns)}}}\n\\toprule\n"
        f"{head} \\\\\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )
