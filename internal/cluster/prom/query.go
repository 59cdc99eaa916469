package prom

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// largestAnswer bounds what is read of one: a thousand nodes of eight GPUs need some 3 MB.
const largestAnswer = 64 << 20

// series is one line of an answer: a value at the time of the query.
type series struct {
	labels map[string]string
	value  float64
	asked  time.Time // on Prometheus's clock
}

// key is what a series has in common with others of the same thing: all labels but the metric's name.
func (s series) key() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		if name != "__name__" {
			text.WriteString(strconv.Quote(name) + strconv.Quote(s.labels[name]))
		}
	}
	return text.String()
}

// queryError is Prometheus's refusal of one query; others may still be answered.
type queryError struct{ query, reason string }

func (e *queryError) Error() string {
	return fmt.Sprintf("Prometheus refuses the query %s: %s", e.query, e.reason)
}

// client asks Prometheus.
type client struct {
	http      *http.Client
	tokenFile string
}

func newClient(o Options) (*client, error) {
	if o.Transport != nil {
		return &client{&http.Client{Transport: o.Transport}, o.TokenFile}, nil
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = concurrent
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading Prometheus's authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM form", o.CAFile)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return &client{&http.Client{Transport: transport}, o.TokenFile}, nil
}

// query asks for an instant vector and gives Prometheus's warnings with it.
func (c *client) query(ctx context.Context, address, query string) ([]series, []string, error) {
	request, err := c.request(ctx, address, query)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		var where *url.Error // its text holds the whole address, with the query
		if errors.As(err, &where) {
			err = where.Err
		}
		return nil, nil, err
	}
	defer response.Body.Close()
	switch response.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, nil, fmt.Errorf("the credentials are refused (%s): look at the token file", response.Status)
	case http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity:
	default:
		return nil, nil, fmt.Errorf("it answers %s", response.Status)
	}
	return decode(io.LimitReader(response.Body, largestAnswer), query)
}

func (c *client) request(ctx context.Context, address, query string) (*http.Request, error) {
	target, err := url.JoinPath(address, "api/v1/query")
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target+"?"+url.Values{"query": {query}}.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	if c.tokenFile != "" {
		token, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading the token for Prometheus: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	return request, nil
}

// answer is Prometheus's, of its API's version 1.
type answer struct {
	Status   string   `json:"status"`
	Error    string   `json:"error"`
	Warnings []string `json:"warnings"`
	Data     struct {
		Type   string          `json:"resultType"`
		Result json.RawMessage `json:"result"`
	} `json:"data"`
}

func decode(body io.Reader, query string) ([]series, []string, error) {
	var a answer
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		return nil, nil, fmt.Errorf("its answer is not Prometheus's: %w", err)
	}
	switch {
	case a.Status != "success":
		return nil, nil, &queryError{query, a.Error}
	case a.Data.Type != "vector":
		return nil, nil, &queryError{query, "it gives a " + a.Data.Type + ", not a vector"}
	}
	var lines []struct {
		Metric map[string]string
		Value  []any
	}
	if err := json.Unmarshal(a.Data.Result, &lines); err != nil {
		return nil, nil, fmt.Errorf("its answer is not Prometheus's: %w", err)
	}
	all := make([]series, 0, len(lines))
	for _, l := range lines {
		if s, ok := decodeValue(l.Value); ok { // what has none is a histogram, no load
			s.labels = l.Metric
			all = append(all, s)
		}
	}
	return all, a.Warnings, nil
}

func decodeValue(pair []any) (series, bool) {
	if len(pair) != 2 {
		return series{}, false
	}
	at, isNumber := pair[0].(float64)
	text, isText := pair[1].(string)
	value, err := strconv.ParseFloat(text, 64)
	return series{value: value, asked: fromSeconds(at)}, isNumber && isText && err == nil
}

func fromSeconds(s float64) time.Time { return time.UnixMilli(int64(math.Round(1000 * s))) }
