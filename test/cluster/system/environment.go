//go:build linux

package system

import (
	"os"
	"path/filepath"
)

// Environment is what a command in the cluster is told: the administrator's kubeconfig, where everything is, and a path on
// which kubectl, helm and the binary under test come first.
func (c *Cluster) Environment(plumbline string) []string {
	path := c.Kit.Programs() + ":" + filepath.Dir(plumbline) + ":"
	if c.Helm != "" {
		path += filepath.Dir(c.Helm) + ":"
	}
	all := []string{
		"KUBECONFIG=" + c.Kubeconfig(),
		"PATH=" + path + os.Getenv("PATH"),
		"CLUSTER_FOLDER=" + c.Folder,
		"CLUSTER_LOGS=" + c.Logs(),
		"CLUSTER_AUDIT_LOG=" + c.AuditLog(),
		"CLUSTER_PROMETHEUS=" + PrometheusURL,
		"CLUSTER_LOADS=" + LoadsAddress,
		"CLUSTER_BROKER=" + BrokerAddress,
	}
	if c.Database != nil {
		all = append(all, "CLUSTER_DATABASE="+c.DatabaseURL("postgres"))
	}
	return all
}
