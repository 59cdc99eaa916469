package cli_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"testing"

	"plumbline/internal/ledger"
)

// account is what plumbline ledger --json says, and its exit code.
func account(t *testing.T, args ...string) (ledger.Report, int) {
	t.Helper()
	cmd := exec.Command("plumbline", append([]string{"ledger", "--json"}, args...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	var r ledger.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("plumbline ledger %v: %v\n%s%s", args, err, out.String(), problems.String())
	}
	if (err == nil) != r.Balanced {
		t.Errorf("balanced: %v, and the command ended with %v", r.Balanced, err)
	}
	return r, cmd.ProcessState.ExitCode()
}

// balance fails the test unless the ledger of a data folder balances.
func balance(t *testing.T, data string) ledger.Report {
	t.Helper()
	r, code := account(t, "--data", data)
	if code != 0 {
		t.Errorf("the ledger does not balance: %+v", r)
	}
	return r
}
