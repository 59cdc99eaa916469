package broker_test

import (
	"path/filepath"
	"strings"
	"testing"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/mqtt/users"
)

// people are accounts and their passwords.
type people struct {
	*users.File
	passwords map[string]string
}

func accounts(t *testing.T) people {
	t.Helper()
	f, err := users.Open(filepath.Join(t.TempDir(), "users.json"), users.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := people{f, map[string]string{}}
	for _, a := range []mqtt.Account{{Name: "pi1", Role: mqtt.RoleDevice}, {Name: "pi2", Role: mqtt.RoleDevice}, {Name: "nurse", Role: mqtt.RoleViewer}} {
		if p.passwords[a.Name], err = f.AddGenerated(a); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// as is a login by an account; by nobody when it is empty.
func (p people) as(user string) login {
	return login{id: user + "-client", user: user, password: p.passwords[user]}
}

func TestListeningElsewhereWithAccounts(t *testing.T) {
	if err := (broker.Options{Listen: "0.0.0.0:1883", Users: accounts(t)}).Validate(); err != nil {
		t.Error(err)
	}
	none, err := users.Open(filepath.Join(t.TempDir(), "users.json"), users.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := (broker.Options{Listen: "0.0.0.0:1883", Users: none}).Validate(); err == nil {
		t.Error("an empty accounts file is enough to listen everywhere")
	}
}

func TestLogin(t *testing.T) {
	p := accounts(t)
	b := start(t, broker.Options{Handle: newInbox().handle, Users: p})
	for name, c := range map[string]struct {
		login login
		code  byte // of CONNACK in MQTT 3.1.1
	}{
		"right":                  {p.as("pi1"), 0},
		"wrong password":         {login{id: "x", user: "pi1", password: "another password"}, 5},
		"unknown":                {login{id: "x", user: "pi9", password: p.passwords["pi1"]}, 5},
		"no account on loopback": {login{id: "x"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := dial(t, b, mqtt3)
			w.login(c.login)
			if p := w.read(); p.kind != connack || p.body[1] != c.code {
				t.Errorf("got packet %d % x, want CONNACK %d", p.kind, p.body, c.code)
			}
		})
	}
}

func TestRights(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b := start(t, broker.Options{Handle: in.handle, Users: p})
	for name, c := range map[string]struct {
		user  string
		topic string
		want  bool
	}{
		"device, its own topic":       {"pi1", "images/pi1", true},
		"device, another's topic":     {"pi1", "images/pi2", false},
		"device, below its own topic": {"pi1", "images/pi1/x", false},
		"device, results":             {"pi1", "posture/pi1", false},
		"viewer, pictures":            {"nurse", "images/nurse", false},
		"viewer, results":             {"nurse", "posture/pi1", false},
		"anonymous, pictures":         {"", "images/pi7", true},
		"anonymous, below":            {"", "images/hall/pi7", true},
		"anonymous, results":          {"", "posture/pi1", false},
		"anonymous, elsewhere":        {"", "other", false},
		"anonymous, imagesque":        {"", "imagesque/pi1", false},
	} {
		t.Run("publish: "+name, func(t *testing.T) {
			w := connect(t, b, mqtt5, p.as(c.user))
			before := in.count()
			w.publish(retain, 1, c.topic, 3, []byte("x"))
			reason := w.expectAck(puback, 3)
			if c.want != (reason == 0) || (!c.want && reason != 0x87) {
				t.Errorf("reason %#x", reason)
			}
			if handed := in.count() - before; (handed == 1) != c.want {
				t.Errorf("%d messages handed over", handed)
			}
		})
	}
	for name, c := range map[string]struct {
		user   string
		filter string
		want   bool
	}{
		"device, its own results":  {"pi1", "posture/pi1", true},
		"device, another's":        {"pi1", "posture/pi2", false},
		"device, everybody's":      {"pi1", "posture/#", false},
		"device, wildcard":         {"pi1", "posture/+", false},
		"device, everything":       {"pi1", "#", false},
		"device, its own pictures": {"pi1", "images/pi1", false},
		"device, shared":           {"pi1", "$share/g/posture/pi2", false},
		"viewer, everybody's":      {"nurse", "posture/#", true},
		"viewer, everything":       {"nurse", "#", true},
		"viewer, pictures":         {"nurse", "images/#", false},
		"viewer, shared pictures":  {"nurse", "$share/g/images/#", false},
		"anonymous, everybody's":   {"", "posture/#", true},
		"anonymous, pictures":      {"", "images/#", false},
		"anonymous, the broker":    {"", "$SYS/#", false},
		"anonymous, postureless":   {"", "posturex/#", false},
	} {
		t.Run("subscribe: "+name, func(t *testing.T) {
			if got := connect(t, b, mqtt5, p.as(c.user)).subscribe(c.filter); got != c.want {
				t.Errorf("granted: %v", got)
			}
		})
	}
}

func TestSubscriberToEverythingReceivesResultsOnly(t *testing.T) {
	in := newInbox()
	b := start(t, broker.Options{Handle: in.handle})
	reader := connect(t, b, mqtt3, login{id: "reader"})
	if !reader.subscribe("#") {
		t.Fatal("refused")
	}
	sender := connect(t, b, mqtt3, login{id: "sender", will: "posture/pi1"})
	sender.publish(0, 1, "images/pi1", 1, []byte("picture"))
	sender.expectAck(puback, 1)
	_ = sender.net.Close() // without DISCONNECT, so that a will would be published
	connect(t, b, mqtt3, login{id: "sender"}).ping()
	if err := b.Publish("posture/pi1", []byte("result"), true, 0); err != nil {
		t.Fatal(err)
	}
	if p := reader.read(); p.kind != 3 || !strings.HasSuffix(string(p.body), "result") {
		t.Errorf("got packet %d %q", p.kind, p.body)
	}
}

func TestAccountThatWasRemovedLosesItsRights(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b := start(t, broker.Options{Handle: in.handle, Users: p})
	w := connect(t, b, mqtt5, p.as("pi1"))
	w.publish(0, 1, "images/pi1", 1, []byte("x"))
	w.expectAck(puback, 1)
	if err := p.Remove("pi1"); err != nil {
		t.Fatal(err)
	}
	w.publish(0, 1, "images/pi1", 2, []byte("x"))
	if reason := w.expectAck(puback, 2); reason != 0x87 {
		t.Errorf("reason %#x, want 0x87 (not authorised)", reason)
	}
}

// Client identifiers are chosen by clients. Another account's session must not be had by choosing its identifier.
func TestClientIdentifiersOfAccountsDoNotCollide(t *testing.T) {
	in, p := newInbox(), accounts(t)
	b := start(t, broker.Options{Handle: in.handle, Users: p})
	one := connect(t, b, mqtt3, login{id: "same", user: "pi1", password: p.passwords["pi1"], keep: true})
	two := connect(t, b, mqtt3, login{id: "same", user: "pi2", password: p.passwords["pi2"], keep: true})
	one.ping()
	two.ping()
	two.publish(0, 1, "images/pi2", 1, []byte("x"))
	two.expectAck(puback, 1)
	if m := in.next(t); m.Client != "same" || m.User != "pi2" {
		t.Errorf("got %+v", m)
	}
}

// An MQTT 3.1.1 client cannot be told why; its connection is closed (3.3.5).
func TestForbiddenTopicInMQTT3(t *testing.T) {
	in := newInbox()
	b := start(t, broker.Options{Handle: in.handle})
	w := connect(t, b, mqtt3, login{id: "pi"})
	w.publish(0, 1, "elsewhere", 1, []byte("x"))
	w.expectClosed()
	if in.count() != 0 {
		t.Error("it was handed over")
	}
}

func TestTopicOfAPatternWithMoreLevels(t *testing.T) {
	pictures, err := mqtt.ParsePattern("site/+/camera/+")
	if err != nil {
		t.Fatal(err)
	}
	p := accounts(t)
	b := start(t, broker.Options{Handle: newInbox().handle, Users: p, Pictures: pictures})
	w := connect(t, b, mqtt5, p.as("pi1"))
	for topic, want := range map[string]byte{"site/north/camera/pi1": 0, "site/north/camera/pi2": 0x87, "site/camera/pi1": 0x87, "images/pi1": 0x87} {
		w.publish(0, 1, topic, 1, []byte("x"))
		if reason := w.expectAck(puback, 1); reason != want {
			t.Errorf("%s: reason %#x, want %#x", topic, reason, want)
		}
	}
}
