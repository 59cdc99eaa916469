package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"plumbline/internal/cluster/hubapi"
	"plumbline/internal/cluster/prom"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
)

// rolesRefusal has every command line that pods are started with read as the pods will read it. What came by further arguments is
// told with them.
func rolesRefusal(lines [][]string, c *config.Deployment) (byArguments, others error) {
	further := map[string]struct {
		flag string
		args []string
	}{
		"serve": {"--hub-arg", c.HubArg}, "control": {"--control-arg", c.ControlArg}, "export": {"--export-arg", c.ExportArg}, "work": {"--worker-arg", c.WorkerArg},
	}
	for _, line := range lines {
		f, err := further[line[0]], understood(line)
		if err == nil {
			continue
		}
		err = fmt.Errorf("plumbline %s would not start: %w", line[0], err)
		if i := culprit(line, len(f.args)); i >= 0 {
			byArguments = errors.Join(byArguments, fmt.Errorf("%s=%s: %w", f.flag, withoutSecret(line[i]), err))
		} else {
			others = errors.Join(others, err)
		}
	}
	return byArguments, others
}

// culprit is the index of the further argument that brought the trouble: all that stands before it would do. -1: none of them.
func culprit(line []string, further int) int {
	for n := len(line) - 1; n >= len(line)-further; n-- {
		if understood(line[:n]) == nil {
			return n
		}
	}
	return -1
}

// understood tells what a role would refuse of its command line, without looking at files: those it names are in its pod.
func understood(line []string) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helped:
			err = errors.New("it would print something and end")
		default:
			panic(r)
		}
	}()
	var g grammar
	file := &configFile{unread: true}
	parser, err := newParserWith(context.Background(), &g, &Process{Args: line, Stdout: io.Discard, Stderr: io.Discard}, file)
	if err != nil {
		return fmt.Errorf("building the command line: %w", err)
	}
	forgetEnvironment(parser.Model.Node)
	command, err := parser.Parse(line)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), line[0]+": "))
	}
	if err := refuseSecrets(command); err != nil {
		return err
	}
	return g.refused(line[0], file)
}

// forgetEnvironment has flags read from the command line alone: this machine's environment is not the pod's.
func forgetEnvironment(n *kong.Node) {
	for _, flag := range n.Flags {
		flag.Envs, flag.Tag.Envs = nil, nil
	}
	for _, child := range n.Children {
		forgetEnvironment(child)
	}
}

// refused is what a role finds wrong when it starts, beyond what the parser knows. Thresholds of a configuration file are not
// known here.
func (g *grammar) refused(role string, file *configFile) error {
	known := func(j config.Judging, model string) error {
		if g.Config != "" {
			return nil
		}
		_, err := judge(j, file, model)
		return err
	}
	switch role {
	case "serve":
		return errors.Join(g.Serve.Validate(), known(g.Serve.Judging, g.Serve.Model), hubRefusal(&g.Serve.Serve))
	case "work":
		return errors.Join(g.Work.Validate(), known(g.Work.Judging, g.Work.Model))
	case "control":
		return controlRefusal(&g.Control.Run.Control)
	case "export":
		_, err := g.Export.options()
		return errors.Join(err, addressRefusal(map[string]string{"http-listen": g.Export.HTTPListen}))
	}
	return nil
}

func hubRefusal(c *config.Serve) error {
	_, err := mqtt.ParsePattern(c.MQTTTopic)
	if err != nil {
		err = fmt.Errorf("--mqtt-topic: %w", err)
	}
	wrong := []error{err, addressRefusal(map[string]string{
		"http-listen": c.HTTPListen, "metrics-listen": c.MetricsListen, "listen-nats": c.ListenNATS, "mqtt-listen": c.MQTTListen, "mqtt-tls-listen": c.MQTTTLSListen,
		"mqtt-ws-listen": c.MQTTWSListen, "mqtt-wss-listen": c.MQTTWSSListen,
	})}
	if c.MQTTURL != "" {
		if _, err := dial.New(c.MQTTURL, dial.TLS{}); err != nil {
			wrong = append(wrong, fmt.Errorf("--mqtt-url: %w", err))
		}
	}
	if c.DatabaseURL != "" {
		wrong = append(wrong, errors.New("everybody who may look at pods would see the database's password: give --database-url to deploy, or DATABASE_URL in its environment, which make a Secret of it"))
	}
	return errors.Join(wrong...)
}

func controlRefusal(c *config.Control) error {
	if err := c.Validate(); err != nil {
		return err
	}
	wrong := []error{rulesOf(c.Ranking, gpu.Policy(c.Policy)).Validate(), addressRefusal(map[string]string{"http-listen": c.HTTPListen})}
	if _, err := hubapi.New(hubapi.Options{URLs: c.Hub}); err != nil {
		wrong = append(wrong, fmt.Errorf("--hub: %w", err))
	}
	o, err := promOptions(c.Loads)
	if err == nil {
		o.CAFile, o.TokenFile = "", "" // in the pod
		_, err = prom.New(o)
	}
	return errors.Join(append(wrong, err)...)
}

func addressRefusal(listeners map[string]string) error {
	var wrong []error
	for _, flag := range slices.Sorted(maps.Keys(listeners)) {
		if address := listeners[flag]; address != "" {
			if _, _, err := net.SplitHostPort(address); err != nil {
				wrong = append(wrong, fmt.Errorf("--%s is %q: give HOST:PORT", flag, address))
			}
		}
	}
	return errors.Join(wrong...)
}
