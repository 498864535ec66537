"""What the first token of a reply says about every option: the expected score, and how much sampled answers would vary.

An endpoint that gives log-probabilities says, for each of the first tokens, how probable the likeliest alternatives
were. Tokens that name the same option are merged (see `options_begun`); the score is the mean of the options' values
over the visible probability of options, so that an offered way out and other text have no part in it.

What is not known for certain is bounded, never guessed. Ambiguous tokens, and all probability that is not visible, may
belong to any option or to none. How many ways of naming an option are not visible cannot be known without the
vocabulary, so the whole of it counts, and the bounds put it on the lowest and on the highest option.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from persona_big5.scoring.tokens import options_begun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from persona_big5.scoring.option import Shown

FLOOR = 0.5
"""Least visible probability of the options together that a score is computed from."""

_MOST_ALTERNATIVES = 1_000  # of one token; a longer list is no list of alternatives
_NEGLIGIBLE = 1e-6  # of the range, or of its square: bounds that are closer are one number
_GREATEST_LOGPROB = 1e-3  # that rounding makes of one that is 0
_GREATEST_SUM = 1.01  # of probabilities that were computed in 16 bits
_DOUBLE_ROUNDING = 1e-12  # of a sum of probabilities
_NEVER = -1e6  # stands for log-probabilities down to minus infinity
_OVERFLOW = 700.0  # of an exponent
_TIE = 1e-9  # weights that differ by less, relatively, may be in either order


@dataclass(frozen=True, slots=True)
class ExpectedScore:
    """The score that a reply has on average, by the probabilities of its first token.

    ``score`` is in raw direction. ``option_mass`` is the visible probability of all options that have a value,
    ``option_entropy`` (nats) that of the options alone; both at temperature 1, as is the score. ``score_low`` and
    ``score_high`` bound the score whatever the probability that is ambiguous or not visible stands for. The sampling
    variance, between its bounds, is that of an answer sampled in place of the score, given that it is an option.
    Bounds closer than 1e-6 of the scale's range (of its square) are one number. ``is_exact``: both are, and the token
    was the first of its reply.
    """

    score: float
    option_mass: float
    option_entropy: float
    score_low: float
    score_high: float
    sampling_variance_low: float
    sampling_variance_high: float
    is_exact: bool

    def __str__(self) -> str:
        variance = f"{self.sampling_variance_low:.3g}"
        if self.sampling_variance_high > self.sampling_variance_low:
            variance += f" to {self.sampling_variance_high:.3g}"
        return (
            f"expected score {self.score:.3f} ({self.score_low:.3f} to {self.score_high:.3f}); "
            f"probability of options {self.option_mass:.3f}, entropy {self.option_entropy:.3f} nats; "
            f"sampling variance {variance}{', exact' if self.is_exact else ''}"
        )


@dataclass(frozen=True, slots=True)
class NoScore:
    """Why log-probabilities give no score."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def expected_score(
    positions: object,
    shown: Shown,
    *,
    temperature: float | None,
    top_p: float | None = None,
    floor: float = FLOOR,
    scores: Sequence[float | None] | None = None,
) -> ExpectedScore | NoScore:
    """Score a reply by the probabilities of its first token.

    Parameters
    ----------
    positions
        The first tokens of the reply, each ``{"token": str, "logprob": float, "top": [[token, logprob], …]}``, natural
        logarithms at temperature 1. ``top`` may lack the token itself. Where blanks or markup came first, the first
        token after them is used; what it says holds given these, and what else the reply could have begun with counts
        as not known in the sampling variance.
    shown
        The options in displayed order; one without a value is no option here.
    temperature
        With which an answer would be sampled, 0 the likeliest always; None if that is not known.
    top_p
        Least total probability, at that temperature, of the likeliest tokens that are sampled from; None is all.
    floor
        Least visible probability of the options together.
    scores
        What each of the options shown scores, where that is not its value.

    Returns
    -------
    ExpectedScore or NoScore
        ``NoScore`` without log-probabilities, if they cannot be read, or if the options have less than ``floor``. Never
        raises, whatever the positions.

    Notes
    -----
    Tokens are sampled with probabilities proportional to p^(1/T), those outside of the nucleus cut off afterwards. What
    is not visible weighs at most (U / c) c^(1/T) for T ≤ 1, where U is its probability and c the most that one such
    token can have: the least of the alternatives, or U. For T > 1 there is no bound. The variance is concave in the
    distribution: over all places of a weight that may fall on any option or on none it is least where it falls on one
    (on none is not less: of the values a ≤ m ≤ b around a mean m, the nearer is at most √((m - a)(b - m)) away, and
    no variance with that mean is below that square), and greatest where it lies on the two ends so that the mean comes
    as near to their middle as it can. Without a known temperature it lies between 0 and (range / 2)².

    Checked against the enumerated truth of random distributions over tokens: scores to 1e-6 where all options are
    visible, scores and variances within their bounds in every case.

    Examples
    --------
    >>> shown = ((1.0, "Disagree"), (2.0, "Neither"), (3.0, "Agree"))
    >>> top = [["3", math.log(0.5)], [" 3", math.log(0.25)], ["1", math.log(0.25)]]
    >>> scored = expected_score([{"token": "3", "logprob": math.log(0.5), "top": top}], shown, temperature=1.0)
    >>> scored.score, round(scored.sampling_variance_low, 3), scored.is_exact
    (2.5, 0.75, True)
    """
    if not positions:
        return NoScore("no log-probabilities came with the reply")
    passed: list[_Position] = []
    for entry in positions if isinstance(positions, list) else [positions]:
        position = _read_position(entry)
        if position is None:
            return NoScore("the log-probabilities cannot be read")
        if options_begun(position.sampled, shown) is not None:
            break
        passed.append(position)
    else:
        return NoScore("the first tokens of the reply are blank")

    options = _Options(shown, tuple(value for value, _ in shown) if scores is None else tuple(scores))
    plain = _weights(position, options, temperature=1.0, top_p=1.0)
    mass = sum(plain.certain.values()) * math.exp(position.peak)
    if mass <= 0 or mass < floor:
        return NoScore(f"only {mass:.2f} of the probability is seen on options")
    score, ends = _mean(plain.certain), options.ends
    low = min(score, _mean(_with(plain.certain, ends[0], plain.uncertain)))
    high = max(score, _mean(_with(plain.certain, ends[1], plain.uncertain)))
    if high - low <= _NEGLIGIBLE * (ends[1] - ends[0]):
        low = high = score
    least, greatest = _sampling_variance(passed, position, options, temperature, 1.0 if top_p is None else top_p)
    return ExpectedScore(
        score=score,
        option_mass=min(mass, 1.0),
        option_entropy=_entropy(plain.certain),
        score_low=low,
        score_high=high,
        sampling_variance_low=least,
        sampling_variance_high=greatest,
        is_exact=not passed and low == high and least == greatest,
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """The options as they are shown, and what each of them scores (None: no option that has a score)."""

    shown: Shown
    scores: tuple[float | None, ...]

    @property
    def values(self) -> list[float]:
        return [score for score in self.scores if score is not None]

    @property
    def ends(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


@dataclass(frozen=True, slots=True)
class _Position:
    """The alternatives of one token as (token, log-probability), the sampled one among them.

    ``peak`` is the greatest log-probability, ``unseen`` the probability of all tokens that are not visible, ``cap`` the
    most that the log-probability of one of these can be.
    """

    sampled: str
    visible: list[tuple[str, float]]
    peak: float
    unseen: float
    cap: float


@dataclass(frozen=True, slots=True)
class _Weights:
    """Weights with which the values of options are sampled, in units of the likeliest visible token's.

    ``uncertain`` may fall on any option or on none; ``total`` is the most that all tokens weigh, options or not.
    """

    certain: dict[float, float]
    uncertain: float
    total: float


def _read_position(entry: object) -> _Position | None:
    """Return the alternatives of one token, None if they cannot be read."""
    if not isinstance(entry, dict):
        return None
    sampled, top = _pair([entry.get("token"), entry.get("logprob")]), entry.get("top") or []
    if sampled is None or not isinstance(top, list) or len(top) > _MOST_ALTERNATIVES:
        return None
    pairs = [_pair(alternative) for alternative in top]
    visible = [pair for pair in pairs if pair is not None]
    if len(visible) < len(pairs):
        return None
    # A server may append the sampled token to the likeliest ones, so it says nothing about those that are not visible.
    others = [logprob for token, logprob in visible if token != sampled[0]]
    if len(others) == len(visible):
        visible.append(sampled)
    peak, seen = max(logprob for _, logprob in visible), sum(math.exp(logprob) for _, logprob in visible)
    if not 0 < seen <= _GREATEST_SUM:
        return None
    unseen = 1.0 - seen if seen < 1.0 - _DOUBLE_ROUNDING else 0.0
    cap = min([*others, math.log(unseen)]) if unseen else _NEVER
    return _Position(sampled[0], visible, peak, unseen, cap)


def _pair(entry: object) -> tuple[str, float] | None:
    """Return a token with its log-probability, None if these are none."""
    if not isinstance(entry, list) or len(entry) != 2:
        return None
    token, logprob = entry
    if not isinstance(token, str) or not _is_number(logprob) or not logprob <= _GREATEST_LOGPROB:
        return None
    return token, float(max(logprob, _NEVER))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _tempered(position: _Position, temperature: float) -> list[float]:
    """Weigh the visible tokens."""
    return [math.exp((logprob - position.peak) / temperature) for _, logprob in position.visible]


def _unseen_weight(position: _Position, temperature: float) -> tuple[float, float]:
    """Return the least and the most that all tokens together weigh that are not visible."""
    unseen = position.unseen
    if unseen == 0:
        return 0.0, 0.0
    if temperature > 1:
        return unseen, math.inf
    most = _exp(math.log(unseen) - position.cap + (position.cap - position.peak) / temperature)
    return (most if temperature == 1 else 0.0), most


def _weights(position: _Position, options: _Options, *, temperature: float, top_p: float) -> _Weights:
    """Weigh what may be sampled at a temperature above 0."""
    weights, unseen = _tempered(position, temperature), _unseen_weight(position, temperature)
    sure, possible, unseen_possible = _nucleus(position, weights, unseen, temperature, top_p)
    certain: dict[float, float] = {}
    uncertain = unseen[1] if unseen_possible else 0.0
    for (token, _), weight, is_sure, is_possible in zip(position.visible, weights, sure, possible, strict=True):
        begun = options_begun(token, options.shown)
        scores = {options.scores[i] for i in begun} if begun is not None else set()
        if not is_possible or begun == frozenset() or scores == {None}:
            continue
        score = next(iter(scores)) if len(scores) == 1 and is_sure else None
        if score is None:
            uncertain += weight
        else:
            certain[score] = certain.get(score, 0.0) + weight
    return _Weights(certain, uncertain, sum(weights) + unseen[1])


def _nucleus(
    position: _Position, weights: list[float], unseen: tuple[float, float], temperature: float, top_p: float
) -> tuple[list[bool], list[bool], bool]:
    """Return which visible tokens are surely in the nucleus, which possibly, and whether any other possibly is.

    A token is in it if all that come before it, likelier ones and some of those as likely, weigh less than ``top_p`` of
    the whole.
    """
    if top_p >= 1:
        return [True] * len(weights), [True] * len(weights), True
    ordered = sorted(weights)
    sums = [0.0, *accumulate(ordered)]
    hidden = _exp((position.cap - position.peak) / temperature)
    least_cut, greatest_cut = (top_p * (sums[-1] + more) for more in unseen)

    def surely(weight: float) -> bool:
        before = sums[-1] - sums[bisect_left(ordered, weight * (1 - _TIE))] - weight
        return before + (unseen[1] if weight <= hidden * (1 + _TIE) else 0.0) < least_cut * (1 - _TIE)

    def possibly(weight: float) -> bool:
        return sums[-1] - sums[bisect_right(ordered, weight * (1 + _TIE))] <= greatest_cut * (1 + _TIE)

    return [surely(weight) for weight in weights], [possibly(weight) for weight in weights], possibly(hidden)


def _sampling_variance(
    passed: list[_Position], position: _Position, options: _Options, temperature: float | None, top_p: float
) -> tuple[float, float]:
    """Return bounds of the variance of a sampled answer, given that it is an option."""
    low, high = options.ends
    unknown = 0.0, (high - low) ** 2 / 4
    if temperature is None or not (0 <= temperature < math.inf and top_p > 0):
        return unknown
    if temperature == 0 or low == high:
        return 0.0, 0.0
    weights = _weights(position, options, temperature=temperature, top_p=top_p)
    certain, uncertain = weights.certain, weights.uncertain
    if passed:
        uncertain += _elsewhere(passed, temperature) * weights.total
    if not math.isfinite(uncertain) or sum(certain.values()) <= 0:
        return unknown
    least = min(
        _variance(_with(certain, value, uncertain)) for value in options.values
    )  # on none: never less, see Notes
    # How much of it on the upper end brings the mean to the middle, were it possible.
    middle = (low + high) / 2
    above = sum((middle - value) * weight for value, weight in certain.items()) / (high - low) + uncertain / 2
    above = min(max(above, 0.0), uncertain)
    greatest = _variance(_with(_with(certain, high, above), low, uncertain - above))
    if greatest - least <= _NEGLIGIBLE * (high - low) ** 2:
        least = greatest = _variance(certain)
    return least, greatest


def _elsewhere(passed: list[_Position], temperature: float) -> float:
    """Return what replies that begin otherwise weigh at most, relative to those that begin with the tokens passed."""
    share = 1.0
    for position in passed:
        weights = _tempered(position, temperature)
        sampled = sum(w for w, (token, _) in zip(weights, position.visible, strict=True) if token == position.sampled)
        share *= sampled / (sum(weights) + _unseen_weight(position, temperature)[1])
    return 1 / share - 1 if share > 0 else math.inf


def _exp(exponent: float) -> float:
    return math.exp(exponent) if exponent < _OVERFLOW else math.inf


def _with(weights: dict[float, float], value: float, more: float) -> dict[float, float]:
    return {**weights, value: weights.get(value, 0.0) + more}


def _mean(weights: dict[float, float]) -> float:
    mean = sum(value * weight for value, weight in weights.items()) / sum(weights.values())
    return min(max(mean, min(weights)), max(weights))  # a digit of rounding must not leave the scale


def _variance(weights: dict[float, float]) -> float:
    mean = _mean(weights)
    return sum((value - mean) ** 2 * weight for value, weight in weights.items()) / sum(weights.values())


def _entropy(weights: dict[float, float]) -> float:
    whole = sum(weights.values())
    return max(0.0, -sum(weight / whole * math.log(weight / whole) for weight in weights.values() if weight > 0))
