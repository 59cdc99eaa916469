//go:build linux

package cases

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// Marks of a document between which the table stands.
const (
	begin = "<!-- cases -->"
	end   = "<!-- end of cases -->"
)

// Write puts the table of a run into a document.
func Write(file string, w *World, verdicts []Verdict) error {
	return between(file, begin, end, table(w, verdicts))
}

func table(w *World, verdicts []Verdict) string {
	var b strings.Builder
	load, _ := os.ReadFile("/proc/loadavg")
	average, _, _ := strings.Cut(string(load), " ")
	fmt.Fprintf(&b, "%s; %d cores, load average at the end %s; the cluster was up after %.1f s, Plumbline installed after %.1f s more; %d cases, many side by side, took %s.\n\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), average, w.Took.Seconds(), w.Installed.Seconds(), len(verdicts), span(verdicts).Round(time.Second))
	fmt.Fprintln(&b, "| case | | took | measured |\n|---|---|---|---|")
	for _, v := range verdicts {
		word := "ok"
		if v.Err != nil {
			word = "**failed**"
		}
		fmt.Fprintf(&b, "| %s | %s | %.0f s | %s |\n", v.Name, word, v.Took.Seconds(), strings.Join(v.Notes, "; "))
	}
	return b.String()
}

// span is from the first case's begin to the last one's end.
func span(verdicts []Verdict) time.Duration {
	first, last := verdicts[0].Began, time.Time{}
	for _, v := range verdicts {
		if v.Began.Before(first) {
			first = v.Began
		}
		if end := v.Began.Add(v.Took); end.After(last) {
			last = end
		}
	}
	return last.Sub(first)
}
