"""Eight ways to a matrix from the same answers: 60 personas x 8 llms x 10 runs, five planted factors, run mood, format.

Expected numbers from R (psych::fa minres + oblimin, fa.parallel, VSS); see `naive_vs_between` of the reference.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from persona_big5.errors import NotEstimableError
from persona_big5.factors.average_partial import velicer_map
from persona_big5.factors.congruence import align
from persona_big5.factors.correlation import correlation_of
from persona_big5.factors.extraction import fit_factors
from persona_big5.factors.parallel import parallel_analysis

WAYS = [
    "pooled_rows",
    "one_run_per_cell",
    "cell_means",
    "between_noise_corrected",
    "split_run_crosscov",
    "persona_component",
    "within_run",
    "exact_true_scores",
]


@pytest.fixture(scope="module")
def truth(shared):
    return json.loads((shared / "reference" / "data" / "sim_two_level_truth.json").read_text())


@pytest.fixture(scope="module")
def matrices(shared) -> dict[str, np.ndarray]:
    data = shared / "reference" / "data"
    frame = pd.read_csv(data / "sim_two_level.csv.gz").sort_values(["persona", "model", "run"])
    items = [column for column in frame if column not in ("persona", "model", "run")]
    runs = frame[items].to_numpy(float).reshape(60, 8, 10, 40)  # persona, llm, run, item
    cells, n_runs = runs.reshape(480, 10, 40), 10
    means = cells.mean(axis=1)
    deviations = (cells - means[:, None]).reshape(-1, 40)
    within = deviations.T @ deviations / (480 * (n_runs - 1))
    odd, even = cells[:, 0::2].mean(axis=1), cells[:, 1::2].mean(axis=1)
    cross = (odd - odd.mean(0)).T @ (even - even.mean(0)) / 479
    table = means.reshape(60, 8, 40)
    by_persona, by_llm, grand = table.mean(axis=1), table.mean(axis=0), table.mean(axis=(0, 1))
    residual = (table - by_persona[:, None] - by_llm[None] + grand).reshape(-1, 40)
    persona = np.cov(by_persona.T) - residual.T @ residual / (59 * 7) / 8
    true = pd.read_csv(data / "sim_two_level_truescores.csv.gz")[items].to_numpy(float)
    covariances = [
        np.cov(cells.reshape(-1, 40).T),
        np.cov(cells[:, 0].T),
        np.cov(means.T),
        np.cov(means.T) - within / n_runs,
        (cross + cross.T) / 2,
        persona,
        within,
        np.cov(true.T),
    ]
    return {way: correlation_of(covariance) for way, covariance in zip(WAYS, covariances, strict=True)}


@pytest.fixture(scope="module")
def expected(reference):
    return reference.read("two_level", "naive_vs_between")


@pytest.mark.parametrize("way", WAYS)
def test_matrix_and_counts_equal_r(way, matrices, expected):
    R, theirs = matrices[way], expected[way]
    eigenvalues = np.linalg.eigvalsh(R)[::-1]
    np.testing.assert_allclose(eigenvalues[:12], theirs["eigenvalues_first12"], rtol=0, atol=1e-8)
    rng = np.random.default_rng(1)
    null = [np.linalg.eigvalsh(np.corrcoef(rng.standard_normal((40, theirs["n_obs"])))) for _ in range(50)]
    assert parallel_analysis(eigenvalues, np.array(null)).n_factors == theirs["parallel_ncomp"]
    if eigenvalues[-1] < 0:
        with pytest.raises(NotEstimableError, match="positive definite"):
            velicer_map(R)
    else:
        assert velicer_map(R).n_factors == theirs["map"]


@pytest.mark.parametrize("way", WAYS)
def test_congruence_with_truth_equals_r(way, matrices, expected, truth):
    planted = np.array(truth["lambda_within" if way == "within_run" else "lambda_between"])
    found = align(fit_factors(matrices[way], planted.shape[1]).loadings, planted)
    np.testing.assert_allclose(found.phi, list(expected[way]["congruence_with_truth"].values()), rtol=0, atol=5e-4)
