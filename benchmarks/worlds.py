"""Worlds whose truth is known: how often the right number of dimensions is found, and what each empty world is called.

Planted worlds have 200 respondents, five-point answers, half of the items reversed, and 5 % of the answers refused, the
more often the higher they would have been. Crossed worlds have 8 llms, 60 personas, 5 runs and 40 items, and no
structure. Every other world is named by what it is made of.

    python -m benchmarks.worlds [worlds of each kind]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from persona_big5.analysis import analyze_table
from persona_big5.analysis.answers import lay_out
from persona_big5.analysis.levels import LevelEstimator
from persona_big5.analysis.structure import WITHOUT_STYLE, find_structure
from persona_big5.factors.congruence import tucker_phi

if TYPE_CHECKING:
    from collections.abc import Callable

N_ITEMS, ITEMS_PER_SCALE = 30, 6
LOADING = 0.7
MOOD_SHARE = 0.2
"""Share of the run variance that all items of a run have in common, in worlds with a mood."""
ACQUIESCENCE = 0.3
REFUSED = 0.05
CUTS = np.array([-1.5, -0.5, 0.5, 1.5])
EXACT, WITHIN_ONE, ABOVE, EMPTY = 0.85, 0.95, 0.10, 0.85


def keys(n_items: int) -> np.ndarray:
    return np.where(np.arange(n_items) % 2 == 0, 1.0, -1.0)


def likert(latent: np.ndarray) -> np.ndarray:
    """Answers 1 to 5."""
    return 1.0 + np.digitize(latent, CUTS * max(float(latent.std()), 1e-9) / 1.2)


def long_table(scores: np.ndarray, n_scales: int = N_ITEMS // ITEMS_PER_SCALE) -> pd.DataFrame:
    """Long table of scores (llms, personas, runs, items), NaN refused; scales take turns, every other item reversed."""
    llm, persona, run, item = (axis.ravel() for axis in np.indices(scores.shape))
    session = np.ravel_multi_index((llm, persona, run), scores.shape[:3])
    return pd.DataFrame(
        {
            "llm": pd.Categorical.from_codes(llm, [f"llm-{i}" for i in range(scores.shape[0])]),
            "persona": pd.Categorical.from_codes(persona, [f"persona-{i}" for i in range(scores.shape[1])]),
            "item_id": pd.Categorical.from_codes(item, [f"item-{i:02}" for i in range(scores.shape[3])]),
            "run": (run + 1).astype(str),
            "session": session.astype(str),
            "scale": np.char.add("scale-", (item // 2 % n_scales).astype(str)),
            "keyed": keys(scores.shape[3])[item].astype(int),
            "score_min": 1.0,
            "score_max": 5.0,
            "state": np.where(np.isnan(scores.ravel()), "refused", "answered"),
            "score": scores.ravel(),
        }
    )


@dataclass(frozen=True)
class Planted:
    """A world of 200 respondents with k factors."""

    k: int
    icc: float
    runs: int
    mood: bool
    acquiescence: float = 0.0

    def draw(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Scores (1, 200, runs, items), and loadings in raw direction (items, k)."""
        sign = keys(N_ITEMS)
        loadings = np.zeros((N_ITEMS, self.k))
        if self.k:
            loadings[np.arange(N_ITEMS), np.arange(N_ITEMS) // 2 % self.k] = LOADING
        unique = np.sqrt(1 - (loadings**2).sum(axis=1))
        persistent = random.normal(size=(200, self.k)) @ loadings.T + unique * random.normal(size=(200, N_ITEMS))
        persistent = sign * persistent + self.acquiescence * random.normal(size=(200, 1))
        run_variance = (1 - self.icc) / self.icc
        mood = np.sqrt(MOOD_SHARE * self.mood * run_variance) * random.normal(size=(200, self.runs, 1))
        noise = np.sqrt((1 - MOOD_SHARE * self.mood) * run_variance) * random.normal(size=(200, self.runs, N_ITEMS))
        latent = persistent[:, None] + mood + noise
        scores = likert(latent)
        chance = REFUSED * 2 * np.argsort(np.argsort(latent.ravel())).reshape(latent.shape) / latent.size
        scores[random.random(latent.shape) < chance] = np.nan
        return scores[None], sign[:, None] * loadings

    def __str__(self) -> str:
        style = f", acquiescence {self.acquiescence:g}" if self.acquiescence else ""
        return f"k {self.k}, ICC {self.icc:g}, {self.runs} runs, {'mood' if self.mood else 'no mood'}{style}"


PLANTED = [
    Planted(k, icc, runs, mood)
    for k in (0, 1, 3, 5)
    for icc, runs in ((0.3, 5), (0.6, 5), (0.1, 20))
    for mood in (False, True)
]
AGREEING = [Planted(k, 0.6, 5, mood=False, acquiescence=ACQUIESCENCE) for k in (1, 3, 5)]


def structure_of(scores: np.ndarray, levels: tuple[str, ...], seed: int) -> dict:
    answers = lay_out(long_table(scores))
    estimator = LevelEstimator.of(answers)
    return find_structure(answers, estimator, estimator.matrices(answers.scores), levels=levels, draws=100, seed=seed)


def planted(world: Planted, n: int) -> tuple[bool, str]:
    """Whether numbers of factors are as they must be in ``n`` worlds, and a line that says so."""
    counts, phis, without = [], [], []
    for seed in range(n):
        scores, loadings = world.draw(np.random.default_rng([seed, world.k]))
        found = structure_of(scores, ("respondent",), seed)
        structure = found["respondent"]
        counts.append(0 if isinstance(structure, str) else structure.n_factors)
        if world.acquiescence:
            after = found[WITHOUT_STYLE]
            without.append(-1 if isinstance(after, str) else after.n_factors)
        elif world.k and counts[-1] == world.k:
            kept = [int(name.removeprefix("item-")) for name in structure.variables.names]
            raw = structure.solution.loadings * structure.variables.keyed[:, None]
            phis.append(np.abs(tucker_phi(raw, loadings[kept])).max(axis=0).min())
    expected = world.k + bool(world.acquiescence)
    off = np.array(counts) - expected
    exact, near, above = (off == 0).mean(), (np.abs(off) <= 1).mean(), (off > 0).mean()
    met = exact >= EXACT and near >= WITHIN_ONE and above <= ABOVE
    line = f"{expected} found in {exact:.0%}, within 1 in {near:.0%}, more in {above:.0%}"
    if phis:
        line += f"; smallest phi {np.min(phis):.3f}, median {np.median(phis):.3f}"
    if without:
        right = np.mean(np.array(without) == world.k)
        met = met and right >= EXACT
        line += f"; {world.k} without style in {right:.0%}"
    return bool(met), f"{world!s:<45} {line}  {dict(sorted(Counter(counts).items()))}"


def crossed(n: int, *, mood: bool) -> tuple[bool, list[str]]:
    """Numbers of factors at each level of crossed worlds with variance of every kind and no structure."""
    levels = ("respondent", "llm", "persona", "llm:persona")
    counts: dict[str, list[int]] = {level: [] for level in levels}
    for seed in range(n):
        random = np.random.default_rng([seed, 77, mood])
        parts = [random.normal(size=size) for size in ((8, 1, 1, 40), (1, 60, 1, 40), (8, 60, 1, 40))]
        latent = sum(parts) + mood * random.normal(size=(8, 60, 5, 1)) + random.normal(size=(8, 60, 5, 40))
        for level, structure in structure_of(likert(latent), levels, seed).items():
            if level in counts and not isinstance(structure, str):
                counts[level].append(structure.n_factors)
    lines, met = [], True
    for level, found in counts.items():
        if found:
            none = np.mean(np.array(found) == 0)
            met = met and bool(none >= EMPTY)
            lines.append(f"{'mood' if mood else 'no mood'}, level {level:<12} none found in {none:.0%} of {len(found)}")
    return met, lines


LLMS, PERSONAS, RUNS, ITEMS = 6, 20, 4, 30


def random_answers(random: np.random.Generator) -> np.ndarray:
    return random.integers(1, 6, (LLMS, PERSONAS, RUNS, ITEMS)).astype(float)


def with_slips(scores: np.ndarray, random: np.random.Generator, share: float = 0.03) -> np.ndarray:
    return np.where(random.random(scores.shape) < share, random_answers(random), scores)


def always_agreeing(random: np.random.Generator) -> np.ndarray:
    return with_slips(np.full((LLMS, PERSONAS, RUNS, ITEMS), 4.0), random)


def agreeing_more_or_less(random: np.random.Generator) -> np.ndarray:
    agreement = random.normal(size=(LLMS, PERSONAS, 1, 1)) + random.normal(size=(1, PERSONAS, 1, 1))
    return likert(agreement + 0.5 * random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS)))


