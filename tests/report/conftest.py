"""A small world with known traits and names that would like to be markup, analysed once."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from persona_big5.analysis import analyze_table

HOSTILE_LLM = "<script>alert(1)</script>"
HOSTILE_ITEM = "[x](javascript:1) $\\frac"
HOSTILE_SCALE = 'calm"><img src=x onerror=alert(1)>'
HOSTILE_PERSONA = "see http://evil.example/?a=1&b=2"
FACTORS = ("warm", HOSTILE_SCALE)
LOADING, SPECIFIC_SD, NOISE_SD = 0.8, 0.3, 0.4


def small_world():
    """Long table of 4 llms x 10 personas (2 of them placebo) x 3 runs x 8 items of 2 scales, and its truth."""
    random = np.random.default_rng(7)
    llms = ["oak", "elm", "ash", HOSTILE_LLM]
    personas = [f"p{number}" for number in range(8)] + ["same", HOSTILE_PERSONA]
    items = {f"warm-{number}": ("warm", 1 if number % 2 else -1) for number in range(4)}
    items |= {f"calm-{number}": (HOSTILE_SCALE, 1) for number in range(3)} | {HOSTILE_ITEM: (HOSTILE_SCALE, -1)}
    rows, traits = [], []
    for llm in llms:
        for persona in personas:
            values = random.normal(size=2)
            traits.append(
                {"llm": llm, "variant": "none", "persona": persona, "anchor": persona, "values": list(values)}
            )
            own = {item: random.normal(0, SPECIFIC_SD) for item in items}
            for run in (1, 2, 3):
                for item, (scale, key) in items.items():
                    latent = key * (LOADING * values[FACTORS.index(scale)] + own[item]) + random.normal(0, NOISE_SD)
                    refused = random.random() < 0.01
                    rows.append(
                        {
                            "llm": llm,
                            "persona": persona,
                            "persona_group": "placebo" if persona in personas[-2:] else "role",
                            "item_id": item,
                            "scale": scale,
                            "keyed": key,
                            "score_min": 1.0,
                            "score_max": 7.0,
                            "run": run,
                            "session": f"{llm} {persona} {run}",
                            "state": "refused" if refused else "answered",
                            "score": np.nan if refused else float(np.clip(round(4 + 1.5 * latent), 1, 7)),
                        }
                    )
    truth = {
        "population": {
            "specific_sd": SPECIFIC_SD,
            "acquiescence_sd": 0.0,
            "mood_sd": 0.0,
            "noise_sd": NOISE_SD,
            "format_mood_sd": 0.0,
        },
        "factors": list(FACTORS),
        "items": {item: {"scale": scale, "key": key, "format_mood": False} for item, (scale, key) in items.items()},
        "loadings": {item: [LOADING * (scale == factor) for factor in FACTORS] for item, (scale, _) in items.items()},
        "traits": traits,
        "component_shares": {"llm": 0.0, "persona": 0.0, "llm:persona": 1.0},
    }
    return pd.DataFrame(rows), truth


@pytest.fixture(scope="session")
def analysed(tmp_path_factory):
    """Folder of an analysis of the small world, without its truth."""
    folder = tmp_path_factory.mktemp("analysed")
    frame, _ = small_world()
    path = folder.parent / "small_world.csv"
    frame.to_csv(path, index=False)
    from persona_big5.store.longtable import read_long

    analyze_table(read_long(path), draws=20).write(folder)
    return folder


@pytest.fixture
def folder(analysed, tmp_path):
    """Copy of the analysed folder that a test may change."""
    return shutil.copytree(analysed, tmp_path / "small")


@pytest.fixture
def simulated(folder):
    """The same with the truth beside it, which makes it a simulated study."""
    (folder / "truth.json").write_text(json.dumps(small_world()[1]), encoding="utf-8")
    return folder


@pytest.fixture
def rewrite(folder):
    """Change ``analysis.json`` in the copied folder by a function; gives the folder."""

    def rewritten(change):
        path = folder / "analysis.json"
        document = json.loads(path.read_text(encoding="utf-8"))
        change(document)
        path.write_text(json.dumps(document), encoding="utf-8")
        return folder

    return rewritten
