"""Who imports whom: the modules of a source tree, and the graph of each level of its folders."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

Parts = tuple[str, ...]  # of a module's path: ("pd_ros", "detection", "boxes")


class Imports(NamedTuple):
    """What one module imports, also inside of functions, but not for type checkers alone."""

    modules: set[Parts]  # of the tree
    others: set[str]  # full names


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Full names; of ``from a import b`` that is ``a.b``, be it a module or not."""
    match tree:
        case ast.If(test=ast.Name("TYPE_CHECKING"), orelse=rest):
            for each in rest:
                yield from imported_names(each)
            return
        case ast.Import(names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module, names, level):
            assert level == 0 and module, "imports are absolute"
            yield from (f"{module}.{alias.name}" for alias in names)
    for child in ast.iter_child_nodes(tree):
        yield from imported_names(child)


def read_imports(root: Path, packages: tuple[str, ...]) -> dict[Parts, Imports]:
    """Every module of the packages, with its imports."""
    files = {
        path.relative_to(root).with_suffix("").parts: path
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    }
    found = {}
    for parts, path in files.items():
        names = set(imported_names(ast.parse(path.read_text(encoding="utf-8"))))
        own = {name for name in names if name.partition(".")[0] in packages}
        modules = {_module(tuple(name.split(".")), files.keys()) for name in own}
        found[parts] = Imports(modules - {parts}, names - own)
    return found


def _module(name: Parts, known: Mapping[Parts, Path] | set[Parts]) -> Parts:
    """The module that a name is, or is in; programs of ``pd_ros`` may lie in ``commands``."""
    for parts in (name, name[:-1]):
        for place in (parts, (*parts, "__init__"), (parts[0], "commands", *parts[1:])):
            if parts and place in known:
                return place
    raise AssertionError(f"{'.'.join(name)}: no module of that name")


def level_graphs(imports: Mapping[Parts, Imports]) -> dict[Parts, dict[str, set[str]]]:
    """For each folder, which of its entries (folders and modules) import which others of them."""
    graphs: dict[Parts, dict[str, set[str]]] = {}
    for module, (targets, _) in imports.items():
        for target in targets:
            same = zip(module, target, strict=False)
            depth = next(i for i, (a, b) in enumerate(same) if a != b)
            graph = graphs.setdefault(module[:depth], {})
            graph.setdefault(module[depth], set()).add(target[depth])
    return graphs


def circles(imports: Mapping[Parts, Imports]) -> list[str]:
    """One circle of each level that has any: "folder: a -> b -> a"."""
    found = []
    for folder, graph in level_graphs(imports).items():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            # each is imported by the next in graphlib's order
            found.append(f"{'/'.join(folder) or '.'}: {' -> '.join(reversed(error.args[1]))}")
    return found
