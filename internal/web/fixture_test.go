package web_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

// noon is when every test happens.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// ledger is a store in memory; its zero value is empty.
type ledger struct {
	mu      sync.Mutex
	entries []web.Entry // oldest first
	err     error
}

func (l *ledger) add(r posture.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, web.Entry{ID: int64(len(l.entries) + 1), Result: r})
}

func (l *ledger) Latest(context.Context) ([]web.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := map[string]web.Entry{}
	for _, e := range l.entries {
		newest[e.Device] = e
	}
	var all []web.Entry
	for _, e := range newest {
		all = append(all, e)
	}
	return all, l.err
}

func (l *ledger) Recent(_ context.Context, q web.Query) ([]web.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []web.Entry
	for _, e := range slices.Backward(l.entries) {
		if len(found) < q.Limit && (q.Device == "" || e.Device == q.Device) && (q.BeforeID == 0 || e.ID < q.BeforeID) {
			found = append(found, e)
		}
	}
	return found, l.err
}

// seen is a result of a device, n-th of its kind, at n seconds before noon.
func seen(device string, n int, status posture.Status) posture.Result {
	r := posture.Result{
		CaptureID: fmt.Sprintf("01JP%022d", n), Device: device, ReceivedAt: noon.Add(-time.Duration(n) * time.Second),
		AnalyzedAt: noon, ProcessedBy: "hub/0", Model: "full", Width: 640, Height: 480, Filename: fmt.Sprintf("picture%d.jpg", n),
		Assessment: posture.Assessment{Status: status, Profile: posture.LearnOpenCV},
	}
	if status == posture.Good || status == posture.Bad {
		r.Assessment.Side, r.Assessment.View = posture.SideRight, posture.ViewSide
		r.Assessment.Angles = &posture.Angles{Neck: 23.4, Torso: 6.2, NeckUncertainty: 1.9, TorsoUncertainty: 0.9}
	}
	return r
}

// open builds a server on loopback over the ledger; change alters its options.
func open(t *testing.T, l *ledger, change ...func(*web.Options)) *web.Server {
	t.Helper()
	o := web.Options{
		Listen: "127.0.0.1:0", Results: l, Pictures: pictures, Now: func() time.Time { return noon },
		Queue: func(context.Context) (web.Depth, error) { return web.Depth{Waiting: 3, Leased: 2, Dead: 1}, nil },
	}
	for _, c := range change {
		c(&o)
	}
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type memoryPicture struct{ *bytes.Reader }

func (memoryPicture) Close() error { return nil }

// pictures has one for every name but missing.jpg, and refuses names that would leave a folder.
func pictures(_, file string) (io.ReadSeekCloser, error) {
	if file == "missing.jpg" {
		return nil, fmt.Errorf("opening: %w", fs.ErrNotExist)
	}
	if !fs.ValidPath(file) {
		return nil, fs.ErrInvalid
	}
	return memoryPicture{bytes.NewReader(placeholder())}, nil
}

// placeholder is a small picture: a plain ground with a slanted bar.
var placeholder = sync.OnceValue(func() []byte {
	m := image.NewRGBA(image.Rect(0, 0, 320, 240))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.RGBA{186, 196, 190, 255}), image.Point{}, draw.Src)
	for y := 40; y < 220; y++ {
		for x := range 24 {
			m.Set(150+x+(220-y)/6, y, color.RGBA{60, 90, 100, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// get asks a handler as a browser on this machine would.
func get(t *testing.T, h http.Handler, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	return send(h, http.MethodGet, target, nil, change...)
}

func send(h http.Handler, method, target string, body io.Reader, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, body)
	r.Host = "localhost:8080"
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
