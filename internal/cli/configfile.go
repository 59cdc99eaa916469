package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"plumbline/internal/posture"
)

// configPath is the value of --config.
type configPath string

// BeforeResolve reads the file and offers its values to the flags that nothing else has set.
func (configPath) BeforeResolve(k *kong.Context, file *configFile) error {
	if file.unread {
		return nil
	}
	path := os.Getenv("PLUMBLINE_CONFIG")
	for _, flag := range k.Flags() {
		if given, ok := k.FlagValue(flag).(configPath); ok && given != "" {
			path = string(given)
		}
	}
	if path == "" {
		return nil
	}
	if err := file.read(path); err != nil {
		return err
	}
	k.AddResolver(file)
	return nil
}

// configFile is the file that --config names. What it sets yields to the environment and to flags.
type configFile struct {
	path     string
	values   map[string]any
	unread   bool              // the file is in a pod: what it says is not known here
	profiles []posture.Profile // the user's own thresholds
}

func (c *configFile) read(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	var file struct {
		Profiles []ownProfile   `yaml:"profiles"`
		Rest     map[string]any `yaml:",inline"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&file); err != nil && len(bytes.TrimSpace(text)) > 0 {
		return fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	c.path, c.values = path, file.Rest
	delete(c.values, "profiles")
	for _, own := range file.Profiles {
		p := posture.Profile(own)
		if err := p.Validate(); err != nil {
			return fmt.Errorf("configuration %s: %w", path, err)
		}
		c.profiles = append(c.profiles, p)
	}
	return nil
}

// ownProfile is read over a copy of the default profile, so that what the file does not mention keeps a sensible value.
type ownProfile posture.Profile

// UnmarshalYAML reads one entry of profiles; it knows no other threshold than a profile's.
func (o *ownProfile) UnmarshalYAML(text []byte) error {
	p, err := posture.ProfileByName(posture.DefaultProfile)
	if err != nil {
		return err
	}
	p.Name = ""
	if err := yaml.UnmarshalWithOptions(text, &p, yaml.Strict()); err != nil {
		return err
	}
	*o = ownProfile(p)
	return nil
}

// Validate refuses keys that no command knows: a misspelt setting must not pass in silence.
func (c *configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	collectFlags(app.Node, known)
	var unknown []string
	for key := range c.values {
		if !known[key] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("configuration %s: unknown setting %s; keys are the names of the flags, as plumbline serve --help lists them", c.path, strings.Join(unknown, ", "))
	}
	return nil
}

func collectFlags(n *kong.Node, into map[string]bool) {
	for _, flag := range n.Flags {
		into[flag.Name] = true
	}
	for _, child := range n.Children {
		collectFlags(child, into)
	}
}

// Resolve gives a flag's value from the file, unless the environment has one.
func (c *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	value, ok := c.values[flag.Name]
	if !ok {
		return nil, nil
	}
	switch v := value.(type) {
	case []any:
		return listed(v, flag)
	case map[string]any, nil:
		return nil, errors.New("the configuration file must give one value")
	case bool:
		return v, nil
	default:
		return fmt.Sprint(v), nil
	}
}

// listed joins a list's values as a flag that may be repeated takes them.
func listed(values []any, flag *kong.Flag) (any, error) {
	if !flag.IsSlice() {
		return nil, errors.New("the configuration file must give one value, not a list")
	}
	var texts []string
	for _, v := range values {
		texts = append(texts, fmt.Sprint(v))
	}
	return strings.Join(texts, ","), nil
}

// profile finds thresholds by name: the user's own first, then those that travel inside.
func (c *configFile) profile(name string) (posture.Profile, error) {
	for _, p := range c.profiles {
		if p.Name == name {
			return p, nil
		}
	}
	return posture.ProfileByName(name)
}
