//go:build linux

package cases

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"plumbline/test/cluster/system"
)

// certify applies the Secrets and the TriggerAuthentication that `plumbline deploy` prints, and a Service by whose name the
// certificate goes, and gives the controller's arguments.
func (s *scene) certify(ctx context.Context) ([]string, error) {
	text, err := s.manifests(ctx, s.namespace)
	if err != nil {
		return nil, err
	}
	objects, err := system.Parse(text)
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(s.Folder, s.namespace)
	err = os.MkdirAll(folder, 0o700)
	for _, o := range objects {
		switch o.GetKind() + " " + o.GetName() {
		case "Secret plumbline-scaler":
			err = errors.Join(err, unpackSecret(o, folder))
		case "Secret plumbline-scaler-keda", "TriggerAuthentication " + scaledJob:
			err = errors.Join(err, s.ApplyObject(ctx, o))
		}
	}
	s.asks = controller + "." + s.namespace + ".svc.cluster.local" + keda
	return []string{"--tls-cert=" + filepath.Join(folder, "tls.crt"), "--tls-key=" + filepath.Join(folder, "tls.key"), "--client-ca=" + filepath.Join(folder, "ca.crt")},
		errors.Join(err, s.Apply(ctx, s.service(controller)))
}

func unpackSecret(o *unstructured.Unstructured, folder string) error {
	data, _, err := unstructured.NestedStringMap(o.Object, "data")
	for name, text := range data {
		content, wrong := base64.StdEncoding.DecodeString(text)
		err = errors.Join(err, wrong, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	return err
}

// certificates: KEDA and the controller show each other those that deploy makes; who shows none is not answered.
func certificates(ctx context.Context, s *scene) error {
	const halfAuthentication = `
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata: {name: without-own, namespace: %s}
spec: {secretTargetRef: [{parameter: caCert, name: plumbline-scaler-keda, key: ca.crt}]}
`
	if err := s.Apply(ctx, fmt.Sprintf(halfAuthentication, s.namespace)); err != nil {
		return err
	}
	secure := map[string]any{"enableTLS": "true"}
	s.hub.say(1)
	for _, w := range []workload{{name: "plain"}, {name: "half", trigger: secure, authentication: "without-own"}, {name: "both", trigger: secure, authentication: scaledJob}} {
		if err := s.begin(ctx, w); err != nil {
			return err
		}
	}
	if err := errors.Join(s.awaitJobs(ctx, "both", 1), s.remains(ctx, "both", 1, 5)); err != nil {
		return err
	}
	for _, name := range []string{"plain", "half"} {
		n, err := s.answers(ctx, 0, name)
		if err != nil {
			return err
		}
		if n > 0 {
			return fmt.Errorf("expected: %s is not answered; seen: %.0f answers", name, n)
		}
		if err := s.exactly(ctx, name, 0); err != nil {
			return err
		}
	}
	return nil
}
