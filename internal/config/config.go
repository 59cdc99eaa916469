// Package config is what can be set, for each role: one struct a role, made of defaults, then the configuration file, then
// the environment, then flags, and validated once. Only the wiring sees it; packages get plain values.
package config

import (
	"fmt"
	"strings"
	"time"
)

// Inference says how landmarks are found.
type Inference struct {
	Model              string `help:"Pose model: ${enum}. Heavy needs its file beside the binary." enum:"lite,full,heavy" default:"full"`
	Device             string `help:"Where the model runs: ${enum}. Auto takes a GPU when the ONNX Runtime library brings one." enum:"cpu,cuda,tensorrt,auto" default:"auto"`
	OnnxruntimeLibrary string `help:"ONNX Runtime library to load instead of the one inside, such as a CUDA build. On a CPU the networks do without." placeholder:"PATH" type:"path"`
	ModelsDir          string `help:"Folder with model and library files to use in place, instead of those inside the binary." placeholder:"DIR" type:"path"`
	CacheDir           string `help:"Folder for unpacked and optimised models (default: the user's cache folder)." placeholder:"DIR" type:"path"`
	Precision          int    `help:"Average N crops jittered around the person and report their spread: steadier angles, N times the landmark network's work." default:"1"`
}

// Limits bound what is taken for a picture.
type Limits struct {
	MaxPictureBytes Bytes `help:"Largest picture, encoded." default:"8MiB"`
	MaxPixels       int64 `help:"Largest picture, in pixels." default:"50000000"`
}

// Judging says how angles become a status.
type Judging struct {
	Profile string `help:"Thresholds: learnopencv (neck < 40°, torso < 10°), original (as the Python scripts), or one of your own from the configuration file." default:"learnopencv"`
	Side    string `help:"Side of the body to measure: ${enum}." enum:"auto,left,right" default:"auto"`
}

// Logging says what is told, and how.
type Logging struct {
	LogLevel  string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info"`
	LogFormat string `help:"Form of the log on standard error: ${enum}." enum:"text,json" default:"text"`
}

