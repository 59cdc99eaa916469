package outside

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// clientIDFile lies in the hub's data folder.
const clientIDFile = "mqtt-client-id"

// ClientID is the identifier under which the broker keeps this hub's session: made once, then read from the data folder.
// Whoever loses it loses the pictures that the broker keeps for it.
func ClientID(folder string) (string, error) {
	path := filepath.Join(folder, clientIDFile)
	text, err := os.ReadFile(path)
	if err == nil {
		if id := strings.TrimSpace(string(text)); id != "" {
			return id, nil
		}
		return "", fmt.Errorf("%s is empty: write the MQTT client identifier into it, or remove it to get a new one", path)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the MQTT client identifier: %w", err)
	}
	id := "plumbline-" + strings.ToLower(rand.Text()[:12]) // 22 characters: every server takes 23 (MQTT 5, 3.1.3.1)
	err = os.WriteFile(path+".next", []byte(id+"\n"), 0o600)
	if err == nil {
		err = os.Rename(path+".next", path)
	}
	if err != nil {
		return "", fmt.Errorf("keeping the MQTT client identifier: %w", err)
	}
	return id, nil
}
