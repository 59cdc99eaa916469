package cli

import (
	"fmt"
	"os"
	"strings"

	"plumbline/internal/config"
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
	password, err := natsPassword(c)
	if err != nil {
		return nil, misused(err)
	}
	return &queue.Outside{
		Server: queue.Server{
			URLs: c.NATS, Credentials: c.NATSCreds, User: c.NATSUser, Password: password,
			CA: c.NATSCA, Cert: c.NATSCert, Key: c.NATSKey,
		},
		Prefix: c.NATSPrefix,
	}, nil
}

// natsPassword is that of a file or else of the environment; never of the command line, which everybody can read.
func natsPassword(c *config.NATSServer) (string, error) {
	if c.NATSPasswordFile == "" {
		return os.Getenv("PLUMBLINE_NATS_PASSWORD"), nil
	}
	text, err := os.ReadFile(c.NATSPasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading the NATS password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// rowsAreOurs says that results go to a file of the data folder, where no other hub can write them.
func (h *hub) rowsAreOurs() bool { return h.config.DatabaseURL == "" && !configuredElsewhere() }
