from __future__ import annotations

import json
from pathlib import Path

import pytest

from persona_big5.errors import SpecError
from persona_big5.questionnaire import shipped
from persona_big5.study import Study, load_study
from persona_big5.study.load import default_max_tokens
from persona_big5.study.model import AdministrationDesign, Limits, Variant

MINE = """\
questionnaire: mine
version: 1
response_scales:
  agree: {values: [1, 2], labels: ["Agree", "Disagree"]}
wordings: {a: "{item}", own: "Say: {item}"}
scales:
  calm: {high: "calm", low: "tense", not: "bored"}
items:
  - {id: calm-1, scale: calm, key: 1, text: "I stay calm.", response_scale: agree}
"""
SMALL = "study: small\nseed: 1\nquestionnaires: [./mine.yaml]\nllms:\n  - name: openai/gpt-x\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(MINE)
    return tmp_path


def load(folder: Path, text: str) -> Study:
    (folder / "study.yaml").write_text(text)
    return load_study(folder / "study.yaml")


def problems_of(folder: Path, text: str) -> list[tuple[str, int, str, str]]:
    with pytest.raises(SpecError) as caught:
        load(folder, text)
    return [(Path(one.file).name, one.line, one.path, one.text) for one in caught.value.problems]


def text_of(folder: Path, text: str) -> str:
    """The text of the only problem."""
    ((_, _, _, problem),) = problems_of(folder, text)
    return problem


def test_defaults_of_the_smallest_study(folder: Path) -> None:
    study = load(folder, SMALL)
    (llm,) = study.llms
    assert (llm.id, llm.name, llm.interface, llm.price, llm.limits) == (
        "openai/gpt-x", "openai/gpt-x", "chat", None, Limits(),
    )  # fmt: skip
    assert llm.variants == (Variant(id="none"),)
    assert llm.decoding == {"max_tokens": 64}
    assert [(one.id, one.text) for one in study.personas] == [("none", "")]
    assert [(one.id, one.turns) for one in study.contexts] == [("neutral", ())]
    assert (study.runs, study.max_cost, study.administration) == (1, None, AdministrationDesign())


def test_everything_a_study_may_say(folder: Path) -> None:
    (folder / "people.yaml").write_text("personas: [{id: bard, group: mine, text: Sing.}]\n")
    (folder / "talk.yaml").write_text(
        "contexts: [{id: talk, mode: canned, turns: [{role: user, text: Hi.}, {role: assistant, text: Ho.}]}]\n"
    )
    study = load(
        folder,
        """\
study: full
seed: 3
questionnaires: [broad-five, ./mine.yaml]
personas: [none, group:placebo, people.yaml]
contexts: [neutral, ./talk.yaml]
runs: 5
llms:
  - id: llama
    name: hosted_vllm/meta-llama/Llama-3.1-8B-Instruct
    api_base: http://localhost:8000/v1
    api_key_env: VLLM_KEY
    family: llama
    size: 8.0e+9
    decoding: {temperature: 1.0, max_tokens: 16}
    price: {input: 0, output: 0.5}
    limits: {concurrency: 64, rpm: 600, tpm: null, timeout: 60}
    interface: chat
    variants:
      - none
      - {id: tuned, name: hosted_vllm/tuned, recipe: r, training_seed: 1, tags: [narrow]}
administration: {layout: block, block_size: 4, wording: a, option_order: [forward, reversed], reasoning: "off"}
max_cost: 20
""",
    )
    assert [one.id for one in study.questionnaires] == ["broad-five", "mine"]
    assert [one.id for one in study.personas] == ["none", *(f"placebo-{k}" for k in range(1, 7)), "bard"]
    assert [one.id for one in study.contexts] == ["neutral", "talk"]
    assert study.llms[0].variants[1] == Variant(
        id="tuned", name="hosted_vllm/tuned", recipe="r", training_seed=1, tags=("narrow",)
    )
    assert study.llms[0].decoding == {"temperature": 1.0, "max_tokens": 16}
    assert study.administration.wording == ("a",)
    assert study.administration.option_order == ("forward", "reversed")
    assert study.max_cost == 20.0
    assert Study.model_validate_json(study.model_dump_json(by_alias=True)) == study


