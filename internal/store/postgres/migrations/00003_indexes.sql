-- +goose Up
-- A program that keeps a transaction open on the table must not make this wait, and everybody behind it, for ever.
SELECT set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '15s'), true);

CREATE UNIQUE INDEX IF NOT EXISTS posture_log_capture_id ON posture_log (capture_id);
CREATE INDEX IF NOT EXISTS posture_log_device ON posture_log (pi_id, id);
