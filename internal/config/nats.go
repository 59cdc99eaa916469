package config

import (
	"errors"
	"fmt"
)

// NATSServer is how a NATS is reached that somebody else runs, or, by a worker, its hub.
type NATSServer struct {
	NATS             []string `name:"nats" help:"NATS with JetStream that already runs, for the queue instead of the server inside: nats://host:4222 or tls://host:4222, several of one cluster with commas. A worker gives what its hub does, or, with --nats-token-file, the hub's --listen-nats. Passwords and tokens belong in files or in the environment." placeholder:"URL"`
	NATSCreds        string   `name:"nats-creds" help:"File with the credentials (JWT and seed) of the NATS user." placeholder:"FILE" type:"path"`
	NATSUser         string   `name:"nats-user" help:"NATS user, with --nats-password-file." placeholder:"NAME"`
	NATSPasswordFile string   `name:"nats-password-file" help:"File with the NATS user's password; PLUMBLINE_NATS_PASSWORD does the same." placeholder:"FILE" type:"path"`
	NATSAuthToken    string   `name:"nats-auth-token-file" help:"File with the plain token of a NATS that asks for one; PLUMBLINE_NATS_AUTH_TOKEN does the same. (--nats-token-file is that of a hub.)" placeholder:"FILE" type:"path"`
	NATSCA           string   `name:"nats-ca" help:"File with the authorities that signed the NATS server's certificate (default: the system's)." placeholder:"FILE" type:"path"`
	NATSCert         string   `name:"nats-cert" help:"File with a certificate to present to the NATS server, with --nats-key." placeholder:"FILE" type:"path"`
	NATSKey          string   `name:"nats-key" help:"File with the key of --nats-cert." placeholder:"FILE" type:"path"`
	NATSPrefix       string   `name:"nats-prefix" help:"What the names of streams and subjects begin with; two installations on one NATS need two." default:"plumbline" placeholder:"NAME"`
	NATSDomain       string   `name:"nats-domain" help:"JetStream domain that the queue is in, when --nats is a leaf node and the queue is to be on the other side of it (default: that of the server)." placeholder:"NAME"`
}

// OutsideNATS is a NATS that somebody else runs, for the queue.
type OutsideNATS struct {
	NATSServer   `embed:""`
	NATSReplicas int `name:"nats-replicas" help:"Copies that a NATS cluster keeps of each stream (0: 3 in a cluster, else 1)." default:"0" placeholder:"N"`
}

// Validate refuses settings of a NATS that is not named.
func (o *OutsideNATS) Validate() error {
	if len(o.NATS) == 0 {
		if o.identified() || o.NATSReplicas != 0 || o.NATSDomain != "" {
			return errors.New("--nats-creds, --nats-user, --nats-password-file, --nats-auth-token-file, --nats-ca, --nats-cert, --nats-key, --nats-domain and --nats-replicas are of a NATS outside, which --nats names")
		}
		return nil
	}
	if o.NATSReplicas < 0 || o.NATSReplicas > 5 {
		return fmt.Errorf("--nats-replicas is %d: give 1 to 5, or 0 to let the cluster decide", o.NATSReplicas)
	}
	return nil
}

// Queue says where a hub's queue is, for commands that look at it.
type Queue struct {
	Data        `embed:""`
	OutsideNATS `embed:"" group:"NATS outside"`
}
