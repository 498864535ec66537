"""The README's Python and YAML, run word for word."""

from __future__ import annotations

import csv
import subprocess
import sys

from own_texts import fenced

from persona_big5.analysis.document import SCHEMA_VERSION
from persona_big5.report import load_findings
from persona_big5.store import long_table
from persona_big5.study import load_study

SURVEY = """
study: my-survey
seed: 1
questionnaires: [response-style, broad-five]
personas: [none, default, triage-nurse, math-tutor, ledger-auditor, festival-host, lighthouse-keeper]
runs: 2
llms: [{name: simulated/aspen}, {name: simulated/basalt}]
administration: {layout: block, block_size: 20}
"""

ENDPOINTS_OF_THE_README = """
study: real
seed: 1
questionnaires: [broad-five]
personas: [none]
"""


def run(code: str, folder) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_of_the_readme_runs(tmp_path) -> None:
    (tmp_path / "my-survey.yaml").write_text(SURVEY, encoding="utf-8")
    survey, once_there_are_answers = fenced("README.md", "python")
    asked = run(survey, tmp_path)
    assert asked.startswith("112 calls in ")
    folder = tmp_path / "results" / "my-survey"
    findings = load_findings(folder)
    assert findings.document["schema_version"] == SCHEMA_VERSION
    assert findings.document["data"]["n_respondents"] == 14
    assert all((folder / name).stat().st_size > 10_000 for name in ("report.html", "report.ipynb"))

    table = long_table(folder / "study.duckdb")
    columns = {"llm": "llm", "persona": "persona", "item_id": "item", "run": "run", "score": "score"}
    table[list(columns)].rename(columns=columns).to_csv(tmp_path / "answers.csv", index=False, quoting=csv.QUOTE_ALL)
    again = run(once_there_are_answers, tmp_path)
    summary = asked[asked.index("Verdict: ") :].strip()
    assert again.startswith(summary)
    assert "14 respondents" in again.removeprefix(summary)


def test_the_llms_and_the_administration_of_the_readme_are_a_study(tmp_path) -> None:
    llms, administration = fenced("README.md", "yaml")
    path = tmp_path / "real.yaml"
    path.write_text(ENDPOINTS_OF_THE_README + llms + administration, encoding="utf-8")
    study = load_study(path)
    assert [(llm.id, llm.name.partition("/")[0], len(llm.variants)) for llm in study.llms] == [
        ("llama-8b", "hosted_vllm", 2),
        ("qwen-7b", "ollama_chat", 1),
        ("gpt-mini", "openai", 1),
    ]
    assert len(study.administration.manners) == 4
    assert study.administration.anchors == ("warmth-1", "order-2")
