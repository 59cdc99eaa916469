-- The capture ids of rows that were removed for their age, so that the ledger can tell them from rows that are missing.
-- +goose Up
CREATE TABLE IF NOT EXISTS posture_log_removed (capture_id TEXT COLLATE "C" PRIMARY KEY, removed_at TIMESTAMP NOT NULL);