def first_option(random: np.random.Generator) -> np.ndarray:
    """The option listed first, whatever it is: 1 in odd runs, whose options are listed forward, 5 in even ones."""
    place = np.where(np.arange(RUNS) % 2 == 0, 1.0, 5.0)[:, None]
    return with_slips(np.broadcast_to(place, (LLMS, PERSONAS, RUNS, ITEMS)), random)


def desirable(random: np.random.Generator) -> np.ndarray:
    good = random.normal(size=(LLMS, PERSONAS, 1, 1)) + random.normal(size=(1, PERSONAS, 1, 1))
    noise = 0.7 * random.normal(size=(LLMS, PERSONAS, 1, ITEMS)) + 0.7 * random.normal(
        size=(LLMS, PERSONAS, RUNS, ITEMS)
    )
    return likert(keys(ITEMS) * good + noise)


def llms_alone(random: np.random.Generator) -> np.ndarray:
    return likert(random.normal(size=(LLMS, 1, 1, ITEMS)) + 0.5 * random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS)))


def empty_personas(random: np.random.Generator) -> np.ndarray:
    return likert(random.normal(size=ITEMS) + random.normal(size=(LLMS, PERSONAS, RUNS, ITEMS)))


def first_answer_carried_on(random: np.random.Generator) -> np.ndarray:
    first = random_answers(random)[..., :1]
    return with_slips(np.repeat(first, ITEMS, axis=3), random, share=0.1)


