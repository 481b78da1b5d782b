"""The report as one HTML page: what it says is handed in, everything it needs is put in."""

import base64
import importlib.metadata
import io
import json
from pathlib import Path
from types import SimpleNamespace

from maple.benchmarks import DECLARED

FOLDER = Path(__file__).resolve().parents[2] / "report"


def render(values: dict, summary: dict) -> str:
    """Return the page.

    Args:
        values: What the template shows.
        summary: What the explorer shows (:func:`maple.explorer.summary`).
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined)
    own = {name: Markup((FOLDER / f"report.{name}").read_text(encoding="utf-8")) for name in ("css", "js")}
    data = json.dumps(summary, ensure_ascii=False, separators=(",", ":"))
    return environment.get_template("report.html.j2").render(
        **values, library=_library(), style=own["css"], script=own["js"], summary=Markup(data.replace("<", "\\u003c"))
    )


def _inert(code: str) -> str:
    """Return JavaScript that cannot end the element it stands in; in its strings the escapes mean the same."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _library() -> dict:
    """Return DataTables with jQuery, as the package itables bundles them."""
    import itables
    from markupsafe import Markup

    folder = Path(itables.__file__).parent / "html"
    return {
        "js": Markup(_inert((folder / "dt_bundle.js").read_text(encoding="utf-8"))),
        "css": Markup((folder / "dt_bundle.css").read_text(encoding="utf-8")),
        "version": importlib.metadata.version("itables"),
    }


def figure(path: Path) -> dict:
    """Return a figure with its title and caption, ready to show."""
    image = path.read_bytes()
    benchmark, name = _parts(path.stem)
    title = name.replace("_", " ").replace("by lang", "by language")
    return {
        "name": path.stem,
        "title": f"{DECLARED[benchmark].name} {title}" if benchmark else title[:1].upper() + title[1:],
        "caption": _caption(benchmark, name),
        "image": base64.b64encode(_smaller(path)).decode(),
        # The size stands in the PNG's first chunk; given it, the page does not jump while it loads. At five eighths,
        # the small print of 6.5 points is 11 pixels high.
        "width": int.from_bytes(image[16:20]) * 5 // 8,
        "height": int.from_bytes(image[20:24]) * 5 // 8,
    }


def _smaller(path: Path) -> bytes:
    """Return a picture as lossless WebP: the same pixels in a third of the bytes, which all browsers show."""
    from PIL import Image

    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.convert("RGB").save(buffer, "WEBP", lossless=True, quality=50, method=2)
    return buffer.getvalue()


def _parts(stem: str) -> tuple[str | None, str]:
    """Return the benchmark that a figure's name begins with, if any, and the rest."""
    first, _, rest = stem.partition("_")
    return (first, rest) if first in DECLARED else (None, stem)


def _caption(benchmark: str | None, name: str):
    """Return a figure's caption as HTML, from the text that Snakemake's own report shows too."""
    from docutils.core import publish_parts
    from jinja2 import Template
    from markupsafe import Markup

    path = FOLDER / f"{name}.rst"
    if not path.is_file():
        return ""
    wildcards = SimpleNamespace(benchmark=benchmark)
    text = Template(path.read_text(encoding="utf-8")).render(snakemake=SimpleNamespace(wildcards=wildcards))
    settings = {"raw_enabled": False, "file_insertion_enabled": False, "report_level": 5}
    return Markup(publish_parts(text, writer="html5", settings_overrides=settings)["fragment"])
