-- Answers that a provider keeps: whose they are and where they lie.
-- +goose Up
ALTER TABLE responses ADD COLUMN provider TEXT NOT NULL DEFAULT ''; -- '' kept here

CREATE INDEX responses_owner ON responses (owner, expires_us DESC, id DESC);
