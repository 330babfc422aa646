"""One target under atheris (libFuzzer): `python -m tests.fuzz.engine TARGET [FLAG OR FOLDER] …`.

Atheris counts which lines of twtop an input reaches, and goes on from inputs that reach new ones. It ends with an
error, and leaves the input in a file, where the target raises something or takes longer than `-timeout` seconds.
"""

import random
import sys

from tests.fuzz import registry


def main() -> None:
    import atheris  # an extra of its own

    with atheris.instrument_imports(include=["twtop"]):
        target = registry.target(sys.argv[1])

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if target.change and chance.random() < 0.7:
            return target.change(data, chance)[:most]
        changed: bytes = atheris.Mutate(data, most)
        return changed

    again = f"{sys.executable} -m tests.fuzz.engine {sys.argv[1]}"  # libFuzzer starts itself anew to merge
    custom = {"custom_mutator": mutate} if target.change else {}
    atheris.Setup([again, *sys.argv[2:]], target.check, **custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
