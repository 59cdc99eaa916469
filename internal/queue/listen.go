package queue

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Listener lets workers on other machines join the embedded server. It always speaks TLS and always asks for the token;
// what the token allows is in workerPermissions.
type Listener struct {
	Address   string   // host:port; empty: nobody can join
	TokenFile string   // made when missing; needed with Address
	Authority string   // folder of the certificate authority, made when missing; empty: authority beside the queue
	Hosts     []string // names and addresses that workers call this host by, beside its own
}

// Limits of the listener.
const (
	joinTimeout      = 5 * time.Second  // for TLS, and again for the token
	joinPing         = 20 * time.Second // between two looks whether a silent worker is still there
	connectionsAtAll = 1024             // those of the hub itself are among them
	subscriptions    = 512              // of one connection
)

// A worker's rights: to claim, to acknowledge, to hand in a result, and to ask the hub for what only a hub may do. What
// is not named here is denied: streams, the journal, captures, drops.
//
// Permissions alone would not do. JetStream, and the hub too, answer to whatever subject a request names, by rights of
// their own: a claim whose answer is to go to plumbline.dead.x would put a picture there. So workers live in an account
// of their own in which there is no stream, and these subjects are all that leads out of it; answers come back into it.
// Within it each connection hears its own inbox only, which nobody can guess.
var workerRights = []struct {
	subject string
	answers server.ServiceRespType
}{
	{"$JS.API.CONSUMER.MSG.NEXT.PLUMBLINE_QUEUE.workers", server.Streamed}, // a status may come before the message
	{"$JS.ACK.PLUMBLINE_QUEUE.workers.>", server.Singleton},
	{"$JS.API.CONSUMER.INFO.PLUMBLINE_QUEUE.workers", server.Singleton},
	{namesOn(nil).results(), server.Singleton},
	{namesOn(nil).desk("*"), server.Singleton},
}

func workerPermissions(inbox string) *server.Permissions {
	p := &server.Permissions{
		Publish:   &server.SubjectPermission{},
		Subscribe: &server.SubjectPermission{Allow: []string{inbox + ".>"}},
	}
	for _, r := range workerRights {
		p.Publish.Allow = append(p.Publish.Allow, r.subject)
	}
	return p
}

// workersAccount makes the account that workers live in.
func workersAccount(ns *server.Server) (*server.Account, error) {
	workers, err := ns.RegisterAccount("workers")
	if err != nil {
		return nil, fmt.Errorf("making the workers' account: %w", err)
	}
	for _, r := range workerRights {
		err := errors.Join(
			ns.GlobalAccount().AddServiceExportWithResponse(r.subject, r.answers, []*server.Account{workers}),
			workers.AddServiceImport(ns.GlobalAccount(), r.subject, r.subject))
		if err != nil {
			return nil, fmt.Errorf("giving workers the right to %s: %w", r.subject, err)
		}
	}
	return workers, nil
}

// listen adds the listener to the server's options. Workers wait at the door until the server has the account for them.
func (l Listener) listen(o *server.Options, dir string, log *slog.Logger) error {
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return misuse{fmt.Errorf("the listener's address %q is not HOST:PORT: %w", l.Address, err)}
	}
	if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 0 || o.Port > 65535 {
		return misuse{fmt.Errorf("the listener's address %q has no port between 0 and 65535", l.Address)}
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if l.TokenFile == "" {
		return errors.New("a listener needs a token file")
	}
	folder := l.Authority
	if folder == "" {
		folder = filepath.Join(dir, "authority")
	}
	a, err := openAuthority(folder, l.Hosts)
	if err != nil {
		return err
	}
	t, err := openToken(l.TokenFile, a)
	if err != nil {
		return err
	}
	o.DontListen, o.Host = false, host
	o.TLSConfig, o.TLSHandshakeFirst = a.tlsConfig(), true
	o.TLSTimeout, o.AuthTimeout = joinTimeout.Seconds(), joinTimeout.Seconds()
	o.MaxConn, o.MaxSubs, o.PingInterval = connectionsAtAll, subscriptions, joinPing
	o.CustomClientAuthentication = &doorkeeper{secret: sha256.Sum256([]byte(t.secret)), log: log, open: make(chan struct{})}
	return nil
}

// doorkeeper lets in who has the token, and who comes from inside the process.
type doorkeeper struct {
	secret [sha256.Size]byte
	log    *slog.Logger
	said   throttle

	open    chan struct{} // closed once workers is set
	workers *server.Account
}

// letIn opens the door once the server runs.
func (d *doorkeeper) letIn(ns *server.Server) (err error) {
	if d.workers, err = workersAccount(ns); err == nil {
		close(d.open)
	}
	return err
}

// visitor is the user name that a worker's connection gives itself: random, so that nobody guesses its inbox.
var visitor = regexp.MustCompile(`^[A-Za-z0-9]{22,64}$`)

// inboxOf is the prefix of a connection's inboxes.
func inboxOf(visitor string) string { return "_INBOX_" + visitor }

// Check is the server's question.
func (d *doorkeeper) Check(c server.ClientAuthentication) bool {
	from := c.RemoteAddress()
	if from != nil && from.Network() == "pipe" { // no listener gives such an address
		return true
	}
	given, name := sha256.Sum256([]byte(c.GetOpts().Password)), c.GetOpts().Username
	if subtle.ConstantTimeCompare(given[:], d.secret[:]) != 1 || !visitor.MatchString(name) {
		if n := d.said.again(); n > 0 {
			d.log.Warn("somebody tried to join with a wrong token; copy the token file to the worker again if it was yours",
				"from", from, "times", n)
		}
		return false
	}
	select {
	case <-d.open:
	case <-time.After(joinTimeout):
		return false
	}
	c.RegisterUser(&server.User{Username: name, Account: d.workers, Permissions: workerPermissions(inboxOf(name))})
	return true
}

// throttle lets one in ten seconds through, so that strangers can't fill the log.
type throttle struct {
	mu    sync.Mutex
	last  time.Time
	times int
}

const throttled = 10 * time.Second

// again counts once more and gives the number to tell, or 0 when nothing is to be told yet.
func (t *throttle) again() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.times++
	if now := time.Now(); now.Sub(t.last) >= throttled {
		t.last = now
		n := t.times
		t.times = 0
		return n
	}
	return 0
}

// ListenAddr is where workers on other machines join, as host:port; empty when they can't.
func (h *Hub) ListenAddr() string {
	if h.options.Listener.Address == "" || h.server == nil || h.server.Addr() == nil {
		return ""
	}
	return h.server.Addr().String()
}
