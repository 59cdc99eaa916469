package scaler

import "strconv"

// Names of KEDA's scaling strategies. What KEDA does not know is its default.
const (
	strategyCustom   = "custom"
	strategyAccurate = "accurate"
	strategyEager    = "eager"
)

// Strategy is a ScaledJob's scalingStrategy with its limits, as its specification has them.
type Strategy struct {
	Name       string `json:"name"`                 // default, custom, accurate, eager
	Deduction  int    `json:"deduction,omitempty"`  // customScalingQueueLengthDeduction
	Percentage string `json:"percentage,omitempty"` // customScalingRunningJobPercentage, as written
	Min        int    `json:"min"`                  // minReplicaCount
	Max        int    `json:"max"`                  // maxReplicaCount
}

// Count is Jobs of a ScaledJob as KEDA counts them.
type Count struct {
	Unfinished int `json:"unfinished"` // KEDA calls them running
	Pending    int `json:"pending"`    // unfinished ones none of whose pods runs, or as pendingPodConditions say
}

// Answer is the metric, with a target of 1, from which KEDA 2.21 creates exactly wanted Jobs more, or as many as
// maxReplicaCount lets it. Where fewer Jobs than minReplicaCount are unfinished KEDA creates those that lack, whatever it
// is answered.
//
// What KEDA makes of a metric (RequestJobScale and GetEffectiveMaxScale in its pkg/scaling/executor/scale_jobs.go), with the
// unfinished Jobs counted less minReplicaCount: default creates metric - unfinished, custom metric - deduction - percentage x
// unfinished and never more than the metric, accurate metric - pending, eager the metric.
//
// Where no Job is wanted the answer is 0, which creates none under any strategy. Metrics that only balance what KEDA
// subtracts would do as well, until a Job ends between the answer and KEDA's own count: then KEDA would create one.
func (s Strategy) Answer(wanted int, c Count) int {
	if wanted <= 0 {
		return 0
	}
	unfinished := max(0, c.Unfinished-s.min())
	switch s.Name {
	case strategyEager:
		return wanted
	case strategyAccurate:
		return wanted + c.Pending
	case strategyCustom:
		if share, err := strconv.ParseFloat(s.Percentage, 64); err == nil {
			return wanted + max(0, s.Deduction+int(float64(unfinished)*share))
		}
	}
	return wanted + unfinished // also for a percentage that is no number, as KEDA does
}

// min is minReplicaCount as KEDA takes it: never more than maxReplicaCount.
func (s Strategy) min() int { return min(s.Min, s.Max) }
