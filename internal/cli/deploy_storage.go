package cli

import (
	"context"
	"errors"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/config"
)

// askedSize is the size of the hub's volume where somebody asked for one.
func askedSize(c *config.Deployment) string {
	if c.Storage == config.UsualStorage {
		return ""
	}
	return c.Storage
}

// keepVolume has the hub ask for the volume that it asks for in the cluster, where nobody asked for another: that is decided once,
// when a StatefulSet is made. Another one that was asked for is the preflight's to refuse.
func (d *deployment) keepVolume(ctx context.Context, hub *manifest.HubOptions) error {
	set, there, err := d.client.Get(ctx, kube.Ref{Kind: "StatefulSet", Namespace: d.Namespace, Name: manifest.Hub})
	if errors.Is(err, kube.ErrForbidden) { // the preflight says so
		return nil
	}
	if err != nil || !there {
		return err
	}
	for _, t := range kube.Templates(set) {
		if t.Name != manifest.Claim {
			continue
		}
		if askedSize(&d.Deployment) == "" && t.CompareSize(hub.Storage) != 0 {
			hub.Storage = t.Size
			d.screen.say("the hub's volume stays as it was asked for, %s", t.Size)
		}
		if hub.StorageClass == "" {
			hub.StorageClass = t.Class
		}
	}
	return nil
}
