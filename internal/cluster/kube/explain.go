package kube

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Kinds of trouble that callers tell apart by errors.Is. The message of each error says more.
var (
	ErrUnreachable     = errors.New("the cluster cannot be reached")
	ErrUnauthenticated = errors.New("the cluster does not know these credentials")
	ErrForbidden       = errors.New("the cluster does not allow it")
	ErrUnknownKind     = errors.New("the cluster does not know this kind of object")
	ErrRefused         = errors.New("the cluster refuses the object")
)

// trouble is an error with what to do about it.
type trouble struct {
	kind    error
	message string
	cause   error
}

// Error says act, reason and advice.
func (t *trouble) Error() string   { return t.message }
func (t *trouble) Unwrap() []error { return []error{t.kind, t.cause} }

// Conflict says which fields of an object others have set otherwise.
type Conflict struct {
	act    string
	Fields []Contested
	cause  error
}

// Contested is a field, and who set it.
type Contested struct{ Field, Manager string }

// Error names the fields.
func (c *Conflict) Error() string {
	var list []string
	for _, f := range c.Fields {
		list = append(list, fmt.Sprintf("%s (by %s)", f.Field, f.Manager))
	}
	advice := "give deploy the same, undo that, or take them over with --force-conflicts"
	if slices.ContainsFunc(c.Fields, func(f Contested) bool { return strings.HasPrefix(f.Manager, "kubectl-") }) {
		advice += ", which is right where kubectl apply has made it of deploy --dry-run"
	}
	return fmt.Sprintf("%s: others have set fields of it to other values: %s; %s", c.act, strings.Join(list, ", "), advice)
}

func (c *Conflict) Unwrap() error { return c.cause }

// ours says that only a Plumbline has set the fields: an earlier one, or its controller.
func (c *Conflict) ours() bool {
	return len(c.Fields) > 0 && !slices.ContainsFunc(c.Fields, func(f Contested) bool { return f.Manager != Manager })
}

// explained makes an error say what to do. kind is the object's.
func (c *Client) explained(act, kind string, err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return c.explainedStatus(act, kind, status.Status(), err)
	}
	var web *url.Error
	var op *net.OpError
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
	case distrusted(err) != "":
		return &trouble{ErrUnreachable, fmt.Sprintf("%s: the cluster at %s%s shows a certificate %s. Is it the right one (--kubeconfig, --context)? %v", act, c.server, c.whose(), distrusted(err), innermost(err)), err}
	case errors.As(err, &web) && strings.Contains(err.Error(), credentials):
		_, why, _ := strings.Cut(err.Error(), credentials)
		return &trouble{ErrUnauthenticated, fmt.Sprintf("%s: the kubeconfig%s has a program log in, and that did not: %s", act, c.whose(), loginTrouble(why)), err}
	case strings.Contains(err.Error(), "PEM data"):
		return &trouble{ErrUnauthenticated, fmt.Sprintf("%s: the certificate or key that the kubeconfig%s names is none (PEM): %v", act, c.whose(), innermost(err)), err}
	case errors.As(err, new(*json.SyntaxError)):
		return &trouble{ErrUnreachable, fmt.Sprintf("%s: what answers at %s%s is no Kubernetes cluster; is it the right address (--kubeconfig, --context)?", act, c.server, c.whose()), err}
	case errors.As(err, &op), errors.As(err, &lookup), errors.As(err, &web):
		return &trouble{ErrUnreachable, fmt.Sprintf("%s: the cluster at %s%s cannot be reached; is it the right one (--kubeconfig, --context), and does it run? %v", act, c.server, c.whose(), innermost(err)), err}
	}
	return fmt.Errorf("%s: %w", act, err)
}

// credentials is how client-go begins when a program that is to log in does not.
const credentials = "getting credentials: "

// loginTrouble is what client-go says of the program, without its lessons on plugins; the kubeconfig's own hint comes after them.
func loginTrouble(text string) string {
	text, rest, _ := strings.Cut(strings.TrimPrefix(text, "exec: "), "\n")
	_, hint, _ := strings.Cut(rest, "#client-go-credential-plugins")
	if name, missing := strings.CutSuffix(text, " not found"); missing {
		text = "there is no program " + strings.TrimPrefix(name, "executable ") + " on this machine"
	}
	if hint = strings.TrimSpace(hint); hint != "" {
		text += ". " + hint
	}
	return text
}

// distrusted says why the certificate that a cluster shows is not believed, or "".
func distrusted(err error) string {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "that the authority in the kubeconfig has not signed: the cluster was made anew, or is another one; get its kubeconfig again"
	case errors.As(err, new(x509.HostnameError)):
		return "that is not for this address: the kubeconfig's server is written otherwise than the cluster calls itself"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "that has expired or is not valid yet: renew it in the cluster, or set this machine's clock"
	case errors.As(err, &invalid):
		return "that is not valid"
	}
	return ""
}

// innermost leaves out the request, whose address is said already.
func innermost(err error) error {
	var web *url.Error
	if errors.As(err, &web) {
		return web.Err
	}
	return err
}

func (c *Client) explainedStatus(act, kind string, s metav1.Status, err error) error {
	switch {
	case s.Reason == metav1.StatusReasonUnauthorized || s.Code == http.StatusUnauthorized:
		return &trouble{ErrUnauthenticated, fmt.Sprintf("%s: the cluster at %s%s does not accept these credentials: they may have expired, so log in again, or choose others with --kubeconfig or --context", act, c.server, c.whose()), err}
	case s.Reason == metav1.StatusReasonForbidden:
		return &trouble{ErrForbidden, fmt.Sprintf("%s: the cluster does not allow it: %s", act, s.Message), err}
	case s.Reason == metav1.StatusReasonConflict && contested(s) != nil:
		return &Conflict{act, contested(s), err}
	case s.Reason == metav1.StatusReasonNotFound && kind != "" && (s.Details == nil || s.Details.Name == ""):
		return &trouble{ErrUnknownKind, fmt.Sprintf("%s: the cluster knows no %s (%s)%s", act, kind, kinds[kind].group, lacking(kind)), err}
	case s.Reason == metav1.StatusReasonInvalid || s.Reason == metav1.StatusReasonBadRequest:
		return &trouble{ErrRefused, fmt.Sprintf("%s: the cluster refuses it: %s%s", act, s.Message, unchangeable(s.Message)), err}
	}
	return fmt.Errorf("%s: %w", act, err)
}

// unchangeable says what deploy lets somebody change that Kubernetes does not.
func unchangeable(message string) string {
	if strings.Contains(message, "updates to statefulset spec for fields other than") {
		return "; so --storage and --storage-class must be as they were, or left out, which keeps them"
	}
	return ""
}

// lacking says what is to be installed for a kind.
func lacking(kind string) string {
	switch kinds[kind].group {
	case "keda.sh":
		return ": install KEDA, keda.sh/docs says how"
	case "monitoring.coreos.com":
		return ": it is the Prometheus Operator's"
	}
	return ""
}

// contested reads who set what; the API has it in a sentence: conflict with "kubectl" using apps/v1.
func contested(s metav1.Status) (list []Contested) {
	if s.Details == nil {
		return nil
	}
	for _, c := range s.Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		_, rest, _ := strings.Cut(c.Message, `"`)
		manager, _, _ := strings.Cut(rest, `"`)
		list = append(list, Contested{c.Field, manager})
	}
	return list
}

func (c *Client) whose() string {
	if c.context == "" {
		return ""
	}
	return fmt.Sprintf(" (context %s)", c.context)
}
