"""How often 95 % intervals of variance components hold what was planted, by the thousand simulated tables.

Ends are judged before truncation at 0. The four designs are those that results promise a rate for.

    python -m benchmarks.coverage [number of replicates, 2000 by default]
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

from persona_big5.variance.components import Component
from persona_big5.variance.design import Effect, Facet, crossing
from persona_big5.variance.gstudy import g_study
from persona_big5.variance.levels import level_components
from persona_big5.variance.sums import add_up

REPLICATES, AT_ONCE = 2000, 100
Components = dict[str, Component]


@dataclass(frozen=True)
class World:
    """Tables of one design, what is planted in them, and how often each interval must hold it.

    ``draw`` makes one table and estimates its components; ``needed`` gives (least, most) coverage by effect.
    """

    name: str
    planted: dict[str, float]
    needed: dict[str, tuple[float, float]]
    draw: Callable[[np.random.Generator], Components]


def crossed(random: np.random.Generator, sizes: dict[str, int], effects: dict[str, float]) -> np.ndarray:
    """Sum of normal effects on a full table: axes are ``sizes``, an effect is named by its axes, joined by ``:``."""
    values = np.zeros(tuple(sizes.values()))
    for name, variance in effects.items():
        axes = name.split(":")
        shape = [size if axis in axes else 1 for axis, size in sizes.items()]
        values += np.sqrt(variance) * random.normal(size=shape)
    return values


def by_level(scores: np.ndarray, facets: tuple[str, ...]) -> Components:
    """Components of scores with axes (facets ..., run, item)."""
    codes = np.stack([axis.ravel() for axis in np.indices(scores.shape[:-1])[:-1]], axis=1)
    return level_components(scores.reshape(len(codes), -1), codes, [Facet(facet) for facet in facets]).components


def one_facet(n: int, persona: float) -> World:
    planted = {"persona": persona, "run": 0.5}

    def draw(random: np.random.Generator) -> Components:
        return by_level(
            crossed(random, {"p": n, "r": 5, "i": 8}, {"p:i": persona, "p:r:i": planted["run"]}), ("persona",)
        )

    return World(
        f"one facet, {n} respondents x 5 runs x 8 items, variance {persona:g}",
        planted,
        dict.fromkeys(planted, (0.925, 0.97)),
        draw,
    )


def crossed_llms(name: str, variances: tuple[float, float, float], *, n_items: int = 8, log_sd: float = 0.0) -> World:
    """8 llms x 60 personas x 5 runs; ``variances`` of llm, persona, llm:persona.

    The run variance is .5, times exp(``log_sd`` z) with z standard normal by llm.
    """
    llm, persona, both = variances
    planted = {"llm": llm, "persona": persona, "llm:persona": both, "run": 0.5 * float(np.exp(log_sd**2 / 2))}
    needed = dict.fromkeys(planted, (0.92, 1.0))
    if n_items == 1:
        needed["llm"] = (0.83, 1.0)
    if log_sd:
        needed = {"run": (0.8, 1.0)} if log_sd <= 1 else {}

    def draw(random: np.random.Generator) -> Components:
        sizes = {"m": 8, "p": 60, "r": 5, "i": n_items}
        scores = crossed(random, sizes, {"m:i": llm, "p:i": persona, "m:p:i": both})
        noise = np.exp(log_sd / 2 * random.normal(size=(8, 1, 1, 1)))
        return by_level(scores + noise * crossed(random, sizes, {"m:p:r:i": 0.5}), ("llm", "persona"))

    return World(f"8 llms x 60 personas x 5 runs x {n_items} items, {name}", planted, needed, draw)


def scale_of_items(n_llms: int = 8, n_personas: int = 60, n_items: int = 8) -> World:
    """The G study of one scale: llm x persona x item, runs shared by the items of a session."""
    design = [Facet("llm"), Facet("persona"), Facet("item"), Facet("run", ("llm", "persona"))]
    effects = [*crossing(design[:3]), Effect("run", frozenset({"run", "llm", "persona"}))]
    planted = {
        "llm": 0.1, "persona": 0.4, "item": 0.3, "llm:persona": 0.15, "llm:item": 0.1, "persona:item": 0.25,
        "llm:persona:item": 0.12, "run": 0.15, "residual": 0.4,
    }  # fmt: skip
    few = {"llm": n_llms, "persona": n_personas, "item": n_items}
    letter = {"llm": "m", "persona": "p", "item": "i", "run": "m:p:r", "residual": "m:p:r:i"}
    axes = {name: ":".join(letter[part] for part in name.split(":")) for name in planted}
    sizes = {"m": n_llms, "p": n_personas, "i": n_items, "r": 3}
    codes = np.stack([axis.ravel() for axis in np.indices(tuple(sizes.values()))], axis=1)

    def draw(random: np.random.Generator) -> Components:
        scores = crossed(random, sizes, {axes[name]: variance for name, variance in planted.items()}).reshape(-1, 1)
        sums = add_up(codes, ["llm", "persona", "item", "run"], np.ones_like(scores), scores, None)
        return g_study(sums, effects, design, ["llm", "persona"], dropped={}).effects

    return World(
        f"G study, {n_llms} llms x {n_personas} personas x {n_items} items x 3 runs",
        planted,
        {name: (0.83 if few.get(name, 99) < 20 else 0.92, 1.0) for name in planted},
        draw,
    )


WORLDS = (
    *(one_facet(n, variance) for n, variance in product((25, 100), (0.0, 0.3))),
    crossed_llms("all effects", (0.2, 0.4, 0.3)),
    crossed_llms("no llm effect", (0.0, 0.4, 0.3)),
    crossed_llms("runs only", (0.0, 0.0, 0.0)),
    crossed_llms("one score", (0.2, 0.4, 0.3), n_items=1),
    crossed_llms("log run variance of llms with SD 1", (0.2, 0.4, 0.3), log_sd=1.0),
    crossed_llms("log run variance of llms with SD 2", (0.2, 0.4, 0.3), log_sd=2.0),
    scale_of_items(),
)


def held(world: int, seed: int, replicates: int) -> dict[str, int]:
    """Count the replicates whose interval holds what is planted, by effect."""
    made = WORLDS[world]
    counts = dict.fromkeys(made.planted, 0)
    with threadpool_limits(1):
        for random in np.random.default_rng([seed, world]).spawn(replicates):
            for name, component in made.draw(random).items():
                counts[name] += component.ci_low_raw <= made.planted[name] <= component.ci_high_raw
    return counts


def coverage(replicates: int, *, seed: int = 1, worlds: range = range(len(WORLDS))) -> dict[int, dict[str, float]]:
    """Share of replicates whose interval holds what is planted, by world and effect."""
    jobs = [(world, part) for world in worlds for part in range(-(-replicates // AT_ONCE))]
    sizes = [min(AT_ONCE, replicates - part * AT_ONCE) for _, part in jobs]
    with ProcessPoolExecutor() as processes:
        counted = list(processes.map(held, [w for w, _ in jobs], [seed + part for _, part in jobs], sizes))
    found: dict[int, dict[str, float]] = {world: dict.fromkeys(WORLDS[world].planted, 0.0) for world in worlds}
    for (world, _), counts in zip(jobs, counted, strict=True):
        for name, count in counts.items():
            found[world][name] += count / replicates
    return found


def main() -> int:
    """Print one line per world and effect; 1 if any is outside of what it must be by more than chance."""
    replicates = int(sys.argv[1]) if len(sys.argv) > 1 else REPLICATES
    started = time.perf_counter()
    missed = 0
    print(f"coverage of 95 % intervals of variance components, {replicates} replicates, judged untruncated")
    for number, shares in coverage(replicates).items():
        world = WORLDS[number]
        print(world.name)
        for name, share in shares.items():
            least, most = world.needed.get(name, (0.0, 1.0))
            chance = 2 * np.sqrt(least * (1 - least) / replicates)
            wrong = not least - chance <= share <= most + chance
            missed += wrong
            asked = f"{least:.1%} to {most:.1%}" if most < 1 else f"at least {least:.1%}" if least else "not judged"
            print(f"  {name:<18} planted {world.planted[name]:<6.3g} covered {share:6.1%}  {asked}{'  MISSED' * wrong}")
    print(f"{missed} outside of what they must be; {time.perf_counter() - started:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
