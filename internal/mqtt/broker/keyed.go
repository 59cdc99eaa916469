package broker

import "sync"

// packetKey is what identifies a packet that is sent again: its topic and packet identifier.
type packetKey struct {
	topic string
	id    uint16
}

// keyedMutex locks one key at a time; it keeps nothing for keys that nobody holds.
type keyedMutex struct {
	mutex sync.Mutex
	locks map[packetKey]*keyLock
}

type keyLock struct {
	sync.Mutex
	users int
}

func (k *keyedMutex) lock(key packetKey) (unlock func()) {
	k.mutex.Lock()
	if k.locks == nil {
		k.locks = map[packetKey]*keyLock{}
	}
	l := k.locks[key]
	if l == nil {
		l = &keyLock{}
		k.locks[key] = l
	}
	l.users++
	k.mutex.Unlock()
	l.Lock()
	return func() { k.unlock(key, l) }
}

func (k *keyedMutex) unlock(key packetKey, l *keyLock) {
	l.Unlock()
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if l.users--; l.users == 0 {
		delete(k.locks, key)
	}
}
