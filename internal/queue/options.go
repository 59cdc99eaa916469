package queue

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Sync says when what is written is forced to the disk.
type Sync string

// SyncAlways forces every write to the disk before it is confirmed. SyncInterval hands it to the operating system
// before it is confirmed (so the death of the process loses nothing) and forces it every few seconds (so a power cut may
// lose those).
const (
	SyncAlways   Sync = "always"
	SyncInterval Sync = "interval"
)

// Sizes and times that are no options.
const (
	largestPicture   = 31 << 20        // bytes; JetStream takes records above 32 MiB for damage when it reads its files
	payloadAllowance = 64 << 10        // bytes of a message beside its picture: headers, or a result's numbers
	keptOfOversized  = 64 << 10        // bytes kept of a payload that is too large to be kept whole
	diskShare        = 0.8             // of the free disk, the default of MaxQueueBytes
	syncInterval     = 5 * time.Second // between two syncs with SyncInterval
	dupWindow        = 24 * time.Hour  // how long a message sent again is recognised
)

// commitTimeout is the time for one write; a slow SD card may stall for many seconds.
var commitTimeout = 30 * time.Second

// Options say where a Hub keeps its streams and how it behaves; the zero value of each field but Dir is its default.
type Options struct {
	Dir             string        // the folder of the streams, made when missing; one process at a time
	Sync            Sync          // SyncAlways
	MaxQueueBytes   int64         // of pictures that wait; 80 % of the free disk
	MaxPicture      int64         // largest picture in bytes; 8 MiB
	JournalAge      time.Duration // how long the journal is kept; 30 days
	Lease           time.Duration // a claim's lease between two heartbeats; 15 s
	AnalysisTimeout time.Duration // from claim to result, after which a claim counts as hung; 30 s
	MaxBlame        int           // failed attempts after which a capture is a dead letter; 5
	KeepLimits      bool          // streams that are there keep their size and age, whatever is said above

	Outside  *Outside // a NATS that runs elsewhere, instead of the embedded server; Dir then holds claims in hand only
	Listener Listener // for workers on other machines; none

	// OnHung is called, in a goroutine of its own, when a claim was neither settled nor handed in within
	// AnalysisTimeout and its heartbeats have therefore stopped. The process should end: the analysis that hangs can't
	// be stopped otherwise.
	OnHung func(captureID string)

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// withDefaults fills what is zero and refuses what can't be.
func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("queue: no folder given")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return o, fmt.Errorf("queue folder: %w", err)
	}
	o.Dir = dir
	orDefault(&o.Sync, SyncAlways)
	orDefault(&o.MaxPicture, 8<<20)
	orDefault(&o.JournalAge, 30*24*time.Hour)
	orDefault(&o.Lease, 15*time.Second)
	orDefault(&o.AnalysisTimeout, 30*time.Second)
	orDefault(&o.MaxBlame, 5)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Outside != nil {
		outside := *o.Outside // its replicas are decided later
		o.Outside = &outside
	}
	if o.OnHung == nil {
		o.OnHung = func(string) {}
	}
	if err := o.validate(); err != nil {
		return o, misuse{err}
	}
	return o, nil
}

// names are those of the installation.
func (o Options) names() names { return namesOn(o.Outside) }

func (o Options) validate() error {
	if err := o.names().validate(); err != nil {
		return err
	}
	if o.Outside != nil {
		if err := o.Outside.validate(); err != nil {
			return err
		}
	}
	switch {
	case o.Outside != nil && o.Listener.Address != "":
		return errors.New("queue: workers join the NATS outside, not this hub: no listener is needed beside it")
	case o.Outside != nil && (o.Outside.Replicas < 0 || o.Outside.Replicas > 5):
		return fmt.Errorf("queue: %d replicas of each stream; it can be 1 to 5", o.Outside.Replicas)
	case o.Sync != SyncAlways && o.Sync != SyncInterval:
		return fmt.Errorf("queue: sync is %q; it can be %q or %q", o.Sync, SyncAlways, SyncInterval)
	case o.MaxPicture < 0 || o.MaxPicture > largestPicture:
		return fmt.Errorf("queue: largest picture is %d bytes; it can be 1 byte to %d MiB", o.MaxPicture, largestPicture>>20)
	case o.MaxQueueBytes < 0:
		return fmt.Errorf("queue: size limit is %d bytes", o.MaxQueueBytes)
	case o.JournalAge < dupWindow:
		return fmt.Errorf("queue: the journal's age is %s; it must be %s at least, to recognise what is sent again", o.JournalAge, dupWindow)
	case o.Lease < 100*time.Millisecond || o.AnalysisTimeout < 0 || o.MaxBlame < 1:
		return fmt.Errorf("queue: lease %s, analysis time-out %s, blame %d: not all of these can be", o.Lease, o.AnalysisTimeout, o.MaxBlame)
	}
	return nil
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
