-- One database keeps everything that was asked and everything that came back. This is version 1; later changes are
-- in migrations.py.
-- Ids of administrations, sessions and exchanges are hashes made outside. Columns of type JSON hold objects verbatim.
-- No foreign keys: DuckDB turns updates of a referenced row into delete and insert, which they would forbid.

-- Each version of a study that was ever registered, whole, so that nothing outside the database is needed to read it.
CREATE TABLE study (
    study_version VARCHAR PRIMARY KEY,            -- hash of spec, or of the imported table
    study         VARCHAR NOT NULL,               -- the study's id, or the name of an imported source
    spec          JSON,                           -- the resolved study; NULL when answers were imported
    registered_at TIMESTAMP NOT NULL              -- last time, UTC
);

CREATE TABLE wave (
    study_version VARCHAR NOT NULL,
    wave          VARCHAR NOT NULL,
    registered_at TIMESTAMP NOT NULL,             -- first time, UTC
    PRIMARY KEY (study_version, wave)
);

-- What a version of a study names, one table for each kind of thing.
CREATE TABLE llm (
    study_version VARCHAR NOT NULL,
    llm           VARCHAR NOT NULL,
    name          VARCHAR,                        -- as litellm names it
    interface     VARCHAR,
    decoding      JSON,
    family        VARCHAR,
    size          DOUBLE,                         -- number of parameters
    PRIMARY KEY (study_version, llm)
);

CREATE TABLE variant (
    study_version VARCHAR NOT NULL,
    llm           VARCHAR NOT NULL,
    variant       VARCHAR NOT NULL,
    name          VARCHAR,
    recipe        VARCHAR,
    training_seed BIGINT,
    tags          VARCHAR,                        -- separated by commas
    PRIMARY KEY (study_version, llm, variant)
);

CREATE TABLE persona (
    study_version VARCHAR NOT NULL,
    persona       VARCHAR NOT NULL,
    persona_group VARCHAR,
    text          VARCHAR,
    paraphrase_of VARCHAR,
    PRIMARY KEY (study_version, persona)
);

CREATE TABLE context (
    study_version VARCHAR NOT NULL,
    context       VARCHAR NOT NULL,
    mode          VARCHAR,
    turns         JSON,
    PRIMARY KEY (study_version, context)
);

CREATE TABLE item (
    study_version  VARCHAR NOT NULL,
    questionnaire  VARCHAR NOT NULL,
    item_id        VARCHAR NOT NULL,
    scale          VARCHAR,
    keyed          TINYINT CHECK (keyed IN (-1, 1)),
    text           VARCHAR,
    response_scale JSON,                          -- values, labels, decline
    score_min      DOUBLE,
    score_max      DOUBLE,
    PRIMARY KEY (study_version, questionnaire, item_id),
    CHECK (score_min < score_max)
);

CREATE TABLE wording (
    study_version VARCHAR NOT NULL,
    questionnaire VARCHAR NOT NULL,
    wording       VARCHAR NOT NULL,
    template      VARCHAR,
    PRIMARY KEY (study_version, questionnaire, wording)
);

-- One planned asking of one item. Its id hashes all that decides what is sent.
CREATE TABLE administration (
    administration VARCHAR PRIMARY KEY,
    study_version  VARCHAR NOT NULL,              -- the last version that planned it; its keys and attributes hold
    questionnaire  VARCHAR NOT NULL,
    llm            VARCHAR NOT NULL,
    variant        VARCHAR NOT NULL,
    persona        VARCHAR NOT NULL,
    context        VARCHAR NOT NULL,
    item_id        VARCHAR NOT NULL,
    wording        VARCHAR NOT NULL,
    option_order   VARCHAR NOT NULL,
    answer_mode    VARCHAR NOT NULL,
    format         VARCHAR NOT NULL,
    reasoning      VARCHAR NOT NULL,
    layout         VARCHAR NOT NULL,
    wave           VARCHAR NOT NULL,
    occasion       VARCHAR NOT NULL,
    run            BIGINT NOT NULL,
    session        VARCHAR,                       -- NULL: not known (imported)
    position       INTEGER CHECK (position >= 1), -- in its session
    seed           BIGINT,
    superseded     BOOLEAN NOT NULL DEFAULT false -- a later plan asks the same cell with another text
);

-- One request sent and what came back, verbatim. Never changed.
CREATE TABLE exchange (
    exchange           VARCHAR PRIMARY KEY,
    session            VARCHAR NOT NULL,
    turn               INTEGER,
    attempt            INTEGER,
    messages           JSON,
    parameters_sent    JSON,
    parameters_dropped JSON,
    text               VARCHAR,                   -- NULL: no readable reply
    finish_reason      VARCHAR,
    model_returned     VARCHAR,
    fingerprint        VARCHAR,
    tokens_in          BIGINT,
    tokens_out         BIGINT,
    tokens_reasoning   BIGINT,
    cost               DOUBLE,                    -- USD; NULL: no price known
    started_at         TIMESTAMP,                 -- UTC
    seconds            DOUBLE,
    error              VARCHAR
);

-- Which administrations an exchange answers: a block answers many.
CREATE TABLE exchange_administration (
    exchange       VARCHAR NOT NULL,
    administration VARCHAR NOT NULL,
    PRIMARY KEY (exchange, administration)
);

-- What the parser read last for an administration; rebuilt by `rescore`.
CREATE TABLE answer (
    administration VARCHAR PRIMARY KEY,
    exchange       VARCHAR,                       -- NULL: imported
    state          VARCHAR NOT NULL CHECK (state IN (
        'answered', 'declined', 'refused', 'unparsable', 'off_scale', 'truncated', 'empty', 'failed', 'not_asked')),
    raw_response   VARCHAR,
    score          DOUBLE,                        -- in raw direction
    reason         VARCHAR,
    parser_version INTEGER,
    CHECK (score IS NULL OR state = 'answered')
);

-- The long table: one row per administration that is in force, asked or not.
CREATE VIEW long AS
SELECT
    a.llm, a.variant, a.persona, a.context, a.item_id, a.wording, a.option_order, a.answer_mode, a.format, a.reasoning,
    a.layout, a.wave, a.occasion, a.run,
    item.scale, item.keyed, item.score_min, item.score_max,
    a.session, a.position,
    answer.raw_response, coalesce(answer.state, 'not_asked') AS state, answer.score,
    llm.family, llm.size, variant.recipe, variant.training_seed, persona.persona_group, variant.tags
FROM administration AS a
LEFT JOIN answer USING (administration)
LEFT JOIN item
    ON item.study_version = a.study_version AND item.questionnaire = a.questionnaire AND item.item_id = a.item_id
LEFT JOIN llm ON llm.study_version = a.study_version AND llm.llm = a.llm
LEFT JOIN variant ON variant.study_version = a.study_version AND variant.llm = a.llm AND variant.variant = a.variant
LEFT JOIN persona ON persona.study_version = a.study_version AND persona.persona = a.persona
WHERE NOT a.superseded;
