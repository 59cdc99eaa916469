package scaler

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	pb "plumbline/internal/cluster/scaler/externalscaler"
)

// TLS says how the listener is secured. Files are read again for each connection, so that renewed certificates are used.
type TLS struct {
	Cert, Key string // files; empty: plain text
	ClientCA  string // file with the authorities of clients, which must then have a certificate; empty: none is asked for
}

// Times of the gRPC server.
const (
	// connectionAge makes a client look its address up again now and then, and so find replicas that came later.
	connectionAge      = 5 * time.Minute
	connectionAgeGrace = 30 * time.Second
	silence            = 20 * time.Second // after which a client is asked whether it is still there
	endGrace           = 5 * time.Second
	healthEvery        = time.Second
	sweepEvery         = 5 * time.Second // ScaledJobs that are gone are forgotten
	maxMessage         = 1 << 20         // of a question; metadata of a trigger is a few hundred bytes
)

// Serve answers KEDA on l until ctx ends. Ready says what keeps it from answering; the health service tells it.
func (s *Scaler) Serve(ctx context.Context, l net.Listener, t TLS, ready func() error) error {
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionAgeGrace, Time: silence, Timeout: silence / 2,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: silence / 4, PermitWithoutStream: true}),
	}
	if t.Cert != "" {
		if _, err := t.load(); err != nil {
			return err
		}
		options = append(options, grpc.Creds(credentials.NewTLS(t.config())))
	}
	server, state := grpc.NewServer(options...), health.NewServer()
	pb.RegisterExternalScalerServer(server, service{scaler: s})
	grpc_health_v1.RegisterHealthServer(server, state)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go tellHealth(watching, state, ready)
	go s.sweepAlways(watching)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving gRPC: %w", err)
	case <-ctx.Done():
	}
	state.Shutdown()
	defer time.AfterFunc(endGrace, server.Stop).Stop() // streams last as long as their clients want
	server.GracefulStop()
	return nil
}

func (s *Scaler) sweepAlways(ctx context.Context) {
	again := time.NewTicker(sweepEvery)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			s.Sweep()
		case <-ctx.Done():
			return
		}
	}
}

// tellHealth keeps the health service up to date.
func tellHealth(ctx context.Context, state *health.Server, ready func() error) {
	look := time.NewTicker(healthEvery)
	defer look.Stop()
	for {
		now := grpc_health_v1.HealthCheckResponse_SERVING
		if ready() != nil {
			now = grpc_health_v1.HealthCheckResponse_NOT_SERVING
		}
		state.SetServingStatus("", now)
		state.SetServingStatus(pb.ExternalScaler_ServiceDesc.ServiceName, now)
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}

func (t TLS) config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12, // what KEDA's operator can be configured down to
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return t.load() },
	}
}

// load reads the files.
func (t TLS) load() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the gRPC listener: %w", err)
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}}
	if t.ClientCA == "" {
		return c, nil
	}
	text, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities of gRPC clients: %w", err)
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in " + t.ClientCA + ": give a PEM file with the authorities of gRPC clients")
	}
	return c, nil
}
