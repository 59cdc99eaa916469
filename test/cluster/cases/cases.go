//go:build linux

// Package cases are what the cluster wing must do, each tried on the cluster under test: something happens to it (a picture
// comes, loads change, a node dies), and what must follow is looked at from outside, in the database, the API and the API
// server's audit log. They share one cluster; those on real nodes share one installation, too, and come one after the other, while
// those on nodes that only pretend have namespaces of their own and come beside them. Each leaves the cluster as it found it.
package cases

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// place is where a case is played, and so what it can be played beside.
type place int

const (
	installed place = iota // on the real nodes with what is installed there: one after the other
	beside                 // in a namespace of its own, on nodes that only pretend: beside others
	alone                  // on the real nodes, and nothing else meanwhile
	crowded                // on nodes that only pretend, and nothing else meanwhile
)

// real tells whether it takes real nodes.
func (p place) real() bool { return p == installed || p == alone }

// byItself tells whether nothing else may happen meanwhile.
func (p place) byItself() bool { return p == alone || p == crowded }

// Case is one thing that must hold.
type Case struct {
	Name  string
	Limit time.Duration
	Place place
	Run   func(context.Context, *World) error
}

// Verdict is how a case went.
type Verdict struct {
	Case
	Began time.Time
	Took  time.Duration
	Notes []string // what was measured
	Err   error
	Look  string // file with what the cluster looked like when it failed
}

// String is a line, and further ones for what was measured and what went wrong.
func (v Verdict) String() string {
	word := "ok  "
	if v.Err != nil {
		word = "FAIL"
	}
	line := fmt.Sprintf("%s  %-62s %6.1f s", word, v.Name, v.Took.Seconds())
	for _, n := range v.Notes {
		line += "\n        " + n
	}
	if v.Err != nil {
		line += "\n      " + strings.ReplaceAll(v.Err.Error(), "\n", "\n      ")
		line += fmt.Sprintf("\n      from %s to %s", v.Began.Format(time.TimeOnly), v.Began.Add(v.Took).Format(time.TimeOnly))
	}
	if v.Look != "" {
		line += "; what the cluster looked like then: " + v.Look
	}
	return line
}

// Complaint is nil when all went well.
func Complaint(verdicts []Verdict) error {
	failed := 0
	for _, v := range verdicts {
		if v.Err != nil {
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases failed", failed, len(verdicts))
	}
	return nil
}
