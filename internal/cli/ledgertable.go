package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"plumbline/internal/ledger"
)

// idsShown is how many ids of a kind are shown to people; --json has all.
const idsShown = 20

func (c *ledgerCommand) write(p *Process, r ledger.Report) error {
	if c.JSON {
		if err := json.NewEncoder(p.Stdout).Encode(r); err != nil {
			return fmt.Errorf("writing the ledger: %w", err)
		}
		return nil
	}
	if err := writeAccounts(p.Stdout, r); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	writeOutside(p.Stdout, r.Outside)
	if r.Balanced {
		fmt.Fprintf(p.Stdout, "Balanced: every accepted picture is accounted for, and nothing is too much.\n")
		return nil
	}
	writeMissing(p, r.Missing)
	writeSurplus(p, r.Surplus)
	fmt.Fprintf(p.Stdout, "NOT BALANCED: %d missing, %d too much. docs/ledger.md says what to look at.\n", len(r.Missing), len(r.Surplus))
	return nil
}

func writeAccounts(w io.Writer, r ledger.Report) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "ACCEPTED\tRECORDED\tWAITING\tLEASED\tDEAD\tDROPPED\tMISSING\t  DEVICE")
	line := func(c ledger.Counts, missing int, device string) {
		fmt.Fprintf(out, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n", c.Accepted, c.Recorded, c.Waiting, c.Leased, c.Dead, c.Dropped, missing, device)
	}
	for _, d := range r.Devices {
		line(d.Counts, d.Missing, printable(d.Device))
	}
	if len(r.Devices) != 1 {
		line(r.Counts, len(r.Missing), "(all)")
	}
	return out.Flush()
}

// writeOutside tells what was seen and not counted.
func writeOutside(w io.Writer, o ledger.Outside) {
	for _, l := range []struct {
		n    int64
		what string
	}{
		{int64(o.OlderRows), "rows are older than the journal, which begins " + o.JournalBegins.Local().Format(time.DateTime)},
		{int64(o.OlderDead), "dead letters are older than the journal"},
		{int64(o.OlderQueued), "pictures in the queue are older than the journal"},
		{o.OtherRows, "rows have no capture id: the Python scripts wrote them"},
		{int64(o.Arriving), "pictures are stored and not acknowledged yet"},
	} {
		if l.n > 0 {
			fmt.Fprintf(w, "Not counted: %d %s.\n", l.n, l.what)
		}
	}
}

func writeMissing(p *Process, missing []ledger.Missing) {
	if len(missing) == 0 {
		return
	}
	fmt.Fprintln(p.Stdout, "Missing: accepted, and neither recorded, in the queue, a dead letter nor dropped:")
	for i, m := range missing {
		if i == idsShown {
			fmt.Fprintf(p.Stdout, "  … and %d more: %s\n", len(missing)-i, p.hint("ledger --json"))
			break
		}
		fmt.Fprintf(p.Stdout, "  %s  received %s from %s\n", m.ID, m.ReceivedAt.Local().Format(time.DateTime), printable(m.Device))
	}
}

// printable is a device's name without what a terminal would obey.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name)
}

func writeSurplus(p *Process, surplus []ledger.Surplus) {
	if len(surplus) == 0 {
		return
	}
	fmt.Fprintln(p.Stdout, "Too much:")
	for i, s := range surplus {
		if i == idsShown {
			fmt.Fprintf(p.Stdout, "  … and %d more: %s\n", len(surplus)-i, p.hint("ledger --json"))
			break
		}
		fmt.Fprintf(p.Stdout, "  %s  %s\n", s.ID, s.Problem)
	}
}
