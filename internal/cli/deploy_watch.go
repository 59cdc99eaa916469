package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"plumbline/internal/cluster/kube"
	"plumbline/internal/cluster/manifest"
	"plumbline/internal/wording"
)

// How often the controller is asked, and for how long at most.
const (
	watchEvery   = 2 * time.Second
	watchPatient = 5 * time.Second
)

// status asks the controller, for a moment only.
func status(ctx context.Context, controller *hubClient) (controlReport, error) {
	within, cancel := context.WithTimeout(ctx, watchPatient)
	defer cancel()
	r, err := controller.Status(within)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = fmt.Errorf("the controller does not answer within %s", watchPatient)
	}
	return r, err
}

// awaitSamples waits until the controller knows a GPU's load of every node. Many nodes have no GPU, so it gives up in peace.
func (d *deployment) awaitSamples(ctx context.Context) error {
	if d.SampleWait <= 0 {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, d.SampleWait)
	defer cancel()
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	text, heard := "no answer of the controller", false
	for controller := newControllerClient(d.client); ; {
		r, err := status(within, controller)
		switch {
		case err != nil && within.Err() == nil:
			text = err.Error()
		case err == nil:
			var all bool
			heard = true
			if text, all = sampled(r); all {
				d.screen.remove()
				d.screen.say("✓ %s", text)
				return nil
			}
		}
		d.screen.draw("… " + text)
		select {
		case <-again.C:
		case <-within.Done():
			d.screen.remove()
			if ctx.Err() != nil {
				return fmt.Errorf("%w: everything is applied and ready, only samples of the nodes' GPUs are not waited for. Look at it: %s; end it: %s",
					errInterrupted, d.again("deploy --watch-only"), d.again("stop"))
			}
			if !heard {
				d.screen.say("! whether nodes have GPU samples could not be seen: %s", text)
				return nil
			}
			d.screen.say("! %s\n  That is as it should be of nodes without a GPU: they take no workers. Others have samples when Prometheus scrapes the exporter.", text)
			return nil
		}
	}
}

// sampled says which nodes have fresh samples of their GPU; all: there is none without.
func sampled(r controlReport) (text string, all bool) {
	var fresh, none []string
	for _, n := range r.Nodes {
		if n.GPU != nil {
			fresh = append(fresh, n.Node)
		} else {
			none = append(none, n.Node)
		}
	}
	slices.Sort(none)
	text = fmt.Sprintf("GPU samples of %s", wording.Count(len(fresh), "node"))
	if len(none) > 0 {
		text += ", none yet of " + wording.List(none, fewNames)
	}
	for _, p := range r.Problems {
		text += "; " + p
	}
	return text, len(fresh) > 0 && len(none) == 0
}

// watches tells whether to go on watching: where somebody sits, unless told otherwise.
func (d *deployment) watches() bool {
	if d.Watch != nil {
		return *d.Watch
	}
	in, ok := d.p.Stdin.(*os.File)
	return ok && isTerminal(in) && isTerminal(d.p.Stderr)
}

// watchOnly shows what was deployed before.
func (d *deployment) watchOnly(ctx context.Context) error {
	_, there, err := d.client.Get(ctx, kube.Ref{Kind: "Deployment", Namespace: d.Namespace, Name: manifest.Control})
	if err != nil {
		return err
	}
	if !there {
		return fmt.Errorf("nothing to watch: the %s has no controller of Plumbline", d.where())
	}
	return d.watch(ctx)
}

// watch shows what happens until somebody ends it.
func (d *deployment) watch(ctx context.Context) error {
	controller := newControllerClient(d.client)
	w := &watching{
		screen: d.screen, where: d.where(), keyboard: openKeyboard(ctx, d.p.Stdin),
		status: func(ctx context.Context) (controlReport, error) { return status(ctx, controller) },
	}
	wanted := w.run(ctx)
	if wanted == stopAll {
		return d.stop(ctx)
	}
	d.screen.say("Plumbline goes on running. Come back: %s; end it: %s", d.again("deploy --watch-only"), d.again("stop"))
	return nil
}

