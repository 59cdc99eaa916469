package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"plumbline/internal/config"
)

type doctorCommand struct {
	Cluster bool `help:"Look at a Kubernetes cluster instead: whether plumbline deploy would work there, or why what it deployed does not. The flags are deploy's, then: doctor --cluster --help." env:"-"`
	JSON    bool `help:"Print what was found as JSON." name:"json" env:"-"`

	kong.Plugins // the flags of what is looked at: one of these
	here         config.Serve
	cluster      config.Preflight
}

// take chooses the flags, some of which have one name in both and mean one thing of a hub, another of a deployment.
func (c *doctorCommand) take(args []string) {
	c.Plugins = kong.Plugins{&c.here}
	if slices.Contains(args, clusterFlag) || slices.Contains(args, clusterFlag+"=true") {
		c.Plugins = kong.Plugins{&c.cluster}
	}
}

const clusterFlag = "--cluster"

// deploying is the group of deploy's flags that doctor takes without heeding them.
const deploying = "Deploying"

// hideUnheeded leaves flags out of doctor's help that it only takes so that a command line of deploy's can be copied.
func hideUnheeded(app *kong.Kong) error {
	for _, command := range app.Model.Children {
		if command.Name != "doctor" {
			continue
		}
		for _, flag := range command.Flags {
			if flag.Group != nil && flag.Group.Key == deploying {
				flag.Hidden = true
			}
		}
	}
	return nil
}

// ofTheOther tells those who forgot --cluster, or have one too many, whose flag it is that was not known.
func ofTheOther(args []string, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag ")
	if !unknown || !slices.Contains(args, "doctor") {
		return err
	}
	name, _, _ = strings.Cut(strings.TrimPrefix(name, "--"), ",")
	var other grammar
	switched := slices.DeleteFunc(slices.Clone(args), func(arg string) bool { return strings.HasPrefix(arg, clusterFlag) })
	what := "is of a hub, not of a cluster: leave --cluster out"
	if len(switched) == len(args) {
		switched, what = append(switched, clusterFlag), "is of a cluster: add --cluster"
	}
	parser, failed := newParser(context.Background(), &other, &Process{Args: switched, Stdout: io.Discard, Stderr: io.Discard})
	if failed != nil || !hasFlag(parser, "doctor", name) {
		return err
	}
	return fmt.Errorf("the flag --%s %s", name, what)
}

func hasFlag(app *kong.Kong, command, name string) bool {
	known := map[string]bool{}
	for _, c := range app.Model.Children {
		if c.Name == command {
			collectFlags(c, known)
		}
	}
	return known[name]
}

// Help says what is looked at.
func (doctorCommand) Help() string {
	return `Takes the settings of serve and looks whether they can work: data folder, free disk, model, database, listeners, and NATS
and MQTT broker outside where there are such. Nothing is changed, no table is made, and a hub that runs is not disturbed.

With --cluster it takes the flags of deploy instead, all of them, and looks at a Kubernetes cluster: versions, nodes, rights, KEDA,
storage, registry, Prometheus. A command line of deploy's can be copied; what is not said is taken as deploy's defaults are.

  ✓ is fine    ! is worth knowing    ✗ is wrong, and makes the exit code 1

Examples:
  plumbline doctor
  plumbline doctor --nats tls://nats.local --nats-creds plumbline.creds
  plumbline doctor --mqtt-url mqtts://plumbline@broker.local --mqtt-ca ca.crt --mqtt-password-file secret
  plumbline --config plumbline.yaml doctor --json
  plumbline doctor --cluster --prometheus http://prometheus.monitoring:9090 --image registry.example.org/plumbline:1`
}

// state is a finding's weight.
type state string

const (
	fine    state = "fine"
	warning state = "warning"
	wrong   state = "wrong"
)

var marks = map[state]string{fine: "✓", warning: "!", wrong: "✗"}

// finding is one thing that a check saw.
type finding struct {
	Check string   `json:"check"`
	State state    `json:"state"`
	Text  string   `json:"text"`
	List  []string `json:"list,omitempty"` // what the text counts
	Do    string   `json:"do,omitempty"`   // about it, where that is not plain
}

// examination is what checks write their findings to.
type examination struct {
	config   *config.Serve
	file     *configFile
	running  bool // a hub works on the data folder
	check    string
	findings []finding
	told     int // of the findings
}

func (e *examination) fine(format string, args ...any)    { e.add(fine, format, args...) }
func (e *examination) warning(format string, args ...any) { e.add(warning, format, args...) }
func (e *examination) wrong(format string, args ...any)   { e.add(wrong, format, args...) }

func (e *examination) add(s state, format string, args ...any) {
	e.findings = append(e.findings, finding{Check: e.check, State: s, Text: fmt.Sprintf(format, args...)})
}

// checks in the order in which a hub needs what they look at. Those of listeners need to know whether a hub runs.
var checks = []struct {
	name string
	look func(context.Context, *examination)
}{
	{"settings", lookAtSettings},
	{"data folder", lookAtFolder},
	{"disk", lookAtDisk},
	{"model", lookAtModel},
	{"database", lookAtDatabase},
	{"listeners", lookAtListeners},
	{"queue", lookAtNATS},
	{"broker", lookAtBroker},
}

// Validate looks at the settings that this run takes.
func (c *doctorCommand) Validate() error {
	if c.Cluster {
		return c.cluster.Deployment.Validate()
	}
	return c.here.Validate()
}

func (c *doctorCommand) Run(ctx context.Context, p *Process, file *configFile) error {
	var e *examination
	var err error
	if c.Cluster {
		e, err = lookAtCluster(ctx, p, &c.cluster)
	} else {
		e, err = c.lookHere(ctx, p, file)
	}
	if err != nil {
		return err
	}
	e.tell(p, c.JSON)
	if c.JSON {
		if err := e.print(p); err != nil {
			return err
		}
	}
	if e.sick() {
		return &exit{code: exitFailed}
	}
	return nil
}

// lookHere looks at what a hub needs on this machine, and tells as it goes.
func (c *doctorCommand) lookHere(ctx context.Context, p *Process, file *configFile) (*examination, error) {
	e := &examination{config: &c.here, file: file}
	for _, check := range checks {
		e.check = check.name
		check.look(ctx, e)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		e.tell(p, c.JSON)
	}
	return e, nil
}

// tell shows what was found since it was last called.
func (e *examination) tell(p *Process, quiet bool) {
	for ; !quiet && e.told < len(e.findings); e.told++ {
		e.findings[e.told].write(p.Stdout)
	}
}

func (f finding) write(to io.Writer) {
	colon := ""
	if len(f.List) > 0 {
		colon = ":"
	}
	const indent = "                 " // as far as the text, and two
	under := func(text string) string { return strings.ReplaceAll(text, "\n", "\n"+indent) }
	fmt.Fprintf(to, "%s %-11s  %s%s\n", marks[f.State], f.Check, under(f.Text), colon)
	for _, line := range f.List {
		fmt.Fprintf(to, "%s%s\n", indent, under(line))
	}
	if f.Do != "" {
		fmt.Fprintf(to, "%s→ %s\n", indent, f.Do)
	}
}

func (e *examination) sick() bool {
	for _, f := range e.findings {
		if f.State == wrong {
			return true
		}
	}
	return false
}

func (e *examination) print(p *Process) error {
	answer := struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}{!e.sick(), e.findings}
	encoder := json.NewEncoder(p.Stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(answer)
}
