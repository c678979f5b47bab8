-- Answers that clients of the Responses protocol may ask for later.
-- +goose Up
CREATE TABLE responses (
    id         TEXT   NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    previous   TEXT   NOT NULL, -- id of the answer it goes on from, '' none
    input      BYTEA  NOT NULL, -- JSON array of items
    answer     BYTEA  NOT NULL, -- JSON object
    expires_us BIGINT NOT NULL
);

CREATE INDEX responses_expires ON responses (expires_us);
