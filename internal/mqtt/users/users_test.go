package users_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/users"
)

var (
	pi1    = mqtt.Account{Name: "pi1", Role: mqtt.RoleDevice}
	nurse  = mqtt.Account{Name: "nurse", Role: mqtt.RoleViewer}
	nobody mqtt.Account
)

// clock stands still until it is told otherwise.
type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(d)
}

func open(t *testing.T, path string, c *clock) *users.File {
	t.Helper()
	f, err := users.Open(path, users.Options{Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAccounts(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "users.json"), newClock()
	f := open(t, path, c)
	if f.Any() {
		t.Error("a file that does not exist holds accounts")
	}
	if err := f.Add(nurse, "correct horse"); err != nil {
		t.Fatal(err)
	}
	password, err := f.AddGenerated(pi1)
	if err != nil {
		t.Fatal(err)
	}
	if len(password) < 22 {
		t.Errorf("generated password of %d characters", len(password))
	}
	if err := f.Add(pi1, "another password"); !errors.Is(err, users.ErrExists) {
		t.Errorf("adding it again: %v", err)
	}
	want := []users.User{{Account: nurse, CreatedAt: c.Now()}, {Account: pi1, CreatedAt: c.Now()}}
	if diff := cmp.Diff(want, open(t, path, c).List()); diff != "" {
		t.Error(diff)
	}
	for name, v := range map[string]struct {
		name, password string
		want           mqtt.Account
		ok             bool
	}{
		"chosen":              {"nurse", "correct horse", nurse, true},
		"chosen, remembered":  {"nurse", "correct horse", nurse, true},
		"generated":           {"pi1", password, pi1, true},
		"another's password":  {"pi1", "correct horse", nobody, false},
		"wrong":               {"nurse", "correct horsf", nobody, false},
		"empty":               {"nurse", "", nobody, false},
		"nobody of that name": {"pi2", password, nobody, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := f.Verify(t.Context(), v.name, v.password)
			if got != v.want || ok != v.ok {
				t.Errorf("got %v, %v", got, ok)
			}
		})
	}
	if err := f.Remove("nurse"); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Verify(t.Context(), "nurse", "correct horse"); ok {
		t.Error("a removed account may log in")
	}
	if err := f.Remove("nurse"); !errors.Is(err, users.ErrUnknown) {
		t.Errorf("removing it again: %v", err)
	}
}

func TestFileHoldsNoPasswordAndIsPrivate(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "users.json")
	f := open(t, path, newClock())
	if err := f.Add(nurse, "correct horse"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("correct horse")) {
		t.Error("the file holds the password")
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if len(entries) != 2 { // the accounts and their lock
		t.Errorf("the folder holds %v", entries)
	}
}

func TestLongPasswordsCountToTheirEnd(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "users.json"), newClock())
	long := strings.Repeat("x", 100)
	if err := f.Add(nurse, long+"1"); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Verify(t.Context(), "nurse", long+"2"); ok {
		t.Error("the 101st character does not count")
	}
}

func TestAddRefuses(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "users.json"), newClock())
	for name, c := range map[string]struct {
		account  mqtt.Account
		password string
	}{
		"short password":      {pi1, "1234567"},
		"a name with a slash": {mqtt.Account{Name: "a/b", Role: mqtt.RoleDevice}, "long enough"},
		"no name":             {mqtt.Account{Role: mqtt.RoleDevice}, "long enough"},
		"no role":             {mqtt.Account{Name: "pi1"}, "long enough"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := f.Add(c.account, c.password); err == nil {
				t.Error("was added")
			}
		})
	}
	if f.Any() {
		t.Error("something was written")
	}
}

func TestRunningBrokerSeesChanges(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "users.json"), newClock()
	running, command := open(t, path, c), open(t, path, c)
	password, err := command.AddGenerated(pi1)
	if err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	if _, ok := running.Verify(t.Context(), "pi1", password); !ok {
		t.Error("an account that was added is not seen")
	}
	if err := command.Remove("pi1"); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	if _, ok := running.Account("pi1"); ok {
		t.Error("an account that was removed is still there")
	}
	if _, err := command.AddGenerated(pi1); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	if _, ok := running.Verify(t.Context(), "pi1", password); ok {
		t.Error("the old password is still good")
	}
}

func TestBrokenFileChangesNothing(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "users.json"), newClock()
	f := open(t, path, c)
	password, err := f.AddGenerated(pi1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	if _, ok := f.Verify(t.Context(), "pi1", password); !ok {
		t.Error("the account is gone")
	}
	if _, err := f.AddGenerated(nurse); err == nil {
		t.Error("a broken file was written over")
	}
	if _, err := users.Open(path, users.Options{}); err == nil {
		t.Error("a broken file opens")
	}
}

func TestCommandsSideBySide(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "users.json"), newClock()
	names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	var group sync.WaitGroup
	for _, name := range names {
		group.Go(func() {
			f, err := users.Open(path, users.Options{Now: c.Now})
			if err == nil {
				_, err = f.AddGenerated(mqtt.Account{Name: name, Role: mqtt.RoleDevice})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := len(open(t, path, c).List()); got != len(names) {
		t.Errorf("%d of %d accounts were kept", got, len(names))
	}
}

func TestVerifyGivesUpWithItsContext(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "users.json"), newClock())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 4 {
		if _, ok := f.Verify(ctx, "nobody", "whatever"); ok {
			t.Error("nobody logged in")
		}
	}
}

// A reconnect storm: 400 devices log in again. Chosen passwords cost a bcrypt each only the first time.
func BenchmarkVerifyRemembered(b *testing.B) {
	f, err := users.Open(filepath.Join(b.TempDir(), "users.json"), users.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Add(nurse, "correct horse"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, ok := f.Verify(b.Context(), "nurse", "correct horse"); !ok {
			b.Fatal("refused")
		}
	}
}

func BenchmarkVerifyGeneratedFirstTime(b *testing.B) {
	path := filepath.Join(b.TempDir(), "users.json")
	f, err := users.Open(path, users.Options{})
	if err != nil {
		b.Fatal(err)
	}
	password, err := f.AddGenerated(pi1)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		fresh, err := users.Open(path, users.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := fresh.Verify(b.Context(), "pi1", password); !ok {
			b.Fatal("refused")
		}
	}
}
