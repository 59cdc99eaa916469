package queue_test

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"plumbline/internal/queue"
	"plumbline/internal/testkit/nats"
)

// administrator opens JetStream on a server as somebody else would.
func administrator(t testing.TB, s *nats.Server) jetstream.JetStream {
	t.Helper()
	nc, err := natsgo.Connect(s.URL())
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

// config is that of a stream which a hub made.
func config(t testing.TB, js jetstream.JetStream, name string) jetstream.StreamConfig {
	t.Helper()
	s, err := js.Stream(t.Context(), name)
	must(t, err)
	return s.CachedInfo().Config
}

func TestStreamThatDoesNotFitIsRefusedWithTheReason(t *testing.T) {
	s := nats.Start(t, nil)
	js := administrator(t, s)
	for name, c := range map[string]struct {
		stream string
		change func(*jetstream.StreamConfig)
		says   []string // beside the stream's name
	}{
		"retention":        {"QUEUE", func(c *jetstream.StreamConfig) { c.Retention = jetstream.LimitsPolicy }, []string{"retention is Limits, needed is WorkQueue", "stream rm"}},
		"storage":          {"JOURNAL", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, []string{"storage is Memory, needed is File"}},
		"subjects":         {"DEAD", func(c *jetstream.StreamConfig) { c.Subjects = []string{"somewhere.else"} }, []string{"somewhere.else", "--subjects"}},
		"discard":          {"QUEUE", func(c *jetstream.StreamConfig) { c.Discard, c.DiscardNewPerSubject = jetstream.DiscardOld, false }, []string{"discard policy is DiscardOld", "--discard=", "--discard-per-subject"}},
		"once per subject": {"DEAD", func(c *jetstream.StreamConfig) { c.DiscardNewPerSubject, c.MaxMsgsPerSubject = false, -1 }, []string{"max_msgs_per_subject is -1, needed is 1", "--max-msgs-per-subject=1"}},
		"one a subject":    {"JOURNAL", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }, []string{"max_msgs_per_subject is 1, needed is -1"}},
		"age":              {"QUEUE", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, []string{"max_age is 1h0m0s", "--max-age=0s"}},
		"size":             {"QUEUE", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 30 }, []string{"max_bytes is 1073741824, needed is 67108864", "--queue-max-bytes"}},
		"no purge":         {"DEAD", func(c *jetstream.StreamConfig) { c.DenyPurge = true }, []string{"deny_purge"}},
		"no ack":           {"JOURNAL", func(c *jetstream.StreamConfig) { c.NoAck = true }, []string{"no_ack is true"}},
		"consumers":        {"JOURNAL", func(c *jetstream.StreamConfig) { c.MaxConsumers = 1 }, []string{"max_consumers is 1"}},
		"transform": {"JOURNAL", func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: ">", Destination: "other.>"}
		}, []string{"transform"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := on(t, s)
			must(t, openOnce(t, o))
			stream := "PLUMBLINE_" + c.stream
			changed := config(t, js, stream)
			must(t, js.DeleteStream(t.Context(), stream))
			c.change(&changed)
			_, err := js.CreateStream(t.Context(), changed)
			must(t, err)
			defer func() { must(t, js.DeleteStream(t.Context(), stream)) }()
			saysWhy(t, openOnce(t, o), append(c.says, stream, "nats stream"))
		})
	}
}

// openOnce opens a hub and closes it.
func openOnce(t testing.TB, o queue.Options) error {
	h, err := queue.Open(t.Context(), o)
	if err == nil {
		shut(t, h)
	}
	return err
}

func saysWhy(t testing.TB, err error, says []string) {
	t.Helper()
	if err == nil {
		t.Fatal("it was opened")
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%v\nsays nothing of %q", err, text)
		}
	}
}

