package outside

import (
	"fmt"
	"testing"
)

// drain takes all that can be told now.
func drain(o *outbox) (told []string) {
	for {
		r, ok := o.take()
		if !ok {
			return told
		}
		told = append(told, r.topic+" "+string(r.payload))
	}
}

func put(o *outbox, topic, payload string, retain bool) {
	o.put(&result{topic: topic, payload: []byte(payload), retain: retain})
}

// Over a connection that is too slow some results are left out, but never the newest retained one of a topic.
func TestSlowConnectionIsToldTheNewest(t *testing.T) {
	dropped := 0
	o := newOutbox(func() { dropped++ })
	o.reopen()
	for n := range maxWaiting + 100 {
		put(o, fmt.Sprintf("posture/%d", n%2), fmt.Sprint(n), true)
	}
	put(o, "posture/3", "not retained", false)
	told := drain(o)
	if len(told) != maxWaiting+2 || dropped != 101 {
		t.Errorf("%d told, %d dropped", len(told), dropped)
	}
	for n, want := range []string{fmt.Sprintf("posture/0 %d", maxWaiting+98), fmt.Sprintf("posture/1 %d", maxWaiting+99)} {
		if got := told[maxWaiting+n]; got != want {
			t.Errorf("told %q last, want %q", got, want)
		}
	}
	put(o, "posture/0", "next", true)
	if told := drain(o); len(told) != 1 || told[0] != "posture/0 next" {
		t.Errorf("then told %q", told)
	}
}

func TestAbsentBrokerIsToldTheNewestLater(t *testing.T) {
	dropped := 0
	o := newOutbox(func() { dropped++ })
	put(o, "posture/b", "1", true)
	put(o, "posture/a", "1", true)
	put(o, "posture/b", "2", true)
	put(o, "posture/b", "an older one", false)
	for range 2 { // on every connection again
		o.reopen()
		if told := drain(o); fmt.Sprint(told) != "[posture/a 1 posture/b 2]" {
			t.Errorf("told %q", told)
		}
		o.shut()
	}
	if dropped != 1 {
		t.Errorf("%d dropped", dropped)
	}
}
