package cli

import (
	"net/url"
	"strings"

	"plumbline/deploy/monitoring"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/config"
)

// anywhere, as a namespace, is every place in the cluster and outside.
const anywhere = "*"

func networkOptions(c *config.Deployment) manifest.NetworkOptions {
	return manifest.NetworkOptions{Policies: c.NetworkPolicies, KEDA: c.KEDANamespace, Scrapers: scrapers(c), Page: c.PageFrom}
}

// scrapers are the namespaces from which metrics are read; none: from anywhere.
func scrapers(c *config.Deployment) (names []string) {
	from := c.MetricsFrom
	if len(from) == 0 {
		for _, address := range c.Prometheus {
			from = append(from, namespaceOf(address, c.Namespace, c.ClusterDomain))
		}
	}
	seen := map[string]bool{}
	for _, name := range from {
		if name == anywhere {
			return nil
		}
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// namespaceOf tells where a Service is from its address: NAME, NAME.NAMESPACE, and that with .svc or the cluster's whole domain. Any
// other host may be anywhere.
func namespaceOf(address, own, domain string) string {
	u, err := url.Parse(address)
	if err != nil {
		return anywhere
	}
	host := strings.TrimSuffix(strings.TrimSuffix(u.Hostname(), "."), "."+domain)
	parts := strings.Split(strings.TrimSuffix(host, ".svc"), ".")
	switch len(parts) {
	case 1:
		return own
	case 2:
		return parts[1]
	}
	return anywhere
}

// monitoringOptions say what Grafana and the Prometheus operator are given. Whether that operator is there is asked where a cluster
// is; without one, only who says so gets what it reads.
func monitoringOptions(c *config.Deployment, operator bool) (manifest.MonitoringOptions, error) {
	o := manifest.MonitoringOptions{PodMonitors: c.PodMonitors == "yes" || c.PodMonitors == "auto" && operator, Labels: c.MonitorLabel, Alerts: monitoring.Alerts}
	if !c.Dashboard {
		return o, nil
	}
	var err error
	o.Dashboard, err = monitoring.Dashboard()
	return o, err
}

// scalerSecrets are by which KEDA and the controller know each other.
func scalerSecrets(o manifest.Options, s *manifest.Secrets) error {
	if !o.Control.TLS {
		return nil
	}
	c, err := scaler.NewCertificates(o.ScalerHosts()...)
	s.ScalerServer, s.ScalerClient = c.Server, c.Client
	return err
}
