"""Places that run full or turn read-only: a small file system in memory, and a folder mounted over itself."""

import os
import shutil
import subprocess
from pathlib import Path


def _mount(*arguments) -> bool:
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0


def small_disk(folder: Path, megabytes: int) -> bool:
    """Put a file system of a given size at a folder, if this process may."""
    folder.mkdir(parents=True, exist_ok=True)
    return bool(shutil.which("mount")) and _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)


def unmount(folder: Path) -> None:
    """Take a file system away, as soon as nobody uses it."""
    subprocess.run(["umount", "--lazy", str(folder)], capture_output=True)


class Full:
    """Fills the file system of a folder up to a few bytes, for the time of a block."""

    def __init__(self, folder: Path, left: int):
        self.ballast, self.left = folder / "ballast", left

    def __enter__(self):
        left = self.left
        while True:
            free = os.statvfs(self.ballast.parent)
            try:
                with open(self.ballast, "wb") as stream:
                    os.posix_fallocate(stream.fileno(), 0, max(1, free.f_bavail * free.f_frsize - left))
                return
            except OSError:
                # Somebody wrote in between.
                left += 1 << 16

    def __exit__(self, *_):
        self.ballast.unlink()


class ReadOnly:
    """Makes a folder read-only, also to root, for the time of a block."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __enter__(self):
        # A bind mount has a flag of its own; modes would not hinder root.
        bound = _mount("--bind", self.folder, self.folder) and _mount("-o", "remount,ro,bind", self.folder)
        assert bound, f"{self.folder} cannot be made read-only"

    def __exit__(self, *_):
        unmount(self.folder)
