package broker_test

import (
	"bytes"
	"strings"
	"testing"

	"plumbline/internal/mqtt/broker"
	"plumbline/internal/testkit/pki"
)

func TestMosquittoPublishes(t *testing.T) {
	for _, version := range []string{"311", "5"} {
		for _, qos := range []string{"0", "1", "2"} {
			t.Run("version "+version+" QoS "+qos, func(t *testing.T) {
				in := newInbox()
				b := start(t, broker.Options{Handle: in.handle})
				picture := bytes.Repeat([]byte("picture "), 20_000)
				out, err := mosquitto(t, b, "mosquitto_pub", picture, "-V", version, "-q", qos, "-i", "camera-7", "-t", "images/pi1", "-s")
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				m := in.next(t)
				if m.Topic != "images/pi1" || m.Client != "camera-7" || m.User != "" || m.DUP || m.Retain {
					t.Errorf("got %+v", m)
				}
				if string('0'+rune(m.QoS)) != qos || (m.PacketID == 0) != (m.QoS == 0) {
					t.Errorf("QoS %d, packet id %d", m.QoS, m.PacketID)
				}
				if !bytes.Equal(m.Payload, picture) {
					t.Errorf("payload of %d bytes arrived as %d", len(picture), len(m.Payload))
				}
				if m.ReceivedAt.IsZero() || in.count() != 1 {
					t.Errorf("received at %v, %d messages", m.ReceivedAt, in.count())
				}
			})
		}
	}
}

func TestPicturesAreNeitherForwardedNorRetained(t *testing.T) {
	t.Parallel()
	in := newInbox()
	b := start(t, broker.Options{Handle: in.handle})
	if out, err := mosquitto(t, b, "mosquitto_pub", []byte("x"), "-q", "1", "-r", "-t", "images/pi1", "-s"); err != nil {
		t.Fatal(out, err)
	}
	if m := in.next(t); m.Retain {
		t.Error("a new message passes for one that was kept")
	}
	out, _ := mosquitto(t, b, "mosquitto_sub", nil, "-t", "#", "-W", "1")
	if strings.TrimSpace(out) != "" && !strings.Contains(out, "Timed out") {
		t.Errorf("a subscriber to everything received %q", out)
	}
	out, _ = mosquitto(t, b, "mosquitto_sub", nil, "-t", "images/#", "-W", "1")
	if !strings.Contains(out, "denied") {
		t.Errorf("subscribing to images/# was not refused: %q", out)
	}
}

func TestLateSubscriberReadsRetainedResult(t *testing.T) {
	b := start(t, broker.Options{Handle: newInbox().handle})
	if err := b.Publish("posture/pi1", []byte(`{"posture_status":"Good"}`), true, 1); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"311", "5"} {
		out, err := mosquitto(t, b, "mosquitto_sub", nil, "-V", version, "-t", "posture/#", "-q", "1", "-C", "1", "-W", "10", "-F", "%t %r %q %p")
		if err != nil || strings.TrimSpace(out) != `posture/pi1 1 1 {"posture_status":"Good"}` {
			t.Errorf("version %s: %v: %q", version, err, out)
		}
	}
}

func TestMosquittoWithCertificates(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b, devices := startWithAuthority(t, broker.Options{Handle: in.handle, Users: p, TLS: broker.TLS{Optional: true}})
	right, expired := devices.Client("pi7"), devices.Client("pi7", pki.Expired)
	with := func(c pki.Certificate) []string { return []string{"--cert", c.CertFile, "--key", c.KeyFile} }
	for name, c := range map[string]struct {
		ca    string
		args  []string
		topic string
		want  string // in what it prints; empty when it goes well
	}{
		"its certificate":            {b.ca.File, with(right), "images/pi7", ""},
		"another's topic":            {b.ca.File, with(right), "images/pi1", "Not authorized"},
		"expired":                    {b.ca.File, with(expired), "images/pi7", "lost"},
		"of a stranger":              {b.ca.File, with(pki.New(t, "x").Client("pi7")), "images/pi7", "lost"},
		"a broker it does not trust": {devices.File, with(right), "images/pi7", "TLS error"},
		"an account":                 {b.ca.File, []string{"-u", "pi1", "-P", p.passwords["pi1"]}, "images/pi1", ""},
		"TLS 1.2":                    {b.ca.File, append(with(right), "--tls-version", "tlsv1.2"), "images/pi7", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := in.count()
			args := append([]string{"-V", "5", "--cafile", c.ca, "-q", "1", "-t", c.topic, "-m", "x"}, c.args...)
			out, err := mosquittoAt(t, b.url(t, "mqtts"), "mosquitto_pub", nil, args...)
			if (in.count() > before) != (c.want == "") || !strings.Contains(out, c.want) {
				t.Errorf("%d handed over, %v: %q; want %q", in.count()-before, err, out, c.want)
			}
		})
	}
}

func TestListenRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		listen    string
		anonymous bool
		refused   bool
	}{
		"loopback":                  {listen: "127.0.0.1:1883"},
		"loopback version 6":        {listen: "[::1]:1883"},
		"localhost":                 {listen: "localhost:1883"},
		"default":                   {listen: ""},
		"everywhere":                {listen: "0.0.0.0:1883", refused: true},
		"everywhere, short":         {listen: ":1883", refused: true},
		"everywhere, version 6":     {listen: "[::]:1883", refused: true},
		"an address of the network": {listen: "192.0.2.7:1883", refused: true},
		"a name":                    {listen: "hub.example:1883", refused: true},
		"everywhere, anonymous":     {listen: "0.0.0.0:1883", anonymous: true},
		"no port":                   {listen: "127.0.0.1", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			err := broker.Options{Listen: c.listen, Anonymous: c.anonymous}.Validate()
			if (err != nil) != c.refused {
				t.Fatalf("refused: %v", err)
			}
			if err != nil && name != "no port" {
				for _, want := range []string{"plumbline users add", "--mqtt-anonymous", c.listen} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not mention %q", err, want)
					}
				}
			}
		})
	}
}
