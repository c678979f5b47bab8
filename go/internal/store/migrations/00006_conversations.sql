-- Conversations that clients make and that answers are added to.
-- +goose Up
CREATE TABLE conversations (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    metadata   BYTEA  NOT NULL, -- JSON object
    size       BIGINT NOT NULL, -- of the items, in bytes
    created_us BIGINT NOT NULL,
    expires_us BIGINT NOT NULL
);

CREATE INDEX conversations_expires ON conversations (expires_us);
CREATE INDEX conversations_owner ON conversations (owner, expires_us DESC, id DESC);

CREATE TABLE conversation_items (
    conversation TEXT   NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    id           TEXT   NOT NULL,
    place        BIGINT NOT NULL, -- rises, with gaps
    body         BYTEA  NOT NULL, -- JSON object
    PRIMARY KEY (conversation, id)
);

CREATE INDEX conversation_items_place ON conversation_items (conversation, place);
