"""Cars of several silhouettes, in the sizes of real ones."""

import numpy as np

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import (
    Material,
    Mesh,
    block,
    cylinder,
    join,
    lying,
    prism,
    shift,
)
from training.simulate.bodies.sizes import CARS, draw_size
from training.simulate.bodies.vehicles import plates, wheels

# Share of the length behind the cabin at the belt, slant of the rear window (m), foot of the
# windscreen behind the nose (share of the length), its slant (m).
_STYLES = {
    "hatch": ((0.02, 0.05), (0.2, 0.5), (0.24, 0.29), (0.55, 0.85)),
    "saloon": ((0.15, 0.22), (0.45, 0.8), (0.26, 0.31), (0.6, 0.9)),
    "estate": ((0.01, 0.03), (0.1, 0.35), (0.25, 0.3), (0.55, 0.85)),
    "suv": ((0.01, 0.03), (0.1, 0.3), (0.24, 0.29), (0.5, 0.75)),
    "coupe": ((0.05, 0.1), (0.9, 1.3), (0.28, 0.33), (0.6, 0.9)),
    "minivan": ((0.0, 0.02), (0.05, 0.2), (0.14, 0.2), (0.7, 1.0)),
}


def make_car(rng: np.random.Generator) -> Body:
    """A car; its silhouette suits its size, so that a tall one is no saloon."""
    length, width, height = draw_size(rng, CARS).tolist()
    mesh = _car_mesh(rng, length, width, height, _style(rng, length, height))
    return Body(mesh, length, width, height)


def _style(rng: np.random.Generator, length: float, height: float) -> str:
    names: tuple[str, ...]
    if height > 1.68:
        names = ("suv", "suv", "minivan")
    elif length < 3.85:
        names = ("hatch", "hatch", "hatch", "estate")
    else:
        names = ("saloon", "saloon", "estate", "hatch", "coupe")
    return str(rng.choice(names))


def _car_mesh(
    rng: np.random.Generator, length: float, width: float, height: float, style: str
) -> Mesh:
    tail, rear_slant, screen_foot, screen_slant = (rng.uniform(*r) for r in _STYLES[style])
    front, rear, half = length / 2, -length / 2, width / 2
    clearance = rng.uniform(0.2, 0.3) if style == "suv" else rng.uniform(0.13, 0.2)
    belt = height * rng.uniform(0.57, 0.65)  # lower edge of the windows
    screen = front - length * screen_foot
    rear_foot = rear + length * tail
    roof_front = screen - screen_slant
    roof_rear = min(rear_foot + rear_slant, roof_front - 0.4)
    cabin = [(rear_foot, belt), (screen, belt), (roof_front, height), (roof_rear, height)]
    inset = rng.uniform(0.1, 0.22)
    waist, roof = [-half + 0.03, half - 0.03], [-half + inset, half - inset]
    radius = rng.uniform(0.29, 0.37)
    base = rng.uniform(0.58, 0.65)
    return join(
        [
            *_shell(rng, front, rear, half, (clearance, belt), (rear_foot, screen)),
            prism(cabin, waist, roof, Material.GLASS, sides=Material.GLASS),
            block((roof_rear, roof_front), roof, (height - 0.05, height), Material.PAINT),
            *_pillars(cabin, waist, roof),
            *wheels(length, half, radius, base),
            *_arches(length, half, radius, base),
            *plates(front, rear, clearance),
        ]
    )


def _shell(
    rng: np.random.Generator,
    front: float,
    rear: float,
    half: float,
    heights: tuple[float, float],
    cabin: tuple[float, float],
) -> list[Mesh]:
    """Bodywork: widest in the middle of the doors, bumpers that stick out, a bonnet that falls."""
    (bottom, belt), (rear_foot, screen) = heights, cabin
    middle = bottom + (belt - bottom) * rng.uniform(0.45, 0.6)
    bonnet = belt - rng.uniform(0.06, 0.2)
    lower = [
        (rear + 0.08, bottom), (front - 0.12, bottom), (front, bottom + 0.2),
        (front, middle), (rear, middle), (rear, bottom + 0.25),
    ]  # fmt: skip
    upper = [
        (rear, middle), (front, middle), (front - rng.uniform(0.05, 0.2), bonnet),
        (screen, belt), (rear_foot, belt), (rear + 0.04, belt - 0.04),
    ]  # fmt: skip
    sill, waist = [-half + 0.06, half - 0.06], [-half + 0.03, half - 0.03]
    return [
        prism(lower, sill, [-half, half], Material.PAINT),
        prism(upper, [-half, half], waist, Material.PAINT),
    ]


def _pillars(
    cabin: list[tuple[float, float]], waist: list[float], roof: list[float]
) -> list[Mesh]:
    """Painted posts along the side windows, a little outside of the glass."""
    (rear_foot, belt), (screen, _), (roof_front, height), (roof_rear, _) = cabin
    posts = []
    for share in (0.02, 0.5, 0.92):
        foot = rear_foot + share * (screen - rear_foot)
        head = roof_rear + share * (roof_front - roof_rear)
        post = [(foot, belt), (foot + 0.1, belt), (head + 0.1, height), (head, height)]
        for side in (0, 1):
            out = 0.01 if side else -0.01
            low = sorted((waist[side] + out, waist[side]))
            high = sorted((roof[side] + out, roof[side]))
            posts.append(prism(post, low, high, Material.PAINT))
    return posts


def _arches(length: float, half: float, radius: float, base: float) -> list[Mesh]:
    """The dark rims of the wheel houses, just outside of the bodywork."""
    rim = 1.18 * radius
    disc = lying(cylinder(rim, -0.01, 0.01, Material.RUBBER, 9))
    return [
        shift(disc, x, y, rim)
        for x in (length * base / 2, -length * base / 2)
        for y in (half - 0.011, -half + 0.011)
    ]
