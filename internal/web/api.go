package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"plumbline/internal/posture"
)

// resultJSON is a result as the API gives it. Its names are a promise to others and those of analyze --json and the
// posture_log table: angles and uncertainties in degrees, null where there are none; times in UTC.
type resultJSON struct {
	ID              int64      `json:"id,omitempty"` // of the row; missing for one that has only just been recorded
	CaptureID       string     `json:"capture_id,omitempty"`
	Device          string     `json:"device"`
	ReceivedAt      time.Time  `json:"received_at"`
	TakenAt         *time.Time `json:"taken_at,omitempty"`
	AnalyzedAt      time.Time  `json:"analyzed_at"`
	Status          string     `json:"posture_status"`
	NeckAngle       *float64   `json:"neck_angle"`
	BodyAngle       *float64   `json:"body_angle"`
	NeckUncertainty *float64   `json:"neck_uncertainty"`
	BodyUncertainty *float64   `json:"body_uncertainty"`
	Side            string     `json:"side,omitempty"`
	View            string     `json:"view,omitempty"`
	Profile         string     `json:"profile,omitempty"`
	Model           string     `json:"model,omitempty"`
	ProcessedBy     string     `json:"processed_by,omitempty"`
	Filename        string     `json:"filename,omitempty"`
	SourceFilename  string     `json:"source_filename,omitempty"` // the sender's word, not to be trusted
	Picture         string     `json:"picture,omitempty"`         // path on this server
	Width           int        `json:"width,omitempty"`
	Height          int        `json:"height,omitempty"`
}

func toJSON(e Entry) resultJSON {
	a := e.Assessment
	j := resultJSON{
		ID: e.ID, CaptureID: e.CaptureID, Device: e.Device, ReceivedAt: e.ReceivedAt.UTC(), AnalyzedAt: e.AnalyzedAt.UTC(),
		Status: string(a.Status), Side: string(a.Side), View: string(a.View), Profile: a.Profile, Model: e.Model,
		ProcessedBy: e.ProcessedBy, Filename: e.Filename, SourceFilename: e.Source, Picture: pictureURL(e.Result),
		Width: e.Width, Height: e.Height,
	}
	if !e.TakenAt.IsZero() {
		taken := e.TakenAt.UTC()
		j.TakenAt = &taken
	}
	if a.Angles != nil {
		j.NeckAngle, j.BodyAngle = &a.Angles.Neck, &a.Angles.Torso
		j.NeckUncertainty, j.BodyUncertainty = known(a.Angles.NeckUncertainty), known(a.Angles.TorsoUncertainty)
	}
	return j
}

// known is nil for an uncertainty that was never stated.
func known(uncertainty float64) *float64 {
	if uncertainty == 0 {
		return nil
	}
	return &uncertainty
}

// pictureURL is the path of a result's picture; empty when none was kept.
func pictureURL(r posture.Result) string {
	if r.Filename == "" {
		return ""
	}
	return "/pictures/" + url.PathEscape(r.Device) + "/" + url.PathEscape(r.Filename)
}

type resultsJSON struct {
	Results []resultJSON `json:"results"`
	Before  int64        `json:"before,omitempty"` // ask with this for older ones; missing at the end
}

func listJSON(entries []Entry) resultsJSON {
	list := resultsJSON{Results: make([]resultJSON, 0, len(entries))}
	for _, e := range entries {
		list.Results = append(list.Results, toJSON(e))
	}
	return list
}

// Limits of one answer of the API.
const (
	defaultLimit = 50
	maxLimit     = 500
)

func (s *Server) listResults(w http.ResponseWriter, r *http.Request) {
	q, err := parseQuery(r.URL.Query())
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), databaseTimeout)
	defer cancel()
	entries, err := s.o.Results.Recent(ctx, q)
	if err != nil {
		s.unreadable(w, r, fmt.Errorf("reading recent results: %w", err))
		return
	}
	list := listJSON(entries)
	if len(entries) == q.Limit {
		list.Before = entries[len(entries)-1].ID
	}
	writeJSON(w, http.StatusOK, list)
}

func parseQuery(v url.Values) (Query, error) {
	q := Query{Device: v.Get("device"), Limit: defaultLimit}
	if text := v.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxLimit {
			return q, fmt.Errorf("limit must be a number from 1 to %d", maxLimit)
		}
		q.Limit = limit
	}
	if text := v.Get("before"); text != "" {
		before, err := strconv.ParseInt(text, 10, 64)
		if err != nil || before < 1 {
			return q, fmt.Errorf("before must be the id of a row")
		}
		q.BeforeID = before
	}
	return q, nil
}

func (s *Server) listLatest(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), databaseTimeout)
	defer cancel()
	entries, err := s.o.Results.Latest(ctx)
	if err != nil {
		s.unreadable(w, r, fmt.Errorf("reading the latest results: %w", err))
		return
	}
	writeJSON(w, http.StatusOK, listJSON(entries))
}

const (
	// databaseTimeout is how long the database may take over what is shown; one that is away may not answer at all.
	databaseTimeout = 8 * time.Second
	// retrySeconds is when a client may look again for a database that is away.
	retrySeconds = 5
)

// unreadable says that the database does not give its results at the moment.
func (s *Server) unreadable(w http.ResponseWriter, r *http.Request, err error) {
	s.o.Log.WarnContext(r.Context(), "results not shown", "path", r.URL.Path, "error", err)
	w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
	writeError(w, http.StatusServiceUnavailable, "the database does not answer; /readyz says more. Pictures are still accepted")
}

// fail logs what went wrong and tells the client only that something did: an error may name paths and addresses.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.o.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	writeError(w, http.StatusInternalServerError, "the server could not read this; its log says why")
}

func writeError(w http.ResponseWriter, code int, message string) {
	writeJSON(w, code, map[string]string{"error": message})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"error":"the answer has no form in JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n')) // the client is gone when this fails
}