// QuietLogging is Logging for commands whose output people read in a terminal.
type QuietLogging struct {
	LogLevel  string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"warn"`
	LogFormat string `help:"Form of the log on standard error: ${enum}." enum:"text,json" default:"text"`
}

// Data says where a hub keeps its queue, journal and users.
type Data struct {
	Data string `help:"Folder of the queue, the journal, the users and, by default, the database." default:"${data_folder}" type:"path"`
}

// Serve is the hub's configuration.
type Serve struct {
	Data     `embed:""`
	Analysis `embed:""`
	Logging  `embed:"" group:"Logging"`
	Joining  `embed:"" group:"Workers elsewhere"`

	OutsideBroker `embed:"" group:"Broker outside"`
	OutsideNATS   `embed:"" group:"NATS outside"`

	MQTTListen    string `name:"mqtt-listen" help:"Address of the MQTT broker inside (default: 127.0.0.1:1883; with --mqtt-url none)." placeholder:"ADDRESS" group:"Listeners"`
	MQTTAnonymous bool   `name:"mqtt-anonymous" help:"Let anyone who reaches the broker publish. Without it, listening beyond loopback needs users (plumbline users add)." group:"Listeners"`
	MQTTTopic     string `name:"mqtt-topic" help:"Topics that pictures come on; the last level is the device." default:"images/+" group:"Listeners"`
	MQTTLandmarks bool   `name:"mqtt-landmarks" help:"Announce the 33 landmarks with each result, some two kilobytes more." group:"Listeners"`
	Broker        `embed:"" group:"Listeners"`
	HTTPListen    string   `name:"http-listen" help:"Address of the page, API and metrics." default:"127.0.0.1:8080" group:"Listeners"`
	HTTPTokenFile string   `name:"http-token-file" help:"File with the token that HTTP clients must present; needed beyond loopback." placeholder:"FILE" type:"path" group:"Listeners"`
	HTTPHosts     []string `name:"http-host" help:"Further host name that the page answers to on loopback, such as a reverse proxy's. May be repeated." placeholder:"NAME" group:"Listeners"`
	HTTPAnonymous bool     `name:"http-anonymous" help:"Let anyone who reaches the HTTP address look." group:"Listeners"`
	MetricsListen string   `name:"metrics-listen" help:"Address that shows /metrics, and nothing else, to anyone who reaches it, for a Prometheus without the token (default: none)." placeholder:"ADDR" group:"Listeners"`

	ImagesDir       string `name:"images-dir" help:"Folder of the annotated pictures." default:"${images_folder}" placeholder:"${images_shown}" type:"path" group:"Results"`
	PicturesMaxAge  Age    `help:"Remove annotated pictures older than this, such as 30d (0: never)." default:"0s" placeholder:"AGE" group:"Results"`
	PicturesMaxSize Bytes  `help:"Remove the oldest annotated pictures beyond this, such as 20GB (0: never). Looked after once a minute." default:"0" placeholder:"SIZE" group:"Results"`
	RowsMaxAge      Age    `help:"Remove rows of pictures received longer ago than this, such as 365d (0: never). Those of the Python scripts too." default:"0s" placeholder:"AGE" group:"Results"`
	DatabaseURL     string `name:"database-url" help:"PostgreSQL to write rows to, instead of SQLite in the data folder. SUPABASE_HOST, SUPABASE_DB, SUPABASE_USER, SUPABASE_PASSWORD, SUPABASE_PORT and SUPABASE_SSL do the same. Best set in the environment, where other users cannot read it." placeholder:"URL" env:"PLUMBLINE_DATABASE_URL,DATABASE_URL" group:"Results"`

	Sync          string `help:"When a received picture is on disk: always (before its acknowledgement) or interval (every few seconds; faster, a power cut loses those)." enum:"always,interval" default:"always" group:"Queue"`
	QueueMaxBytes Bytes  `help:"Largest backlog on disk; beyond it pictures are refused, not dropped (0: 80 % of the free disk)." default:"0" placeholder:"SIZE" group:"Queue"`
	JournalAge    Age    `help:"How long the journal of received pictures is kept." default:"30d" group:"Queue"`
}

// Validate refuses combinations that cannot be honoured.
func (s *Serve) Validate() error {
	if err := s.Analysis.Validate(); err != nil {
		return err
	}
	if err := s.Broker.Validate(); err != nil {
		return err
	}
	if err := s.Joining.Validate(); err != nil {
		return err
	}
	for _, host := range s.HTTPHosts {
		if host == "" || strings.ContainsAny(host, ":/ ") {
			return fmt.Errorf("--http-host %q: give a bare name, such as plumbline.example.lan, without scheme and port", host)
		}
	}
	if err := s.OutsideNATS.Validate(); err != nil {
		return err
	}
	if s.QueueMaxBytes > 0 && s.QueueMaxBytes < 4*s.MaxPictureBytes {
		return fmt.Errorf("--queue-max-bytes is %s: give at least four times --max-picture-bytes (%s)", s.QueueMaxBytes, 4*s.MaxPictureBytes)
	}
	if s.JournalAge.Duration() < 24*time.Hour {
		return fmt.Errorf("--journal-age is %s: give at least 1d, since pictures sent again are recognised for that long", s.JournalAge.Duration())
	}
	return nil
}

// maxPrecision bounds --precision: beyond it the spread of the crops no longer shrinks.
const maxPrecision = 25

// Validate refuses a number of crops that makes no sense.
func (i *Inference) Validate() error {
	if i.Precision < 1 || i.Precision > maxPrecision {
		return fmt.Errorf("--precision is %d: give 1 to %d crops", i.Precision, maxPrecision)
	}
	return nil
}
