// Package announce tells a result to whoever listens on MQTT: as JSON, on posture/<device>, retained. The newest capture's
// result of each device is the one that is kept, whatever order results come in. It keeps nothing across a restart; the
// latest results are announced again from the database then. It sends no picture.
package announce

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/mqtt"
	"plumbline/internal/posture"
)

// qos 1: a subscriber gets a result at least once; one that reads capture_id can tell a repetition.
const qos = 1

// publisher is a broker.
type publisher interface {
	Publish(topic string, payload []byte, retain bool, qos byte) error
}

// Options configure an Announcer. Broker is required.
type Options struct {
	Broker     publisher
	Results    mqtt.Results // mqtt.DefaultResults when empty
	Landmarks  bool         // tell the landmarks too, some two kilobytes a result
	Registerer prometheus.Registerer
}

// Announcer tells results. It may be used from many goroutines.
type Announcer struct {
	options   Options
	announced *prometheus.CounterVec

	mutex  sync.Mutex
	newest map[string]moment // by device
}

// moment orders a device's captures; the id decides between those of one instant.
type moment struct {
	at time.Time
	id string
}

func (m moment) before(other moment) bool {
	if !m.at.Equal(other.at) {
		return m.at.Before(other.at)
	}
	return m.id < other.id
}

// New checks the options.
func New(o Options) (*Announcer, error) {
	if o.Broker == nil {
		return nil, errors.New("announce: no broker to publish on")
	}
	if o.Results == "" {
		o.Results = mqtt.DefaultResults
	}
	a := &Announcer{options: o, newest: map[string]moment{}, announced: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "plumbline_announce_results_total", Help: "Results published on MQTT, by whether they became the retained one.",
	}, []string{"retained"})}
	for _, retained := range []bool{true, false} { // from 0, or the first would be no increase
		a.announced.WithLabelValues(fmt.Sprint(retained))
	}
	if o.Registerer == nil {
		return a, nil
	}
	if err := o.Registerer.Register(a.announced); err != nil {
		return nil, fmt.Errorf("registering the announcer's metrics: %w", err)
	}
	return a, nil
}

// Announce publishes a result: retained if its capture is the device's newest, else only for those who listen now.
func (a *Announcer) Announce(r posture.Result) error {
	payload, err := json.Marshal(a.message(r))
	if err != nil {
		return fmt.Errorf("announcing the result of capture %s: %w", r.CaptureID, err)
	}
	// One lock for the decision and the publication: else an older result could overtake a newer one in between.
	a.mutex.Lock()
	defer a.mutex.Unlock()
	this := moment{r.ReceivedAt, r.CaptureID}
	retain := !this.before(a.newest[r.Device])
	if err := a.options.Broker.Publish(a.options.Results.Topic(r.Device), payload, retain, qos); err != nil {
		return fmt.Errorf("announcing the result of capture %s: %w", r.CaptureID, err)
	}
	if retain {
		a.newest[r.Device] = this
	}
	a.announced.WithLabelValues(fmt.Sprint(retain)).Inc()
	return nil
}
