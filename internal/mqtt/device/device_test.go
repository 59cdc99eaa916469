package device_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/broker"
	"plumbline/internal/mqtt/device"
	"plumbline/internal/mqtt/ingest"
	"plumbline/internal/mqtt/users"
)

// hub accepts messages as the real one does: a message with DUP that was accepted before is no new one.
type hub struct {
	mutex    sync.Mutex
	accepted map[string]int // by payload
	seen     map[string]bool
	handle   func(m mqtt.Message) error // asked first; nil accepts
}

func newHub() *hub { return &hub{accepted: map[string]int{}, seen: map[string]bool{}} }

func (h *hub) Handle(_ context.Context, m mqtt.Message) error {
	if h.handle != nil {
		if err := h.handle(m); err != nil {
			return err
		}
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	key := fmt.Sprint(m.Topic, m.PacketID, string(m.Payload))
	if m.DUP && h.seen[key] {
		return nil
	}
	h.seen[key] = true
	h.accepted[string(m.Payload)]++
	return nil
}

func (h *hub) eachOnce(t *testing.T, n int) {
	t.Helper()
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for i := range n {
		if got := h.accepted[string(picture(i).Bytes)]; got != 1 {
			t.Errorf("picture %d was accepted %d times", i, got)
		}
	}
	if len(h.accepted) != n {
		t.Errorf("%d different pictures were accepted, %d were sent", len(h.accepted), n)
	}
}

func start(t *testing.T, o broker.Options) *broker.Broker {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.CloseGrace == 0 {
		o.CloseGrace = 100 * time.Millisecond
	}
	b, err := broker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func picture(i int) device.Picture {
	return device.Picture{
		Name: fmt.Sprintf("desk-%d.jpg", i), TakenAt: time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC),
		Bytes: fmt.Appendf([]byte("\xff\xd8\xff"), "picture %d", i),
	}
}

func pictures(n int) iter.Seq2[device.Picture, error] {
	return func(yield func(device.Picture, error) bool) {
		for i := range n {
			if !yield(picture(i), nil) {
				return
			}
		}
	}
}

func send(t *testing.T, b *broker.Broker, o device.Options, p iter.Seq2[device.Picture, error]) (device.Progress, error) {
	t.Helper()
	if b != nil {
		o.URL = "mqtt://" + b.Addr()
	}
	if o.Device == "" {
		o.Device = "pi1"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return device.Send(ctx, o, p, nil)
}

func TestForms(t *testing.T) {
	for form, want := range map[device.Form]ingest.Form{device.Base64: ingest.FormBase64, device.Raw: ingest.FormRaw, device.Envelope: ingest.FormJSON} {
		t.Run(string(want), func(t *testing.T) {
			var got []ingest.Envelope
			b := start(t, broker.Options{Handle: func(_ context.Context, m mqtt.Message) error {
				if m.Topic != "images/pi1" || m.QoS != 1 {
					t.Errorf("got %+v", m)
				}
				e, err := ingest.Parse(m.Payload, 1000)
				got = append(got, e)
				return err
			}})
			if _, err := send(t, b, device.Options{Form: form}, pictures(3)); err != nil {
				t.Fatal(err)
			}
			for i, e := range got {
				p := picture(i)
				if string(e.Picture) != string(p.Bytes) || e.Form != want {
					t.Errorf("picture %d came as %q, form %s", i, e.Picture, e.Form)
				}
				if want == ingest.FormJSON && (e.Source != p.Name || !e.TakenAt.Equal(p.TakenAt)) {
					t.Errorf("picture %d: %q at %s", i, e.Source, e.TakenAt)
				}
			}
			if len(got) != 3 {
				t.Errorf("%d pictures came", len(got))
			}
		})
	}
}

func TestProgress(t *testing.T) {
	b := start(t, broker.Options{Handle: newHub().Handle})
	var names []string
	last, err := device.Send(t.Context(), device.Options{URL: b.Addr(), Device: "pi1", Window: 1}, pictures(3), func(p device.Progress) {
		if names = append(names, p.Name); p.Acknowledged != len(names) || p.Err != nil {
			t.Errorf("got %+v", p)
		}
	})
	if err != nil || last.Sent != 3 || last.Acknowledged != 3 || last.Refused != 0 || last.SentAgain != 0 {
		t.Errorf("%v, %+v", err, last)
	}
	if got := strings.Join(names, " "); got != "desk-0.jpg desk-1.jpg desk-2.jpg" {
		t.Errorf("told of %s", got)
	}
}

func TestWhatIsNotAcceptedIsSentAgain(t *testing.T) {
	const n = 40
	h := newHub()
	var calls int
	var mutex sync.Mutex
	h.handle = func(mqtt.Message) error {
		mutex.Lock()
		defer mutex.Unlock()
		if calls++; calls%7 == 0 {
			return errors.New("the disk is full")
		}
		return nil
	}
	b := start(t, broker.Options{Handle: h.Handle})
	total, err := send(t, b, device.Options{Form: device.Raw}, pictures(n))
	if err != nil || total.Acknowledged != n || total.SentAgain == 0 {
		t.Errorf("%v, %+v", err, total)
	}
	h.eachOnce(t, n)
}

// The broker forgets everything at a restart. A picture whose acknowledgement was lost with it is sent again as the same
// packet, so that it does not count twice.
func TestBrokerRestarts(t *testing.T) {
	for _, version := range []string{device.Version5, device.Version31} {
		t.Run(version, func(t *testing.T) { brokerRestarts(t, version) })
	}
}

func brokerRestarts(t *testing.T, version string) {
	const n = 30
	h := newHub()
	reached := make(chan struct{})
	var once sync.Once
	b := start(t, broker.Options{Handle: func(ctx context.Context, m mqtt.Message) error {
		if err := h.Handle(ctx, m); err != nil {
			return err
		}
		if strings.HasSuffix(string(m.Payload), "picture 10") {
			once.Do(func() { close(reached) })
			<-ctx.Done() // accepted, and never acknowledged
		}
		return nil
	}})
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		<-reached
		_ = b.Close()
		again, err := broker.Start(broker.Options{Listen: b.Addr(), Handle: h.Handle, CloseGrace: time.Millisecond})
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { _ = again.Close() })
	}()
	total, err := send(t, b, device.Options{Form: device.Raw, Version: version}, pictures(n))
	if err != nil || total.Acknowledged != n || total.SentAgain == 0 {
		t.Errorf("%v, %+v", err, total)
	}
	<-restarted
	h.eachOnce(t, n)
}

