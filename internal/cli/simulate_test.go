package cli_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plumbline/internal/cli"
	"plumbline/internal/simulate"
)

// What the flags say where nothing is given is what the packages say, so that docs, simulation and cluster mean the same.
func TestSimulateDefaultsAreThoseOfThePackages(t *testing.T) {
	var out, complaints bytes.Buffer
	code := cli.Main(t.Context(), cli.Process{Args: []string{"simulate", "--seeds", "1", "--policies", "oracle", "--json"}, Stdout: &out, Stderr: &complaints})
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, complaints.String())
	}
	var r simulate.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(simulate.Default(), r.Scenario); diff != "" {
		t.Error(diff)
	}
}
