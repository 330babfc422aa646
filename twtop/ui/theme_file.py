"""Keeps the chosen theme from one run to the next, in a file with one line: the name of the theme."""

from collections.abc import Container
from pathlib import Path

from platformdirs import user_config_path

from twtop.files.draft import drafted, opened_folder
from twtop.files.small_file import RefusedFile, read_small
from twtop.records import dataclass
from twtop.sanitize import printable

LONGEST_PATH = 400
"""Cells of the path in a message."""


class ThemeFileError(Exception):
    """The file cannot be used. The text says why in one line."""


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """The file at `path`. It is never overwritten unless it is a file and holds the name of a theme."""

    path: Path

    @classmethod
    def of_user(cls) -> "ThemeFile | None":
        """None where there is no folder for it: the user has no name and no HOME, as in some containers."""
        try:
            folder = user_config_path("twtop")
        except RuntimeError:
            return None
        return cls(folder / "theme") if folder.is_absolute() else None

    def read(self, known: Container[str]) -> str | None:
        """The name in the file, None without a file. Raises ThemeFileError if it is none of the known names."""
        return self._read(known, self.path)

    def write(self, name: str, known: Container[str]) -> None:
        """Write this name into the file, whole or not at all. Raises ThemeFileError."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with opened_folder(self.path.parent) as folder:
                self._read(known, self.path.name, folder)  # something else may have written it meanwhile
                with drafted(self.path.name, f"{name}\n", folder) as draft:
                    draft.replace(self.path.name)
        except OSError as error:
            raise ThemeFileError(f"the theme is not kept: {self._shown}: {error.strerror}") from error

    def _read(self, known: Container[str], path: str | Path, folder: int | None = None) -> str | None:
        try:
            text = read_small(path, folder)
        except RefusedFile as refused:
            raise ThemeFileError(f"{self._shown} is ignored and left as it is: {refused}") from refused
        if text is not None and text.strip() not in known:
            found = printable(text.strip())
            raise ThemeFileError(f"{self._shown} is ignored and left as it is: there is no theme {found!r}")
        return None if text is None else text.strip()

    @property
    def _shown(self) -> str:
        return printable(str(self.path), LONGEST_PATH)
