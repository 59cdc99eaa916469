package scaler_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"plumbline/internal/cluster/scaler"
	pb "plumbline/internal/cluster/scaler/externalscaler"
)

func made(t *testing.T, hosts ...string) scaler.Certificates {
	t.Helper()
	c, err := scaler.NewCertificates(hosts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asKEDA are credentials as KEDA makes them of a TriggerAuthentication's three parameters.
func asKEDA(t *testing.T, show map[string][]byte, believe []byte) credentials.TransportCredentials {
	t.Helper()
	pair, err := tls.X509KeyPair(show[scaler.CertFile], show[scaler.KeyFile])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(believe) {
		t.Fatal("there is no authority")
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "plumbline-control.plumbline.svc.cluster.local"})
}

// What is made for an installation lets KEDA in and nobody else, not even who has the controller's own certificate.
func TestMadeCertificatesLetKEDAInAndNobodyElse(t *testing.T) {
	const host = "plumbline-control.plumbline.svc.cluster.local"
	ours, theirs, elsewhere := made(t, host), made(t, host), made(t, "plumbline-control.other.svc.cluster.local")
	for name, c := range map[string]struct {
		server scaler.Certificates
		keda   credentials.TransportCredentials
		ok     bool
	}{
		"KEDA":                                {ours, asKEDA(t, ours.Client, ours.Client[scaler.CAFile]), true},
		"another installation's KEDA":         {ours, asKEDA(t, theirs.Client, ours.Client[scaler.CAFile]), false},
		"the controller's certificate":        {ours, asKEDA(t, ours.Server, ours.Client[scaler.CAFile]), false},
		"KEDA, of another's controller":       {theirs, asKEDA(t, ours.Client, ours.Client[scaler.CAFile]), false},
		"KEDA, of a controller of other name": {elsewhere, asKEDA(t, elsewhere.Client, elsewhere.Client[scaler.CAFile]), false},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for file, content := range c.server.Server {
				if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			secure := scaler.TLS{Cert: filepath.Join(folder, scaler.CertFile), Key: filepath.Join(folder, scaler.KeyFile), ClientCA: filepath.Join(folder, scaler.CAFile)}
			client := pb.NewExternalScalerClient(dial(t, serve(t, open(t, &world{}), secure, healthy), c.keda))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := client.IsActive(ctx, &pb.ScaledObjectRef{Namespace: "here", Name: "worker"})
			if (err == nil) != c.ok {
				t.Errorf("the answer is %v, want one: %t", err, c.ok)
			}
		})
	}
}
