package postgres

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// URL makes a connection URL of environment values: DATABASE_URL as it is, else one of SUPABASE_HOST, SUPABASE_DB,
// SUPABASE_USER, SUPABASE_PASSWORD, SUPABASE_PORT (5432 when unset), SUPABASE_SSL (require when unset) and SUPABASE_SSLROOTCERT
// (a file with the authority's certificate, for verify-ca and verify-full). It is empty when neither is there. No error names a value but those of port and SSL.
func URL(env map[string]string) (string, error) {
	if whole := env["DATABASE_URL"]; whole != "" {
		return whole, nil
	}
	needed := []string{"SUPABASE_HOST", "SUPABASE_DB", "SUPABASE_USER", "SUPABASE_PASSWORD"}
	var missing []string
	for _, name := range needed {
		if env[name] == "" {
			missing = append(missing, name)
		}
	}
	switch len(missing) {
	case len(needed):
		return "", nil
	case 0:
		return supabaseURL(env)
	}
	return "", fmt.Errorf("%s must be set too (or DATABASE_URL instead of all SUPABASE_…)", strings.Join(missing, ", "))
}

func supabaseURL(env map[string]string) (string, error) {
	mode, err := sslMode(env["SUPABASE_SSL"])
	if err != nil {
		return "", err
	}
	port := cmp.Or(env["SUPABASE_PORT"], "5432")
	if n, err := net.LookupPort("tcp", port); err != nil || n == 0 {
		return "", fmt.Errorf("SUPABASE_PORT is %q: it must be a port number such as 5432 (session) or 6543 (transaction pooler)", port)
	}
	query := url.Values{"sslmode": {mode}}
	if authority := env["SUPABASE_SSLROOTCERT"]; authority != "" {
		query.Set("sslrootcert", authority)
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(env["SUPABASE_USER"], env["SUPABASE_PASSWORD"]),
		Host:     net.JoinHostPort(env["SUPABASE_HOST"], port),
		Path:     "/" + env["SUPABASE_DB"],
		RawQuery: query.Encode(),
	}
	if strings.HasPrefix(env["SUPABASE_HOST"], "/") { // a folder with a Unix socket
		query.Set("host", env["SUPABASE_HOST"])
		query.Set("port", port)
		u.Host, u.RawQuery = "", query.Encode()
	}
	return u.String(), nil
}

// sslMode takes libpq's six modes and the yes and no that people write.
func sslMode(value string) (string, error) {
	switch v := strings.ToLower(strings.TrimSpace(value)); v {
	case "", "true", "yes", "on", "1":
		return "require", nil
	case "false", "no", "off", "0":
		return "disable", nil
	default:
		if slices.Contains(sslModes, v) {
			return v, nil
		}
	}
	return "", fmt.Errorf("SUPABASE_SSL must be one of %s, true (require), false (disable)", strings.Join(sslModes, ", "))
}
