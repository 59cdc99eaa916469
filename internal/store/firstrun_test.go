package store_test

import (
	"context"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/store"
	"plumbline/internal/testkit/postgres"
)

// as is a database reached by another user, who is made if need be.
func as(t *testing.T, o store.Options, user string) store.Options {
	t.Helper()
	execute(t, o, `DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '`+user+`') THEN CREATE ROLE "`+user+`" LOGIN PASSWORD 'hidden'; END IF; END $$;`)
	return store.Options{URL: changed(t, o.URL, func(u *url.URL) { u.User = url.UserPassword(user, "hidden") })}
}

// refusal is the error of an opening that must fail.
func refusal(t *testing.T, o store.Options) string {
	t.Helper()
	s, err := store.Open(context.Background(), o)
	if err == nil {
		s.Close()
		t.Fatal("opened")
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Errorf("the password is in %q", err)
	}
	return err.Error()
}

// TestPreparationByAnAdministrator: where a right is missing, the error is the statements that give it, and these are enough.
func TestPreparationByAnAdministrator(t *testing.T) {
	for name, before := range map[string]string{
		"no table":                "",
		"no right to see":         "REVOKE ALL ON SCHEMA public FROM public;",
		"the original's":          originalTable + originalInsert("pi1", "31"),
		"the original's, hers":    originalTable + "GRANT SELECT, INSERT ON posture_log TO \"Weak er\"; GRANT CREATE ON SCHEMA public TO \"Weak er\";",
		"an id that is no SERIAL": strings.Replace(originalTable, "SERIAL PRIMARY KEY", "INTEGER", 1) + originalInsert("pi1", "31"),
		"an identity":             strings.Replace(originalTable, "SERIAL", "BIGINT GENERATED ALWAYS AS IDENTITY", 1),
		"a column missing":        strings.Replace(originalTable, "filename TEXT, ", "", 1),
	} {
		t.Run(name, func(t *testing.T) {
			o := freshPostgres(t)
			weak := as(t, o, "Weak er")
			execute(t, o, before)
			said := refusal(t, weak)
			_, statements, found := strings.Cut(said, "\n\n")
			if !found || !strings.Contains(said, "administrator runs this once") {
				t.Fatalf("no statements to run in %q", said)
			}
			execute(t, o, statements)
			execute(t, o, statements) // a second time does no harm
			s := open(t, weak)
			appendAll(t, s, result(1, "pi1"))
			appendAll(t, open(t, weak), result(2, "pi1"))
			if got := all(t, s); got[0].CaptureID != id(2) || got[1].CaptureID != id(1) {
				t.Errorf("rows: %v", got)
			}
			if got := query(t, o, "SELECT count(*) FROM pg_tables WHERE tablename = 'posture_log' AND tableowner <> 'Weak er'"); got != "1" {
				t.Error("the table has changed hands")
			}
		})
	}
}

func TestRightsThatAreMissing(t *testing.T) {
	o := freshPostgres(t)
	open(t, o)
	weak := as(t, o, "reader")
	for _, before := range []string{"", "GRANT SELECT ON posture_log TO reader;", "GRANT SELECT, INSERT ON posture_log TO reader;"} {
		execute(t, o, before)
		said := refusal(t, weak)
		_, statements, _ := strings.Cut(said, "\n")
		if !strings.Contains(said, "may not read and write posture_log") || !strings.Contains(statements, "GRANT USAGE ON SEQUENCE") {
			t.Errorf("after %q: %q", before, said)
		}
	}
	_, statements, _ := strings.Cut(refusal(t, weak), "\n")
	execute(t, o, statements, "ALTER TABLE posture_log ENABLE ROW LEVEL SECURITY;")
	said := refusal(t, weak)
	_, statements, _ = strings.Cut(said, "\n")
	if !strings.Contains(said, "row level security") {
		t.Errorf("with row level security: %q", said)
	}
	execute(t, o, statements)
	appendAll(t, open(t, weak), result(1, "pi1"))
	appendAll(t, open(t, o), result(2, "pi1")) // the owner is above row level security
}

func TestReadOnlyDatabaseIsRefused(t *testing.T) {
	o := freshPostgres(t)
	open(t, o)
	said := refusal(t, store.Options{URL: o.URL + "&default_transaction_read_only=on"})
	if !strings.Contains(said, "read-only for this user") {
		t.Error(said)
	}
}

func TestStandbyIsRefused(t *testing.T) {
	standby := postgres.ForTest(t, postgres.Options{})
	o := store.Options{URL: standby.URL(standby.NewDatabase(t))}
	open(t, o)
	if err := standby.Demote(); err != nil {
		t.Fatal(err)
	}
	if said := refusal(t, o); !strings.Contains(said, "standby, which takes no rows") {
		t.Error(said)
	}
}

// TestPreparationInTheDocumentation: the statements there are all that a user with few rights needs.
func TestPreparationInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/database.md")
	if err != nil {
		t.Fatal(err)
	}
	_, statements, _ := strings.Cut(string(text), "```sql\nCREATE ROLE")
	statements, _, _ = strings.Cut(statements, "```")
	for name, before := range map[string]string{"no table": "", "the original's": originalTable + originalInsert("pi1", "31")} {
		own := postgres.ForTest(t, postgres.Options{}) // roles belong to the whole server
		own.SQL(t, "postgres", before+"CREATE ROLE"+statements)
		s, err := store.Open(t.Context(), store.Options{URL: changed(t, own.URL("postgres"), func(u *url.URL) { u.User = url.UserPassword("plumbline_hub", "choose one") })})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		appendAll(t, s, result(1, "pi1"))
		s.Close()
	}
}

