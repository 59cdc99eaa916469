package record

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/posture"
)

// Devices name themselves, so their number is not ours to choose: beyond maxDevices they are counted together, that nobody
// fills Prometheus with names.
const (
	maxDevices   = 1000
	otherDevices = "_other"
)

// angleAge is how old a picture may be for its angles to be shown: an old value must not pass for a live one. It is as long
// as Prometheus looks back.
const angleAge = 5 * time.Minute

// devices are the rows written, by device, and what the newest of them say.
type devices struct {
	results             *prometheus.CounterVec
	newest, neck, torso *prometheus.Desc

	mutex  sync.Mutex
	latest map[string]latest
}

type latest struct {
	received time.Time
	angles   *posture.Angles
}

func newDevices() *devices {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"device"}, nil)
	}
	return &devices{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_record_results_total",
			Help: "Rows written, by device and status."}, []string{"device", "status"}),
		newest: desc("plumbline_record_newest_picture_timestamp_seconds", "When the newest picture that has a row was received."),
		neck:   desc("plumbline_record_neck_angle_degrees", "Neck angle in the newest picture. Absent where it was not measured, and once the picture is five minutes old."),
		torso:  desc("plumbline_record_torso_angle_degrees", "Torso angle in the newest picture. Absent where it was not measured, and once the picture is five minutes old."),
		latest: map[string]latest{},
	}
}

// add counts a row that is new.
func (d *devices) add(r posture.Result) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	name := r.Device
	if _, known := d.latest[name]; !known && len(d.latest) >= maxDevices {
		d.results.WithLabelValues(otherDevices, string(r.Assessment.Status)).Inc()
		return
	}
	d.results.WithLabelValues(name, string(r.Assessment.Status)).Inc()
	if !r.ReceivedAt.Before(d.latest[name].received) {
		d.latest[name] = latest{r.ReceivedAt, r.Assessment.Angles}
	}
}

// Describe implements prometheus.Collector.
func (d *devices) Describe(out chan<- *prometheus.Desc) {
	d.results.Describe(out)
	for _, desc := range []*prometheus.Desc{d.newest, d.neck, d.torso} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (d *devices) Collect(out chan<- prometheus.Metric) {
	d.results.Collect(out)
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for device, l := range d.latest {
		send := func(desc *prometheus.Desc, value float64) {
			out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, device)
		}
		send(d.newest, float64(l.received.UnixMilli())/1000)
		if l.angles != nil && time.Since(l.received) < angleAge {
			send(d.neck, l.angles.Neck)
			send(d.torso, l.angles.Torso)
		}
	}
}
