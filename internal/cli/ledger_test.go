package cli_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plumbline/internal/ledger"
	"plumbline/internal/testkit/postgres"
)

// account is what plumbline ledger --json says, and its exit code.
func account(t *testing.T, args ...string) ledger.Report {
	t.Helper()
	cmd := exec.Command("plumbline", append([]string{"ledger", "--json"}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var r ledger.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("plumbline ledger %v: %v\n%s%s", args, err, out.String(), problems.String())
	}
	if code := cmd.ProcessState.ExitCode(); r.Balanced != (code == 0) || code > 1 {
		t.Errorf("balanced: %v, and the command ended with %v", r.Balanced, err)
	}
	return r
}

// balance fails the test unless the ledger balances.
func balance(t *testing.T, args ...string) ledger.Report {
	t.Helper()
	r := account(t, args...)
	if !r.Balanced || r.Outside != (ledger.Outside{JournalBegins: r.Outside.JournalBegins}) {
		t.Errorf("the ledger does not balance: %+v", r)
	}
	return r
}

// missing are the ids that a ledger does not find.
func missing(t *testing.T, args ...string) []string {
	t.Helper()
	r := account(t, args...)
	ids := make([]string, 0, len(r.Missing))
	for _, m := range r.Missing {
		ids = append(ids, m.ID)
	}
	if len(r.Surplus) > 0 {
		t.Errorf("too much: %+v", r.Surplus)
	}
	return ids
}

// tables are the two kinds of database, each with a way to run SQL that the hub does not know of.
var tables = map[string]func(t *testing.T) func(data, statement string) string{
	"SQLite": func(t *testing.T) func(string, string) string {
		return func(data, statement string) string {
			db, err := sql.Open("sqlite", filepath.Join(data, "plumbline.db"))
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
	},
	"PostgreSQL": func(t *testing.T) func(string, string) string {
		server := postgres.ForTest(t, postgres.Options{})
		database := server.NewDatabase(t)
		t.Setenv("DATABASE_URL", server.URL(database))
		return func(_, statement string) string {
			first, _, _ := strings.Cut(server.SQL(t, database, statement), "\n") // without what psql says of it
			return first
		}
	},
}

// Something is in every place, then one thing in each is deleted by hand: exactly those are missing, for the command on
// the folder, for the command that asks the running hub, and by HTTP.
func TestLedgerFindsWhatIsDeletedByHand(t *testing.T) {
	for name, open := range tables {
		t.Run(name, func(t *testing.T) {
			query := open(t)
			h := startHub(t)
			fill(t, h)
			want := ledger.Counts{Accepted: 9, Recorded: 3, Waiting: 3, Dead: 2, Dropped: 1}
			live := balance(t, "--data", h.data())
			if diff := cmp.Diff(want, live.Counts); diff != "" {
				t.Errorf("the running hub's ledger: %s", diff)
			}
			if diff := cmp.Diff(live.Devices, balance(t, "--http", "http://"+h.http).Devices); diff != "" {
				t.Errorf("by HTTP: %s", diff)
			}
			h.stop()
			if diff := cmp.Diff(live.Devices, balance(t, "--data", h.data()).Devices); diff != "" {
				t.Errorf("the folder's ledger: %s", diff)
			}

			deleted := []string{query(h.data(), "DELETE FROM posture_log WHERE id = 2 RETURNING capture_id")}
			js := openJetStream(t, h.data())
			deleted = append(deleted, deleteOne(t, js, "PLUMBLINE_QUEUE"), deleteOne(t, js, "PLUMBLINE_DEAD"))
			js.close()
			slices.Sort(deleted)
			if diff := cmp.Diff(deleted, missing(t, "--data", h.data())); diff != "" {
				t.Errorf("the folder's ledger: %s", diff)
			}
			h.start()
			for _, by := range [][]string{{"--data", h.data()}, {"--http", "http://" + h.http}} {
				if diff := cmp.Diff(deleted, missing(t, by...)); diff != "" {
					t.Errorf("the running hub's ledger, %v: %s", by, diff)
				}
			}
			h.stop()
		})
	}
}

// fill puts three captures into each place but the leases; of dead letters one was refused at its arrival, one could not be
// analysed even when it was replayed, and one is dropped. It leaves the hub without workers.
func fill(t *testing.T, h *process) {
	t.Helper()
	for range 3 {
		sendOne(t, h.mqtt)
	}
	run(t, damagedPNG(t), "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/pi2", "-s")
	for range 2 {
		run(t, []byte("good morning"), "mosquitto_pub", "-p", h.port(), "-q", "1", "-t", "images/pi3", "-s")
	}
	var letters []deadLetter
	h.until(20*time.Second, "three dead letters", func() bool {
		letters = deadLetters(t, h.data())
		return len(letters) == 3
	})
	h.drain()
	slices.SortFunc(letters, func(x, y deadLetter) int { return strings.Compare(x.Device, y.Device) })
	run(t, nil, "plumbline", "dead", "replay", letters[0].ID, "--data", h.data())
	h.drain()
	run(t, nil, "plumbline", "dead", "drop", letters[2].ID, "--data", h.data())
	h.stop()
	h.flags = append(h.flags, "--workers", "0")
	h.start()
	for range 3 {
		sendOne(t, h.mqtt)
	}
}

// damagedPNG has a whole header, so that it is accepted, and pixels that cannot be read.
func damagedPNG(t *testing.T) []byte {
	t.Helper()
	noise := image.NewGray(image.Rect(0, 0, 64, 64))
	for i := range noise.Pix {
		noise.Pix[i] = byte(i * i)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, noise); err != nil {
		t.Fatal(err)
	}
	b.Bytes()[b.Len()/2] ^= 0xff
	return b.Bytes()
}

// folderStreams is JetStream on the folder of a hub that does not run.
type folderStreams struct {
	jetstream.JetStream
	close func()
}

func openJetStream(t *testing.T, data string) folderStreams {
	t.Helper()
	ns, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, JetStream: true, StoreDir: filepath.Join(data, "queue"), JetStreamMaxStore: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	nc, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return folderStreams{js, func() { nc.Close(); ns.Shutdown(); ns.WaitForShutdown() }}
}

// deleteOne deletes the second message of a stream and returns the capture's id.
func deleteOne(t *testing.T, js jetstream.JetStream, name string) string {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), s.CachedInfo().State.FirstSeq+1, jetstream.WithGetMsgSubject(">"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(t.Context(), m.Sequence); err != nil {
		t.Fatal(err)
	}
	return m.Subject[strings.LastIndex(m.Subject, ".")+1:]
}

// A row whose journal entry is gone is too much. A dead letter's entry is made anew when the folder is opened.
func TestLedgerFindsWhatIsTooMuch(t *testing.T) {
	h := startHub(t)
	fill(t, h)
	h.stop()
	js := openJetStream(t, h.data())
	s, err := js.Stream(t.Context(), "PLUMBLINE_JOURNAL")
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	var row struct{ ID string }
	if err := json.Unmarshal(m.Data, &row); err != nil {
		t.Fatal(err)
	}
	for _, sequence := range []uint64{2, 4} {
		if err := s.DeleteMsg(t.Context(), sequence); err != nil {
			t.Fatal(err)
		}
	}
	js.close()
	r := account(t, "--data", h.data())
	if diff := cmp.Diff([]ledger.Surplus{{ID: row.ID, Problem: ledger.RowNotAccepted}}, r.Surplus); diff != "" || len(r.Missing) > 0 {
		t.Errorf("%s, missing %+v", diff, r.Missing)
	}
	if r.Accepted != 8 || r.Dead != 2 {
		t.Errorf("%+v, want 8 accepted, 2 of them dead", r.Counts)
	}
}

// Entries leave the journal by age while their rows stay: those are counted apart, and so are the rows of the Python scripts.
func TestLedgerAfterTheJournalsAge(t *testing.T) {
	h := startHub(t)
	for range 3 {
		sendOne(t, h.mqtt)
	}
	h.drain()
	h.stop()
	query := tables["SQLite"](t)
	query(h.data(), "INSERT INTO posture_log (pi_id, posture_status) VALUES ('pi7', 'Good') RETURNING id")
	for _, c := range []struct {
		leave           uint64
		recorded, older int
	}{{2, 1, 2}, {3, 0, 3}} {
		js := openJetStream(t, h.data())
		s, err := js.Stream(t.Context(), "PLUMBLINE_JOURNAL")
		if err == nil {
			err = s.Purge(t.Context(), jetstream.WithPurgeSequence(c.leave+1))
		}
		js.close()
		if err != nil {
			t.Fatal(err)
		}
		r := account(t, "--data", h.data())
		if !r.Balanced || r.Accepted != c.recorded || r.Recorded != c.recorded || r.Outside.OlderRows != c.older || r.Outside.OtherRows != 1 {
			t.Errorf("%d entries have left: %+v", c.leave, r)
		}
	}
}

// A ledger taken again and again under load balances each time, and a look at a stopped hub's folder changes no limit of its.
func TestLedgerBalancesUnderLoad(t *testing.T) {
	h := startHub(t, "--journal-age", "90d", "--queue-max-bytes", "1GB", "--rows-max-age", "1000d")
	send := newCrowd(t, h.mqtt, 4)
	for r := (ledger.Report{}); r.Accepted < 120; {
		r = balanceLive(t, "--http", "http://"+h.http)
		if r.Accepted != r.Recorded+r.Waiting+r.Leased+r.Dead+r.Dropped {
			t.Errorf("it does not add up: %+v", r.Counts)
		}
	}
	send.end()
	h.stop()
	balance(t, "--data", h.data())
	js := openJetStream(t, h.data())
	defer js.close()
	for name, want := range map[string][2]int64{"PLUMBLINE_JOURNAL": {int64(90 * 24 * time.Hour), -1}, "PLUMBLINE_QUEUE": {0, 1e9}} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if c := s.CachedInfo().Config; int64(c.MaxAge) != want[0] || c.MaxBytes != want[1] {
			t.Errorf("%s: age %s, %d bytes; a command changed the hub's limits", name, c.MaxAge, c.MaxBytes)
		}
	}
}

func balanceLive(t *testing.T, args ...string) ledger.Report {
	t.Helper()
	r := account(t, args...)
	if !r.Balanced {
		t.Errorf("the ledger does not balance: %+v", r)
	}
	return r
}

// The token is asked for and sent; people get a table with a sentence.
func TestLedgerOfAHubElsewhere(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := startHub(t, "--http-token-file", token)
	sendOne(t, h.mqtt)
	response, err := http.Get("http://" + h.http + "/api/v1/ledger")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %s", response.Status)
	}
	said := run(t, nil, "plumbline", "ledger", "--http", "http://"+h.http, "--http-token-file", token)
	for _, want := range []string{"ACCEPTED", "pi1", "Balanced"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing of %q in:\n%s", want, said)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--http", "http://" + h.http}, 1, "Authorization: Bearer"},
		{[]string{"--http", "hub.local"}, 2, "write it like"},
		{[]string{"--http", "http://" + freeAddress(t)}, 1, "refused"},
		{[]string{"--data", t.TempDir()}, 2, "no hub has ever worked"},
	} {
		cmd := exec.Command("plumbline", append([]string{"ledger"}, c.args...)...)
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%v: code %d, want %d, with %q in:\n%s", c.args, cmd.ProcessState.ExitCode(), c.code, c.says, out)
		}
	}
	h.stop()
	if err := os.Rename(filepath.Join(h.data(), "plumbline.db"), filepath.Join(h.dir, "elsewhere.db")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("plumbline", "ledger", "--data", h.data())
	if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), "--database-url") {
		t.Errorf("without the database: code %d\n%s", cmd.ProcessState.ExitCode(), out)
	}
}

// Rows removed for their age balance.
func TestLedgerKnowsRemovedRows(t *testing.T) {
	for name, open := range tables {
		t.Run(name, func(t *testing.T) {
			query := open(t)
			h := startHub(t)
			for range 3 {
				sendOne(t, h.mqtt)
			}
			h.drain()
			h.stop()
			count := "SELECT count(*) FROM posture_log"
			if n := query(h.data(), count); n != "3" {
				t.Fatalf("%s rows, want 3", n)
			}
			h.flags = append(h.flags, "--rows-max-age", "1ms", "--workers", "0")
			h.start()
			h.until(20*time.Second, "no row", func() bool { return query(h.data(), count) == "0" })
			h.stop()
			if r := balance(t, "--data", h.data()); r.Recorded != 3 {
				t.Errorf("%+v, want three recorded", r.Counts)
			}
			gone := query(h.data(), fmt.Sprintf("DELETE FROM posture_log_removed WHERE capture_id = (%s) RETURNING capture_id",
				"SELECT max(capture_id) FROM posture_log_removed"))
			if diff := cmp.Diff([]string{gone}, missing(t, "--data", h.data())); diff != "" {
				t.Error(diff)
			}
		})
	}
}
