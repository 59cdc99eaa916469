package wording_test

import (
	"errors"
	"testing"

	"plumbline/internal/wording"
)

func TestNumbersAndWordsAgree(t *testing.T) {
	for n, want := range map[int]string{0: "0 objects go", 1: "1 object goes", 2: "2 objects go"} {
		if got := wording.Count(n, "object") + " " + wording.Agree(n, "goes", "go"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestALongListEndsEarly(t *testing.T) {
	names := []string{"a", "b", "c"}
	for most, want := range map[int]string{2: "a, b and 1 more", 3: "a, b, c", 9: "a, b, c"} {
		if got := wording.List(names, most); got != want {
			t.Errorf("%d: %q, want %q", most, got, want)
		}
	}
}

func TestJoinedErrorsHaveOneLine(t *testing.T) {
	if got := wording.OneLine(errors.Join(errors.New("a"), errors.New("b"))); got != "a; b" {
		t.Errorf("%q", got)
	}
}
