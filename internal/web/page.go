package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"plumbline/internal/ledger"
	"plumbline/internal/posture"
)

const (
	// streamLength is how many results the page lists, maxCards how many devices it shows; the newest go first.
	streamLength = 40
	maxCards     = 48
)

// page makes HTML of results.
type page struct {
	now  func() time.Time
	log  *slog.Logger
	mqtt broker
}

// broker is how the page tells the reader where to publish.
type broker struct{ Host, Port string }

func newPage(o Options) (*page, error) {
	host, port, err := net.SplitHostPort(o.MQTTAddress)
	if err != nil {
		return nil, fmt.Errorf("address of the MQTT broker: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // the reader's own machine, when the broker listens everywhere
	}
	return &page{now: o.Now, log: o.Log, mqtt: broker{host, port}}, nil
}

// pageView is what page.html shows.
type pageView struct {
	Static staticURLs
	Seq    string // see hub
	Now    string
	Broker broker
	Device string // when only one device is shown
	Paged  bool   // an older page, to which nothing is added
	Older  string // address of the next older page; empty at the end
	Cards  []resultView
	Rows   []resultView
	Queue  *Depth         // nil when not known
	Ledger *ledger.Report // the last that somebody asked for; it is too costly for a page
}

// Live tells whether new results belong on this page.
func (v pageView) Live() bool { return !v.Paged }

func (s *Server) showPage(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	q.Limit = streamLength
	view, err := s.view(r.Context(), q)
	if err != nil {
		s.showAway(w, r, err)
		return
	}
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, "page.html", view); err != nil {
		s.o.Log.ErrorContext(r.Context(), "page failed", "error", err)
		http.Error(w, "The page could not be made; the server's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes()) // the client is gone when this fails
}

// awayView is what away.html shows.
type awayView struct {
	Static  staticURLs
	Queue   *Depth // nil when not known
	Seconds int
}

// showAway says that the results cannot be read at the moment.
func (s *Server) showAway(w http.ResponseWriter, r *http.Request, why error) {
	s.o.Log.WarnContext(r.Context(), "results not shown", "path", r.URL.Path, "error", why)
	v := awayView{Static: staticNames, Seconds: retrySeconds}
	if depth, err := s.o.Queue(r.Context()); err == nil {
		v.Queue = &depth
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = templates.ExecuteTemplate(w, "away.html", v) // the client is gone when this fails
}

// view reads what the page shows. The sequence number is taken first: a result recorded in between is then on the page and
// announced as well, which does no harm, where the other order would lose it.
func (s *Server) view(ctx context.Context, q Query) (pageView, error) {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	v := pageView{Static: staticNames, Seq: s.hub.seq(), Broker: s.page.mqtt, Device: q.Device, Paged: q.BeforeID > 0}
	recent, err := s.o.Results.Recent(ctx, q)
	if err != nil {
		return v, fmt.Errorf("reading recent results: %w", err)
	}
	if !v.Paged {
		latest, err := s.o.Results.Latest(ctx)
		if err != nil {
			return v, fmt.Errorf("reading the latest results: %w", err)
		}
		v.Cards = s.page.cards(latest, q.Device)
	}
	for _, e := range recent {
		v.Rows = append(v.Rows, s.page.result(e.Result))
	}
	if len(recent) == q.Limit {
		v.Older = older(q.Device, recent[len(recent)-1].ID)
	}
	if depth, err := s.o.Queue(ctx); err == nil {
		v.Queue = &depth
	}
	v.Ledger, _ = s.accounts.known()
	v.Now = s.page.now().UTC().Format(machineTime)
	return v, nil
}

// cards are the newest devices, by name: a card keeps its place while results come.
func (p *page) cards(latest []Entry, device string) []resultView {
	latest = slices.DeleteFunc(slices.Clone(latest), func(e Entry) bool { return device != "" && e.Device != device })
	slices.SortFunc(latest, func(a, b Entry) int { return b.ReceivedAt.Compare(a.ReceivedAt) })
	latest = latest[:min(len(latest), maxCards)]
	slices.SortFunc(latest, func(a, b Entry) int { return cmp.Compare(a.Device, b.Device) })
	var cards []resultView
	for _, e := range latest {
		cards = append(cards, p.result(e.Result))
	}
	return cards
}

func older(device string, before int64) string {
	v := url.Values{"before": {strconv.FormatInt(before, 10)}}
	if device != "" {
		v.Set("device", device)
	}
	return "/?" + v.Encode()
}

// liveResult is the content of a "result" event: the same fragments as on the page, so that there is one way to show a
// result, and html/template has made them safe.
type liveResult struct {
	ID     string `json:"id"`
	Device string `json:"device"`
	At     string `json:"at"`
	Card   string `json:"card"`
	Row    string `json:"row"`
	Say    string `json:"say"` // for a screen reader
}

// event makes the function that renders a result for those who watch.
func (p *page) event(r posture.Result) func() []byte {
	return func() []byte {
		v := p.result(r)
		live := liveResult{ID: v.ID, Device: v.Device, At: v.At, Say: v.Say()}
		var err error
		if live.Card, err = render("card", v); err == nil {
			live.Row, err = render("row", v)
		}
		if err != nil {
			p.log.Error("result not shown", "capture", r.CaptureID, "error", err)
			return []byte("null")
		}
		text, _ := json.Marshal(live) // strings only
		return text
	}
}

func render(name string, v resultView) (string, error) {
	var text bytes.Buffer
	if err := templates.ExecuteTemplate(&text, name, v); err != nil {
		return "", fmt.Errorf("rendering a %s: %w", name, err)
	}
	return text.String(), nil
}
