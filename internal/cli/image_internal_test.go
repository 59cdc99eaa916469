package cli

import (
	"strings"
	"testing"

	"plumbline/internal/cluster/image"
)

func TestAnImageThatIsTooLargeIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		image image.Summary
		want  string
	}{
		"within":             {image.Summary{Size: 80_000_000, Debug: true}, ""},
		"debugging data":     {image.Summary{Size: 81_700_000, Debug: true}, "`make dist`"},
		"large for its base": {image.Summary{Size: 81_700_000}, "a smaller --base"},
		"for GPUs":           {image.Summary{Size: 2_000_000_000, GPU: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tooLarge(c.image); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("says %q, want %q", got, c.want)
			}
		})
	}
}
