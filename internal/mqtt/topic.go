package mqtt

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultPictures and DefaultResults are the topics of the original system: a device publishes on images/<device> and its
// results appear on posture/<device>.
const (
	DefaultPictures = "images/+"
	DefaultResults  = "posture"
)

// Pattern is the form of the topics that pictures come on: literal levels and single-level wildcards, of which the last
// level, always a wildcard, is the device's name. "images/+" and "site/+/images/+" are patterns.
type Pattern struct {
	levels []string
}

// ParsePattern reads a pattern in MQTT's notation.
func ParsePattern(s string) (Pattern, error) {
	levels := strings.Split(s, "/")
	if len(levels) < 2 || levels[len(levels)-1] != "+" {
		return Pattern{}, fmt.Errorf("topic pattern %q: it must end in /+, the level that names the device, as in %q", s, DefaultPictures)
	}
	for _, level := range levels {
		if err := checkLevel(level); err != nil {
			return Pattern{}, fmt.Errorf("topic pattern %q: %w", s, err)
		}
	}
	if levels[0] == "+" || strings.HasPrefix(levels[0], "$") {
		return Pattern{}, fmt.Errorf("topic pattern %q: the first level must be a plain word", s)
	}
	return Pattern{levels: levels}, nil
}

func checkLevel(level string) error {
	switch {
	case level == "+":
		return nil
	case level == "":
		return errors.New("it has an empty level")
	case strings.ContainsAny(level, "+#\x00"):
		return fmt.Errorf("level %q: a wildcard + stands alone, # is not allowed", level)
	}
	return nil
}

// String is the pattern as an MQTT topic filter.
func (p Pattern) String() string { return strings.Join(p.levels, "/") }

// Root is the pattern's first level, under which everything belongs to pictures.
func (p Pattern) Root() string {
	if len(p.levels) == 0 {
		return ""
	}
	return p.levels[0]
}

// Under says whether a topic or a topic filter lies under the pattern's first level, whether or not it fits the pattern.
func (p Pattern) Under(topic string) bool {
	return within(p.Root(), topic)
}

// Device is the name of the device that publishes on topic. The error says why there is none.
func (p Pattern) Device(topic string) (string, error) {
	rest := topic
	for i, want := range p.levels {
		level, more, found := strings.Cut(rest, "/")
		last := i == len(p.levels)-1
		if found == last || (want != "+" && want != level) {
			return "", fmt.Errorf("topic %q is not of the form %s", topic, p.example())
		}
		if last {
			return ParseDevice(level)
		}
		rest = more
	}
	return "", errors.New("no topic pattern is set")
}

// Topic is where a device publishes, other wildcards filled with "x". It exists for messages to people and for patterns
// with one wildcard, where it is exact.
func (p Pattern) Topic(device string) string {
	levels := append([]string(nil), p.levels...)
	for i, level := range levels {
		if level == "+" {
			levels[i] = "x"
		}
	}
	levels[len(levels)-1] = device
	return strings.Join(levels, "/")
}

func (p Pattern) example() string {
	return strings.TrimSuffix(p.String(), "+") + "<device>"
}

// Results is the first level or levels of the topics that results go out on, such as "posture".
type Results string

// ParseResults reads the prefix of result topics, which must not overlap the pictures' topics.
func ParseResults(s string, pictures Pattern) (Results, error) {
	for level := range strings.SplitSeq(s, "/") {
		if err := checkLevel(level); err != nil || level == "+" || strings.HasPrefix(s, "$") {
			return "", fmt.Errorf("result topic %q: it must be plain words between slashes, as in %q", s, DefaultResults)
		}
	}
	if pictures.Under(s) {
		return "", fmt.Errorf("result topic %q lies under %q, where pictures come in", s, pictures.Root())
	}
	return Results(s), nil
}

// Topic is where a device's results go out.
func (r Results) Topic(device string) string { return string(r) + "/" + device }

// Covers says whether a topic or a topic filter can only reach result topics.
func (r Results) Covers(filter string) bool { return within(string(r), filter) }

func within(root, topic string) bool {
	rest, ok := strings.CutPrefix(topic, root)
	return ok && root != "" && (rest == "" || rest[0] == '/')
}
