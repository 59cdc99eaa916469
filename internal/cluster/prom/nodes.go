package prom

import (
	"net"
	"strings"
)

// DefaultNodeLabels are the labels by which exporters and scrape configurations name a node, the surest first. A target's own
// label of the same name as one that Prometheus adds becomes exported_….
func DefaultNodeLabels() []string {
	return []string{"node", "exported_node", "kubernetes_node", "node_name", "nodename", "Hostname", "hostname", "host", "instance"}
}

// directory finds nodes by what series call them.
type directory struct {
	labels []string
	nodes  map[string]string // name or address, in small letters, to the node; nil: names are taken as they come
}

func newDirectory(labels []string, nodes []Node) directory {
	d := directory{labels: labels}
	if nodes == nil {
		return d
	}
	d.nodes = map[string]string{}
	for _, n := range nodes { // names first: nobody's address may take another's name
		d.nodes[strings.ToLower(n.Name)] = n.Name
	}
	for _, n := range nodes {
		for _, a := range n.Addresses {
			if a = strings.ToLower(a); d.nodes[a] == "" {
				d.nodes[a] = n.Name
			}
		}
	}
	return d
}

// find gives the node of a series, by the first label that names one.
func (d directory) find(labels map[string]string) (string, bool) {
	for _, l := range d.labels {
		for _, name := range spellings(labels[l]) {
			if d.nodes == nil {
				return name, true
			}
			if node, ok := d.nodes[strings.ToLower(name)]; ok {
				return node, true
			}
		}
	}
	return "", false
}

// named gives the node that somebody calls by its name, or by an address.
func (d directory) named(name string) (string, bool) {
	if d.nodes == nil {
		return name, true
	}
	node, ok := d.nodes[strings.ToLower(name)]
	return node, ok
}

// spellings are what a label may mean: 10.0.0.3:9401 is 10.0.0.3, and agx.example.lan:9100 is agx.example.lan, or agx.
func spellings(value string) []string {
	if value == "" {
		return nil
	}
	host := value
	if h, _, err := net.SplitHostPort(value); err == nil {
		host = h
	}
	all := []string{host}
	if first, _, more := strings.Cut(host, "."); more && net.ParseIP(host) == nil {
		all = append(all, first)
	}
	return all
}
