-- Answers that are made in the background, and how much each answer takes.
-- +goose Up
ALTER TABLE responses ADD COLUMN lease_us BIGINT NOT NULL DEFAULT 0; -- until when who makes it is alive; 0 it has ended
ALTER TABLE responses ADD COLUMN streamed BOOLEAN NOT NULL DEFAULT FALSE; -- its events are kept
ALTER TABLE responses ADD COLUMN cancelled BOOLEAN NOT NULL DEFAULT FALSE; -- it is to be stopped
ALTER TABLE responses ADD COLUMN owed BOOLEAN NOT NULL DEFAULT FALSE; -- a provider keeps it and what it used is not booked
ALTER TABLE responses ADD COLUMN events BYTEA NOT NULL DEFAULT ''; -- frames of the stream, once it has ended
ALTER TABLE responses ADD COLUMN size BIGINT NOT NULL DEFAULT 0; -- of input, answer and events, in bytes

UPDATE responses SET size = LENGTH(input) + LENGTH(answer);

-- All that a sweep reads, so that it does not read what is kept.
DROP INDEX responses_expires;
DROP INDEX responses_owner;
CREATE INDEX responses_sweep ON responses (expires_us DESC, id DESC, owner, size);
DROP INDEX conversations_expires;
DROP INDEX conversations_owner;
CREATE INDEX conversations_sweep ON conversations (expires_us DESC, id DESC, owner, size);
