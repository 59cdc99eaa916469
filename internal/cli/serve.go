package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"plumbline/internal/album"
	"plumbline/internal/config"
	"plumbline/internal/datadir"
	"plumbline/internal/mqtt/announce"
	"plumbline/internal/posture"
	"plumbline/internal/queue"
	"plumbline/internal/record"
	"plumbline/internal/store"
	"plumbline/internal/web"
)

type serveCommand struct {
	config.Serve `embed:""`
}

// Help shows examples.
func (serveCommand) Help() string {
	return `Every flag is also a setting of the configuration file and an environment variable (PLUMBLINE_ and the flag's name).

Examples:
  plumbline serve
  plumbline serve --mqtt-listen 0.0.0.0:1883      # after: plumbline users add pi1
  DATABASE_URL=postgres://… plumbline serve --model lite --workers 4
  plumbline serve --mqtt-url mqtt://plumbline@broker.local --mqtt-password-file secret
  mosquitto_pub -q 1 -t images/pi1 -f photo.jpg   # then look at http://127.0.0.1:8080`
}

func (c *serveCommand) Run(ctx context.Context, p *Process, file *configFile) error {
	return serve(ctx, p, &c.Serve, file, func(*hub) error { return nil })
}

// hub is the all-in-one role.
//
//	device --MQTT--> broker --> ingest --> queue --> line x N --> queue --> recorder --> album, store
//	                   ^                  (captures)           (results)       |
//	                   +---------- announce: posture/<device> <---------------+---> web: page, events
type hub struct {
	config   *config.Serve
	log      *slog.Logger
	registry *prometheus.Registry
	stages   stages

	folder    *datadir.Folder
	store     *store.Store
	queue     *queue.Hub
	album     *album.Album
	recorder  *record.Recorder
	announcer *announce.Announcer
	broker    brokers
	web       *web.Server
	httpAddr  string
}

// serve runs a hub until ctx ends; ready is called once it takes pictures.
func serve(ctx context.Context, p *Process, c *config.Serve, file *configFile, ready func(*hub) error) error {
	if err := c.Validate(); err != nil {
		return misused(err)
	}
	if _, err := outsideOptions(&c.OutsideBroker); err != nil {
		return misused(err)
	}
	judge, err := judge(c.Judging, file, c.Model)
	if err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	h := &hub{config: c, log: newLog(p, c.Logging), registry: prometheus.NewRegistry(), stages: stages{fail: fail}}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err = h.open(ctx, judge)
	if err == nil {
		h.welcome(p)
		if err = ready(h); err == nil {
			<-ctx.Done()
			h.log.Info("ending: pictures in hand are finished")
		}
	}
	stopped := h.stages.stop()
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return errors.Join(err, stopped)
}

