package image

import (
	"errors"
	"net/http"
	"testing"
)

type answers struct{}

func (answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

// go-containerregistry tries plain HTTP on private addresses where HTTPS fails, and would show the password there.
func TestPlainHTTPLeavesTheMachineOnlyWhenAllowed(t *testing.T) {
	for name, c := range map[string]struct {
		url      string
		insecure bool
		want     error
	}{
		"TLS":                {"https://192.168.1.5/v2/", false, nil},
		"private":            {"http://192.168.1.5:5000/v2/", false, errPlain},
		"private, allowed":   {"http://192.168.1.5:5000/v2/", true, nil},
		"loopback":           {"http://127.0.0.1:5000/v2/", false, nil},
		"loopback of IPv6":   {"http://[::1]:5000/v2/", false, nil},
		"loopback by name":   {"http://localhost:5000/v2/", false, nil},
		"a name like it":     {"http://localhost.example.org/v2/", false, errPlain},
		"numbers in a name":  {"http://127.0.0.1.example.org/v2/", false, errPlain},
		"a name of anything": {"http://registry.example.org/v2/", false, errPlain},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodGet, c.url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			response, err := (&line{answers{}, c.insecure, nil}).RoundTrip(r)
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if err == nil {
				_ = response.Body.Close()
			}
		})
	}
}