var remedy = regexp.MustCompile(`(?m)→ (.*;)$`)

// unfit are tables that Plumbline cannot work with as they are: what is complained of, and whether the remedy keeps the rows'
// values.
var unfit = map[string]struct {
	statements string
	want       []string
}{
	"a capture_id of another type": {strings.Replace(originalTable, "processed_by TEXT", "processed_by TEXT, capture_id INTEGER", 1),
		[]string{"column capture_id is integer, text is needed"}},
	"our angle as text": {strings.Replace(originalTable, "processed_by TEXT", "processed_by TEXT, neck_degrees TEXT", 1),
		[]string{"column neck_degrees is text, double precision is needed"}},
	"a time as text": {strings.Replace(originalTable, "received_time TIMESTAMP", "received_time TEXT", 1),
		[]string{"column received_time is text, timestamp is needed"}},
	"an angle as text": {strings.Replace(originalTable, "neck_angle INTEGER", "neck_angle TEXT", 1),
		[]string{"column neck_angle is text, integer is needed"}},
	"yes and no as a number": {strings.Replace(originalTable, "landmarks_detected BOOLEAN", "landmarks_detected INTEGER", 1),
		[]string{"column landmarks_detected is integer, boolean is needed"}},
	"a number as UUID": {strings.Replace(originalTable, "processed_by TEXT", "processed_by TEXT, width UUID, \"Odd\" INTEGER", 1),
		[]string{"column width is uuid, integer is needed"}},
	"a UUID as id": {strings.Replace(originalTable, "id SERIAL", "id UUID DEFAULT gen_random_uuid()", 1),
		[]string{"column id is uuid, bigint is needed"}},
	"short texts": {strings.Replace(originalTable, "filename TEXT", "filename VARCHAR(32)", 1),
		[]string{"column filename is character varying(32), too short"}},
	"columns that want a value": {strings.NewReplacer("processed_by TEXT", "processed_by TEXT, note TEXT NOT NULL, \"Desk 1\" INTEGER NOT NULL", "neck_angle INTEGER", "neck_angle INTEGER NOT NULL").Replace(originalTable),
		[]string{"3 things stand in the way", "column note is NOT NULL without a default", `column "Desk 1" is NOT NULL`, "column neck_angle is NOT NULL, but some results"}},
	"a computed column": {strings.Replace(originalTable, "processed_by TEXT", "processed_by TEXT, torso_degrees DOUBLE PRECISION GENERATED ALWAYS AS (body_angle) STORED", 1),
		[]string{"column torso_degrees is computed"}},
	"a choice of statuses": {"CREATE TYPE status AS ENUM ('Good', 'Bad');" + strings.Replace(originalTable, "posture_status TEXT", "posture_status status", 1),
		[]string{"column posture_status is status, text is needed"}},
	"a view": {strings.Replace(originalTable, "posture_log", "other", 1) + "CREATE VIEW posture_log AS SELECT * FROM other;",
		[]string{"no ordinary table"}},
}

// TestUnfitTable: the error names the column, what it is and what is needed; the table is left as it was, and what the error
// says to run makes it fit.
func TestUnfitTable(t *testing.T) {
	for name, table := range unfit {
		t.Run(name, func(t *testing.T) {
			o := freshPostgres(t)
			execute(t, o, table.statements)
			shape := query(t, o, columnsOf)
			said := refusal(t, o)
			for _, want := range append(table.want, "Nothing has been changed") {
				if !strings.Contains(said, want) {
					t.Errorf("got %q, want it to say %q", said, want)
				}
			}
			if got := query(t, o, columnsOf); got != shape {
				t.Errorf("the table was changed from %s to %s", shape, got)
			}
			if name == "a view" {
				return
			}
			var remedies []string
			for _, m := range remedy.FindAllStringSubmatch(said, -1) {
				remedies = append(remedies, m[1])
			}
			execute(t, o, remedies...)
			appendAll(t, open(t, o), result(1, "pi1"))
		})
	}
}

const columnsOf = "SELECT string_agg(column_name || ' ' || data_type, ',' ORDER BY ordinal_position) || (SELECT count(*) FROM pg_tables WHERE schemaname = 'public') FROM information_schema.columns WHERE table_name = 'posture_log'"

// TestOtherTypesThatWork: what holds our values without loss that counts is taken as it is.
func TestOtherTypesThatWork(t *testing.T) {
	o := freshPostgres(t)
	execute(t, o, strings.NewReplacer("neck_angle INTEGER", "neck_angle REAL", "body_angle INTEGER", "body_angle NUMERIC(6,2)", "pi_id TEXT", "pi_id VARCHAR(100)",
		"processed_by TEXT", "processed_by TEXT, note TEXT, landmarks JSONB, confidence REAL, source_filename VARCHAR, seen TIMESTAMP NOT NULL DEFAULT now()").Replace(originalTable)+
		originalInsert("pi1", "31.5"))
	s := open(t, o)
	appendAll(t, s, result(1, "pi1"))
	got := all(t, s)
	if len(got) != 2 || got[1].Assessment.Angles.Neck != 31.5 || got[0].Assessment.Angles.Neck != 21.5 {
		t.Errorf("rows: %+v", got)
	}
	if _, err := s.Append(t.Context(), []posture.Result{result(2, "pi1")}); err != nil {
		t.Error(err)
	}
}
