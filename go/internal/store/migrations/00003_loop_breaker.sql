-- A key whose calls pass the loop breaker.
-- +goose Up
ALTER TABLE api_keys ADD COLUMN may_loop BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE api_keys DROP COLUMN may_loop;
