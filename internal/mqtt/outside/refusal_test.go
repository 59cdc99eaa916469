package outside_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/freeport"
	"plumbline/internal/testkit/mosquitto"
	"plumbline/internal/testkit/pki"
)

// secured makes a Mosquitto that speaks TLS, with more lines for its listener.
func secured(t *testing.T, ca *pki.Authority, more ...string) *mosquitto.Server {
	server := ca.Server()
	return mosquitto.ForTest(t, mosquitto.Options{Listener: append([]string{
		"cafile " + ca.File, "certfile " + server.CertFile, "keyfile " + server.KeyFile}, more...)})
}

func TestTransportsToMosquitto(t *testing.T) {
	ca := pki.New(t, "authority")
	client := ca.Client("hub")
	plain := mosquitto.ForTest(t, mosquitto.Options{Listener: []string{"protocol websockets"}})
	mutual := []string{"require_certificate true", "use_identity_as_username true"}
	files := dial.TLS{CAFile: ca.File, CertFile: client.CertFile, KeyFile: client.KeyFile}
	for name, c := range map[string]struct {
		url   string
		files dial.TLS
	}{
		"websocket":                  {"ws://" + plain.Address(), dial.TLS{}},
		"TLS":                        {"mqtts://" + secured(t, ca).Address(), dial.TLS{CAFile: ca.File}},
		"TLS and client certificate": {"mqtts://" + secured(t, ca, mutual...).Address(), files},
		"websocket over TLS":         {"wss://" + secured(t, ca, append(mutual, "protocol websockets")...).Address(), files},
	} {
		t.Run(name, func(t *testing.T) {
			in := newInbox()
			// A hub publishes what another one takes for pictures: the picture passes both ways.
			receiver := start(t, in, outside.Options{Broker: broker(t, c.url, c.files)})
			receiver.ready()
			sender := start(t, newInbox(), outside.Options{Broker: broker(t, c.url, c.files), ClientID: "another"})
			sender.ready()
			picture := strings.Repeat("a large picture ", 1000)
			if err := sender.client.Publish("images/pi1", []byte(picture), false, 1); err != nil {
				t.Fatal(err)
			}
			until(t, "the picture", func() bool { return in.count() == 1 })
			if in.payloads()[0] != picture {
				t.Error("other bytes came")
			}
		})
	}
}

func TestSentencesOfRefusal(t *testing.T) {
	ca, stranger := pki.New(t, "authority"), pki.New(t, "stranger")
	nobody, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	locked := mosquitto.ForTest(t, mosquitto.Options{Settings: lockedUp(t)})
	_, port, _ := net.SplitHostPort(nobody)
	for name, c := range map[string]struct {
		url      string
		files    dial.TLS
		password string
		want     string
	}{
		"nobody listens":            {"mqtt://" + nobody, dial.TLS{}, "", "no MQTT broker listens on " + nobody},
		"no such host":              {"mqtt://no-such-host.invalid:" + port, dial.TLS{}, "", "no-such-host.invalid"},
		"no account":                {"mqtt://" + locked.Address(), dial.TLS{}, "", "wants an account"},
		"wrong password":            {"mqtt://hub@" + locked.Address(), dial.TLS{}, "wrong", `does not accept user \"hub\"`},
		"may not subscribe":         {"mqtt://hub@" + locked.Address(), dial.TLS{}, "right", `does not let user \"hub\" subscribe to images/+`},
		"another authority":         {"mqtts://" + secured(t, ca).Address(), dial.TLS{CAFile: stranger.File}, "", "--mqtt-ca"},
		"no client certificate":     {"mqtts://" + secured(t, ca, "require_certificate true").Address(), dial.TLS{CAFile: ca.File}, "", "--mqtt-client-cert"},
		"plain where TLS is spoken": {"mqtt://" + secured(t, ca).Address(), dial.TLS{}, "", "closed the connection"},
		"TLS where none is spoken":  {"mqtts://" + locked.Address(), dial.TLS{}, "", "does it speak TLS on this port?"},
	} {
		t.Run(name, func(t *testing.T) {
			h := start(t, newInbox(), outside.Options{Broker: broker(t, c.url, c.files), Password: c.password})
			until(t, "the sentence "+c.want, func() bool { return strings.Contains(h.log.String(), c.want) })
			err := h.client.Ready(t.Context())
			if err == nil || !strings.Contains(err.Error(), strings.ReplaceAll(c.want, `\"`, `"`)) {
				t.Errorf("not ready because of %v", err)
			}
			until(t, "more attempts", func() bool { return h.log.count("still no connection") > 2 })
			if n := h.log.count("level=WARN"); n > 2 { // two where a broken pipe can be quicker than the reason for it
				t.Errorf("%d warnings of one thing:\n%s", n, h.log)
			}
		})
	}
}

// lockedUp are settings of a Mosquitto that knows the user hub, password right, who may do nothing. Only the plugin can refuse
// a subscription: acl_file grants every one, and keeps the messages back.
func lockedUp(t *testing.T) []string {
	t.Helper()
	plugins, err := filepath.Glob("/usr/lib/*/mosquitto_dynamic_security.so")
	if err != nil || len(plugins) == 0 {
		t.Fatalf("Mosquitto's plugin for access rights is not there (Debian's package mosquitto has it): %v", err)
	}
	file := filepath.Join(t.TempDir(), "rights.json")
	run(t, "mosquitto_ctrl", "dynsec", "init", file, "hub", "right")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var rights map[string]any
	if err := json.Unmarshal(text, &rights); err != nil {
		t.Fatal(err)
	}
	for _, role := range rights["roles"].([]any) {
		role.(map[string]any)["acls"] = []any{}
	}
	if text, err = json.Marshal(rights); err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return []string{"allow_anonymous false", "plugin " + plugins[0], "plugin_opt_config_file " + file}
}
