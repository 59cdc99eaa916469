package row

import (
	"database/sql"
	"fmt"
	"math"
	"time"

	"plumbline/internal/posture"
)

// Entry is one row read back. A row of the original has no CaptureID; its angles are whole degrees without uncertainty.
// The landmarks are rounded as stored; Presence, Region and Annotated are not kept and are empty.
type Entry struct {
	ID int64
	posture.Result
}

// Query asks for rows, newest id first.
type Query struct {
	Device   string // empty means every device
	BeforeID int64  // only rows with a smaller id, to page on; 0 means from the newest
	Limit    int    // 0 means DefaultLimit; at most MaxLimit
}

// Limits of a Query.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Bounded is the limit that is used.
func (q Query) Bounded() int {
	if q.Limit <= 0 {
		return DefaultLimit
	}
	return min(q.Limit, MaxLimit)
}

// Before is the id below which rows are wanted.
func (q Query) Before() int64 {
	if q.BeforeID <= 0 {
		return math.MaxInt64
	}
	return q.BeforeID
}

// Scan reads one row through scan, which is given the id and then Columns in order.
func Scan(scan func(dest ...any) error) (Entry, error) {
	var (
		e                                                Entry
		device, file, status, by, capture, source        sql.NullString
		side, view, profile, model, landmarks            sql.NullString
		received, analyzed, taken                        Time
		neck, body, confidence                           sql.NullFloat64
		neckDegrees, torsoDegrees, neckSigma, torsoSigma sql.NullFloat64
		detected                                         sql.NullBool
		width, height                                    sql.NullInt64
	)
	err := scan(&e.ID, &device, &file, &received, &analyzed, &neck, &body, &status, &detected, &by, &capture, &taken, &source,
		&neckDegrees, &torsoDegrees, &neckSigma, &torsoSigma, &side, &view, &profile, &model, &confidence, &width, &height,
		&landmarks)
	if err != nil {
		return Entry{}, fmt.Errorf("reading a row of posture_log: %w", err)
	}
	e.Result = posture.Result{
		CaptureID: capture.String, Device: device.String, Source: source.String, ReceivedAt: received.Time,
		TakenAt: taken.Time, AnalyzedAt: analyzed.Time, ProcessedBy: by.String, Model: model.String,
		Width: int(width.Int64), Height: int(height.Int64), Filename: file.String,
		Assessment: posture.Assessment{Status: posture.Status(status.String), Side: posture.Side(side.String),
			View: posture.View(view.String), Profile: profile.String},
	}
	e.Assessment.Pose = decodeLandmarks(landmarks.String, &e.Result, confidence.Float64)
	e.Assessment.Angles = angles(first(neckDegrees, neck), first(torsoDegrees, body), neckSigma, torsoSigma)
	return e, nil
}

// first is the fraction where there is one, else the original's whole number.
func first(fraction, integer sql.NullFloat64) sql.NullFloat64 {
	if fraction.Valid {
		return fraction
	}
	return integer
}

func angles(neck, torso, neckSigma, torsoSigma sql.NullFloat64) *posture.Angles {
	if !neck.Valid || !torso.Valid {
		return nil
	}
	return &posture.Angles{Neck: neck.Float64, Torso: torso.Float64, NeckUncertainty: neckSigma.Float64,
		TorsoUncertainty: torsoSigma.Float64}
}

// TimeLayout is how a time stands in SQLite: UTC, as Python's sqlite3 writes it and as SQLite's date functions read it.
const TimeLayout = "2006-01-02 15:04:05.000000"

// Time reads a timestamp of either database; NULL and what is no time give the zero Time.
type Time struct{ time.Time }

// Scan implements sql.Scanner.
func (t *Time) Scan(value any) error {
	t.Time = time.Time{}
	switch v := value.(type) {
	case time.Time:
		t.Time = v.UTC()
	case string:
		t.Time = parseTime(v)
	case []byte:
		t.Time = parseTime(string(v))
	}
	return nil
}

// parseTime reads the ways in which Python programs write a time into SQLite: with a space or a T, with or without
// fraction and zone. A time without zone is taken as UTC.
func parseTime(s string) time.Time {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.RFC3339, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
