"""Write the tables of a page that follow from the sources; the text around them is by hand.

A table stands between a line ``<!-- table: NAME -->`` and a line ``<!-- end -->``.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

_TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def replace_tables(page: str, make_table: Callable[[str], str]) -> str:
    """Return the text of a page, each of its tables made anew from its name."""
    return _TABLE.sub(lambda found: f"{found[1]}{make_table(found[2])}\n{found[3]}", page)


def write_page(
    path: Path,
    with_tables: Callable[[str], str],
    description: str,
    arguments: Sequence[str] | None = None,
) -> int:
    """Write a page, or with ``--check`` only compare it; returns the exit code.

    ``with_tables``: from the text of the page to the one with its tables as the sources have
    them. Exit code 1 with ``--check``: the page is out of date.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(arguments).check
    before = path.read_text(encoding="utf-8")
    after = with_tables(before)
    if check:
        return int(before != after)
    path.write_text(after, encoding="utf-8")
    return 0
