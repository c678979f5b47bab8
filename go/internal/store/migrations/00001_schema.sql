-- One text for SQLite and PostgreSQL: types that both understand, no default
-- that only one can compute. Times are microseconds since 1970 in UTC (_us),
-- lengths of time nanoseconds (_ns), money nano-dollars (_nusd).
-- +goose Up
CREATE TABLE settings (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- A counter moves in the transaction of every change of its topic.
CREATE TABLE revisions (
    topic TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO revisions (topic, value) VALUES ('identity', 1);

CREATE TABLE users (
    id         TEXT    NOT NULL PRIMARY KEY,
    org_id     TEXT    NOT NULL,
    team_id    TEXT    NOT NULL,
    name       TEXT    NOT NULL UNIQUE,
    role       TEXT    NOT NULL,
    disabled   BOOLEAN NOT NULL,
    created_us BIGINT  NOT NULL
);

CREATE TABLE api_keys (
    id           TEXT   NOT NULL PRIMARY KEY,
    user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT   NOT NULL,
    prefix       TEXT   NOT NULL,
    digest       BYTEA  NOT NULL UNIQUE,
    models       TEXT,             -- JSON array of patterns; NULL: all
    created_us   BIGINT NOT NULL,
    expires_us   BIGINT,
    revoked_us   BIGINT,
    last_used_us BIGINT
);

CREATE INDEX api_keys_user ON api_keys (user_id);

-- Rows come from a journal that already answers for them. Nothing but the key
-- may refuse one: a refused row would stop all behind it.
CREATE TABLE ledger_entries (
    request_id            TEXT   NOT NULL,
    attempt               BIGINT NOT NULL,
    chain                 TEXT   NOT NULL,
    seq                   BIGINT NOT NULL,
    hash                  BYTEA  NOT NULL,
    org_id                TEXT   NOT NULL,
    team_id               TEXT   NOT NULL,
    user_id               TEXT   NOT NULL,
    key_id                TEXT   NOT NULL,
    key_name              TEXT   NOT NULL,
    operation             TEXT   NOT NULL,
    client_protocol       TEXT   NOT NULL,
    upstream_protocol     TEXT   NOT NULL,
    provider              TEXT   NOT NULL,
    model_requested       TEXT   NOT NULL,
    model_sent            TEXT   NOT NULL,
    model_served          TEXT   NOT NULL,
    upstream_id           TEXT   NOT NULL,
    tier                  TEXT   NOT NULL,
    input_tokens          BIGINT, -- NULL: not said
    cache_read_tokens     BIGINT,
    cache_write_5m_tokens BIGINT,
    cache_write_1h_tokens BIGINT,
    output_tokens         BIGINT,
    reasoning_tokens      BIGINT,
    audio_in_tokens       BIGINT,
    audio_out_tokens      BIGINT,
    image_in_tokens       BIGINT,
    image_out_tokens      BIGINT,
    usage_source          TEXT   NOT NULL,
    provider_cost_nusd    BIGINT,
    cost_nusd             BIGINT, -- NULL: no price
    price_version         TEXT   NOT NULL,
    outcome               TEXT   NOT NULL,
    status                BIGINT NOT NULL,
    error_kind            TEXT   NOT NULL,
    stop                  TEXT   NOT NULL,
    started_us            BIGINT NOT NULL,
    day                   TEXT   NOT NULL, -- of started_us, 2006-01-02
    first_token_ns        BIGINT NOT NULL,
    duration_ns           BIGINT NOT NULL,
    bytes_in              BIGINT NOT NULL,
    bytes_out             BIGINT NOT NULL,
    findings              BIGINT NOT NULL,
    PRIMARY KEY (request_id, attempt)
);

CREATE INDEX ledger_entries_started ON ledger_entries (started_us, request_id, attempt);
CREATE INDEX ledger_entries_chain ON ledger_entries (chain, seq);