def test_problems_of_the_study_and_of_what_it_names_come_together(folder: Path) -> None:
    (folder / "mine.yaml").write_text(MINE.replace("key: 1", "key: 2"))
    found = problems_of(
        folder,
        """\
study: small
seed: one
questionnaires: [broad-fiv, ./mine.yaml, ./no.yaml]
personas: [defalt, group:placbo, none, none]
contexts: [neutrall]
llms:
  - {name: a/b}
  - {name: a/b}
administration: {wording: [z]}
""",
    )
    assert [(file, line, place) for file, line, place, _ in found] == [
        ("mine.yaml", 9, "items[0].key"),
        ("study.yaml", 2, "seed"),
        ("study.yaml", 3, "questionnaires[0]"),
        ("study.yaml", 3, "questionnaires[2]"),
        ("study.yaml", 4, "personas[0]"),
        ("study.yaml", 4, "personas[1]"),
        ("study.yaml", 4, "personas[3]"),
        ("study.yaml", 5, "contexts[0]"),
        ("study.yaml", 8, "llms[1].id"),
    ]
    texts = "\n".join(text for *_, text in found)
    for near in ("'broad-five'", "'default'", "'placebo'", "'neutral'"):
        assert f"did you mean {near}" in texts


def test_a_wording_must_be_declared_in_every_questionnaire(folder: Path) -> None:
    text = SMALL.replace("[./mine", "[broad-five, ./mine") + "administration:\n  wording:\n    - a\n    - owm\n"
    where = ("study.yaml", 9, "administration.wording[1]")
    assert problems_of(folder, text) == [
        (*where, "the questionnaire 'broad-five' has no wording 'owm'; known: a, b, c, letters"),
        (*where, "the questionnaire 'mine' has no wording 'owm'; did you mean 'own'?"),
    ]


@pytest.mark.parametrize(
    ("llm", "text"),
    [
        ('{id: x, name: "a b"}', "a name as litellm spells it (provider/model) has no blanks"),
        ('{id: "a b", name: x/y}', "an llm's id is letters, digits and . _ : / @ + -, without blanks"),
        ("{name: x/y, variants: [tuned]}", "a variant is the word none or a mapping with id and name"),
        ("{name: x/y, variants: [{id: t}]}", "the variant 't' needs `name:`, the fine-tune as litellm names it"),
        ("{name: x/y, variants: [{id: none, name: x/z}]}", "the variant none is the llm itself and takes no name"),
        ("{name: x/y, variants: [none, none]}", "two variants have the id 'none'"),
        ("{name: x/y, variants: []}", "needs 1 or more entries, but has 0"),
        ("{name: x/y, decoding: {seed: 3}}", "`seed` is set by the program: each session's own"),
        ("{name: x/y, decoding: {n: 3}}", "`n` is set by the program and cannot be given under decoding"),
        ("{name: x/y, decoding: {api_base: http://h}}", "`api_base` is no decoding setting; give the llm `api_base:`"),
        ("{name: x/y, interface: complete}", "must be 'chat' or 'completion', but this is the text 'complete'"),
        ('{name: x/y, reasoning: {"on": {seed: 1}}}', "`seed` is set by the program: each session's own"),
        ('{name: x/y, reasoning: {"off": {messages: []}}}', "`messages` is set by the program and cannot be given"),
        ('{name: x/y, reasoning: {"onn": {}}}', "unknown field 'onn'; did you mean 'on'?"),
        ("{name: x/y, limits: {concurrency: 0}}", "must be 1 or more, but is 0"),
        ("{name: x/y, price: {input: 1}}", "the field 'output' is missing"),
        ("{id: x}", "the field 'name' is missing"),
    ],
)
def test_what_an_llm_may_not_say(folder: Path, llm: str, text: str) -> None:
    assert text_of(folder, SMALL.replace("  - name: openai/gpt-x", f"  - {llm}")).startswith(text)


@pytest.mark.parametrize(
    "field",
    [
        "api_key_env: sk-proj-SECRETsecret1234",
        "api_key_env: gsk_SECRETsecret1234",
        "api_key: SECRETsecret1234",
        "api_base: http://me:SECRETsecret1234@host/v1",
        "api_base: https://host/v1?api_key=SECRETsecret1234",
        "api_base: SECRETsecret1234",
        "api_base: http://[SECRETsecret1234]/v1",
        "decoding: {api_key: SECRETsecret1234}",
        "decoding: {extra_headers: {Authorization: SECRETsecret1234}}",
        "decoding: {extra_body: {list: [{aws_secret_access_key: SECRETsecret1234}]}}",
    ],
)
def test_keys_are_refused_and_never_repeated(folder: Path, field: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(folder, SMALL + f"    {field}\n")
    assert len(caught.value.problems) == 1
    assert "SECRETsecret1234" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "path", "text"),
    [
        ("decoding: {max_tokens: null}", "decoding.max_tokens", "is a whole number, 1 or more, but is None"),
        ("decoding: {max_tokens: -1}", "decoding.max_tokens", "is a whole number, 1 or more, but is -1"),
        ("decoding: {max_completion_tokens: '16'}", "decoding.max_completion_tokens", "1 or more, but is '16'"),
        ('reasoning: {"on": {max_tokens: 0}}', "reasoning.on.max_tokens", "is a whole number, 1 or more, but is 0"),
        (
            "decoding: {extra_body: {max_tokens: 9000}}",
            "decoding.extra_body",
            "`max_tokens` in extra_body would replace",
        ),
        ("decoding: {extra_body: {n: 8}}", "decoding.extra_body", "`n` in extra_body would replace what the program"),
    ],
)
def test_nothing_undoes_the_limit_of_tokens_that_a_cost_hangs_on(
    folder: Path, settings: str, path: str, text: str
) -> None:
    ((_, _, place, problem),) = problems_of(folder, SMALL + f"    {settings}\n")
    assert place == f"llms[0].{path}"
    assert text in problem


