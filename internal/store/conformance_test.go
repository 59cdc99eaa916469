package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/posture"
	"plumbline/internal/store"
)

// conformance is what both databases must do alike; open gives a fresh, empty table each time.
func conformance(t *testing.T, open func(t *testing.T) *store.Store) {
	tests := map[string]func(t *testing.T, s *store.Store){
		"a result comes back as it went in":        roundTrip,
		"every status has its columns":             statuses,
		"a repeated result changes nothing":        repeated,
		"one bad result refuses the whole batch":   allOrNone,
		"latest is each device's newest capture":   latest,
		"recent pages from the newest":             recent,
		"odd names are kept, impossible refused":   oddNames,
		"readers go on while a writer writes":      readersAndWriter,
		"captures can be looked up and listed":     lookUp,
		"an empty table and an empty batch are ok": nothing,
		"an ended context ends the call":           ended,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var start = time.Date(2026, 11, 22, 10, 15, 30, 123_456_789, time.UTC)

// id is a capture id like a ULID: 26 characters that sort by n.
func id(n int) string { return fmt.Sprintf("01JDABCDEFGHJKMNPQRS%06d", n) }

// result is a full result, different for each n; its values survive the table's rounding.
func result(n int, device string) posture.Result {
	pose := &posture.Pose{Width: 640, Height: 480, Confidence: 0.875}
	for i := range pose.Landmarks {
		pose.Landmarks[i] = posture.Landmark{X: float32(i) / 32, Y: -0.5, Z: 1.25, Visibility: 0.5}
	}
	received := start.Add(time.Duration(n) * time.Second).Truncate(time.Microsecond)
	return posture.Result{
		CaptureID: id(n), Device: device, Source: "photo.jpg", ReceivedAt: received, TakenAt: received.Add(-time.Second),
		AnalyzedAt: received.Add(time.Second), ProcessedBy: "host/1", Model: "full", Width: 640, Height: 480,
		Filename: "20261122T101530.123Z_" + id(n) + ".jpg",
		Assessment: posture.Assessment{
			Status: posture.Good, Side: posture.SideLeft, View: posture.ViewSide, Profile: "learnopencv", Pose: pose,
			Angles: &posture.Angles{Neck: 21.5, Torso: 4.499, NeckUncertainty: 1.25, TorsoUncertainty: 0.75},
		},
	}
}

func appendAll(t *testing.T, s *store.Store, results ...posture.Result) []posture.Result {
	t.Helper()
	added, err := s.Append(context.Background(), results)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func all(t *testing.T, s *store.Store) []store.Entry {
	t.Helper()
	entries, err := s.Recent(context.Background(), store.Query{Limit: store.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func roundTrip(t *testing.T, s *store.Store) {
	want := result(1, "pi1")
	zoned := want
	zoned.ReceivedAt = want.ReceivedAt.In(time.FixedZone("KST", 9*3600))
	zoned.Annotated = []byte("not stored in the table")
	appendAll(t, s, zoned)
	got := all(t, s)
	if len(got) != 1 || got[0].ID != 1 {
		t.Fatalf("got %d rows, the first with id %d; want one with id 1", len(got), got[0].ID)
	}
	if diff := cmp.Diff(want, got[0].Result); diff != "" {
		t.Error(diff)
	}
}

func statuses(t *testing.T, s *store.Store) {
	nobody, little, rounded, cut := result(1, "a"), result(2, "b"), result(3, "c"), result(4, "d")
	nobody.Assessment = posture.Assessment{Status: posture.NoLandmarks, Profile: "original"}
	nobody.TakenAt, nobody.Source, nobody.Filename = time.Time{}, "", ""
	little.Assessment.Status, little.Assessment.Angles = posture.InsufficientLandmarks, nil
	rounded.Assessment.Angles.Neck = 21.5
	cut.Assessment.Profile, cut.Assessment.Angles.Neck = "original", 21.99
	want := []posture.Result{cut, rounded, little, nobody}
	appendAll(t, s, nobody, little, rounded, cut)
	var got []posture.Result
	for _, e := range all(t, s) {
		got = append(got, e.Result)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func repeated(t *testing.T, s *store.Store) {
	first, second := result(1, "pi1"), result(2, "pi1")
	appendAll(t, s, first)
	before := all(t, s)
	changed := first
	changed.Device, changed.Model = "other", "heavy"
	if added := appendAll(t, s, changed, changed); len(added) != 0 {
		t.Errorf("a repetition was added: %v", added)
	}
	if diff := cmp.Diff(before, all(t, s)); diff != "" {
		t.Errorf("a repetition changed the table: %s", diff)
	}
	if added := appendAll(t, s, changed, second, second); len(added) != 1 || added[0].CaptureID != second.CaptureID {
		t.Errorf("added %v, want the second alone, once", added)
	}
}

func allOrNone(t *testing.T, s *store.Store) {
	nameless, senseless := result(2, "pi1"), result(3, "pi1")
	nameless.CaptureID = ""
	senseless.Assessment.Angles.Neck = math.NaN()
	for name, bad := range map[string]posture.Result{"without id": nameless, "without sense": senseless} {
		_, err := s.Append(context.Background(), []posture.Result{result(1, "pi1"), bad, result(4, "pi1")})
		var refused *store.Refused
		if !errors.As(err, &refused) || refused.CaptureID != bad.CaptureID || !refused.Permanent() {
			t.Errorf("%s: got %v, want a refusal of %q", name, err, bad.CaptureID)
		}
	}
	if got := all(t, s); len(got) != 0 {
		t.Errorf("%d rows of refused batches stayed", len(got))
	}
}

func latest(t *testing.T, s *store.Store) {
	var batch []posture.Result
	for n := range 200 {
		batch = append(batch, result(n, fmt.Sprintf("pi%d", n%3)))
	}
	slices.Reverse(batch[190:]) // workers finish out of order
	appendAll(t, s, batch...)
	appendAll(t, s, result(500, "quiet"))
	got, err := s.Latest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range got {
		names = append(names, e.Device+" "+e.CaptureID)
	}
	want := []string{"pi0 " + id(198), "pi1 " + id(199), "pi2 " + id(197), "quiet " + id(500)}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}

func recent(t *testing.T, s *store.Store) {
	var batch []posture.Result
	for n := range 120 {
		batch = append(batch, result(n, fmt.Sprintf("pi%d", n%2)))
	}
	appendAll(t, s, batch...)
	q := store.Query{Device: "pi1", Limit: 25}
	var seen []string
	for {
		page, err := s.Recent(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			seen = append(seen, e.CaptureID)
		}
		q.BeforeID = page[len(page)-1].ID
	}
	var want []string
	for n := 119; n > 0; n -= 2 {
		want = append(want, id(n))
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if page, err := s.Recent(context.Background(), store.Query{}); err != nil || len(page) != store.DefaultLimit {
		t.Errorf("without a limit: %d rows, %v; want %d", len(page), err, store.DefaultLimit)
	}
}

func oddNames(t *testing.T, s *store.Store) {
	names := []string{"küche", "居間", "👩‍💻", `o'neil "x"`, "a;DROP TABLE posture_log;--", "%s $1 ?1 {}", "tab\tline\n", `back\slash`, "\\N", random(1024)}
	for n, name := range names {
		r := result(n, name)
		r.Source = name
		appendAll(t, s, r)
		got, err := s.Recent(context.Background(), store.Query{Device: name})
		if err != nil || len(got) != 1 || got[0].Device != name || got[0].Source != name {
			t.Errorf("%.20q did not come back: %d rows, %v", name, len(got), err)
		}
	}
	cleaned := result(100, "pi1")
	cleaned.Source, cleaned.ProcessedBy, cleaned.Model = "a\x00b", "bad\xffbytes", strings.Repeat("居", 1000)
	appendAll(t, s, cleaned)
	if got := all(t, s)[0]; got.Source != "a\uFFFDb" || got.ProcessedBy != "bad\uFFFDbytes" {
		t.Errorf("got %q and %q", got.Source, got.ProcessedBy)
	}
	for _, name := range []string{"a\x00b", "bad\xff", random(1025)} {
		if _, err := s.Append(context.Background(), []posture.Result{result(101, name)}); !errors.As(err, new(*store.Refused)) {
			t.Errorf("device %.20q: got %v, want a refusal", name, err)
		}
	}
}

// random is a name of n bytes that no index can compress.
func random(n int) string {
	letters := make([]byte, n)
	for i := range letters {
		letters[i] = 'a' + byte(rand.IntN(26))
	}
	return string(letters)
}

func readersAndWriter(t *testing.T, s *store.Store) {
	const batches, size = 20, 25
	written := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { readWhile(t, s, written) })
	}
	for b := range batches {
		var batch []posture.Result
		for n := range size {
			batch = append(batch, result(b*size+n, fmt.Sprintf("pi%d", n%5)))
		}
		appendAll(t, s, batch...)
	}
	close(written)
	readers.Wait()
	counts, err := s.CountByDevice(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"pi0": 100, "pi1": 100, "pi2": 100, "pi3": 100, "pi4": 100}, counts); diff != "" {
		t.Error(diff)
	}
}

// readWhile reads until written is closed: every page must hold whole batches in an unbroken order.
func readWhile(t *testing.T, s *store.Store, written <-chan struct{}) {
	for {
		page, err := s.Recent(context.Background(), store.Query{Limit: store.MaxLimit})
		if err != nil || len(page)%25 != 0 {
			t.Errorf("%d rows, %v; want whole batches", len(page), err)
			return
		}
		if _, err := s.Latest(context.Background()); err != nil {
			t.Error(err)
			return
		}
		select {
		case <-written:
			return
		default:
		}
	}
}

func lookUp(t *testing.T, s *store.Store) {
	appendAll(t, s, result(2, "pi1"), result(1, "pi2"))
	found, err := s.Recorded(context.Background(), []string{id(1), id(7), id(2), "", "a\x00b", "\xff"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{id(1): true, id(2): true}, found); diff != "" {
		t.Error(diff)
	}
	if has, err := s.Has(context.Background(), id(7)); has || err != nil {
		t.Errorf("Has says %v, %v of a capture that isn't there", has, err)
	}
	var ids []string
	for id, err := range s.CaptureIDs(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if diff := cmp.Diff([]string{id(1), id(2)}, ids); diff != "" {
		t.Error(diff)
	}
	for range s.CaptureIDs(context.Background()) {
		break // must give its connection back
	}
}

func nothing(t *testing.T, s *store.Store) {
	if added := appendAll(t, s); len(added) != 0 {
		t.Errorf("an empty batch added %v", added)
	}
	latest, err := s.Latest(context.Background())
	if err != nil || len(latest) != 0 {
		t.Errorf("latest of nothing: %v, %v", latest, err)
	}
	if err := s.Ping(context.Background()); err != nil {
		t.Error(err)
	}
	if found, err := s.Recorded(context.Background(), nil); err != nil || len(found) != 0 {
		t.Errorf("nothing asked, got %v, %v", found, err)
	}
}

func ended(t *testing.T, s *store.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Append(ctx, []posture.Result{result(1, "pi1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's end", err)
	}
	if len(all(t, s)) != 0 {
		t.Error("a cancelled append left a row")
	}
}
