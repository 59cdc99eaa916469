package broker

import (
	"strings"

	"plumbline/internal/mqtt"
)

// access decides who may publish and read what.
type access struct {
	pictures mqtt.Pattern
	results  mqtt.Results
	users    Users
}

// mayPublish says whether a client may publish on topic. Anonymous clients may publish anything under the pictures' root:
// what does not name a device is handed over too and refused with a reason, which reaches more people than a closed
// connection.
func (a access) mayPublish(user, topic string) bool {
	if user == "" {
		return a.pictures.Under(topic)
	}
	account, ok := a.account(user)
	if !ok || account.Role != mqtt.RoleDevice {
		return false
	}
	device, err := a.pictures.Device(topic)
	return err == nil && device == account.Name
}

// mayRead says whether a client may subscribe to a filter, or receive what was published on a topic. Subscribing to "#"
// is allowed to those who may read all results; they receive nothing but results.
func (a access) mayRead(user, filter string) bool {
	if user == "" {
		return filter == "#" || a.results.Covers(filter)
	}
	account, ok := a.account(user)
	switch {
	case !ok:
		return false
	case account.Role == mqtt.RoleViewer:
		return filter == "#" || a.results.Covers(filter)
	}
	return filter == a.results.Topic(account.Name) && !strings.ContainsAny(filter, "+#")
}

func (a access) account(user string) (mqtt.Account, bool) {
	if a.users == nil {
		return mqtt.Account{}, false
	}
	return a.users.Account(user)
}
