-- +goose Up
CREATE UNIQUE INDEX IF NOT EXISTS posture_log_capture_id ON posture_log (capture_id);
CREATE INDEX IF NOT EXISTS posture_log_device ON posture_log (pi_id, id);
