package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/store"
)

// query reads one text as a program other than the store would.
func query(t *testing.T, o store.Options, statement string) string {
	t.Helper()
	if o.URL != "" {
		name, _, _ := strings.Cut(o.URL[strings.LastIndex(o.URL, "/")+1:], "?")
		return server.SQL(t, name, "SELECT ("+statement+")")
	}
	db, err := sql.Open("sqlite", o.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var text string
	if err := db.QueryRow(statement).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// TestOriginalColumns reads what readers of the original's table read.
func TestOriginalColumns(t *testing.T) {
	rounded, cut, nobody := result(1, "pi1"), result(2, "pi1"), result(3, "pi1")
	rounded.Assessment.Angles.Neck, rounded.Assessment.Angles.Torso = 21.5, 4.499
	cut.Assessment.Profile = "original"
	cut.Assessment.Angles = &posture.Angles{Neck: 21.99, Torso: 4.5}
	nobody.Assessment = posture.Assessment{Status: posture.NoLandmarks}
	const columns = "SELECT pi_id || ' ' || neck_angle || ' ' || body_angle || ' ' || posture_status || ' ' || processed_by || ' ' || " +
		"CASE WHEN landmarks_detected THEN 'yes' ELSE 'no' END || ' ' || substr(CAST(received_time AS TEXT), 1, 26) FROM posture_log WHERE id = "
	wanted := map[string]string{
		columns + "1": "pi1 22 4 Good host/1 yes 2026-11-22 10:15:31.123456",
		columns + "2": "pi1 21 4 Good host/1 yes 2026-11-22 10:15:32.123456",
		"SELECT count(*) FROM posture_log WHERE id = 3 AND neck_angle IS NULL AND body_angle IS NULL AND neck_degrees IS NULL AND NOT landmarks_detected AND landmarks IS NULL": "1",
		"SELECT count(*) FROM posture_log WHERE length(CAST(landmarks AS TEXT)) < 1000":                                                                                         "2",
	}
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) {
			o := fresh(t)
			appendAll(t, open(t, o), rounded, cut, nobody)
			for statement, want := range wanted {
				if diff := cmp.Diff(want, query(t, o, statement)); diff != "" {
					t.Errorf("%s: %s", statement, diff)
				}
			}
		})
	}
}
