package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/posture"
	"plumbline/internal/web"
)

func TestListeningBeyondLoopbackNeedsATokenOrAWord(t *testing.T) {
	for name, c := range map[string]struct {
		o    web.Options
		want string
	}{
		"loopback":                 {web.Options{Listen: "127.0.0.1:8080"}, ""},
		"loopback by name":         {web.Options{Listen: "localhost:8080"}, ""},
		"loopback, version 6":      {web.Options{Listen: "[::1]:8080"}, ""},
		"everywhere":               {web.Options{Listen: ":8080"}, "--http-token-file"},
		"everywhere, in figures":   {web.Options{Listen: "0.0.0.0:8080"}, "show pictures of people to everyone"},
		"a network's address":      {web.Options{Listen: "192.168.1.4:8080"}, "--http-anonymous"},
		"a name that looks local":  {web.Options{Listen: "localhost.example.org:8080"}, "--http-token-file"},
		"everywhere with a token":  {web.Options{Listen: ":8080", Token: secret}, ""},
		"everywhere, anonymously":  {web.Options{Listen: ":8080", Anonymous: true}, ""},
		"token and anonymous":      {web.Options{Listen: ":8080", Token: secret, Anonymous: true}, "exclude each other"},
		"a token too short":        {web.Options{Listen: ":8080", Token: "hunter2"}, "needs at least 16"},
		"no port":                  {web.Options{Listen: "localhost"}, "address to listen on"},
		"an address without sense": {web.Options{Listen: "127.0.0.1:1", MQTTAddress: "nonsense"}, "address of the MQTT broker"},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Results = &ledger{}
			_, err := web.New(c.o)
			if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestForeignHostNamesAreRefusedOnLoopback(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.Hosts = []string{"posture.example.org"} })
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "LOCALHOST": 200, "hub.localhost:1": 200,
		"posture.example.org": 200, "evil.example.org:8080": 421, "127.0.0.1.evil.org": 421, "": 421, "192.168.1.4": 421,
	} {
		for _, path := range []string{"/", "/healthz", "/events/"} {
			r := get(t, s, path, func(r *http.Request) { r.Host = host })
			if refused := r.Code == http.StatusMisdirectedRequest; refused != (want == http.StatusMisdirectedRequest) {
				t.Errorf("host %q, path %s: status %d", host, path, r.Code)
			}
		}
	}
}

func TestTokenGuardsWhatShowsPeople(t *testing.T) {
	l := &ledger{}
	l.add(seen("pi1", 1, posture.Good))
	s := open(t, l, func(o *web.Options) { o.Listen, o.Token = ":8080", secret })
	for _, path := range []string{"/", "/events", "/pictures/pi1/picture1.jpg", "/api/v1/results", "/api/v1/latest", "/api/v1/queue", "/metrics", "/nosuch"} {
		for name, header := range map[string]string{"none": "", "wrong": "Bearer wrong", "empty": "Bearer ", "another scheme": "Basic " + secret} {
			r := get(t, s, path, func(r *http.Request) { r.Header.Set("Authorization", header) })
			if r.Code != http.StatusUnauthorized || strings.Contains(r.Body.String(), "pi1") {
				t.Errorf("%s with token %s: status %d", path, name, r.Code)
			}
		}
	}
	r := get(t, s, "/api/v1/results", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+secret) })
	if r.Code != http.StatusOK || !strings.Contains(r.Body.String(), "pi1") {
		t.Errorf("with the token: status %d", r.Code)
	}
	for _, path := range []string{"/healthz", "/readyz", "/static/plumbline.css"} {
		if r := get(t, s, path); r.Code != http.StatusOK {
			t.Errorf("%s is not open: %d", path, r.Code)
		}
	}
}

func TestTokenInTheAddressBecomesACookie(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.Listen, o.Token = ":8080", secret })
	for name, enter := range map[string]func() *httptest.ResponseRecorder{
		"address": func() *httptest.ResponseRecorder { return get(t, s, "/?device=pi1&token="+url.QueryEscape(secret)) },
		"form": func() *httptest.ResponseRecorder {
			body := strings.NewReader(url.Values{"token": {secret}}.Encode())
			return send(s, http.MethodPost, "/login", body, func(r *http.Request) {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := enter()
			location := r.Header().Get("Location")
			if r.Code != http.StatusSeeOther || strings.Contains(location, "token") || !strings.HasPrefix(location, "/") {
				t.Fatalf("status %d, sent to %q", r.Code, location)
			}
			cookies := r.Result().Cookies()
			if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || strings.Contains(cookies[0].Value, secret) {
				t.Fatalf("cookies %v", cookies)
			}
			if r := get(t, s, "/", func(r *http.Request) { r.AddCookie(cookies[0]) }); r.Code != http.StatusOK {
				t.Errorf("with the cookie: status %d", r.Code)
			}
		})
	}
	if r := get(t, s, "//evil.example.org/?token="+url.QueryEscape(secret)); strings.HasPrefix(r.Header().Get("Location"), "//") {
		t.Errorf("a token leads to %q, another host", r.Header().Get("Location"))
	}
	if r := get(t, s, "/?token=wrong"); r.Code != http.StatusUnauthorized || len(r.Result().Cookies()) != 0 {
		t.Errorf("a wrong token: status %d, cookies %v", r.Code, r.Result().Cookies())
	}
}

func TestPeopleAreAskedForTheTokenOnAPage(t *testing.T) {
	s := open(t, &ledger{}, func(o *web.Options) { o.Listen, o.Token = ":8080", secret })
	r := get(t, s, "/", func(r *http.Request) { r.Header.Set("Accept", "text/html,*/*") })
	if page := r.Body.String(); r.Code != http.StatusUnauthorized || !strings.Contains(page, `action="/login"`) || strings.Contains(page, secret) {
		t.Errorf("status %d: %s", r.Code, page)
	}
}

func TestEveryAnswerCarriesTheHeaders(t *testing.T) {
	s := open(t, &ledger{})
	for _, path := range []string{"/", "/api/v1/results", "/static/plumbline.js", "/nosuch", "/pictures/pi1/picture1.jpg"} {
		h := get(t, s, path).Header()
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %v", path, h)
		}
	}
}

func TestReadToken(t *testing.T) {
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if token, err := web.ReadToken(write("good", " "+secret+"\n")); err != nil || token != secret {
		t.Errorf("%q, %v", token, err)
	}
	if _, err := web.ReadToken(write("short", "hunter2\n")); err == nil || !strings.Contains(err.Error(), "at least 16") {
		t.Errorf("a short token: %v", err)
	}
	if _, err := web.ReadToken(filepath.Join(folder, "missing")); err == nil {
		t.Error("a missing file is no error")
	}
}
