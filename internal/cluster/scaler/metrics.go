package scaler

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Names of metrics; each has the labels namespace and scaled_job.
const (
	metricNew      = "plumbline_scaler_new_jobs"
	metricAnswer   = "plumbline_scaler_answer"
	metricNeeded   = "plumbline_scaler_needed_jobs"
	metricJobs     = "plumbline_scaler_jobs"
	metricFree     = "plumbline_scaler_free_slots"
	metricNodes    = "plumbline_scaler_nodes"
	metricKnown    = "plumbline_scaler_known"
	metricAnswers  = "plumbline_scaler_answers_total"
	metricFailures = "plumbline_scaler_failures_total"
)

type metrics struct {
	wanted, answer, needed, free, known *prometheus.GaugeVec
	jobs, nodes                         *prometheus.GaugeVec
	answers, failures                   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	gauge := func(name, help string, more ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, append([]string{"namespace", "scaled_job"}, more...))
	}
	total := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"namespace", "scaled_job"})
	}
	m := &metrics{
		wanted:   gauge(metricNew, "Jobs that the last decision wanted to be created."),
		answer:   gauge(metricAnswer, "The metric that KEDA was answered last."),
		needed:   gauge(metricNeeded, "Jobs that the waiting captures ask for."),
		free:     gauge(metricFree, "Slots on nodes that may take a worker."),
		known:    gauge(metricKnown, "1 when hub and cluster could be read, 0 when not and no Job is asked for."),
		jobs:     gauge(metricJobs, "Unfinished Jobs by state: unfinished, pending (to KEDA), gated (no node yet), unclaimed (no capture yet).", "state"),
		nodes:    gauge(metricNodes, "Nodes by whether they may take a worker: candidate or refused.", "state"),
		answers:  total(metricAnswers, "Decisions made for KEDA."),
		failures: total(metricFailures, "Questions that could not be decided: wrong trigger metadata, or an unknown ScaledJob."),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.wanted, m.answer, m.needed, m.free, m.known, m.jobs, m.nodes, m.answers, m.failures} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("registering the scaler's metrics: %w", err)
		}
	}
	return m, nil
}

// forget takes away what is known of a ScaledJob.
func (m *metrics) forget(namespace, name string) {
	of := prometheus.Labels{"namespace": namespace, "scaled_job": name}
	for _, g := range []*prometheus.GaugeVec{m.wanted, m.answer, m.needed, m.free, m.known, m.jobs, m.nodes} {
		g.DeletePartialMatch(of)
	}
}

func (m *metrics) forgetCounters(namespace, name string) {
	m.answers.DeleteLabelValues(namespace, name)
	m.failures.DeleteLabelValues(namespace, name)
}

func (m *metrics) failed(namespace, name string) { m.failures.WithLabelValues(namespace, name).Inc() }

// decided shows a decision. What is not known, or no longer, is absent.
func (m *metrics) decided(d Decision) {
	set := func(known bool, g *prometheus.GaugeVec, v int, more ...string) {
		labels := append([]string{d.Namespace, d.ScaledJob}, more...)
		if !known {
			g.DeleteLabelValues(labels...)
			return
		}
		g.WithLabelValues(labels...).Set(float64(v))
	}
	hub, cluster, all := d.Backlog != nil, !d.Blind, 0
	if d.Unknown == "" {
		all = 1
	}
	set(true, m.wanted, d.New)
	set(true, m.answer, d.Answer)
	set(true, m.known, all)
	set(hub, m.needed, d.Needed)
	set(cluster, m.free, d.Free)
	set(cluster, m.nodes, len(d.Ranking.Candidates), "candidate")
	set(cluster, m.nodes, len(d.Ranking.Refused), "refused")
	for state, n := range map[string]int{"unfinished": d.Unfinished, "pending": d.Pending, "gated": d.Gated} {
		set(cluster, m.jobs, n, state)
	}
	set(cluster && hub, m.jobs, d.Unclaimed, "unclaimed")
	m.answers.WithLabelValues(d.Namespace, d.ScaledJob).Inc()
	m.failures.WithLabelValues(d.Namespace, d.ScaledJob) // from 0, or the first would be no increase
}
