"""Where a mutant changes the code: by the name of a function or class and by what the code says, however laid out.

A `Change` names a definition (`Class.method`; "" for the whole module) and quotes an expression, statements that follow
each other, or the head of a compound statement. All are compared as syntax trees, so that line breaks, quotes, comments
and lines that moved do not matter. The quoted code must occur once in the definition.

Scripts of Redis, in a file of their own or in a string constant that a Python file names, are compared as words of Lua.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
#: A comment, a string, a name or number, an operator of two characters, or any other character.
LUA_WORD = re.compile(r"--[^\n]*|'[^'\n]*'|\"[^\"\n]*\"|\w+|[~=<>]=|\.\.|\S")


class Mismatch(Exception):
    """The code is not what a change quotes."""


@dataclass(frozen=True)
class Change:
    """In the definition `within`, `old` becomes `new`.

    Code that ends with a colon is the head of a compound statement or of a case, and stands for it with whatever body
    it has. An empty `new` removes statements.
    """

    within: str
    old: str
    new: str


def changed(file: str, text: str, changes: Sequence[Change]) -> str:
    """The text of the file with the changes. Raises Mismatch when one does not fit it, or leaves it as it was."""
    if file.endswith(".lua"):
        for change in changes:
            text = _changed_script(text, change)
        return text
    module = ast.parse(text)
    for change in changes:
        before = ast.dump(module)
        script = _script(module, change.within)
        if script is not None:
            script.value = _changed_script(str(script.value), change)
        else:
            _replace(_definition(module, change.within), change)
        if ast.dump(module) == before:
            raise Mismatch(f"{change.new!r} changes nothing")
    result = ast.unparse(module) + "\n"
    compile(result, file, "exec")
    return result


def defines_test(text: str, name: str) -> bool:
    """Whether a test file with that text defines the test of that name."""
    return any(isinstance(node, Definition) and node.name == name for node in ast.walk(ast.parse(text)))


# -- Python ------------------------------------------------------------------------------------------------------------


def _definition(module: ast.Module, within: str) -> ast.AST:
    found: list[ast.AST] = [module]
    for name in within.split(".") if within else ():
        found = [one for outer in found for one in _definitions(outer) if one.name == name]
    if len(found) != 1:
        raise Mismatch(f"there are {len(found)} definitions {within}")
    return found[0]


def _definitions(outer: ast.AST) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(outer):
        if isinstance(child, Definition):
            yield child
        else:
            yield from _definitions(child)


def _replace(definition: ast.AST, change: Change) -> None:
    old, new = _parsed_alike(change.old, change.new)
    found = [place for place in _runs(definition, len(old)) if _fit(old, place.nodes)]
    if len(found) != 1:
        raise Mismatch(f"{change.within or 'the module'} has {change.old!r} {len(found)} times, not once")
    body = found[0].nodes[-1]
    found[0].put([_with_body_of(node, body) for node in new])


def _parsed_alike(old: str, new: str) -> tuple[list[ast.AST], list[ast.AST]]:
    """Both as expressions, cases or statements."""
    if old.startswith("case "):
        return _cases(old), _cases(new)
    try:
        return [ast.parse(old, mode="eval").body], [ast.parse(new, mode="eval").body]
    except SyntaxError:
        return _statements(old), _statements(new)


def _cases(head: str) -> list[ast.AST]:
    (match,) = ast.parse(f"match _:\n  {head} ...").body
    assert isinstance(match, ast.Match)
    return [*match.cases]


def _statements(code: str) -> list[ast.AST]:
    """`pass` where there are none."""
    return [*ast.parse(f"{code} ..." if code.endswith(":") else code or "pass", mode="exec").body]


@dataclass(frozen=True)
class _Run:
    """Nodes that follow each other in a field of another one."""

    parent: ast.AST
    field: str
    first: int | None
    nodes: list[ast.AST]

    def put(self, nodes: list[ast.AST]) -> None:
        """Others in their place."""
        if self.first is None:
            (node,) = nodes
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.first : self.first + len(self.nodes)] = nodes


def _runs(root: ast.AST, length: int) -> Iterator[_Run]:
    """All runs of that many nodes inside `root`."""
    for parent in ast.walk(root):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, list):
                for first in range(len(value) - length + 1):
                    yield _Run(parent, field, first, value[first : first + length])
            elif isinstance(value, ast.AST) and length == 1:
                yield _Run(parent, field, None, [value])


def _fit(quoted: list[ast.AST], nodes: list[ast.AST]) -> bool:
    return all(_reads(one) == _reads(_headed_as(one, node)) for one, node in zip(quoted, nodes, strict=True))


def _reads(node: object) -> str:
    return ast.dump(node) if isinstance(node, ast.AST) else repr(node)


def _headed_as(quoted: ast.AST, node: ast.AST) -> ast.AST:
    """The node, without its body where only the head of it is quoted."""
    if not (_is_head(quoted) and type(node) is type(quoted)):
        return node
    head = {name: value for name, value in ast.iter_fields(node) if name not in ("body", "orelse")}
    return type(node)(**head, **{name: getattr(quoted, name) for name in ("body", "orelse") if hasattr(quoted, name)})


def _is_head(node: ast.AST) -> bool:
    match getattr(node, "body", None):
        case [ast.Expr(value=ast.Constant(value=value))]:
            return value is ...
        case _:
            return False


def _with_body_of(new: ast.AST, old: ast.AST) -> ast.AST:
    """The new node, with the old one's body where only its head is given."""
    if _is_head(new):
        new = deepcopy(new)
        for name in ("body", "orelse"):
            if hasattr(old, name) and hasattr(new, name):
                setattr(new, name, getattr(old, name))
    return new


# -- Lua ---------------------------------------------------------------------------------------------------------------


def _script(module: ast.Module, name: str) -> ast.Constant | None:
    """The string constant of that name."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=known)], value=ast.Constant(value=str()) as script) if known == name:
                return script
    return None


def _changed_script(script: str, change: Change) -> str:
    words, quoted = _words(script), [word for word, _, _ in _words(change.old)]
    found = [
        (words[first][1], words[first + len(quoted) - 1][2])
        for first in range(len(words) - len(quoted) + 1)
        if [word for word, _, _ in words[first : first + len(quoted)]] == quoted
    ]
    if len(found) != 1:
        raise Mismatch(f"the script has {change.old!r} {len(found)} times, not once")
    ((begin, end),) = found
    if script[begin:end] == change.new:
        raise Mismatch(f"{change.new!r} changes nothing")
    return script[:begin] + change.new + script[end:]


def _words(script: str) -> list[tuple[str, int, int]]:
    """(word, where it begins, where it ends), without comments."""
    return [(one.group(), *one.span()) for one in LUA_WORD.finditer(script) if not one.group().startswith("--")]