def test_other_parameters_of_an_endpoint_are_sent_as_they_are(folder: Path) -> None:
    study = load(folder, SMALL + "    decoding: {extra_body: {top_k: 40}, max_tokens: 5}\n")
    assert study.llms[0].decoding == {"extra_body": {"top_k": 40}, "max_tokens": 5}


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("format: [text, text]", "'text' stands twice"),
        ("format: []", "needs 1 or more entries, but has 0"),
        (
            "anchors: [calm-1, calm-2]",
            "no item of the study's questionnaires is named 'calm-2'; did you mean 'calm-1'?",
        ),
        ("wording: [a, a]", "'a' stands twice"),
        ("block_size: 1", "must be 2 or more, but is 1"),
    ],
)
def test_designs_that_are_refused_in_plain_words(folder: Path, setting: str, text: str) -> None:
    assert text_of(folder, SMALL + f"administration: {{{setting}}}\n") == text


@pytest.mark.parametrize(
    "administration",
    [
        "answer_mode: probability",
        "answer_mode: probability, layout: conversation",
        'layout: conversation, format: [text, json], reasoning: ["on", "off"], option_order: [rotated, reversed]',
    ],
)
def test_what_can_be_asked(folder: Path, administration: str) -> None:
    study = load(folder, SMALL + f"    interface: completion\nadministration: {{{administration}}}\n")
    assert Study.model_validate_json(study.model_dump_json(by_alias=True)) == study


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("layout: block", "layout block one reply holds many answers; use isolated or conversation"),
        ("format: [text, json]", "format json a reply begins with a brace; use text"),
        ('reasoning: ["on", "off"]', 'reasoning on a reply begins with a thought; use "off"'),
    ],
)
def test_a_probability_is_that_of_the_first_token_of_a_reply(folder: Path, setting: str, reason: str) -> None:
    text = text_of(folder, SMALL + f"administration: {{answer_mode: probability, {setting}}}\n")
    assert text == f"`answer_mode: probability` reads the first token of a reply, and with {reason}"


def test_studies_kept_before_levels_became_lists_are_read(folder: Path) -> None:
    study = load(folder, SMALL)
    kept = json.loads(study.model_dump_json(by_alias=True))
    for name in ("format", "reasoning"):
        (kept["administration"][name],) = kept["administration"][name]
    del kept["administration"]["design"], kept["llms"][0]["reasoning"]
    assert Study.model_validate_json(json.dumps(kept)) == study


def test_turns_of_a_live_context_are_the_users_and_canned_ones_end_with_the_assistant(folder: Path) -> None:
    live = "contexts: [{id: live, mode: live, turns: [{role: user, text: Hi.}]}]\n"
    study = SMALL + "contexts: [./talk.yaml]\n"
    (folder / "talk.yaml").write_text(live)
    assert load(folder, study).contexts[0].mode == "live"
    for none_or_said in (live.replace("role: user", "role: assistant"), "contexts: [{id: live, mode: live}]\n"):
        (folder / "talk.yaml").write_text(none_or_said)
        assert text_of(folder, study).startswith("a live context has one or more turns, all of the user")
    (folder / "talk.yaml").write_text(live.replace("mode: live", "mode: canned"))
    assert text_of(folder, study).startswith("turns alternate user, assistant")


def test_conditions_that_say_the_same_are_one_condition(folder: Path) -> None:
    (folder / "p.yaml").write_text('personas: [{id: silent, group: g, text: " "}, {id: silent, group: g, text: x}]\n')
    (folder / "c.yaml").write_text("contexts: [{id: bare, mode: canned}]\n")
    found = problems_of(folder, SMALL + "personas: [none, ./p.yaml]\ncontexts: [neutral, ./c.yaml]\n")
    assert [(file, place) for file, _, place, _ in found] == [
        ("p.yaml", "personas[1].id"),
        ("study.yaml", "contexts[1]"),
    ]
    assert found[1][3] == "the context 'bare' says the same as 'neutral', so it is the same; leave one out"
    (folder / "p.yaml").write_text('personas: [{id: silent, group: g, text: " "}]\n')
    assert text_of(folder, SMALL + "personas: [none, ./p.yaml]\n") == (
        "the persona 'silent' says the same as 'none', so it is the same; leave one out"
    )


