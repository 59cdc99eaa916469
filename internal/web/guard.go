package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

// ReadToken reads the secret that HTTP clients must present.
func ReadToken(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the HTTP token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	if len(token) < shortestToken {
		return "", fmt.Errorf("the HTTP token in %s has %d characters: it needs at least %d (openssl rand -hex 16 makes one)",
			path, len(token), shortestToken)
	}
	return token, nil
}

// guard stands before every handler: headers that keep a browser from doing more than the page needs, the host names that
// are answered to, and the token.
type guard struct {
	token  string
	cookie string // what the cookie holds: not the token itself, which a browser's cookie store should not have
	// onLoopback: the listener trusts whoever reaches it because only this machine can. A page on a foreign site whose
	// name is made to point to 127.0.0.1 (DNS rebinding) would reach it too, under that name, which is therefore refused.
	onLoopback bool
	hosts      []string
}

const cookieName = "plumbline"

func newGuard(o Options) *guard {
	host, _, _ := net.SplitHostPort(o.Listen) // validated
	g := &guard{token: o.Token, onLoopback: isLoopback(host), hosts: o.Hosts}
	mac := hmac.New(sha256.New, []byte(o.Token))
	mac.Write([]byte("plumbline cookie 1"))
	g.cookie = hex.EncodeToString(mac.Sum(nil))
	return g
}

func (g *guard) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case !g.knowsHost(r.Host):
			http.Error(w, "This address answers to localhost only, not to the name it was called by. If that is a name of this machine or of a proxy before it, start with --http-host NAME.", http.StatusMisdirectedRequest)
		case r.Method == http.MethodGet && g.token != "" && r.URL.Query().Has("token"):
			g.enter(w, r, r.URL.Query().Get("token"))
		case !isOpen(r.URL.Path) && !g.allows(r):
			g.refuse(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// setHeaders lets the page load its own files, pictures and events and nothing else; no inline script or style exists.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	h.Set("Cache-Control", "no-store")
}

func (g *guard) knowsHost(hostport string) bool {
	if !g.onLoopback {
		return true // the cookie belongs to one host name, and anonymous access hides nothing
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return isLoopback(host) || slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// isOpen names what needs no token: probes of an orchestrator, which have none, the look of the page that asks for the
// token, and where that is sent.
func isOpen(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/login" || path == "/favicon.ico" || strings.HasPrefix(path, "/static/")
}

// allows tells whether a request may see what the token guards.
func (g *guard) allows(r *http.Request) bool {
	if g.token == "" {
		return true
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && equal(bearer, g.token) {
		return true
	}
	c, err := r.Cookie(cookieName)
	return err == nil && equal(c.Value, g.cookie)
}

// equal compares in constant time, lengths included.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// enter takes a token from the address, keeps the answer in a cookie, and sends the browser to the address without it, so
// that it stays in no history.
func (g *guard) enter(w http.ResponseWriter, r *http.Request, token string) {
	if !equal(token, g.token) {
		g.refuse(w, r)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: g.cookie, Path: "/", MaxAge: 30 * 24 * 3600,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	query := r.URL.Query()
	query.Del("token")
	target := "/" + strings.TrimLeft(r.URL.EscapedPath(), "/\\") // never another host
	if r.Method == http.MethodPost {
		target = "/"
	} else if rest := query.Encode(); rest != "" {
		target += "?" + rest
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// login takes the token from the form of the page that asks for it.
func (g *guard) login(w http.ResponseWriter, r *http.Request) {
	if g.token == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	g.enter(w, r, strings.TrimSpace(r.PostFormValue("token")))
}

// acting lets what changes something be asked for only by those who have the token, or by this machine where there is none;
// never by another site's page in a browser that has the cookie.
func (g *guard) acting(next http.HandlerFunc) http.HandlerFunc {
	sites := http.NewCrossOriginProtection()
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.token == "" && !g.onLoopback:
			writeError(w, http.StatusForbidden, "with --http-anonymous anyone may look, and nobody may change anything: start with --http-token-file")
		case sites.Check(r) != nil:
			writeError(w, http.StatusForbidden, "another site's page may not ask for this")
		default:
			next(w, r)
		}
	}
}

// refuse asks people for the token on a page and tells programs in words.
func (g *guard) refuse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="plumbline"`)
	if strings.HasPrefix(r.URL.Path, "/api/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		writeError(w, http.StatusUnauthorized, "send the token of --http-token-file as Authorization: Bearer")
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusUnauthorized)
	_ = templates.ExecuteTemplate(w, "login.html", staticNames) // the client is gone when this fails
}
