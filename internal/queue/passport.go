package queue

import "time"

// Passport is what lets a hub and its workers know each other, made before either of them runs: for a cluster, where both get
// theirs as files from outside.
type Passport struct {
	Authority map[string][]byte // files of the folder that is Listener.Authority; the hub's alone
	Token     []byte            // the token file, for the hub and its workers
}

// NewPassport makes one. Every call makes another.
func NewPassport() (Passport, error) {
	a := &authority{now: time.Now}
	cert, key, err := a.make()
	if err != nil {
		return Passport{}, err
	}
	return Passport{Authority: map[string][]byte{certFile: cert, keyFile: key}, Token: newToken(a.fingerprint()).file()}, nil
}
