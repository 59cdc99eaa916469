package users

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"runtime"
	"sync"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
)

// Costs of a hash. bcryptCost (some 50 ms) slows guessing at a password that a person thought up. A generated one has 128
// bits or more, where guessing is hopeless at any speed, so it is cheap: 400 devices that come back at once cost less than
// a second of one core.
const (
	bcryptCost    = bcrypt.DefaultCost
	generatedCost = bcrypt.MinCost
)

// MinPassword is the least number of characters in a password that a person chose.
const MinPassword = 8

// decoy is compared with when there is no such account, so that the answer takes as long. It is the hash, at bcryptCost, of
// random bytes that were thrown away.
const decoy = "$2a$10$rvh5Yj0wXaHEE71p0sqqGuH3NKle8sWEY3mI9F71iJuFxIP3K84Dq"

func generate() string { return rand.Text() }

func hashPassword(password string, cost int) (string, error) {
	if utf8.RuneCountInString(password) < MinPassword {
		return "", fmt.Errorf("the password is too short: at least %d characters", MinPassword)
	}
	hash, err := bcrypt.GenerateFromPassword(prepare(password), cost)
	if err != nil {
		return "", fmt.Errorf("hashing the password: %w", err)
	}
	return string(hash), nil
}

// prepare makes 43 characters of a password of any length: bcrypt looks at no more than 72 bytes, and at none after a zero.
func prepare(password string) []byte {
	sum := sha256.Sum256([]byte(password))
	return base64.RawStdEncoding.AppendEncode(nil, sum[:])
}

// verifier compares passwords with hashes, a few at a time, and remembers what was right: a device that reconnects, or
// hundreds after an outage, should not cost a bcrypt each. What it remembers is an HMAC under a key that lives as long as
// the process; the hash is part of it, so that a changed password is another entry.
type verifier struct {
	key   []byte
	slots chan struct{}

	mutex sync.Mutex
	right map[[sha256.Size]byte]struct{}
}

// remembered bounds the cache; when it is full it begins anew.
const remembered = 10_000

func newVerifier() *verifier {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	return &verifier{key: key, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), right: map[[sha256.Size]byte]struct{}{}}
}

func (v *verifier) verify(ctx context.Context, hash, password string) bool {
	entry := v.entry(hash, password)
	if v.knows(entry) {
		return true
	}
	select {
	case v.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-v.slots }()
	if bcrypt.CompareHashAndPassword([]byte(hash), prepare(password)) != nil {
		return false
	}
	v.remember(entry)
	return true
}

func (v *verifier) entry(hash, password string) (entry [sha256.Size]byte) {
	mac := hmac.New(sha256.New, v.key)
	_, _ = mac.Write([]byte(hash)) // a hash's writes never fail
	_, _ = mac.Write([]byte{0})
	_, _ = mac.Write([]byte(password))
	mac.Sum(entry[:0])
	return entry
}

func (v *verifier) knows(entry [sha256.Size]byte) bool {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	_, ok := v.right[entry]
	return ok
}

func (v *verifier) remember(entry [sha256.Size]byte) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if len(v.right) >= remembered {
		clear(v.right)
	}
	v.right[entry] = struct{}{}
}
