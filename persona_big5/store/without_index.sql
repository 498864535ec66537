-- The tables that grow with a survey, without primary keys: with a million answers, having their indexes in memory took
-- most of the time and memory of a merge, and of registering a plan. There is one writer, and it leaves out what is there
-- already (staging.py, registering.py).
ALTER TABLE administration RENAME TO administration_with_index;
ALTER TABLE exchange RENAME TO exchange_with_index;
ALTER TABLE exchange_administration RENAME TO exchange_administration_with_index;
ALTER TABLE answer RENAME TO answer_with_index;

CREATE TABLE administration (
    administration VARCHAR NOT NULL,          -- unique
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

CREATE TABLE exchange (
    exchange           VARCHAR NOT NULL,          -- unique
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
    error              VARCHAR,
    failure            VARCHAR,                   -- kind of trouble that the error tells of
    thoughts           VARCHAR,
    logprobs           JSON
);

CREATE TABLE exchange_administration (
    exchange       VARCHAR NOT NULL,
    administration VARCHAR NOT NULL               -- unique with the exchange
);

CREATE TABLE answer (
    administration         VARCHAR NOT NULL,      -- unique
    exchange               VARCHAR,               -- NULL: imported
    state                  VARCHAR NOT NULL CHECK (state IN (
        'answered', 'declined', 'refused', 'unparsable', 'off_scale', 'truncated', 'empty', 'failed', 'not_asked')),
    raw_response           VARCHAR,
    score                  DOUBLE,                -- in raw direction
    reason                 VARCHAR,
    parser_version         INTEGER,
    scored_from            VARCHAR,               -- reply or log-probabilities
    option_mass            DOUBLE,
    option_entropy         DOUBLE,
    score_low              DOUBLE,
    score_high             DOUBLE,
    sampling_variance_low  DOUBLE,
    sampling_variance_high DOUBLE,
    CHECK (score IS NULL OR state = 'answered')
);

INSERT INTO administration BY NAME FROM administration_with_index;
INSERT INTO exchange BY NAME FROM exchange_with_index;
INSERT INTO exchange_administration BY NAME FROM exchange_administration_with_index;
INSERT INTO answer BY NAME FROM answer_with_index;
DROP TABLE administration_with_index;
DROP TABLE exchange_with_index;
DROP TABLE exchange_administration_with_index;
DROP TABLE answer_with_index;
