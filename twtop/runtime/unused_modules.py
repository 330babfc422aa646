"""Modules that numpy imports at a start and twtop never uses: each is loaded once it is touched."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType

UNUSED = {
    "numpy._core._add_newdocs",  # the docstrings of numpy's C functions; 6 ms
    "numpy._core._add_newdocs_scalars",
}


class LazyFinder:
    """Finds these modules as the import system does, and leaves their code for the first look at an attribute."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in UNUSED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def leave_out() -> None:
    """Call this before numpy is imported."""
    sys.meta_path.insert(0, LazyFinder())
