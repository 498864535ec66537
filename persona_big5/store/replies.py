"""Stored replies with the sessions they answer, as objects again, so that they can be read anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from persona_big5.store.reading import connect_reading
from persona_big5.store.records import Exchange
from persona_big5.study.model import Study
from persona_big5.study.plan import Administration, Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from persona_big5.questionnaire.model import Questionnaire

_ROWS_AT_ONCE = 1000
_SESSION_FIELDS = (
    "wording", "option_order", "answer_mode", "format", "reasoning", "layout", "wave", "run", "seed",
)  # fmt: skip
_EXCHANGE_FIELDS = (
    "session", "turn", "attempt", "text", "finish_reason", "model_returned", "fingerprint", "tokens_in", "tokens_out",
    "tokens_reasoning", "cost", "seconds", "error", "failure", "thoughts",
)  # fmt: skip
_REPLIES = """
WITH asked AS (
    SELECT
        session, study_version, llm, variant, persona, context, questionnaire, wording, option_order, answer_mode,
        format, reasoning, layout, wave, run, seed,
        list(administration ORDER BY position) AS administrations,
        list(item_id ORDER BY position) AS items,
        list(position ORDER BY position) AS positions,
        list(occasion ORDER BY position) AS occasions
    FROM administration SEMI JOIN exchange USING (session)
    GROUP BY ALL)
SELECT * FROM exchange JOIN asked USING (session) SEMI JOIN answer USING (exchange)
WHERE text IS NOT NULL AND (error IS NULL OR failure = 'filtered')
"""


def exchanges(path: str | PathLike[str]) -> Iterator[tuple[Session, Exchange]]:
    """Yield every readable reply from which an answer in the database was read, with the session it answers.

    A session of several turns comes once for each of them; turns that ask nothing have no answers and do not come.
    Sessions are as in the last version of their study that planned them, so keys and attributes changed since hold.
    Replies come in no particular order; nothing can be merged until the last one is taken.
    """
    with connect_reading(path) as connection:
        found = connection.execute("SELECT study_version, spec FROM study WHERE spec IS NOT NULL").fetchall()
        registered = {version: _Registered(Study.model_validate_json(spec)) for version, spec in found}
        result = connection.execute(_REPLIES)
        columns = [column[0] for column in result.description or ()]
        while rows := result.fetchmany(_ROWS_AT_ONCE):
            for values in rows:
                row = dict(zip(columns, values, strict=True))
                yield registered[row["study_version"]].session(row), _exchange(row)


class _Registered:
    """A study with its parts by their ids."""

    def __init__(self, study: Study) -> None:
        self._study = study.id
        self._llms = {llm.id: llm for llm in study.llms}
        self._variants = {(llm.id, variant.id): variant for llm in study.llms for variant in llm.variants}
        self._personas = {persona.id: persona for persona in study.personas}
        self._contexts = {context.id: context for context in study.contexts}
        self._questionnaires = {questionnaire.id: questionnaire for questionnaire in study.questionnaires}
        self._items = {
            (questionnaire.id, item.id): item for questionnaire in study.questionnaires for item in questionnaire.items
        }

    def session(self, row: dict[str, Any]) -> Session:
        questionnaire = self._questionnaires[row["questionnaire"]]
        return Session(
            id=row["session"],
            study=self._study,
            llm=self._llms[row["llm"]],
            variant=self._variants[row["llm"], row["variant"]],
            persona=self._personas[row["persona"]],
            context=self._contexts[row["context"]],
            questionnaire=questionnaire,
            administrations=self._administrations(questionnaire, row),
            **{name: row[name] for name in _SESSION_FIELDS},
        )

    def _administrations(self, questionnaire: Questionnaire, row: dict[str, Any]) -> tuple[Administration, ...]:
        asked = zip(row["administrations"], row["items"], row["positions"], row["occasions"], strict=True)
        administrations = []
        for identifier, item_id, position, occasion in asked:
            item = self._items[questionnaire.id, item_id]
            scale = questionnaire.response_scales[item.response_scale]
            administrations.append(Administration(identifier, item, scale, position, occasion))
        return tuple(administrations)


def _exchange(row: dict[str, Any]) -> Exchange:
    return Exchange(
        id=row["exchange"],
        messages=json.loads(row["messages"]),
        parameters_sent=json.loads(row["parameters_sent"]),
        parameters_dropped=json.loads(row["parameters_dropped"]),
        started_at=f"{row['started_at'].isoformat()}+00:00",
        logprobs=None if row["logprobs"] is None else json.loads(row["logprobs"]),
        **{name: row[name] for name in _EXCHANGE_FIELDS},
    )
