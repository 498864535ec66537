"""A factor analysis of a wide table on one page, in plain language, for the terminal."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

WIDTH = 110
LONGEST_NAME = 32
MOST_EIGENVALUES = 10
STRONGEST_CORRELATIONS = 15
MOST_ITEMS = 200
"""Loadings of more items than that are left to --json."""
METHODS = {
    "parallel_analysis": "parallel analysis",
    "map": "MAP",
    "ekc": "empirical Kaiser",
    "hull": "Hull",
    "comparison_data": "comparison data",
}
FIT = {"chi2": "chi2", "df": "df", "p": "p", "rmsea": "RMSEA", "tli": "TLI", "cfi": "CFI", "srmr": "SRMR", "bic": "BIC"}


def wide_page(entry: dict[str, Any]) -> str:
    """Say what was found, how many factors by which method, the loadings, fit, and what was left out.

    Parameters
    ----------
    entry
        ``WideFactors.document()``, of which this shows nothing but what is in it.
    """
    lines = [
        _finding(entry),
        "",
        *_votes(entry),
        "",
        *(_correlations(entry) if entry["n_factors"] is None else _loadings(entry)),
        "",
        *_factorability(entry),
    ]
    if entry["warnings"]:
        lines += ["", "Mind"]
        for warning in entry["warnings"]:
            lines += wrap(warning, WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines)


def _finding(entry: dict[str, Any]) -> str:
    retention, k = entry["retention"], entry["n_factors"]
    of = f"{len(entry['correlations']['variables'])} {retention['variables']} and {retention['n']:,} rows"
    parallel = retention["parallel_analysis"]
    if k is None:
        return f"No factors counted or extracted: {entry['reasons']['n_factors']}."
    if entry["n_factors_by"] == "given":
        counted = f"parallel analysis finds {parallel}"
        if parallel is None:
            counted = f"not counted: {entry['reasons']['retention.parallel_analysis']}"
        return f"{_factors(k)}, as asked for, in {of} ({counted})."
    if k == 0:
        return f"0 factors in {of}: no factor exceeds chance by parallel analysis."
    others = [name for name in METHODS if name != "parallel_analysis" and retention[name] is not None]
    agreeing = sum(retention[name] == k for name in others)
    return f"{_factors(k)} in {of} by parallel analysis; {agreeing} of {len(others)} other methods find as many."


def _factors(k: int) -> str:
    return "1 factor" if k == 1 else f"{k} factors"


def _votes(entry: dict[str, Any]) -> list[str]:
    retention, reasons = entry["retention"], entry["reasons"]
    lines = ["Number of factors"]
    if retention["parallel_analysis"] is None:
        lines.append(f"  not counted: {reasons['retention.parallel_analysis']}")
    else:
        for name, label in METHODS.items():
            votes = retention[name]
            limit = " or more" if name == "comparison_data" and retention["comparison_data_at_limit"] else ""
            lines.append(f"  {label:<18} {reasons[f'retention.{name}'] if votes is None else f'{votes}{limit}'}")
        halves = retention["halves"]
        frequencies = ", ".join(f"{k} in {share:.0%}" for k, share in halves.items()) if halves else None
        lines.append(f"  {'halves of the rows':<18} {frequencies or reasons['retention.halves']}")
    total = len(retention["eigenvalues"])
    lines.append(f"  {'eigenvalues':<18} {_row(retention['eigenvalues'])}")
    lines.append(f"  {'their shares':<18} {_row([value / total for value in retention['eigenvalues']])}")
    if retention["null_eigenvalues"] is not None:
        lines.append(f"  {'by chance, at most':<18} {_row(retention['null_eigenvalues'])}   (95th percentile)")
    return lines


def _row(values: list[float]) -> str:
    """Write the first values; rounding errors below zero as zero."""
    return " ".join(f"{round(value, 2) + 0.0:5.2f}" for value in values[:MOST_EIGENVALUES])


def _loadings(entry: dict[str, Any]) -> list[str]:
    """Items under the factor on which they load most, the strongest first."""
    loadings: dict[str, list[float]] | None = entry["loadings"]
    if loadings is None:
        return [f"Loadings: none; {entry['reasons']['loadings']}"]
    head = f"Loadings ({entry['method']}, {entry['rotation']}, {entry['correlation']} correlations)"
    if len(loadings) > MOST_ITEMS:
        return [f"{head}: {len(loadings)} items are too many for a page; --json has them", *_fit(entry)]
    k = entry["n_factors"]
    width = min(max(map(len, loadings)), LONGEST_NAME)
    intervals = entry["loading_ci"]

    def place(item: str) -> tuple[int, float]:
        sizes = [abs(value) for value in loadings[item]]
        return sizes.index(max(sizes)), -max(sizes)

    columns = " ".join(f"{factor:>6}" for factor in range(1, k + 1))
    ends = "" if intervals is None else "   95% interval of the largest"
    lines = [head, f"  {'':<{width}} {columns}  communality{ends}"]
    last = 0
    for item in sorted(loadings, key=place):
        factor = place(item)[0]
        if factor != last:
            lines.append("")
        last = factor
        row = " ".join(f"{value:6.2f}" for value in loadings[item])
        interval = ""
        if intervals is not None:
            interval = f"   {intervals['low'][item][factor]:5.2f} {intervals['high'][item][factor]:5.2f}"
        lines.append(f"  {_short(item):<{width}} {row}  {entry['communalities'][item]:11.2f}{interval}")
    shares = " ".join(f"{share:6.2f}" for share in entry["variance_share"])
    lines += ["", f"  {'share of variance':<{width}} {shares}"]
    if k > 1 and entry["rotation"] not in ("none", "varimax"):
        lines += ["", "Correlations of factors", f"  {'':<{width}} {columns}"]
        for i, row in enumerate(entry["factor_correlations"]):
            lines.append(f"  {i + 1:<{width}} " + " ".join(f"{value:6.2f}" for value in row[: i + 1]))
    return [*lines, *_fit(entry)]


def _fit(entry: dict[str, Any]) -> list[str]:
    fit, reasons = entry["fit"], entry["reasons"]
    shown = [
        _p_value(fit[name]) if name == "p" else f"{label} {fit[name]:.4g}"
        for name, label in FIT.items()
        if fit[name] is not None
    ]
    missing = {reasons[f"fit.{name}"] for name in FIT if fit[name] is None}
    return ["", f"Fit: {', '.join(shown)}{''.join(f' (others: {reason})' for reason in sorted(missing))}"]


def _correlations(entry: dict[str, Any]) -> list[str]:
    found = entry["correlations"]
    names = found["variables"]
    pairs = [(i, j) for i in range(len(names)) for j in range(i) if found["matrix"][i][j] is not None]
    pairs.sort(key=lambda pair: -abs(found["matrix"][pair[0]][pair[1]]))
    lines = [f"Strongest of {len(pairs)} {entry['correlation']} correlations, 95% intervals"]
    for i, j in pairs[:STRONGEST_CORRELATIONS]:
        ends = [found[end][i][j] for end in ("ci_low", "ci_high")]
        interval = "no interval" if None in ends else f"{ends[0]:5.2f} to {ends[1]:5.2f}"
        lines.append(f"  {found['matrix'][i][j]:5.2f}  {interval}   {_short(names[j])}, {_short(names[i])}")
    return lines


def _factorability(entry: dict[str, Any]) -> list[str]:
    found, reasons = entry["factorability"], entry["reasons"]
    kmo = reasons["factorability.kmo"] if found["kmo"] is None else f"{found['kmo']:.2f}"
    test = found["bartlett"]
    bartlett = (
        reasons["factorability.bartlett"]
        if test is None
        else f"chi2({test['df']}) = {test['chi2']:.1f}, {_p_value(test['p'])}"
    )
    smallest = f"smallest eigenvalue {round(found['smallest_eigenvalue'], 3) + 0.0:.3f}"
    return [f"Factorability: KMO {kmo}; Bartlett {bartlett}; {smallest}"]


def _p_value(p: float) -> str:
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
