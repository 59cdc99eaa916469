package kube

import (
	"context"
	"strconv"
	"strings"
)

// logLimit is how many bytes of a log are read.
const logLimit = 64 << 10

// LastLines gives the end of a container's log; of the one before its restart with previous.
func (c *Client) LastLines(ctx context.Context, namespace, pod, container string, previous bool, lines int) (string, error) {
	text, err := c.core.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").
		Param("container", container).Param("previous", strconv.FormatBool(previous)).
		Param("tailLines", strconv.Itoa(lines)).Param("limitBytes", strconv.Itoa(logLimit)).Do(ctx).Raw()
	if err != nil {
		return "", c.explained("reading the log of "+pod, "Pod", err)
	}
	return strings.TrimRight(string(text), "\n"), nil
}
