-- The original's table, by its own statement; one that is there already stays, with every row.
-- +goose Up
-- A program that keeps a transaction open on the table must not make this wait, and everybody behind it, for ever.
SELECT set_config('lock_timeout', coalesce(nullif(current_setting('lock_timeout'), '0'), '15s'), true);

CREATE TABLE IF NOT EXISTS posture_log (id SERIAL PRIMARY KEY, pi_id TEXT, filename TEXT, received_time TIMESTAMP, analyzed_time TIMESTAMP, neck_angle INTEGER, body_angle INTEGER, posture_status TEXT, landmarks_detected BOOLEAN, processed_by TEXT);

ALTER TABLE posture_log
    ADD COLUMN IF NOT EXISTS id SERIAL,
    ADD COLUMN IF NOT EXISTS pi_id TEXT,
    ADD COLUMN IF NOT EXISTS filename TEXT,
    ADD COLUMN IF NOT EXISTS received_time TIMESTAMP,
    ADD COLUMN IF NOT EXISTS analyzed_time TIMESTAMP,
    ADD COLUMN IF NOT EXISTS neck_angle INTEGER,
    ADD COLUMN IF NOT EXISTS body_angle INTEGER,
    ADD COLUMN IF NOT EXISTS posture_status TEXT,
    ADD COLUMN IF NOT EXISTS landmarks_detected BOOLEAN,
    ADD COLUMN IF NOT EXISTS processed_by TEXT;

-- A table made by hand may have an id that does not count by itself.
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = 'posture_log'::regclass AND attname = 'id'
               AND NOT atthasdef AND attidentity = '') THEN
        CREATE SEQUENCE posture_log_id_seq OWNED BY posture_log.id;
        PERFORM setval('posture_log_id_seq', coalesce((SELECT max(id) FROM posture_log), 0) + 1, false);
        ALTER TABLE posture_log ALTER COLUMN id SET DEFAULT nextval('posture_log_id_seq');
    END IF;
END
$$;
-- +goose StatementEnd
