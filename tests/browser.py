"""A page opened from disk in headless Chromium, with everything it says and asks for written down."""

import contextlib
import shutil
from dataclasses import dataclass, field

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable():
    """Return the browser's path, ``None`` if there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Seen:
    """What a page did.

    Attributes:
        errors: Messages of the console above "info", and uncaught exceptions.
        requests: Addresses asked for, blobs and data left out.
    """

    errors: list = field(default_factory=list)
    requests: list = field(default_factory=list)


@contextlib.contextmanager
def opened(path, folder, width=1280, height=900, dark=False, wait=30_000):
    """Open a file until its explorer is ready; give the page and what it did.

    Args:
        path: File to open.
        folder: Empty folder for the browser's profile.
        width: Of the window, in pixels.
        height: Of the window.
        dark: Whether the system prefers dark colours.
        wait: Milliseconds until it must be ready.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(folder),
            executable_path=executable(),
            headless=True,
            args=FLAGS,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        try:
            page, seen = context.pages[0], Seen()
            page.on("console", lambda m: m.type in {"error", "warning"} and seen.errors.append(m.text))
            page.on("pageerror", lambda error: seen.errors.append(str(error)))
            page.on("request", lambda r: r.url.startswith(("blob:", "data:")) or seen.requests.append(r.url))
            page.goto(path.resolve().as_uri())
            page.wait_for_selector("html[data-ready]", timeout=wait)
            yield page, seen
        finally:
            context.close()