EMPTY_WORLDS = {
    random_answers: "no_structure",
    always_agreeing: "response_style",
    agreeing_more_or_less: "response_style",
    first_option: "position",
    desirable: "general_factor",
    llms_alone: "llm_identity",
    empty_personas: "no_structure",
    first_answer_carried_on: "run_noise",
}


def verdicts(draw: Callable[[np.random.Generator], np.ndarray], n: int) -> Counter[str]:
    """What ``n`` of these worlds are called."""
    found: Counter[str] = Counter()
    for seed in range(n):
        frame = long_table(draw(np.random.default_rng([seed, 99])))
        if draw is first_option:
            odd = frame["run"].astype(int) % 2 == 1
            frame = frame.assign(option_order=np.where(odd, "forward", "reversed"))
        found[analyze_table(frame, seed=seed).document["verdict"]["code"]] += 1
    return found


def main() -> int:
    """Print one line per kind of world; 1 if any of them is not as it must be."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    started = time.perf_counter()
    met = []
    print(f"planted worlds, {n} of each")
    for world in (*PLANTED, *AGREEING):
        good, line = planted(world, n)
        met.append(good)
        print(f"{'met   ' if good else 'NOT met'} {line}", flush=True)
    print(f"crossed worlds without structure, {n} of each")
    for mood in (False, True):
        good, lines = crossed(n, mood=mood)
        met.append(good)
        print("\n".join(f"{'met   ' if good else 'NOT met'} {line}" for line in lines), flush=True)
    n_verdicts = max(n // 2, 1)
    print(f"verdicts on worlds without traits, {n_verdicts} of each")
    for draw, expected in EMPTY_WORLDS.items():
        found = verdicts(draw, n_verdicts)
        met.append(found[expected] >= EXACT * n_verdicts)
        name = draw.__name__.replace("_", " ")
        print(
            f"{'met   ' if met[-1] else 'NOT met'} {name:<25} {expected} in {found[expected]} {dict(found)}", flush=True
        )
    print(f"{sum(met)} of {len(met)} kinds of worlds as they must be; {time.perf_counter() - started:.0f} s")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
