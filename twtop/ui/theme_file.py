"""The chosen theme from one run to the next: a file of the user's, whose one line is the theme's name."""

import os
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_path

from twtop.sanitize import printable


class ThemeFileError(Exception):
    """One line that says what is the matter with the file."""


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """A file that does not hold a theme's name is never overwritten."""

    path: Path

    @classmethod
    def of_user(cls) -> "ThemeFile":
        return cls(user_config_path("twtop") / "theme")

    def read(self, known: Container[str]) -> str | None:
        """The name in the file, None without a file; raises ThemeFileError for one that names no theme."""
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
        """Put this name into the file, whole or not at all; raises ThemeFileError where that cannot be."""
        self.read(known)  # what is there may have become somebody else's
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(f"{name}\n", "utf-8")
            draft.replace(self.path)
        except OSError as error:
            raise ThemeFileError(f"the theme is not kept: {self.path}: {error.strerror}") from error
