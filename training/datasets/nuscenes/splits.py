"""Scenes of the official splits of nuScenes (Caesar et al. 2020)."""

# Of the 850 scenes of v1.0-trainval; all others are for training.
_VAL = (
    "3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630"
    " 632-638 770-771 775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972"
    " 1059-1073"
)
_MINI_VAL = "103 916"
VERSIONS = {
    "train": "v1.0-trainval",
    "val": "v1.0-trainval",
    "mini_train": "v1.0-mini",
    "mini_val": "v1.0-mini",
}


def in_split(scene: str, split: str) -> bool:
    """Whether a scene such as ``scene-0103`` belongs to one of the splits of ``VERSIONS``."""
    held_out = _scenes(_MINI_VAL if split.startswith("mini") else _VAL)
    return (scene in held_out) == split.endswith("val")


def _scenes(ranges: str) -> set[str]:
    numbers: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return {f"scene-{number:04d}" for number in numbers}
