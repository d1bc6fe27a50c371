"""Write the tables of docs/node/parameters.md that follow from the specs of both nodes.

.venv/bin/python packaging/write_parameters.py            # write them
.venv/bin/python packaging/write_parameters.py --check    # exit code 1: out of date

Each table stands between a line ``<!-- table: NAME -->`` and a line ``<!-- end -->``; the text
around it is written by hand. Neither ROS nor torch is needed.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parent)]  # the checkout: pd_ros need not be installed

from page_tables import replace_tables, write_page  # noqa: E402

from pd_ros.runtime.parameters.comparison_specs import COMPARISON_SPECS  # noqa: E402
from pd_ros.runtime.parameters.specs import SPECS, Spec, class_specs  # noqa: E402

PAGE = HERE.parent / "docs" / "node" / "parameters.md"
_HEADER = "| name | default | values | changes while running | description |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; returns the exit code."""
    return write_page(PAGE, with_tables, (__doc__ or "").splitlines()[0], arguments)


def with_tables(page: str) -> str:
    """Return the text of a page with its tables as the sources have them.

    Raises ``KeyError`` for a table that nothing is known about.
    """
    return replace_tables(page, tables().__getitem__)


def tables() -> dict[str, str]:
    """Return every table by its name: the first part of the parameters' names, or the node."""
    found: dict[str, list[Spec]] = {}
    for spec in (*SPECS, *_any_class()):
        group = spec.name.partition(".")[0]
        found.setdefault(group, []).append(spec)
    found["comparison"] = list(COMPARISON_SPECS)
    return {name: parameter_table(specs) for name, specs in found.items()}


def _any_class() -> list[Spec]:
    """Return the parameters that each class of a model has, with CLASS in place of its name."""
    return [
        spec._replace(
            name=spec.name.removesuffix("class") + "CLASS",
            description=spec.description.replace(" class", " CLASS"),
        )
        for spec in class_specs(["class"])
    ]


def parameter_table(specs: Sequence[Spec]) -> str:
    """Return a table in Markdown, a row for each parameter."""
    rows = (
        f"| `{spec.name}` | {_default(spec)} | {_values(spec)} | {_changes(spec)}"
        f" | {spec.description} |"
        for spec in specs
    )
    return "\n".join((_HEADER, "|---|---|---|---|---|", *rows))


def _default(spec: Spec) -> str:
    if spec.default == "":
        return "empty"
    if isinstance(spec.default, bool):
        return f"`{str(spec.default).lower()}`"
    if isinstance(spec.default, tuple):
        return f"`{list(spec.default)}`"
    return f"`{spec.default}`"


def _values(spec: Spec) -> str:
    """Return the kind of a parameter's values, and which of them are taken."""
    if spec.choices:
        return ", ".join(f"`{choice}`" for choice in spec.choices)
    kind = {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(
        type(spec.default), "list of numbers"
    )
    parts = [kind + (" or a list of them" if spec.number_or_list else "")]
    parts[0] += "".join(f" or `{word}`" for word in spec.words)
    if spec.constraints:
        parts.append(spec.constraints)
    if spec.limits and not spec.constraints.startswith("-1"):
        parts.append(f"{spec.limits[0]:.10g} to {spec.limits[1]:.10g}")
    return "; ".join(parts)


def _changes(spec: Spec) -> str:
    if spec.read_only:
        return "no"
    return "while unconfigured" if spec.at_configure else "yes"


if __name__ == "__main__":
    sys.exit(main())