def test_a_paraphrase_names_a_persona_of_the_library_or_the_study(folder: Path) -> None:
    people = "personas: [{id: bard, group: g, text: Sing.}, {id: scald, group: g, text: Chant., paraphrase_of: %s}]\n"
    study = SMALL + "personas: [./p.yaml]\n"
    for known in ("bard", "default"):
        (folder / "p.yaml").write_text(people % known)
        assert load(folder, study).personas[1].paraphrase_of == known
    (folder / "p.yaml").write_text(people % "brad")
    assert text_of(folder, study) == (
        "the persona 'scald' is a paraphrase of 'brad', which is unknown; did you mean 'bard'?"
    )


def test_anchors_are_items_of_the_study(folder: Path) -> None:
    study = load(folder, SMALL + "administration: {anchors: [calm-1], design: fraction}\n")
    assert (study.administration.anchors, study.administration.design) == (("calm-1",), "fraction")
    where = problems_of(folder, SMALL + "administration:\n  anchors:\n    - calm-1\n    - clam-1\n")
    text = "no item of the study's questionnaires is named 'clam-1'; did you mean 'calm-1'?"
    assert where == [("study.yaml", 9, "administration.anchors[1]", text)]


def test_items_of_two_questionnaires_that_are_the_same_call_are_refused(folder: Path) -> None:
    (folder / "twin.yaml").write_text(MINE.replace("questionnaire: mine", "questionnaire: twin"))
    text = SMALL.replace("./mine.yaml", "./mine.yaml, ./twin.yaml")
    assert text_of(folder, text) == (
        "the item 'calm-1' of 'twin' asks the same as 'calm-1' of 'mine' (text, options, wording); leave one out"
    )
    (folder / "twin.yaml").write_text(
        MINE.replace("questionnaire: mine", "questionnaire: twin").replace('"{item}"', '"Twin: {item}"')
    )
    assert len(load(folder, text).questionnaires) == 2


def test_the_token_limit_follows_the_layout_and_yields_to_the_users_own(folder: Path) -> None:
    assert default_max_tokens(AdministrationDesign()) == 64
    assert default_max_tokens(AdministrationDesign(layout="block", block_size=40)) == 704
    assert default_max_tokens(AdministrationDesign(layout="conversation"), "on") == 64 + 2048
    block = load(folder, SMALL + "administration: {layout: block, block_size: 5}\n")
    assert block.llms[0].decoding == {"max_tokens": 144}
    own = load(folder, SMALL + "    decoding: {max_completion_tokens: 9}\n")
    assert own.llms[0].decoding == {"max_completion_tokens": 9}


def test_each_level_of_reasoning_has_its_parameters_and_its_token_limit(folder: Path) -> None:
    both = 'administration: {reasoning: ["on", "off"]}\n'
    (llm,) = load(folder, SMALL + both).llms
    assert llm.parameters("off") == llm.decoding == {"max_tokens": 64}
    assert llm.parameters("on") == {"reasoning_effort": "medium", "max_tokens": 2112}
    own = '    decoding: {max_completion_tokens: 9}\n    reasoning: {"on": {think: true}, "off": {think: false}}\n'
    (llm,) = load(folder, SMALL + own + both).llms
    assert llm.parameters("off") == {"max_completion_tokens": 9, "think": False}
    assert llm.parameters("on") == {"max_completion_tokens": 9, "think": True}
    limited = '    decoding: {max_completion_tokens: 9}\n    reasoning: {"on": {max_tokens: 5000}}\n'
    assert load(folder, SMALL + limited + both).llms[0].parameters("on") == {"max_tokens": 5000}
    (llm,) = load(folder, SMALL).llms
    assert "max_tokens" not in llm.reasoning.on


@pytest.mark.parametrize("path", shipped("studies"), ids=lambda path: path.stem)
def test_shipped_studies_load(path: Path) -> None:
    assert load_study(path).llms


def test_a_study_may_ask_some_items_only(folder: Path) -> None:
    study = load(folder, SMALL.replace("./mine.yaml", "response-style, ./mine.yaml") + "items: [pair-2-b, calm-1]\n")
    assert [[item.id for item in one.items] for one in study.questionnaires] == [["pair-2-b"], ["calm-1"]]


def test_items_that_are_not_there_or_stand_twice_are_told(folder: Path) -> None:
    text = SMALL.replace("./mine.yaml", "./mine.yaml, broad-five") + "items:\n  - calm-2\n  - calm-1\n  - calm-1\n"
    assert problems_of(folder, text) == [
        ("study.yaml", 3, "questionnaires[1]", "`items` names none of 'broad-five'; leave it out"),
        ("study.yaml", 7, "items[0]", "no item of these questionnaires is named 'calm-2'; did you mean 'calm-1'?"),
        ("study.yaml", 9, "items[2]", "the item 'calm-1' stands twice"),
    ]
