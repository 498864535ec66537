"""Covariance of many parts at once is the covariance of each part by itself."""

from __future__ import annotations

import numpy as np
import pytest

from persona_big5.errors import DataError
from persona_big5.variance.covariance import means_covariance, respondent_covariance
from persona_big5.variance.groups import cross_sums
from persona_big5.variance.parts import covariance_of_parts

COLUMNS = ("llm", "persona", "context")
RESPONDENT = ("llm", "persona")


def answers(share_missing, seed=0):
    """4 llms x 10 personas x 2 contexts x 3 runs x 5 items, some of them not answered."""
    random = np.random.default_rng(seed)
    codes = np.stack([axis.ravel() for axis in np.indices((4, 10, 2, 3))], axis=1)[:, :3]
    scores = random.standard_normal((len(codes), 5)) + random.standard_normal((40, 5))[codes[:, 0] * 10 + codes[:, 1]]
    scores[random.random(scores.shape) < share_missing] = np.nan
    return scores, codes


@pytest.mark.parametrize("share_missing", [0.0, 0.15])
def test_every_part_equals_the_covariance_of_its_own_rows(share_missing):
    scores, codes = answers(share_missing)
    cells = cross_sums(scores, codes, COLUMNS)
    respondents = cells.by(RESPONDENT).grouping.levels
    parts = np.random.default_rng(1).random((12, len(respondents))) < 0.4
    separated, means = (covariance_of_parts(cells, RESPONDENT, parts, level) for level in ("respondent", "means"))
    for part, one, of_means in zip(parts, separated, means, strict=True):
        member = set(map(tuple, respondents[part]))
        rows = np.array([tuple(code) in member for code in codes[:, :2]])
        own = cross_sums(scores[rows], codes[rows], COLUMNS)
        np.testing.assert_allclose(one, respondent_covariance(own, RESPONDENT).respondent, rtol=0, atol=1e-10)
        np.testing.assert_allclose(of_means, means_covariance(own, RESPONDENT), rtol=0, atol=1e-10)


def test_what_a_part_cannot_tell_is_not_a_number():
    scores, codes = answers(0.0)
    parts = np.zeros((2, 40), dtype=bool)
    parts[0, 0] = True  # one respondent, and nobody at all
    for level in ("respondent", "means"):
        assert np.isnan(covariance_of_parts(cross_sums(scores, codes, COLUMNS), RESPONDENT, parts, level)).all()
    once = np.unique(codes, axis=0, return_index=True)[1]
    cells = cross_sums(scores[once], codes[once], COLUMNS)
    everyone = np.ones((1, 40), dtype=bool)
    assert np.isnan(covariance_of_parts(cells, RESPONDENT, everyone, "respondent")).all()
    assert np.isfinite(covariance_of_parts(cells, RESPONDENT, everyone, "means")).all()


def test_another_level_is_refused():
    scores, codes = answers(0.0)
    with pytest.raises(DataError, match="levels means, respondent, not 'run'"):
        covariance_of_parts(cross_sums(scores, codes, COLUMNS), RESPONDENT, np.ones((1, 40), dtype=bool), "run")
