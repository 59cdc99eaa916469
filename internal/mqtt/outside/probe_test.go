package outside_test

import (
	"strings"
	"testing"

	"plumbline/internal/mqtt/dial"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/testkit/mosquitto"
)

func TestProbeSeesRightsAndLimits(t *testing.T) {
	open := mosquitto.ForTest(t, mosquitto.Options{Settings: []string{"max_packet_size 5000", "max_inflight_messages 7"}})
	f, err := outside.Probe(t.Context(), plain(t, open), "posture/doctor")
	if err != nil {
		t.Fatal(err)
	}
	if f.Version != "5" || f.QoS != 1 || f.Subscribe != nil || f.Publish != nil || !strings.HasPrefix(f.Software, "mosquitto") {
		t.Errorf("found %+v", f)
	}
	if w := f.Welcome; w.MaxPacket != 5000 || w.ReceiveMaximum != 7 || w.SessionPresent || w.SessionExpiry == 0 || !w.RetainAvailable || !w.Wildcards || w.MaxQoS != 2 {
		t.Errorf("the broker says %+v", w)
	}
	old := plain(t, open)
	old.Version = "3.1.1"
	if f, err := outside.Probe(t.Context(), old, "posture/doctor"); err != nil || f.Version != "3.1.1" || f.Subscribe != nil || f.Publish != nil {
		t.Errorf("by 3.1.1: %+v, %v", f, err)
	}
}

func TestProbeSeesMissingRights(t *testing.T) {
	locked := mosquitto.ForTest(t, mosquitto.Options{Settings: lockedUp(t)})
	o := outside.Options{Broker: broker(t, "mqtt://hub@"+locked.Address(), dial.TLS{}), Password: "right"}
	f, err := outside.Probe(t.Context(), o, "posture/doctor")
	if err != nil || f.Subscribe == nil || f.Publish == nil || !strings.Contains(f.Publish.Error(), "does not let user \"hub\" publish") {
		t.Errorf("found %+v, %v", f, err)
	}
	o.Password = "wrong"
	if _, err := outside.Probe(t.Context(), o, "posture/doctor"); err == nil || !strings.Contains(err.Error(), "does not accept user") {
		t.Errorf("a wrong password: %v", err)
	}
}
