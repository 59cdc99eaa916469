package config

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Analysis says how pictures are analysed, by the hub's own workers and by those elsewhere.
type Analysis struct {
	Inference `embed:"" group:"Inference"`
	Limits    `embed:"" group:"Limits"`
	Judging   `embed:"" group:"Judgement"`

	Workers         int           `help:"Inference sessions, one thread each (default: one a core; 0: none)." default:"-1" placeholder:"N" group:"Inference"`
	AnalysisTimeout time.Duration `help:"An analysis that takes longer counts as hung: the process ends so that the picture goes elsewhere." default:"30s" group:"Inference"`
	Pictures        string        `help:"Pictures to keep: ${enum}. Skeleton draws the figure on a blank ground, for privacy." enum:"annotated,skeleton,none" default:"annotated" group:"Results"`
	StopGrace       time.Duration `help:"How long pictures in hand may take at the end." default:"10s" group:"Queue"`
	Node            string        `help:"Where this process runs, as the rows' column processed_by says it (default: the host's name; in Kubernetes that is the pod's, and the node's is wanted)." placeholder:"NAME" group:"Results"`
}

// maxNode is more than the name of a Kubernetes node may have.
const maxNode = 255

// Validate refuses what cannot be honoured.
func (a *Analysis) Validate() error {
	if err := a.Inference.Validate(); err != nil {
		return err
	}
	if a.Workers < -1 {
		return fmt.Errorf("--workers is %d: give 0 (none) or more", a.Workers)
	}
	if a.MaxPictureBytes < 1<<10 || a.MaxPictureBytes > 31<<20 {
		return fmt.Errorf("--max-picture-bytes is %s: give 1KiB to 31MiB", a.MaxPictureBytes)
	}
	if a.MaxPixels < 1 {
		return fmt.Errorf("--max-pixels is %d: give at least 1", a.MaxPixels)
	}
	if a.AnalysisTimeout < time.Second {
		return fmt.Errorf("--analysis-timeout is %s: give at least 1s", a.AnalysisTimeout)
	}
	return validateName("--node", a.Node)
}

func validateName(flag, name string) error {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if !utf8.ValidString(name) || len(name) > maxNode || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("%s is %.60q: give a name of at most %d bytes on one line", flag, name, maxNode)
	}
	return nil
}

// Joining says how workers on other machines join a hub directly.
type Joining struct {
	ListenNATS    string   `name:"listen-nats" help:"Address on which workers of other machines join this hub (plumbline work), such as 0.0.0.0:4222. TLS, and the token of --nats-token-file." placeholder:"ADDR"`
	NATSTokenFile string   `name:"nats-token-file" help:"File with the token that joining workers present; made when missing (default: nats-token in the data folder)." placeholder:"FILE" type:"path"`
	NATSAuthority string   `name:"nats-authority" help:"Folder with ca.pem and ca.key, the certificate authority of that listener; made when missing (default: in the data folder)." placeholder:"DIR" type:"path"`
	NATSHost      []string `name:"nats-host" help:"Further names and addresses that workers call this machine by." placeholder:"HOST"`
}

// Validate refuses settings of a listener that is not there.
func (j *Joining) Validate() error {
	if j.ListenNATS == "" && (j.NATSTokenFile != "" || j.NATSAuthority != "" || len(j.NATSHost) > 0) {
		return errors.New("--nats-token-file, --nats-authority and --nats-host are of the listener for workers, which --listen-nats switches on")
	}
	return nil
}

func (n *NATSServer) identified() bool {
	return n.NATSCreds != "" || n.NATSUser != "" || n.NATSPasswordFile != "" || n.NATSAuthToken != "" || n.NATSCA != "" || n.NATSCert != "" || n.NATSKey != ""
}

// Work is the configuration of a worker in a process of its own.
type Work struct {
	Analysis `embed:""`
	Logging  `embed:"" group:"Logging"`

	NATSServer    `embed:"" group:"Hub"`
	NATSTokenFile string        `name:"nats-token-file" help:"Copy of the token file that the hub made, to join it by its --listen-nats." placeholder:"FILE" type:"path" group:"Hub"`
	Name          string        `help:"What the hub knows this worker by, in its list of workers and to ask it to leave (default: the host's name, which in Kubernetes is the pod's)." placeholder:"NAME" group:"Hub"`
	HubTimeout    time.Duration `help:"How long to wait for a hub that is away, at the start and later; results are held meanwhile." default:"5m" group:"Hub"`
	ExitWhenIdle  time.Duration `help:"End when nothing could be claimed for this long (0: never)." default:"0s" placeholder:"DURATION" group:"Hub"`

	HTTPListen    string `name:"http-listen" help:"Address of /metrics, /healthz and /readyz (default: none)." placeholder:"ADDR" group:"Listeners"`
	HTTPTokenFile string `name:"http-token-file" help:"File with the token that HTTP clients must present for /metrics; needed beyond loopback." placeholder:"FILE" type:"path" group:"Listeners"`
	HTTPAnonymous bool   `name:"http-anonymous" help:"Let anyone who reaches the HTTP address read the metrics." group:"Listeners"`
}

// Validate refuses combinations that cannot be honoured.
func (w *Work) Validate() error {
	if err := w.Analysis.Validate(); err != nil {
		return err
	}
	switch {
	case w.Workers == 0:
		return errors.New("--workers is 0: a worker without inference sessions does nothing")
	case len(w.NATS) == 0:
		return errors.New("--nats is missing: where does the hub listen for workers, or which NATS does it use?")
	case w.NATSTokenFile != "" && len(w.NATS) > 1:
		return errors.New("--nats-token-file is of one hub's listener: give one address")
	case w.NATSTokenFile != "" && w.NATSServer.identified():
		return errors.New("--nats-token-file is all that a hub's listener asks for; --nats-creds, --nats-user, --nats-auth-token-file, --nats-ca and --nats-cert are for a NATS outside")
	case w.HubTimeout < 0 || w.ExitWhenIdle < 0:
		return errors.New("--hub-timeout and --exit-when-idle are durations such as 5m and 10s")
	case w.HTTPListen == "" && (w.HTTPTokenFile != "" || w.HTTPAnonymous):
		return errors.New("--http-token-file and --http-anonymous need --http-listen")
	}
	return validateName("--name", w.Name)
}
