package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/prometheus/client_golang/prometheus"

	"plumbline/internal/config"
	"plumbline/internal/mqtt/outside"
	"plumbline/internal/posture"
	"plumbline/internal/queue"
)

// outsideNATS is the NATS that --nats names, or nil. alone says that rows go where no other hub can write them.
func outsideNATS(c *config.OutsideNATS, alone bool) (*queue.Outside, error) {
	if len(c.NATS) == 0 {
		return nil, nil //nolint:nilnil // none is no error
	}
	o, err := natsServer(&c.NATSServer)
	if err == nil {
		o.Replicas, o.Alone = c.NATSReplicas, alone
	}
	return o, err
}

// natsServer is the NATS that hub and workers share.
func natsServer(c *config.NATSServer) (*queue.Outside, error) {
	password, err := secret("NATS password", c.NATSPasswordFile, "PLUMBLINE_NATS_PASSWORD")
	if err != nil {
		return nil, misused(err)
	}
	token, err := secret("NATS token", c.NATSAuthToken, "PLUMBLINE_NATS_AUTH_TOKEN")
	if err != nil {
		return nil, misused(err)
	}
	return &queue.Outside{
		Server: queue.Server{
			URLs: c.NATS, Credentials: c.NATSCreds, User: c.NATSUser, Password: password, Token: token,
			CA: c.NATSCA, Cert: c.NATSCert, Key: c.NATSKey,
		},
		Prefix: c.NATSPrefix, Domain: c.NATSDomain,
	}, nil
}

// secret is that of a file or else of the environment; never of the command line, which everybody can read.
func secret(what, file, variable string) (string, error) {
	if file == "" {
		return os.Getenv(variable), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the %s: %w", what, err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// refuseSecrets finds passwords and tokens in the addresses of --nats on the command line. By the environment and by the
// configuration file they may be given.
func refuseSecrets(command *kong.Context) error {
	for _, part := range command.Path {
		if part.Flag == nil || part.Resolved || part.Flag.Name != "nats" {
			continue
		}
		urls, _ := part.Flag.Target.Interface().([]string)
		for _, text := range urls {
			if err := refuseSecret(text); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseSecret refuses whatever stands before an @: NATS takes a name without a password for a token.
func refuseSecret(text string) error {
	if !strings.Contains(text, "@") {
		return nil
	}
	return fmt.Errorf("--nats …@%s: a password or a token does not belong on the command line, where other users of the machine can read it; "+
		"give the address without it, and --nats-user with --nats-password-file or PLUMBLINE_NATS_PASSWORD, or --nats-auth-token-file, or all of it as PLUMBLINE_NATS",
		strings.TrimPrefix(text[strings.LastIndex(text, "@"):], "@"))
}

// rowsAreOurs says that results go to a file of the data folder, where no other hub can write them.
func (h *hub) rowsAreOurs() bool { return h.config.DatabaseURL == "" && !configuredElsewhere() }

// clientID is by what the broker outside knows the hub: of several hubs that stand in for each other all have the same.
func (h *hub) clientID(ctx context.Context) (string, error) {
	own, err := outside.ClientID(h.config.Data.Data)
	if err != nil {
		return "", err
	}
	return h.queue.Agree(ctx, "mqtt-client-id", own)
}

// startLeading connects to the broker outside while no other hub does. Whoever begins tells the latest results: others
// may have told newer ones meanwhile.
func (h *hub) startLeading(client *outside.Client) {
	h.broker.standby.Store(len(h.config.NATS) > 0)
	h.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_mqtt_outside_standby", Help: "1 while another hub is the client of the MQTT broker outside, and this one waits to take over.",
	}, func() float64 {
		if h.broker.well() == standingBy {
			return 1
		}
		return 0
	}))
	h.stages.start("MQTT client", func(ctx context.Context) error {
		return h.queue.Lead(ctx, "mqtt", func(ctx context.Context) error {
			if h.broker.standby.Swap(false) {
				h.announceLatest(ctx)
			}
			err := client.Run(ctx)
			h.broker.standby.Store(len(h.config.NATS) > 0)
			return err
		})
	})
}

// hearOthers shows and announces what other hubs record.
func (h *hub) hearOthers(context.Context) error {
	h.stages.start("other hubs", func(ctx context.Context) error {
		return h.queue.Shared(ctx, func(r posture.Result) {
			h.web.Publish(r)
			h.announce(ctx, r)
		})
	})
	return nil
}

// share tells other hubs of a result.
func (h *hub) share(_ context.Context, r posture.Result) {
	if err := h.queue.Share(r); err != nil {
		h.part("hubs").Debug("a result was not shared", "capture", r.CaptureID, "error", err)
	}
}