func TestLimitsThatAreTooLowAreRaised(t *testing.T) {
	s := nats.Start(t, nil)
	js := administrator(t, s)
	o := on(t, s)
	must(t, openOnce(t, o))
	for stream, low := range map[string]func(*jetstream.StreamConfig){
		"PLUMBLINE_QUEUE": func(c *jetstream.StreamConfig) {
			c.MaxBytes, c.MaxMsgs, c.MaxMsgSize, c.AllowDirect = 10_000_000, 5, 1000, false
		},
		"PLUMBLINE_JOURNAL": func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
	} {
		c := config(t, js, stream)
		low(&c)
		_, err := js.UpdateStream(t.Context(), c)
		must(t, err)
	}
	h := open(t, o)
	accept(t, h, receipt(), picture(2000))
	if c := config(t, js, "PLUMBLINE_QUEUE"); c.MaxBytes != o.MaxQueueBytes || c.MaxMsgs != -1 || c.MaxMsgSize != -1 || !c.AllowDirect {
		t.Errorf("queue: %+v", c)
	}
	if c := config(t, js, "PLUMBLINE_JOURNAL"); c.MaxAge != 30*24*time.Hour {
		t.Errorf("journal: %s", c.MaxAge)
	}
	if d := depth(t, h); d.MaxBytes != o.MaxQueueBytes {
		t.Errorf("%+v", d)
	}
}

func TestServerThatDoesNotFitIsRefusedWithTheReason(t *testing.T) {
	const accounts = `
accounts: {
  OFF: { users: [{user: "off", password: pw}] }
  SMALL: { users: [{user: small, password: pw}], jetstream: { max_file: 20MB } }
  BARE: { users: [{user: bare, password: pw, permissions: { publish: "nothing", subscribe: "_INBOX.>" }}], jetstream: enabled }
}
jetstream: { max_file_store: 1GB }
max_payload: 8MB`
	for name, c := range map[string]struct {
		server func(t *testing.T) *nats.Server
		change func(*queue.Options)
		says   []string
	}{
		"no JetStream": {
			server: func(t *testing.T) *nats.Server { return nats.Start(t, func(o *server.Options) { o.JetStream = false }) },
			says:   []string{"JetStream", "nats-server -js"},
		},
		"no JetStream for the account": {change: as("off"), says: []string{"account", "jetstream: enabled"}},
		"small account":                {change: as("small"), says: []string{"storage", "PLUMBLINE_QUEUE", "--queue-max-bytes"}},
		"no rights":                    {change: as("bare"), says: []string{"permissions violation", "$JS.API"}},
		"wrong password": {change: func(o *queue.Options) {
			o.Outside.User, o.Outside.Password = "small", "secret-of-mine"
		}, says: []string{"Authorization"}},
		"small server": {
			server: func(t *testing.T) *nats.Server {
				return nats.Start(t, func(o *server.Options) { o.JetStreamMaxStore = 1 << 20 })
			},
			says: []string{"max_file_store", "--queue-max-bytes"},
		},
		"max_payload": {
			server: func(t *testing.T) *nats.Server {
				return nats.Start(t, func(o *server.Options) { o.MaxPayload = 1 << 20 })
			},
			says: []string{"max_payload", "1048576", "1114112", "--max-picture-bytes"},
		},
		"replicas without a cluster": {
			server: func(t *testing.T) *nats.Server { return nats.Start(t, nil) },
			change: func(o *queue.Options) { o.Outside.Replicas = 3 },
			says:   []string{"--nats-replicas 1"},
		},
		"others' subjects": {
			server: func(t *testing.T) *nats.Server {
				s := nats.Start(t, nil)
				_, err := administrator(t, s).CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALL", Subjects: []string{"plumbline.>"}})
				must(t, err)
				return s
			},
			says: []string{"overlap", "--nats-prefix"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s *nats.Server
			if c.server != nil {
				s = c.server(t)
			} else {
				s = nats.Configured(t, accounts)
			}
			o := on(t, s)
			if c.change != nil {
				c.change(&o)
			}
			err := openOnce(t, o)
			saysWhy(t, err, c.says)
			if strings.Contains(err.Error(), "secret-of-mine") {
				t.Errorf("%v tells the password", err)
			}
		})
	}
}

func as(user string) func(*queue.Options) {
	return func(o *queue.Options) { o.Outside.User, o.Outside.Password = user, "pw" }
}

func TestTwoInstallationsShareANATS(t *testing.T) {
	s := nats.Start(t, nil)
	one, two := on(t, s), on(t, s)
	one.Outside.Prefix, two.Outside.Prefix = "north", "south"
	north, south := open(t, one), open(t, two)
	id := accept(t, north, receipt(), picture(10))
	noClaim(t, worker(t, south, "one"), 100*time.Millisecond)
	if c := claim(t, worker(t, north, "one")); c.Capture.ID != id {
		t.Errorf("claimed %s, want %s", c.Capture.ID, id)
	}
}
