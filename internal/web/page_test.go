package web_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

func TestPageShowsResultsWithoutScript(t *testing.T) {
	l := &ledger{}
	l.add(seen("pi2", 90, posture.Bad))
	l.add(seen("pi1", 3, posture.NoLandmarks))
	page := get(t, open(t, l), "/").Body.String()
	for _, want := range []string{
		`<bdi>pi2</bdi>`, `23°<small> ±&nbsp;1.9°</small>`, `6°<small> ±&nbsp;0.9°</small>`, "right side, side view", "by <bdi>hub/0</bdi>",
		"1 min ago", "just now", "Nobody", "</span>Bad</span>", `<b>3</b> waiting`, `<b>1</b> dead`, `src="/pictures/pi2/picture90.jpg"`,
		`alt="Annotated picture of pi2: bad posture, neck 23 degrees, torso 6 degrees"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "plumbline send") || strings.Contains(page, "style=") || strings.Contains(page, "<script>") {
		t.Error("the page has the beginner's hint, or inline style or script")
	}
}

func TestEmptyPageTellsHowToSend(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.MQTTAddress = "0.0.0.0:11883" })
	page := get(t, s, "/").Body.String()
	for _, want := range []string{"plumbline send photo.jpg --device pi1", "mosquitto_pub -h 127.0.0.1 -p 11883 -q 1 -t images/pi1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestRowsOfTheOriginalAreShown(t *testing.T) {
	l := &ledger{}
	l.add(posture.Result{Device: "pi1", ReceivedAt: noon, Assessment: posture.Assessment{
		Status: posture.Good, Angles: &posture.Angles{Neck: 20, Torso: 3},
	}})
	page := get(t, open(t, l), "/").Body.String()
	if !strings.Contains(page, "20°") || strings.Contains(page, "<small>") || !strings.Contains(page, "No picture is kept") {
		t.Error("a row with neither uncertainty nor picture is shown wrongly")
	}
}

func TestPagesLeadToOlderResults(t *testing.T) {
	l := &ledger{}
	for n := 100; n > 0; n-- {
		l.add(seen(fmt.Sprintf("pi%d", n%2), n, posture.Good))
	}
	s := open(t, l)
	first := get(t, s, "/?device=pi1").Body.String()
	if strings.Count(first, `<li class="row`) != 40 || strings.Count(first, `<li class="card`) != 1 || strings.Contains(first, "<bdi>pi0</bdi>") {
		t.Error("the page of one device does not show its newest 40 and one card")
	}
	if want := `href="/?before=22&amp;device=pi1"`; !strings.Contains(first, want) {
		t.Fatalf("no link %s", want)
	}
	last := get(t, s, "/?before=22&device=pi1").Body.String()
	if strings.Count(last, `<li class="row`) != 10 || strings.Contains(last, "Older</a>") || strings.Contains(last, "plumbline.js") {
		t.Error("the last page does not show the other 10, or goes on, or is live")
	}
}

func TestHostileNamesStayText(t *testing.T) {
	l := &ledger{}
	l.add(hostile(1))
	page := get(t, open(t, l), "/").Body.String()
	for _, bad := range []string{"<script>window", "<img src=x", "</li>'", "onerror=\""} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q as markup", bad)
		}
	}
}

func TestPageFailsWithoutItsReasons(t *testing.T) {
	l := &ledger{err: errors.New("dial tcp 10.0.0.7: password authentication failed")}
	s := open(t, l)
	for _, path := range []string{"/", "/api/v1/results", "/api/v1/latest"} {
		r := get(t, s, path)
		if body := r.Body.String(); r.Code != http.StatusServiceUnavailable || strings.Contains(body, "10.0.0.7") || !strings.Contains(body, "database does not answer") || r.Header().Get("Retry-After") == "" {
			t.Errorf("%s: status %d: %s", path, r.Code, body)
		}
	}
	if r := get(t, s, "/?before=x"); r.Code != http.StatusBadRequest {
		t.Errorf("a page before x: status %d", r.Code)
	}
}

func TestPageSaysWhenTheQueueIsNotKnown(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) {
		o.Queue = func(context.Context) (web.Depth, error) { return web.Depth{}, errors.New("gone") }
	})
	if !strings.Contains(get(t, s, "/").Body.String(), "queue not known") {
		t.Error("an unknown queue is shown as known")
	}
}

func TestPictures(t *testing.T) {
	s := open(t, &ledger{})
	r := get(t, s, "/pictures/pi%2F1/picture%201.jpg")
	if r.Code != http.StatusOK || r.Header().Get("Content-Type") != "image/jpeg" || !strings.Contains(r.Header().Get("Cache-Control"), "private") {
		t.Errorf("status %d, %v", r.Code, r.Header())
	}
	for _, path := range []string{"/pictures/pi1/missing.jpg", "/pictures/pi1/..%2F..%2Fetc%2Fpasswd", "/pictures/pi1/", "/pictures/pi1/a/b"} {
		if r := get(t, s, path); r.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, r.Code)
		}
	}
}

// busy is a ledger in which something new is recorded, and announced, right after it was read.
type busy struct {
	*ledger
	after func()
}

func (b busy) Recent(ctx context.Context, q web.Query) ([]web.Entry, error) {
	entries, err := b.ledger.Recent(ctx, q)
	b.after()
	return entries, err
}

func TestPageNumbersTheMomentBeforeItRead(t *testing.T) {
	var s *web.Server
	s = open(t, &ledger{}, func(o *web.Options) {
		o.Results = busy{&ledger{}, func() { s.Publish(seen("pi1", 1, posture.Good)) }}
	})
	if page := get(t, s, "/").Body.String(); !strings.Contains(page, `-0" data-now`) {
		t.Error("a result recorded while the page was read would never be shown")
	}
}
