package scaler_test

import (
	"math"
	"strconv"
)

// What follows says in this test's own words what KEDA 2.21.0 does with an external scaler's answer, function by function of
// its source, so that Strategy.Answer is checked against KEDA and not against itself.

// kedaScaledJob is what KEDA reads of a ScaledJob's specification.
type kedaScaledJob struct {
	strategy            string
	deduction           *int32
	percentage          string
	minReplicas, maxSet *int32 // minReplicaCount and maxReplicaCount
}

// minReplicaCount: MinReplicaCount in apis/keda/v1alpha1/scaledjob_types.go.
func (s kedaScaledJob) minReplicaCount() int64 {
	switch {
	case s.minReplicas == nil:
		return 0
	case s.maxSet != nil && *s.minReplicas > *s.maxSet:
		return int64(*s.maxSet)
	}
	return int64(*s.minReplicas)
}

// maxReplicaCount: MaxReplicaCount in apis/keda/v1alpha1/scaledjob_types.go. The minimum is taken off, unless it is the greater.
func (s kedaScaledJob) maxReplicaCount() int64 {
	switch {
	case s.maxSet == nil:
		return 100
	case s.minReplicas != nil && *s.minReplicas > *s.maxSet:
		return int64(*s.maxSet)
	}
	return int64(*s.maxSet) - s.minReplicaCount()
}

// creates is how many Jobs one poll creates: checkScalers and getScaledJobState in pkg/scaling/scale_handler.go, then
// RequestJobScale in pkg/scaling/executor/scale_jobs.go.
func (s kedaScaledJob) creates(metric, target float64, answeredActive bool, running, pending int64) int64 {
	active, scaleTo, maxScale := s.state(metric, target, answeredActive)
	effective, scaleTo := s.decision(running, scaleTo, maxScale, pending)
	effective = max(effective, 0)
	if !active {
		return 0
	}
	return created(scaleTo, effective)
}

// state: CalculateQueueLengthAndMaxValue and IsScaledJobActive (its default, max) in pkg/scaling/scaledjob/metrics.go.
func (s kedaScaledJob) state(metric, target float64, answeredActive bool) (active bool, queueLength, maxValue int64) {
	value := 0.0
	if target != 0 {
		value = math.Min(metric/target, float64(s.maxReplicaCount()))
	}
	length, most := 0.0, 0.0
	if metric > 0 && answeredActive { // a metric of 0 counts as inactive
		length, most, active = metric, value, true
	}
	if s.minReplicaCount() > 0 {
		active = true
	}
	most = math.Min(most, float64(s.maxReplicaCount()))
	return active, int64(math.Ceil(length)), int64(math.Ceil(most))
}

// decision: getScalingDecision in pkg/scaling/executor/scale_jobs.go.
func (s kedaScaledJob) decision(running, scaleTo, maxScale, pending int64) (effective, to int64) {
	if least := s.minReplicaCount(); running < least {
		return least - running, least - running
	}
	return s.effectiveMaxScale(maxScale, running-s.minReplicaCount(), pending, scaleTo)
}

// effectiveMaxScale: NewScalingStrategy and the four GetEffectiveMaxScale in pkg/scaling/executor/scale_jobs.go.
func (s kedaScaledJob) effectiveMaxScale(maxScale, running, pending, scaleTo int64) (effective, to int64) {
	most := s.maxReplicaCount()
	share, err := strconv.ParseFloat(s.percentage, 64)
	switch {
	case s.strategy == "custom" && err == nil:
		deduction := int64(0)
		if s.deduction != nil {
			deduction = int64(*s.deduction)
		}
		return min(maxScale-deduction-int64(float64(running)*share), most), scaleTo
	case s.strategy == "accurate":
		if maxScale+running-pending > most {
			return most - running, scaleTo
		}
		return maxScale - pending, scaleTo
	case s.strategy == "eager":
		return min(most-running-pending, maxScale), most
	}
	return maxScale - running, scaleTo
}

// created: createJobs in pkg/scaling/executor/scale_jobs.go.
func created(scaleTo, maxScale int64) int64 {
	if maxScale <= 0 {
		return 0
	}
	return max(0, min(scaleTo, maxScale))
}
