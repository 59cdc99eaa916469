// Package cli is where the parts meet: one file a subcommand, and the builders that all roles share. Only here is
// configuration seen, and only here are sibling packages introduced to each other.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"plumbline/internal/cluster/image"
	"plumbline/internal/config"
)

// Process is what the outside gives: arguments and the three streams.
type Process struct {
	Name           string // how the program was called, for hints that people copy; empty: plumbline
	Args           []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string
}

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // the command could not do its work, or a picture was refused
	exitMisused = 2 // the command line or configuration is wrong
)

// grammar is the command line.
type grammar struct {
	Config  configPath  `help:"Configuration file (YAML; keys are the names of the flags)." placeholder:"FILE" env:"PLUMBLINE_CONFIG"`
	Release versionFlag `name:"version" help:"Print the version." env:"-"`

	Serve    serveCommand    `cmd:"" help:"Run the hub: MQTT broker, queue, workers, recorder and page in one process."`
	Work     workCommand     `cmd:"" help:"Analyse the pictures of a hub that runs elsewhere."`
	Control  controlCommand  `cmd:"" help:"In a Kubernetes cluster: tell KEDA how many workers to start, and give them their nodes."`
	Export   exportCommand   `cmd:"" help:"Show this node's GPU load as Prometheus metrics."`
	Analyze  analyzeCommand  `cmd:"" help:"Analyse pictures from disk."`
	Send     sendCommand     `cmd:"" help:"Publish pictures over MQTT, as a device would."`
	Demo     demoCommand     `cmd:"" set:"data_folder=./plumbline-demo" set:"images_folder=" set:"images_shown=DATA/analyzed_images" help:"Run a hub with a few simulated devices, to see it work without a camera."` //nolint:staticcheck // SA5008: kong takes several of set
	Dead     deadCommand     `cmd:"" help:"Look at pictures that ended as dead letters: list, show, replay, drop."`
	Ledger   ledgerCommand   `cmd:"" help:"Prove that nothing is missing: compare what was accepted with queue, rows and dead letters."`
	Patch    patchCommand    `cmd:"" help:"Write a ScaledJob's manifest with its pods on one node."`
	Ready    readyCommand    `cmd:"" help:"Ask a running process whether it is ready, as a health check."`
	Doctor   doctorCommand   `cmd:"" help:"Look whether the settings can work: folder, disk, model, database, listeners, broker; or whether a cluster is fit (--cluster)."`
	Simulate simulateCommand `cmd:"" set:"slots=4" help:"Compare policies of placement offline: which node takes a worker, on imagined or recorded GPU load."`
	Users    usersCommand    `cmd:"" help:"Manage who may use the MQTT broker: add, list, remove."`
	Image    imageCommand    `cmd:"" help:"Build the container image for a cluster, without Docker: --output FILE or --push REF."`
	Deploy   deployCommand   `cmd:"" help:"Bring hub, controller, exporter and workers into a Kubernetes cluster, and watch them; or print what would run there (--dry-run)."`
	Stop     stopCommand     `cmd:"" help:"Take back what deploy made in a cluster; the hub's volume stays."`
	Licenses licensesCommand `cmd:"" help:"Print the licences of Plumbline and of all that travels inside it."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// exit is an error that carries its exit code; its message may be empty when all has been said.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// misused marks an error of the command line or configuration.
func misused(err error) error { return &exit{exitMisused, err} }

// garbagePercent is how much garbage may gather, in per cent of what lives. Pictures are large and die young: a third of
// Go's usual 100 saves tens of megabytes and costs next to nothing. GOGC overrules it.
const garbagePercent = 33

// Main runs one command and gives its exit code.
func Main(ctx context.Context, p Process) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	forgetEmptySettings()
	err := run(ctx, p)
	if err == nil {
		return exitOK
	}
	var coded *exit
	if !errors.As(err, &coded) {
		coded = &exit{codeOf(err), err}
	}
	if message := coded.Error(); message != "" {
		fmt.Fprintln(p.Stderr, "plumbline:", message)
	}
	return coded.code
}

// codeOf is the exit code of an error that carries none. What was set wrong is often noticed deep inside only; such an error has
// a method that tells so.
func codeOf(err error) int {
	var m interface{ Misused() bool }
	if errors.As(err, &m) && m.Misused() {
		return exitMisused
	}
	return exitFailed
}

// forgetEmptySettings makes an empty PLUMBLINE_… in the environment the same as none, as whoever writes NAME=${NAME:-} into a
// compose file means it; an empty path would be taken for the working folder.
func forgetEmptySettings() {
	for name, value := range environment() {
		if value == "" && strings.HasPrefix(name, "PLUMBLINE_") {
			_ = os.Unsetenv(name) // fails for no name that the environment holds
		}
	}
}

// helped ends the parser when it has printed its help.
type helped struct{ code int }

func run(ctx context.Context, p Process) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helped:
			err = nil
			if r.code != 0 {
				err = &exit{code: exitMisused}
			}
		default:
			panic(r)
		}
	}()
	var g grammar
	parser, err := newParser(ctx, &g, &p)
	if err != nil {
		return fmt.Errorf("building the command line: %w", err)
	}
	args := p.Args
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		return misused(fmt.Errorf("%w (see %s)", ofTheOther(args, err), p.hint(helpOf(args, err))))
	}
	if err := refuseSecrets(command); err != nil {
		return misused(err)
	}
	return command.Run()
}

// newParser reads command lines into g.
func newParser(ctx context.Context, g *grammar, p *Process) (*kong.Kong, error) {
	return newParserWith(ctx, g, p, &configFile{})
}

func newParserWith(ctx context.Context, g *grammar, p *Process, file *configFile) (*kong.Kong, error) {
	g.Doctor.take(p.Args)
	return kong.New(g,
		kong.Name("plumbline"),
		kong.Description("Measures how people sit and stand: pictures in over MQTT, posture rows out.\n\nStart with: plumbline demo"),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, NoExpandSubcommands: true}),
		kong.DefaultEnvars("PLUMBLINE"), kong.Vars{"slots": "1", "image_base": image.DefaultBase, "usual_storage": config.UsualStorage, "data_folder": "./plumbline-data", "images_folder": "./analyzed_images", "images_shown": `"./analyzed_images"`},
		kong.Writers(p.Stdout, p.Stderr), kong.Exit(func(code int) { panic(helped{code}) }),
		kong.PostBuild(hideUnheeded), kong.Bind(file, p), kong.BindTo(ctx, (*context.Context)(nil)),
	)
}

// newLog makes the logger of a role.
func newLog(p *Process, c config.Logging) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(p.Stderr, options))
}

// versionFlag is the version command for whoever expects a flag.
type versionFlag bool

// BeforeReset comes before anything else is looked at.
func (versionFlag) BeforeReset(app *kong.Kong, p *Process) error {
	err := versionCommand{}.Run(p)
	app.Exit(exitOK)
	return err
}

// Unstamped is the version in what the build has set, which may be the version alone.
func Unstamped(stamp string) string {
	if _, version, ok := strings.Cut(strings.TrimSuffix(stamp, "]"), ":"); ok {
		return version
	}
	return stamp
}

type versionCommand struct{}

func (versionCommand) Run(p *Process) error {
	fmt.Fprintln(p.Stdout, "plumbline", p.Version)
	return nil
}