// open starts the parts in the order of need: whoever takes something in starts after whoever carries it on, and so the
// broker comes last. They end in the reverse order: no new pictures, then the line finishes what it holds, then the
// recorder commits it, then the queue and the stores close.
func (h *hub) open(ctx context.Context, judge posture.Judge) error {
	for _, step := range []func(context.Context) error{
		h.openFolder, h.openStore, h.openAlbum, h.openQueue, h.newRecorder, h.openWeb, h.openMetrics, h.startRecorder, h.hearOthers, h.startRetention,
		func(ctx context.Context) error { return h.openLine(ctx, judge) },
		h.openBroker, h.announceHub,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (h *hub) part(name string) *slog.Logger { return h.log.With("component", name) }

func (h *hub) openFolder(context.Context) (err error) {
	if h.folder, err = datadir.Lock(h.config.Data.Data); err != nil {
		return err
	}
	h.stages.closing("data folder", h.folder.Close)
	return nil
}

// sweepEvery is how often pictures beyond their age or size are removed.
const sweepEvery = time.Minute

func (h *hub) openAlbum(context.Context) (err error) {
	h.album, err = album.Open(album.Options{
		Dir: h.config.ImagesDir, MaxAge: h.config.PicturesMaxAge.Duration(), MaxBytes: int64(h.config.PicturesMaxSize),
		Sync: h.config.Sync == string(queue.SyncAlways), Every: sweepEvery, Log: h.part("album"), Registerer: h.registry,
	})
	if err != nil {
		return fmt.Errorf("opening the folder of annotated pictures: %w", err)
	}
	h.stages.start("album", func(ctx context.Context) error { return errors.Join(h.album.Run(ctx), h.album.Close()) })
	return nil
}

func (h *hub) openQueue(ctx context.Context) (err error) {
	options := queueOptions(h.config, h.part("queue"), h.registry)
	if options.Outside, err = outsideNATS(&h.config.OutsideNATS, h.rowsAreOurs()); err != nil {
		return err
	}
	h.queue, err = queue.Open(ctx, options)
	if err != nil {
		return fmt.Errorf("opening the queue: %w", err)
	}
	h.stages.closing("queue", h.queue.Close)
	return nil
}

func queueOptions(c *config.Serve, log *slog.Logger, r prometheus.Registerer) queue.Options {
	return queue.Options{
		Dir: filepath.Join(c.Data.Data, "queue"), Sync: queue.Sync(c.Sync),
		MaxQueueBytes: int64(c.QueueMaxBytes), MaxPicture: int64(c.MaxPictureBytes),
		JournalAge: c.JournalAge.Duration(), AnalysisTimeout: c.AnalysisTimeout,
		OnHung: endHung(log), Listener: listener(c),
		Logger: log, Registerer: r,
	}
}

// listener is where workers elsewhere join; it is off unless asked for.
func listener(c *config.Serve) queue.Listener {
	file := c.NATSTokenFile
	if file == "" {
		file = filepath.Join(c.Data.Data, "nats-token")
	}
	return queue.Listener{Address: c.ListenNATS, TokenFile: file, Authority: c.NATSAuthority, Hosts: c.NATSHost}
}

// newRecorder makes the recorder, which works once what it tells of is there.
func (h *hub) newRecorder(context.Context) (err error) {
	h.announcer, err = announce.New(announce.Options{Broker: &h.broker, Landmarks: h.config.MQTTLandmarks, Registerer: h.registry})
	if err != nil {
		return err
	}
	h.recorder, err = record.New(record.Options{
		Rows: h.store, Pictures: h.album, Filename: album.Filename, EnsureJournaled: h.queue.EnsureJournaled,
		Listeners: []record.Listener{
			{Name: "page", Tell: func(_ context.Context, r posture.Result) { h.web.Publish(r) }},
			{Name: "announce", Tell: h.announce}, {Name: "hubs", Tell: h.share},
		},
		Log: h.part("recorder"), Registerer: h.registry,
	})
	return err
}

func (h *hub) startRecorder(context.Context) error {
	h.stages.start("recorder", h.runRecorder)
	return nil
}

// recorderGrace is how long results under way may take when the line has ended: it waited for its own already.
const recorderGrace = time.Second

// runRecorder records what workers hand in until ctx ends, and then what has arrived, for a moment only: with the database
// away it would wait for ever. What it could not record stays in the queue.
func (h *hub) runRecorder(ctx context.Context) error {
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(recorderGrace, stopWriting) })()
	ended := make(chan error, 1)
	go func() { ended <- h.recorder.Run(writing) }()
	err := h.queue.ServeResults(ctx, h.recorder.Record)
	stopWriting()
	return errors.Join(err, <-ended)
}

func (h *hub) openLine(_ context.Context, judge posture.Judge) error {
	if workers(h.config.Workers) == 0 {
		return nil
	}
	a := station{config: &h.config.Analysis, judge: judge, log: h.log, registry: h.registry}
	return a.start(&h.stages, func() (*queue.Worker, error) { return h.queue.NewWorker("local") })
}
