"""The faults that `make mutants` puts into a function: each changes one place, and is known by the code around it."""

from types import FunctionType

import pytest

from tests.support.mutations import mutations

SOURCE = '''
LIMIT = 5

class Wheel:
    def turned(self, by: int = 3) -> bool:
        """Not touched: 1 < 2."""
        return by < LIMIT and not self.stands

def freed(ports):
    if any(ports):
        ports[0] -= 1
    raise ValueError(f"no port of {1 + 1}")
'''


def test_every_fault_is_one_change() -> None:
    assert [(each.line, each.key) for each in mutations(SOURCE)] == [
        (7, "Wheel.turned: return by < LIMIT and (not self.stands) → return by < LIMIT or not self.stands"),
        (7, "Wheel.turned: return by < LIMIT and (not self.stands) → return by <= LIMIT and (not self.stands)"),
        (7, "Wheel.turned: return by < LIMIT and (not self.stands) → return by < LIMIT and self.stands"),
        (10, "freed: if any(ports): → if not any(ports):"),
        (10, "freed: if any(ports): → if all(ports):"),
        (11, "freed: ports[0] -= 1 → ports[0] += 1"),
        (11, "freed: ports[0] -= 1 → if False:"),
        (11, "freed: ports[0] -= 1 → ports[1] -= 1"),
        (11, "freed: ports[0] -= 1 → ports[0] -= 2"),
        (12, "freed: raise ValueError(f'no port of {1 + 1}') → if False:"),
    ]


def test_the_code_of_a_function_is_that_with_the_fault() -> None:
    (left_out,) = [each for each in mutations(SOURCE) if each.key.endswith("ports[0] -= 1 → ports[0] -= 2")]
    function = FunctionType(left_out.code("a file"), {})
    ports = [7]
    with pytest.raises(ValueError, match="no port"):
        function(ports)
    assert ports == [5]
