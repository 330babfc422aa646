"""Keeps the chosen theme from one run to the next, in a file with one line: the name of the theme."""

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from twtop.sanitize import printable


class ThemeFileError(Exception):
    """The file cannot be used. The text says why in one line."""


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """The file at `path`. It is never overwritten unless it holds the name of a theme."""

    path: Path

    @classmethod
    def of_user(cls) -> "ThemeFile":
        return cls(user_config_path("twtop") / "theme")

    def read(self, known: Container[str]) -> str | None:
        """The name in the file, None without a file. Raises ThemeFileError if it is none of the known names."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise ThemeFileError(f"{self.path} is ignored and left as it is: {reason}") from error
        if (name := text.strip()) not in known:
            raise ThemeFileError(f"{self.path} is ignored and left as it is: there is no theme {printable(name)!r}")
        return name

    def write(self, name: str, known: Container[str]) -> None:
        """Write this name into the file, whole or not at all. Raises ThemeFileError."""
        self.read(known)  # something else may have written it meanwhile
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(f"{name}\n", "utf-8")
            draft.replace(self.path)
        except OSError as error:
            raise ThemeFileError(f"the theme is not kept: {self.path}: {error.strerror}") from error
