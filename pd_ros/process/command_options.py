"""The options of commands: help with worked examples, and with the default of every option."""

import argparse
import textwrap

_WIDTH = 79


def command_parser(module: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Return a parser without options for ``python -m MODULE``.

    ``examples`` are shown line by line as they are. What it does not know it refuses, with exit
    code 2.
    """
    return argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=textwrap.fill(description, _WIDTH),
        epilog=examples,
        formatter_class=DefaultsHelpFormatter,
    )


class DefaultsHelpFormatter(
    argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
):
    """Adds the default to each option that has one, unless its help tells it in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        nothing = action.default is None or action.default is False or action.default in ("", [])
        if nothing or "default:" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)
