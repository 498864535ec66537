"""Recovery of planted structure: found with run noise removed, missed without.

Twenty populations as in the demo, each with its own seed.

    python -m benchmarks.recovery [number of seeds]
"""

import sys
import time

import numpy as np

from persona_big5.analysis.answers import is_placebo, lay_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.structure import find_structure
from persona_big5.factors.congruence import tucker_phi
from persona_big5.simulation.population import POPULATION
from persona_big5.simulation.world import draw_world

SAME_FACTOR, MISSED = 0.95, 0.8


def best_congruences(loadings: np.ndarray, planted: np.ndarray) -> np.ndarray:
    """For each planted factor, |phi| with the recovered factor most like it (0 where nothing was recovered)."""
    return np.abs(tucker_phi(loadings, planted)).max(axis=0)


def recover(seed: int) -> dict[str, tuple[int, float]]:
    """Number of factors and smallest congruence with the planted loadings, pooled and with run noise removed."""
    world = draw_world(POPULATION, seed)
    answers = lay_out(world.frame[~is_placebo(world.frame)])
    estimator = LevelEstimator.of(answers)
    structures = find_structure(
        answers, estimator, estimator.matrices(answers.scores), levels=("pooled", "respondent"), draws=100, seed=seed
    )
    found = {}
    for level, structure in structures.items():
        if isinstance(structure, str) or structure.solution is None:
            found[level] = (0, 0.0)
            continue
        kept = [int(name.removeprefix("item-")) - 1 for name in structure.variables.names]
        raw = structure.solution.loadings * structure.variables.keyed[:, None]
        found[level] = (structure.n_factors, float(best_congruences(raw, world.loadings[kept]).min()))
    return found


def main() -> int:
    """Print one line per seed and the counts; 1 if fewer than 19 of 20 are as they should be."""
    seeds = range(1, (int(sys.argv[1]) if len(sys.argv) > 1 else 20) + 1)
    right = wrong = 0
    started = time.perf_counter()
    print(f"{'seed':>4}  {'pooled: factors, smallest phi':>32}  {'run noise removed':>20}")
    for seed in seeds:
        found = recover(seed)
        (naive_k, naive_phi), (k, phi) = found["pooled"], found["respondent"]
        right += k == len(POPULATION.factors) and phi >= SAME_FACTOR
        wrong += naive_k != len(POPULATION.factors) or naive_phi < MISSED
        print(f"{seed:>4}  {naive_k:>20}  {naive_phi:>10.3f}  {k:>9}  {phi:>9.3f}")
    n = len(seeds)
    print(
        f"run noise removed: {len(POPULATION.factors)} factors, every phi >= {SAME_FACTOR}: {right} of {n} populations"
    )
    print(f"pooled rows: not {len(POPULATION.factors)} factors, or some phi < {MISSED}: {wrong} of {n} populations")
    print(f"{time.perf_counter() - started:.0f} s")
    return 0 if min(right, wrong) >= 0.95 * n else 1


if __name__ == "__main__":
    sys.exit(main())
