package scaler_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"plumbline/internal/cluster/scaler"
)

// ours is the ScaledJob as the scaler is told of it.
func (s kedaScaledJob) ours() scaler.Strategy {
	o := scaler.Strategy{Name: s.strategy, Percentage: s.percentage, Max: 100}
	if s.deduction != nil {
		o.Deduction = int(*s.deduction)
	}
	if s.minReplicas != nil {
		o.Min = int(*s.minReplicas)
	}
	if s.maxSet != nil {
		o.Max = int(*s.maxSet)
	}
	return o
}

func n(v int32) *int32 { return &v }

// KEDA's formulas turn the answer into exactly the Jobs wanted.
func TestKEDACreatesExactlyTheJobsWanted(t *testing.T) {
	for name, c := range map[string]struct {
		job                      kedaScaledJob
		wanted, running, pending int
		answer, creates          int
	}{
		"default, nothing runs":                {job: kedaScaledJob{strategy: "default"}, wanted: 3, answer: 3, creates: 3},
		"default, some run":                    {job: kedaScaledJob{strategy: "default"}, wanted: 2, running: 5, pending: 1, answer: 7, creates: 2},
		"default, none wanted":                 {job: kedaScaledJob{strategy: "default"}, running: 5, answer: 0, creates: 0},
		"default, a minimum":                   {job: kedaScaledJob{strategy: "default", minReplicas: n(2)}, wanted: 2, running: 5, answer: 5, creates: 2},
		"default, below the minimum":           {job: kedaScaledJob{strategy: "default", minReplicas: n(2)}, wanted: 4, running: 1, answer: 4, creates: 1},
		"default, a maximum":                   {job: kedaScaledJob{strategy: "default", maxSet: n(6)}, wanted: 4, running: 4, answer: 8, creates: 2},
		"default, minimum and maximum":         {job: kedaScaledJob{strategy: "default", minReplicas: n(2), maxSet: n(6)}, wanted: 4, running: 4, answer: 6, creates: 2},
		"default, minimum over the maximum":    {job: kedaScaledJob{strategy: "default", minReplicas: n(9), maxSet: n(3)}, wanted: 1, running: 3, answer: 1, creates: 1},
		"no strategy named":                    {job: kedaScaledJob{}, wanted: 2, running: 5, answer: 7, creates: 2},
		"a strategy that nobody knows":         {job: kedaScaledJob{strategy: "hasty"}, wanted: 2, running: 5, answer: 7, creates: 2},
		"custom":                               {job: kedaScaledJob{strategy: "custom", deduction: n(3), percentage: "0.5"}, wanted: 2, running: 5, answer: 7, creates: 2},
		"custom, without a deduction":          {job: kedaScaledJob{strategy: "custom", percentage: "1"}, wanted: 2, running: 5, answer: 7, creates: 2},
		"custom, adds instead of deducting":    {job: kedaScaledJob{strategy: "custom", deduction: n(-9), percentage: "0.5"}, wanted: 2, running: 5, answer: 2, creates: 2},
		"custom, a minimum":                    {job: kedaScaledJob{strategy: "custom", deduction: n(1), percentage: "0.5", minReplicas: n(2)}, wanted: 2, running: 7, answer: 5, creates: 2},
		"custom, a maximum":                    {job: kedaScaledJob{strategy: "custom", deduction: n(1), percentage: "0.5", maxSet: n(4)}, wanted: 3, running: 2, answer: 5, creates: 2},
		"custom, a percentage that is none":    {job: kedaScaledJob{strategy: "custom", deduction: n(3), percentage: "half"}, wanted: 2, running: 5, answer: 7, creates: 2},
		"accurate":                             {job: kedaScaledJob{strategy: "accurate"}, wanted: 2, running: 5, pending: 3, answer: 5, creates: 2},
		"accurate, none wanted":                {job: kedaScaledJob{strategy: "accurate"}, running: 5, pending: 3, answer: 0, creates: 0},
		"accurate, a maximum":                  {job: kedaScaledJob{strategy: "accurate", maxSet: n(6)}, wanted: 4, running: 4, pending: 1, answer: 5, creates: 2},
		"accurate, minimum and maximum":        {job: kedaScaledJob{strategy: "accurate", minReplicas: n(1), maxSet: n(6)}, wanted: 4, running: 4, pending: 1, answer: 5, creates: 2},
		"eager":                                {job: kedaScaledJob{strategy: "eager"}, wanted: 2, running: 5, pending: 3, answer: 2, creates: 2},
		"eager, a maximum":                     {job: kedaScaledJob{strategy: "eager", maxSet: n(6)}, wanted: 4, running: 3, answer: 4, creates: 3},
		"eager, pending ones counted twice":    {job: kedaScaledJob{strategy: "eager", maxSet: n(6)}, wanted: 4, running: 3, pending: 3, answer: 4, creates: 0},
		"eager, a minimum keeps them all busy": {job: kedaScaledJob{strategy: "eager", minReplicas: n(3)}, wanted: 2, running: 3, answer: 2, creates: 2},
	} {
		t.Run(name, func(t *testing.T) {
			answer := c.job.ours().Answer(c.wanted, scaler.Count{Unfinished: c.running, Pending: c.pending})
			if answer != c.answer {
				t.Errorf("answers %d, want %d", answer, c.answer)
			}
			got := c.job.creates(float64(answer), 1, answer > 0, int64(c.running), int64(c.pending))
			if int(got) != c.creates {
				t.Errorf("KEDA creates %d, want %d", got, c.creates)
			}
		})
	}
}

