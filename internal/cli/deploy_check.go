package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"plumbline/internal/cluster/image"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/cluster/scaler"
	"plumbline/internal/config"
	"plumbline/internal/gpu"
	"plumbline/internal/mqtt"
	"plumbline/internal/mqtt/dial"
	"plumbline/internal/store"
)

// refused tells what of the flags roles, KEDA and Kubernetes would refuse once it is deployed. A chart's values may be set later.
func (c *deployCommand) refused(p *Process) error {
	if c.WatchOnly {
		return nil
	}
	if c.SecretsOnly {
		return errors.Join(accountsRefusal(c.MQTTAccount), databaseRefusal(&c.Deployment))
	}
	asked := &c.Deployment
	if strings.HasPrefix(c.Output, "helm:") {
		asked = typical(c.Deployment)
	}
	o, err := manifestOptions(p, asked)
	if err != nil {
		return err
	}
	return refusals(asked, o)
}

// refusals are all that is wrong, each with its flag.
func refusals(c *config.Deployment, o manifest.Options) error {
	wrong := []error{imageRefusal(c, o.Image), brokerRefusal(c), databaseRefusal(c), prometheusRefusal(c.Prometheus), triggerRefusal(c.Trigger)}
	o.Secrets = nil
	objects, err := manifest.Objects(o)
	if err != nil {
		return errors.Join(append(wrong, err)...)
	}
	byArguments, others := rolesRefusal(manifest.CommandLines(objects), c)
	if err := errors.Join(append(wrong, accountsRefusal(c.MQTTAccount), byArguments)...); err != nil {
		return err
	}
	return others // else they say of deploy's own flags what is said above
}

func imageRefusal(c *config.Deployment, ref string) error {
	if ref == "" || image.CheckReference(ref) == nil {
		return nil
	}
	if c.Registry != "" {
		return fmt.Errorf("--registry %q is no place in a registry: give one such as registry.example.org/team, in small letters and without http://", c.Registry)
	}
	return fmt.Errorf("--image %q is no image's reference: give one such as registry.example.org/team/plumbline:1", c.Image)
}

func brokerRefusal(c *config.Deployment) error {
	if c.MQTTURL == "" {
		return nil
	}
	if u, err := url.Parse(c.MQTTURL); err == nil && u.User != nil {
		if _, secret := u.User.Password(); secret {
			return errors.New("--mqtt-url has a password in it, which everybody who may look at pods would see: give it by --mqtt-password-file")
		}
	}
	d, err := dial.New(c.MQTTURL, dial.TLS{})
	if err != nil {
		return fmt.Errorf("--mqtt-url: %w", err)
	}
	if d.User() == "" && (c.MQTTPasswordFile != "" || environment()[brokerPassword] != "") {
		return errors.New("there is a password for the MQTT broker, but no user: write mqtt://user@host into --mqtt-url")
	}
	return nil
}

func accountsRefusal(names []string) error {
	var wrong []error
	for _, name := range names {
		if _, err := mqtt.ParseDevice(name); err != nil {
			wrong = append(wrong, fmt.Errorf("--mqtt-account: %w", err))
		}
	}
	return errors.Join(wrong...)
}

func databaseRefusal(c *config.Deployment) error {
	url, err := store.FromEnvironment(databaseSettings(c))
	if err == nil && url != "" {
		err = store.CheckURL(url)
	}
	return err
}

func prometheusRefusal(addresses []string) error {
	var wrong []error
	for _, address := range addresses {
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || u.Port() != "" && !isPort(u.Port()):
			wrong = append(wrong, fmt.Errorf("--prometheus %s is no address: give one such as http://prometheus.monitoring:9090", withoutSecret(address)))
		case u.User != nil:
			wrong = append(wrong, errors.New("--prometheus has a user or password in it, which everybody who may look at pods would see: give the address alone"))
		}
	}
	return errors.Join(wrong...)
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// ofDeploy are keys of the trigger that deploy sets itself, and by what.
var ofDeploy = map[string]string{
	"scalerAddress": "it is the controller's, in the namespace of --namespace",
	"enableTLS":     "--scaler-tls and --no-scaler-tls say it",
	"unsafeSsl":     "KEDA checks the controller's certificate, which deploy makes for it",
}

// triggerRefusal has each key read as the controller reads it when KEDA asks.
func triggerRefusal(metadata map[string]string) error {
	usual := scaler.Trigger{CapturesPerJob: scaler.DefaultCapturesPerJob, Rules: gpu.DefaultRules()}
	var wrong []error
	for _, key := range slices.Sorted(maps.Keys(metadata)) {
		if why, ours := ofDeploy[key]; ours {
			wrong = append(wrong, fmt.Errorf("--trigger %s=%s: deploy sets %s itself: %s", key, metadata[key], key, why))
			continue
		}
		if _, err := usual.With(map[string]string{key: metadata[key]}); err != nil {
			wrong = append(wrong, fmt.Errorf("--trigger %s=%s: %w", key, metadata[key], cmp.Or(errors.Unwrap(err), err)))
		}
	}
	return errors.Join(wrong...)
}

// withoutSecret is an argument as it may be shown: what stands before an @ may be a password.
func withoutSecret(text string) string {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text
	}
	flag, _, ok := strings.Cut(text, "=")
	if !ok || len(flag) > at {
		flag = ""
	} else {
		flag += "="
	}
	return flag + "…" + text[at:]
}
