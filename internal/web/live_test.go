package web_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

// listen serves s on a loopback port until the test ends.
func listen(t *testing.T, s *web.Server) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.CloseClientConnections() // event streams last for ever otherwise
		server.Close()
	})
	return server.URL
}

// record puts a result where the page finds it and tells those who watch, as the hub's recorder does.
func record(l *ledger, s *web.Server, r posture.Result) {
	l.add(r)
	s.Publish(r)
}

func TestResultsAppearOnThePageByThemselves(t *testing.T) {
	l := &ledger{}
	s := open(t, l)
	b := openBrowser(t)
	b.visit(listen(t, s) + "/")
	b.until(`document.getElementById('link').dataset.state === 'live'`)
	b.eval(`window.neverReloaded = true`)
	if b.eval(`!!document.getElementById('empty')`) != "true" {
		t.Error("an empty hub does not tell how to send a picture")
	}

	record(l, s, seen("pi1", 9, posture.Good))
	b.until(`document.querySelector('#cards .card.good h3')?.innerText === 'pi1'`)
	b.until(`document.querySelector('#rows .row img')?.naturalWidth === 320`)
	b.until(`document.getElementById('say').textContent.startsWith('pi1: good posture, neck 23')`)
	if b.eval(`document.getElementById('empty') === null`) != "true" {
		t.Error("the hint for beginners is still there")
	}

	record(l, s, seen("pi1", 5, posture.Bad))
	record(l, s, seen("pi0", 4, posture.NoLandmarks))
	record(l, s, seen("pi1", 8, posture.NoLandmarks)) // older than what the card shows: it was overtaken
	b.until(`document.querySelectorAll('#rows .row').length === 4`)
	got := b.eval(`[...document.querySelectorAll('#cards .card')].map(c => c.dataset.device + ' ' + c.querySelector('.pill').lastChild.data).join()`)
	if want := `"pi0 Nobody,pi1 Bad"`; got != want {
		t.Errorf("cards %s, want %s", got, want)
	}
	if b.eval(`window.neverReloaded`) != "true" {
		t.Error("the page was loaded again")
	}
}

func TestPageCatchesUpAfterItsStreamWasCut(t *testing.T) {
	l := &ledger{}
	s := open(t, l)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	b := openBrowser(t)
	b.visit(server.URL + "/")
	b.until(`document.getElementById('link').dataset.state === 'live'`)
	b.eval(`window.neverReloaded = true`)
	server.CloseClientConnections()
	b.until(`document.getElementById('link').dataset.state === 'lost'`)
	record(l, s, seen("pi1", 9, posture.Good)) // nobody watches
	b.until(`document.querySelectorAll('#rows .row').length === 1`)
	record(l, s, seen("pi1", 8, posture.Good))
	b.until(`document.querySelectorAll('#rows .row').length === 2`)
	if b.eval(`window.neverReloaded`) != "true" {
		t.Error("the page was loaded again")
	}
}

func TestHostileNamesDoNothingInABrowser(t *testing.T) {
	l := &ledger{}
	s := open(t, l)
	l.add(hostile(9))
	b := openBrowser(t)
	b.visit(listen(t, s) + "/")
	b.until(`document.getElementById('link').dataset.state === 'live'`)
	record(l, s, hostile(8))
	b.until(`document.querySelectorAll('#rows .row').length === 2`)
	if got := b.eval(`[typeof window.pwned, document.querySelectorAll('main script, main iframe, main [onerror]').length, document.querySelectorAll('#cards .card').length].join()`); got != `"undefined,0,1"` {
		t.Errorf("script ran, foreign elements, cards: %s", got)
	}
}

// TestLooks draws the page in three shapes and finds nothing that is cut off. With PLUMBLINE_SCREENSHOTS set to a folder
// the pictures are kept there, to be looked at.
func TestLooks(t *testing.T) {
	l := &ledger{}
	for n := 60; n > 0; n-- {
		l.add(sample(n))
	}
	full, empty := open(t, l, people), open(t, &ledger{}, people)
	guarded := open(t, l, func(o *web.Options) { o.Token = secret })
	outer, b := t, openBrowser(t)
	for _, look := range []struct {
		name          string
		server        *web.Server
		width, height int
		scheme        string
	}{
		{"light", full, 1280, 900, "light"},
		{"dark", full, 1280, 900, "dark"},
		{"tablet", full, 820, 1000, "light"},
		{"phone", full, 375, 800, "light"},
		{"phone-dark", full, 320, 700, "dark"},
		{"empty", empty, 1280, 700, "light"},
		{"empty-phone", empty, 375, 700, "dark"},
		{"login", guarded, 900, 600, "light"},
	} {
		t.Run(look.name, func(t *testing.T) {
			b.t = t
			defer func() { b.t = outer }()
			b.screen(look.width, look.height, look.scheme)
			b.visit(listen(t, look.server) + "/")
			b.until(`[...document.images].filter(inSight).every(i => i.complete && i.naturalWidth > 0)`)
			if n := b.overflow(); n > 0 {
				t.Errorf("the page is %d pixels wider than the window", n)
			}
			if folder := os.Getenv("PLUMBLINE_SCREENSHOTS"); folder != "" {
				if err := os.WriteFile(filepath.Join(folder, look.name+".png"), b.screenshot(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// people shows the demonstration's synthetic people instead of the placeholder.
func people(o *web.Options) {
	names, _ := filepath.Glob("../demo/people/*.jpg")
	if len(names) == 0 {
		return
	}
	o.Pictures = func(_, file string) (io.ReadSeekCloser, error) {
		var n int
		if _, err := fmt.Sscanf(file, "picture%d.jpg", &n); err != nil {
			return nil, err
		}
		return os.Open(names[n%len(names)])
	}
}

// sample is one of a varied lot of results.
func sample(n int) posture.Result {
	devices := []string{"desk-left", "desk-right", "reception", "pi1", "workshop-camera-near-the-window-3"}
	statuses := []posture.Status{posture.Good, posture.Good, posture.Good, posture.Good, posture.NoLandmarks, posture.Good, posture.InsufficientLandmarks}
	r := seen(devices[n%len(devices)], n, statuses[n%len(statuses)])
	r.ReceivedAt = noon.Add(-time.Duration(n*n) * time.Second)
	r.ProcessedBy = fmt.Sprintf("nuc-%d/%d", n%2, n%3)
	if n == 11 {
		r.Filename = ""
	}
	if a := r.Assessment.Angles; a != nil {
		a.Neck, a.Torso = float64(6+n*7%46), float64(n*5%17)
		if a.Neck >= 40 || a.Torso >= 10 {
			r.Assessment.Status = posture.Bad
		}
		if n%2 == 0 {
			r.Assessment.Side = posture.SideLeft
		}
		if n%9 == 0 {
			r.Assessment.View = posture.ViewFrontal
		}
	}
	return r
}
