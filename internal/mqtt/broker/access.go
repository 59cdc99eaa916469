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
func (a access) mayPublish(s session, topic string) bool {
	if s.user == "" {
		return a.pictures.Under(topic)
	}
	account, ok := a.account(s)
	if !ok || account.Role != mqtt.RoleDevice {
		return false
	}
	device, err := a.pictures.Device(topic)
	return err == nil && device == account.Name
}

// mayRead says whether a client may subscribe to a filter, or receive what was published on a topic. Subscribing to "#"
// is allowed to those who may read all results; they receive nothing but results.
func (a access) mayRead(s session, filter string) bool {
	if s.user == "" {
		return filter == "#" || a.results.Covers(filter)
	}
	account, ok := a.account(s)
	switch {
	case !ok:
		return false
	case account.Role == mqtt.RoleViewer:
		return filter == "#" || a.results.Covers(filter)
	}
	return filter == a.results.Topic(account.Name) && !strings.ContainsAny(filter, "+#")
}

// account is what a client is now. A certificate's bearer is a device unless an account of that name says otherwise.
func (a access) account(s session) (mqtt.Account, bool) {
	var account mqtt.Account
	known := false
	if a.users != nil {
		account, known = a.users.Account(s.user)
	}
	switch {
	case s.peer == nil:
		return account, known
	case !s.peer.valid():
		return mqtt.Account{}, false
	case !known:
		account = mqtt.Account{Name: s.user, Role: mqtt.RoleDevice}
	}
	return account, true
}
