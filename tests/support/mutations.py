"""Small faults of a module, one at a time: what `make mutants` puts into the code, for the tests to notice.

A fault changes one place inside a function: a comparison at its boundary, an operator, a number by one, a condition to
its contrary, `any` to `all`, the smaller to the larger; or it leaves out an assignment or a call. Docstrings,
annotations, default values and texts stay as they are.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In},
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd},
}
OPPOSITES = (
    *(("any", "all"), ("min", "max"), ("argmin", "argmax"), ("minimum", "maximum"), ("fmin", "fmax")),
    *(("floor", "ceil"), ("left", "right")),
)
NAMES = {name: other for pair in OPPOSITES for name, other in (pair, pair[::-1])}

SHOWN = 110
"""Characters of code that a fault is shown in: of its statement, else of the largest part that is not longer."""

NOT_RUN = ("annotation", "returns", "decorator_list", "type_params")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands in the tree: in a field of its parent, or in a list there."""

    parent: ast.AST
    name: str
    at: int | None

    def put(self, node: ast.AST) -> None:
        if self.at is None:
            setattr(self.parent, self.name, node)
        else:
            getattr(self.parent, self.name)[self.at] = node


@dataclass(frozen=True, slots=True, eq=False)
class Mutation:
    """A fault: the line, the qualified name of its function, and the code around it without and with it."""

    line: int
    function: str
    old: str
    new: str
    tree: ast.Module = field(repr=False)
    place: Place = field(repr=False)
    fault: ast.AST = field(repr=False)

    @property
    def key(self) -> str:
        """What stays the same while other lines of the module change."""
        return f"{self.function}: {self.old} → {self.new}"

    def code(self, path: str) -> CodeType:
        """The function's code with the fault. The tree keeps it: no other mutation of it can be asked for its code."""
        self.place.put(self.fault)
        module = compile(ast.fix_missing_locations(self.tree), path, "exec")
        return next(code for code in functions(module) if code.co_qualname == self.function)


def mutations(source: str) -> list[Mutation]:
    """Every fault of the functions and methods of a module, in the order of its lines."""
    tree = ast.parse(source)
    found = []
    for function, name in _functions(tree):
        for around, place, node in _nodes(function):
            shown = next((each for each in around if len(_text(each)) <= SHOWN), node)
            for fault in _faults(node):
                old = _text(shown)
                place.put(fault)
                new = _text(fault if node is shown else shown)
                place.put(node)
                if old != new:
                    line = next(at for each in reversed(around) if (at := getattr(each, "lineno", 0)))
                    found.append(Mutation(line, name, old, new, tree, place, fault))
    return found


def functions(module: CodeType) -> Iterator[CodeType]:
    """The code of the functions and methods in that of a module. What is within a function belongs to it."""
    for constant in module.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            if "<locals>" not in constant.co_qualname:
                yield from functions(constant)


def _functions(scope: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in scope.body:
        if isinstance(node, ast.FunctionDef):
            yield node, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _nodes(function: ast.FunctionDef) -> Iterator[tuple[tuple[ast.AST, ...], Place, ast.AST]]:
    """Each node that runs when the function does, its place, and the nodes from its statement down to itself."""

    def inside(
        around: tuple[ast.AST, ...], names: tuple[str, ...]
    ) -> Iterator[tuple[tuple[ast.AST, ...], Place, ast.AST]]:
        for name in names:
            value: Any = getattr(around[-1], name)
            for at, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST) and not _is_text(node):
                    chain = (node,) if isinstance(node, ast.stmt) else (*around, node)
                    yield chain, Place(around[-1], name, at), node
                    runs = ("body",) if isinstance(node, ast.FunctionDef | ast.Lambda) else node._fields
                    yield from inside(chain, tuple(each for each in runs if each not in NOT_RUN))

    yield from inside((function,), ("body",))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _text(node: ast.AST) -> str:
    """Of a statement or a case, its first line."""
    return ast.unparse(node).strip().split("\n")[0]


def _like(node: ast.AST, **changed: Any) -> ast.AST:
    """The same node with other fields."""
    fields = {name: getattr(node, name) for name in node._fields} | changed
    return ast.copy_location(type(node)(**fields), node)


def _faults(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in the place of a node by mistake."""
    match node:
        case ast.Compare(ops=ops):
            for at, operator in enumerate(ops):
                yield _like(node, ops=[*ops[:at], COMPARISONS[type(operator)](), *ops[at + 1 :]])
        case ast.BoolOp(op=operator):
            yield _like(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield _like(node, op=OPERATORS[type(operator)]())
        case ast.Constant(value=bool(value)):
            yield _like(node, value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield _like(node, value=value + 1)
        case ast.Constant(value=("left" | "right") as side):
            yield _like(node, value=NAMES[side])
        case ast.Attribute(attr=name) if name in NAMES:
            yield _like(node, attr=NAMES[name])
        case ast.Name(id=name, ctx=ast.Load()) if name in ("any", "all", "min", "max"):
            yield _like(node, id=NAMES[name])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) if not _has_contrary(test):
            yield _like(node, test=_negated(test))
        case ast.comprehension(ifs=tests):
            for at, test in ((at, test) for at, test in enumerate(tests) if not _has_contrary(test)):
                yield _like(node, ifs=[*tests[:at], _negated(test), *tests[at + 1 :]])
        case ast.match_case():
            yield _like(node, guard=ast.Constant(value=False))
        case ast.Continue():
            yield ast.Break()
        case ast.Break():
            yield ast.Continue()
        case ast.AugAssign(op=operator):
            if type(operator) in OPERATORS:
                yield _like(node, op=OPERATORS[type(operator)]())
            yield _left_out(node)
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]) | ast.Expr(value=ast.Call()) | ast.Raise():
            yield _left_out(node)


def _left_out(statement: ast.stmt) -> ast.stmt:
    """The statement where it never runs. Names that it closes over stay those of its function."""
    return ast.copy_location(ast.If(ast.Constant(value=False), [statement], []), statement)


def _has_contrary(test: ast.expr) -> bool:
    """Whether another fault makes it the contrary already."""
    match test:
        case ast.UnaryOp(op=ast.Not()) | ast.Compare(ops=[ast.Eq() | ast.NotEq() | ast.Is() | ast.IsNot()]):
            return True
        case ast.Compare(ops=[ast.In() | ast.NotIn()]):
            return True
    return False


def _negated(test: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
