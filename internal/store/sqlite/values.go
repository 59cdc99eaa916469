package sqlite

import (
	"time"

	"plumbline/internal/store/row"
)

// values are a row's values in the order of row.Columns.
func values(r *row.Row) []any {
	return []any{
		r.Device, text(r.Filename), moment(r.Received), moment(r.Analyzed), r.NeckAngle, r.BodyAngle, text(r.Status), r.Detected,
		text(r.ProcessedBy), r.CaptureID, moment(r.Taken), text(r.Source), r.NeckDegrees, r.TorsoDegrees, r.NeckUncertainty,
		r.TorsoUncertainty, text(r.Side), text(r.View), text(r.Profile), text(r.Model), r.Confidence, positive(r.Width),
		positive(r.Height), text(string(r.Landmarks)),
	}
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func positive(n int) any {
	if n <= 0 {
		return nil
	}
	return n
}

func moment(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format(row.TimeLayout)
}
