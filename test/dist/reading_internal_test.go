package main

import (
	"strings"
	"testing"
)

const sitting = `{"landmarks": [[0.5, 0.25, 0, 1], [0.5, 0.5, 0, 1]], "neck_angle": 20.5, "body_angle": 4, "posture_status": "Good"}`

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct{ other, want string }{
		"equal":                {sitting, ""},
		"last digits":          {strings.Replace(sitting, "0.25", "0.25001", 1), ""},
		"a landmark elsewhere": {strings.Replace(sitting, "0.25", "0.26", 1), "landmark 0"},
		"another angle":        {strings.Replace(sitting, "20.5", "20.7", 1), "angle"},
		"another status":       {strings.Replace(sitting, "Good", "Bad", 1), "Bad"},
	} {
		t.Run(name, func(t *testing.T) {
			err := compare(mustParse(t, sitting), mustParse(t, c.other))
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("compare says %v, want %q", err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON":    "plumbline: no such file",
		"an error":   `{"file": "a.jpg", "error": "not a picture"}`,
		"nobody":     `{"landmarks": null, "neck_angle": null, "body_angle": null, "posture_status": "No_Landmarks"}`,
		"not judged": `{"landmarks": [[0, 0, 0, 0]], "neck_angle": null, "body_angle": null}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse([]byte(line)); err == nil {
				t.Error("no error")
			}
		})
	}
}

func mustParse(t *testing.T, line string) reading {
	t.Helper()
	r, err := parse([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return r
}