// watching is the view of what runs: ESC and Enter stop everything, as the Python original's listener did, and Ctrl-C leaves it
// running.
type watching struct {
	screen   *screen
	where    string    // namespace and cluster
	keyboard *keyboard // nil: nobody sits there
	status   func(context.Context) (controlReport, error)
	asking   bool // whether everything is to be stopped
	declined bool // that was answered by a letter just now: many press Enter after it
}

// wish is what a key asks for.
type wish int

const (
	goOn wish = iota
	leave
	stopAll
)

// news is what was heard last.
type news struct {
	report controlReport
	err    error
}

func (w *watching) run(ctx context.Context) wish {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer w.screen.leave()
	if w.keyboard != nil {
		defer w.keyboard.close()
	}
	heard, last := make(chan news), news{err: errors.New("the controller is asked")}
	go w.listen(ctx, heard)
	for {
		w.screen.draw(w.lines(last.report, last.err)...)
		var keys chan key
		if w.keyboard != nil {
			keys = w.keyboard.keys
		}
		select {
		case last = <-heard:
		case <-ctx.Done():
			return leave
		case k, there := <-keys:
			if !there { // the terminal is gone, and nobody sits there
				w.keyboard = nil
			} else if wanted := w.press(k); wanted != goOn {
				return wanted
			}
		}
	}
}

// listen asks the controller again and again. Its answer may take a while, in which keys are heeded.
func (w *watching) listen(ctx context.Context, heard chan<- news) {
	again := time.NewTicker(watchEvery)
	defer again.Stop()
	for {
		r, err := w.status(ctx)
		select {
		case heard <- news{r, err}:
		case <-ctx.Done():
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}

// press takes y for an answer only, and any other key as a no.
func (w *watching) press(k key) wish {
	asked, declined := w.asking, w.declined
	w.asking = !asked && (k == escape || k == enter && !declined)
	w.declined = asked && k != escape && k != enter
	switch {
	case k == ctrlC:
		return leave
	case asked && (k == 'y' || k == 'Y'):
		return stopAll
	}
	return goOn
}

// lines are what is shown.
func (w *watching) lines(r controlReport, err error) []string {
	if err != nil {
		return append([]string{w.where, "no news: " + err.Error()}, w.footer()...)
	}
	var text strings.Builder
	fmt.Fprintln(&text, w.where)
	fmt.Fprintf(&text, "%s  %s; %s\n", r.At.Local().Format(time.TimeOnly), backlogLine(r), jobsLine(r))
	for _, p := range r.Problems {
		fmt.Fprintln(&text, "! "+p)
	}
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tGPU\tAGE\tCPU\tWORKERS\t")
	for _, n := range r.Nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\n", n.Node, shownRatio(n.GPU), n.shownAge(), shownRatio(n.CPU), len(n.Workers), n.Reason)
	}
	_ = table.Flush() // to memory
	return append(strings.Split(strings.TrimRight(text.String(), "\n"), "\n"), w.footer()...)
}

func (w *watching) footer() []string {
	switch {
	case w.asking:
		return []string{"", "Stop and remove Plumbline from the cluster? [y/N]"}
	case w.keyboard != nil:
		return []string{"", "ESC or Enter: stop and remove it   Ctrl-C: leave it running"}
	}
	return nil
}

func backlogLine(r controlReport) string {
	b := r.Backlog
	if b == nil {
		return "what waits is not known"
	}
	text := fmt.Sprintf("%d waiting", b.Waiting)
	if !b.Oldest.IsZero() {
		text += fmt.Sprintf(" (the oldest %s)", r.At.Sub(b.Oldest).Round(time.Second))
	}
	text += fmt.Sprintf(", %d with workers", b.Leased)
	if b.Dead > 0 {
		text += fmt.Sprintf(", %d dead", b.Dead)
	}
	return text
}

func jobsLine(r controlReport) string {
	unfinished, gated := 0, 0
	for _, s := range r.ScaledJobs {
		if s.Now == nil || s.Now.Blind {
			return "its Jobs are not known"
		}
		unfinished, gated = unfinished+s.Now.Unfinished, gated+s.Now.Gated
	}
	text := wording.Count(unfinished, "Job")
	if gated > 0 {
		text += fmt.Sprintf(" (%d not placed)", gated)
	}
	return text
}