// For any ScaledJob KEDA creates what is wanted, or the most that its maximum lets it. Below its minimum it creates what lacks.
func TestKEDACreatesWhatIsWantedWhateverTheScaledJob(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := func(below int) *int32 {
		if r.IntN(3) == 0 {
			return nil
		}
		return n(int32(r.IntN(below)))
	}
	for range 200_000 {
		j := kedaScaledJob{
			strategy: []string{"default", "custom", "accurate", "eager", ""}[r.IntN(5)], minReplicas: some(6), maxSet: some(30),
			percentage: []string{"0", "0.3", "0.5", "1", "1.5", "-0.5", "", "x"}[r.IntN(8)], deduction: some(9),
		}
		if j.deduction != nil && r.IntN(4) == 0 {
			*j.deduction = -*j.deduction
		}
		running := r.IntN(40)
		pending, wanted := r.IntN(running+1), r.IntN(50)
		answer := j.ours().Answer(wanted, scaler.Count{Unfinished: running, Pending: pending})
		got := j.creates(float64(answer), 1, answer > 0, int64(running), int64(pending))
		most := j.creates(1e6, 1, true, int64(running), int64(pending))
		want := min(int64(wanted), most)
		if least := j.minReplicaCount(); int64(running) < least {
			want = least - int64(running)
		}
		if got != want {
			t.Fatalf("%s: KEDA creates %d of %d wanted, at most %d; answered %d with %d unfinished and %d pending",
				j, got, wanted, most, answer, running, pending)
		}
	}
}

// An answer of 0 creates no Job, however many KEDA counts by the time that it counts.
func TestNothingWantedCreatesNothingWhateverHappenedMeanwhile(t *testing.T) {
	for _, strategy := range []string{"default", "custom", "accurate", "eager"} {
		for _, least := range []int32{0, 3} {
			j := kedaScaledJob{strategy: strategy, percentage: "0.5", deduction: n(-4), minReplicas: n(least), maxSet: n(20)}
			answer := j.ours().Answer(0, scaler.Count{Unfinished: 10, Pending: 4})
			for running := int64(least); running < 20; running++ {
				for pending := range running + 1 {
					if got := j.creates(float64(answer), 1, answer > 0, running, pending); got != 0 {
						t.Errorf("%s: KEDA creates %d with %d unfinished and %d pending", j, got, running, pending)
					}
				}
			}
		}
	}
}

// An error instead of an answer creates nothing either, but for the minimum.
func TestNoAnswerCreatesNothing(t *testing.T) {
	for _, strategy := range []string{"default", "custom", "accurate", "eager"} {
		j := kedaScaledJob{strategy: strategy, percentage: "0.5"}
		if got := j.creates(0, 0, false, 3, 1); got != 0 {
			t.Errorf("%s: %d", j, got)
		}
	}
}

func (s kedaScaledJob) String() string {
	text := func(v *int32) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprint(*v)
	}
	return fmt.Sprintf("%q, deduction %s, percentage %q, minimum %s, maximum %s", s.strategy, text(s.deduction), s.percentage, text(s.minReplicas), text(s.maxSet))
}
