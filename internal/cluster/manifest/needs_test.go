package manifest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cluster/manifest"
)

// Which keys pods read follows from what they are started with.
func TestTheSecretsThatPodsNeed(t *testing.T) {
	certificate := []string{"ca.crt", "tls.crt", "tls.key"}
	for name, c := range map[string]struct {
		options manifest.Options
		want    []manifest.NeededSecret
	}{
		"brought": {usual(), []manifest.NeededSecret{
			{Name: manifest.AuthoritySecret, Keys: []string{"ca.key", "ca.pem"}, Brought: true}, {Name: manifest.BrokerSecret, Keys: []string{"PLUMBLINE_MQTT_PASSWORD"}, Brought: true},
			{Name: manifest.DatabaseSecret, Brought: true}, {Name: manifest.HTTPSecret, Keys: []string{"token"}, Brought: true},
			{Name: manifest.TokenSecret, Keys: []string{"nats-token"}, Brought: true}, {Name: manifest.ScalerSecret, Keys: certificate, Brought: true},
			{Name: manifest.ScalerClientSecret, Keys: certificate, Brought: true},
		}},
		"others'": {jetsons(), []manifest.NeededSecret{
			{Name: "certificate", Keys: []string{"tls.crt", "tls.key"}}, {Name: "login"},
			{Name: manifest.AccountsSecret, Keys: []string{"pi1", "pi2"}}, {Name: manifest.AuthoritySecret, Keys: []string{"ca.key", "ca.pem"}},
			{Name: manifest.HTTPSecret, Keys: []string{"token"}}, {Name: manifest.TokenSecret, Keys: []string{"nats-token"}},
			{Name: manifest.ScalerSecret, Keys: certificate}, {Name: manifest.ScalerClientSecret, Keys: certificate},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			objects, err := manifest.Objects(c.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, manifest.NeededSecrets(objects)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
