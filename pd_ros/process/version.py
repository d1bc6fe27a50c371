"""The version of pd_ros; ``package.xml`` alone states it."""

from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree


def read_version() -> str:
    """The version of this checkout, else of what is installed."""
    manifest = Path(__file__).parents[2] / "package.xml"
    if manifest.is_file():  # a checkout, also where an older one is installed as well
        return ElementTree.parse(manifest).findtext("version", "")
    return version("pd_ros")