func TestErrorsThatEndIt(t *testing.T) {
	accounts, err := users.Open(filepath.Join(t.TempDir(), "users.json"), users.Options{})
	if err != nil {
		t.Fatal(err)
	}
	password, err := accounts.AddGenerated(mqtt.Account{Name: "pi2", Role: mqtt.RoleDevice})
	if err != nil {
		t.Fatal(err)
	}
	b := start(t, broker.Options{Handle: newHub().Handle, Users: accounts})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options device.Options
		want    string
	}{
		"wrong password":        {device.Options{URL: b.Addr(), Device: "pi2", Username: "pi2", Password: "guess"}, `does not accept user "pi2"`},
		"another's topic":       {device.Options{URL: b.Addr(), Device: "pi1", Username: "pi2", Password: password}, `does not let user "pi2" publish on images/pi1`},
		"no broker":             {device.Options{URL: "mqtt://" + nobody, Device: "pi1"}, "no MQTT broker listens on " + nobody},
		"no device":             {device.Options{URL: b.Addr()}, "name is empty"},
		"a device with a slash": {device.Options{URL: b.Addr(), Device: "a/b"}, "not possible in a name"},
		"another protocol":      {device.Options{URL: "http://localhost", Device: "pi1"}, "want mqtt://"},
		"no host":               {device.Options{URL: "mqtt://", Device: "pi1"}, "names no host"},
		"another version":       {device.Options{URL: b.Addr(), Device: "pi1", Version: "3.1"}, "3.1.1"},
		"wrong, by 3.1.1":       {device.Options{URL: b.Addr(), Device: "pi2", Username: "pi2", Password: "guess", Version: device.Version31}, `does not accept user "pi2"`},
		"negative rate":         {device.Options{URL: b.Addr(), Device: "pi1", Rate: -1}, "rate"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := device.Send(t.Context(), c.options, pictures(1), nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestPictureThatIsTooLargeIsSkipped(t *testing.T) {
	h := newHub()
	b := start(t, broker.Options{Handle: h.Handle, MaxPacketBytes: 1000})
	mixed := func(yield func(device.Picture, error) bool) {
		_ = yield(picture(0), nil) && yield(device.Picture{Name: "big.jpg", Bytes: make([]byte, 2000)}, nil) && yield(picture(1), nil)
	}
	var refused []string
	total, err := device.Send(t.Context(), device.Options{URL: b.Addr(), Device: "pi1", Form: device.Raw}, mixed, func(p device.Progress) {
		if p.Err != nil {
			refused = append(refused, p.Err.Error())
		}
	})
	if err != nil || total.Acknowledged != 2 || total.Refused != 1 {
		t.Errorf("%v, %+v", err, total)
	}
	if len(refused) != 1 || !strings.Contains(refused[0], "big.jpg is too large") {
		t.Errorf("refused: %q", refused)
	}
	h.eachOnce(t, 2)
}

func TestPatienceEnds(t *testing.T) {
	b := start(t, broker.Options{Handle: func(ctx context.Context, _ mqtt.Message) error {
		<-ctx.Done()
		return ctx.Err()
	}})
	total, err := send(t, b, device.Options{Patience: 100 * time.Millisecond}, pictures(3))
	if !errors.Is(err, device.ErrUnacknowledged) || total.Acknowledged != 0 {
		t.Errorf("%v, %+v", err, total)
	}
}

func TestCancel(t *testing.T) {
	begun := make(chan struct{}, 10)
	b := start(t, broker.Options{Handle: func(ctx context.Context, _ mqtt.Message) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	_, err := device.Send(ctx, device.Options{URL: b.Addr(), Device: "pi1"}, pictures(3), nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not acknowledged") {
		t.Errorf("got %v", err)
	}
}

func TestUnreadablePictureEndsSending(t *testing.T) {
	h := newHub()
	b := start(t, broker.Options{Handle: h.Handle})
	unreadable := errors.New("no such file")
	total, err := send(t, b, device.Options{Form: device.Raw}, func(yield func(device.Picture, error) bool) {
		_ = yield(picture(0), nil) && yield(device.Picture{}, unreadable)
	})
	if !errors.Is(err, unreadable) || total.Acknowledged != 1 {
		t.Errorf("%v, %+v", err, total)
	}
	h.eachOnce(t, 1)
}

func TestRate(t *testing.T) {
	b := start(t, broker.Options{Handle: newHub().Handle})
	begun := time.Now()
	if _, err := send(t, b, device.Options{Rate: 50}, pictures(11)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("11 pictures at 50 a second took %s", took)
	}
}

// From a device's memory to an accepted message and back, over loopback; the rest of the hub comes on top.
func BenchmarkSend100kB(b *testing.B) {
	broker, err := broker.Start(broker.Options{Listen: "127.0.0.1:0", Handle: func(context.Context, mqtt.Message) error { return nil }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = broker.Close() }()
	big := device.Picture{Bytes: make([]byte, 100_000)}
	b.SetBytes(100_000)
	b.ReportAllocs()
	b.ResetTimer()
	_, err = device.Send(b.Context(), device.Options{URL: broker.Addr(), Device: "pi1", Form: device.Raw}, func(yield func(device.Picture, error) bool) {
		for range b.N {
			if !yield(big, nil) {
				return
			}
		}
	}, nil)
	if err != nil {
		b.Fatal(err)
	}
}
