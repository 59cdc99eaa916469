-- All take NULL: the original's INSERT goes on working.
-- +goose Up
-- A program that keeps a transaction open on the table must not make this wait, and everybody behind it, for ever.
SELECT set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '15s'), true);

ALTER TABLE posture_log
    ADD COLUMN IF NOT EXISTS capture_id TEXT COLLATE "C", -- sorts by time of receipt
    ADD COLUMN IF NOT EXISTS taken_at TIMESTAMP,
    ADD COLUMN IF NOT EXISTS source_filename TEXT,
    ADD COLUMN IF NOT EXISTS neck_degrees DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS torso_degrees DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS neck_uncertainty DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS torso_uncertainty DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS side TEXT,
    ADD COLUMN IF NOT EXISTS view TEXT,
    ADD COLUMN IF NOT EXISTS profile TEXT,
    ADD COLUMN IF NOT EXISTS model TEXT,
    ADD COLUMN IF NOT EXISTS confidence DOUBLE PRECISION,
    ADD COLUMN IF NOT EXISTS width INTEGER,
    ADD COLUMN IF NOT EXISTS height INTEGER,
    ADD COLUMN IF NOT EXISTS landmarks JSON; -- JSON, not JSONB: it is read whole, and its text takes half the space
