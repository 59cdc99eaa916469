package cli

import (
	"testing"

	"plumbline/internal/config"
)

func TestHintsCanBeCopied(t *testing.T) {
	for name, want := range map[string]string{
		"":                     "plumbline send",
		"plumbline":            "plumbline send",
		"dist/plumbline":       "dist/plumbline send",
		"./my tools/plumb":     "'./my tools/plumb' send",
		"it's/plumbline":       `'it'\''s/plumbline' send`,
		"/opt/$HOME/plumbline": "'/opt/$HOME/plumbline' send",
	} {
		if got := (&Process{Name: name}).hint("send"); got != want {
			t.Errorf("called as %q: %s, want %s", name, got, want)
		}
	}
}

func TestAccountHint(t *testing.T) {
	for want, c := range map[string]config.OutsideBroker{
		"": {MQTTURL: "mqtt://broker:1883"},
		" --username hub --password-file secret --mqtt-ca ca.crt": {
			MQTTURL: "mqtts://hub@broker", MQTTPasswordFile: "secret", BrokerTLS: config.BrokerTLS{CA: "ca.crt"},
		},
	} {
		if got := accountHint(&c); got != want {
			t.Errorf("%s: %q, want %q", c.MQTTURL, got, want)
		}
	}
}
