package monitoring

// kind is how a panel looks.
type kind int

const (
	plot    kind = iota // lines over time
	stacked             // areas upon each other
	stat                // one large figure
	yesNo               // one large word, of 1 and 0
)

type row struct {
	title  string
	panels []panel
}

type panel struct {
	title, about string
	kind         kind
	unit         string  // as Grafana names it
	alarm        float64 // a stat is red from here on; 0: never
	queries      []query
}

type query struct{ expr, legend string }

func one(expr, legend string) []query { return []query{{expr, legend}} }

// rows are the dashboard. Each installation is shown for itself, by its namespace; outside of Kubernetes nothing has that label, and
// all is one. Hubs that stand in for each other see one queue, so its gauges are joined by max; what each counts for itself is summed.
var rows = []row{
	{"Now", []panel{
		{title: "Hub ready", kind: yesNo, about: "Pictures are accepted.", queries: one(`max by (namespace) (plumbline_ready{role="hub"})`, "{{namespace}}")},
		{title: "Waiting", kind: stat, queries: one(`max by (namespace) (plumbline_queue_waiting)`, "{{namespace}}")},
		{title: "Oldest waiting", kind: stat, unit: "s", alarm: 300, queries: one(`max by (namespace) (plumbline_queue_oldest_waiting_seconds)`, "{{namespace}}")},
		{title: "Dead letters", kind: stat, alarm: 1, about: "Pictures that could not be analysed: plumbline dead list", queries: one(`max by (namespace) (plumbline_queue_dead_letters)`, "{{namespace}}")},
		{title: "Workers", kind: stat, about: "Worker processes that the hub hears of, beside its own sessions.", queries: one(`max by (namespace) (plumbline_queue_workers)`, "{{namespace}}")},
		{title: "Database answers", kind: yesNo, queries: one(`min by (namespace) (plumbline_check_passed{check="database"})`, "{{namespace}}")},
	}},
	{"Pictures", []panel{
		{title: "Pictures per second", unit: "ops", queries: []query{
			{`sum by (namespace) (rate(plumbline_ingest_captures_total[$__rate_interval]))`, "received {{namespace}}"},
			{`sum by (namespace) (rate(plumbline_record_rows_total[$__rate_interval]))`, "recorded {{namespace}}"},
		}},
		{title: "Recorded per second by device", kind: stacked, unit: "ops", queries: one(`sum by (namespace, device) (rate(plumbline_record_results_total[$__rate_interval]))`, "{{device}} {{namespace}}")},
		{title: "Backlog", queries: []query{
			{`max by (namespace) (plumbline_queue_waiting)`, "waiting {{namespace}}"}, {`max by (namespace) (plumbline_queue_leased)`, "being analysed {{namespace}}"}, {`sum by (namespace) (plumbline_record_waiting)`, "results that wait for the database {{namespace}}"},
		}},
		{title: "Age of the oldest", unit: "s", queries: one(`max by (namespace) (plumbline_queue_oldest_waiting_seconds)`, "oldest waiting {{namespace}}")},
	}},
	{"Posture", []panel{
		{title: "Statuses by device", kind: stacked, about: "Pictures in each interval.", queries: one(`sum by (namespace, device, status) (increase(plumbline_record_results_total[$__rate_interval]))`, "{{device}} {{status}} {{namespace}}")},
		{title: "Newest picture's age by device", unit: "s", queries: one(`time() - max by (namespace, device) (plumbline_record_newest_picture_timestamp_seconds)`, "{{device}} {{namespace}}")},
		{title: "Neck angle", unit: "degree", about: "From the vertical, in each device's newest picture.", queries: one(`avg by (namespace, device) (plumbline_record_neck_angle_degrees)`, "{{device}} {{namespace}}")},
		{title: "Torso angle", unit: "degree", about: "From the vertical, in each device's newest picture.", queries: one(`avg by (namespace, device) (plumbline_record_torso_angle_degrees)`, "{{device}} {{namespace}}")},
	}},
	{"Line", []panel{
		{title: "Workers and sessions", queries: []query{
			{`max by (namespace) (plumbline_queue_workers)`, "worker processes {{namespace}}"}, {`sum by (namespace, instance) (plumbline_sessions)`, "sessions of {{instance}} {{namespace}}"},
		}},
		{title: "Mean time by step", unit: "s", about: "Total is from receipt to acknowledgement, waiting included.", queries: one(
			`sum by (namespace, step) (rate(plumbline_step_duration_seconds_sum[$__rate_interval])) / sum by (namespace, step) (rate(plumbline_step_duration_seconds_count[$__rate_interval]))`, "{{step}} {{namespace}}")},
		{title: "Queue's free space", unit: "bytes", queries: []query{
			{`min by (namespace) (plumbline_queue_max_bytes - plumbline_queue_bytes)`, "free {{namespace}}"}, {`max by (namespace) (plumbline_queue_bytes)`, "used {{namespace}}"},
		}},
		{title: "Dead letters", queries: []query{
			{`max by (namespace) (plumbline_queue_dead_letters)`, "there {{namespace}}"},
			{`sum by (namespace) (increase(plumbline_queue_refused_total[$__rate_interval]))`, "new: no pictures {{namespace}}"},
			{`sum by (namespace) (increase(plumbline_queue_buried_total[$__rate_interval]))`, "new: given up {{namespace}}"},
		}},
	}},
	{"Database", []panel{
		{title: "Time of a transaction", unit: "s", queries: []query{
			{`histogram_quantile(0.5, sum by (namespace, le) (rate(plumbline_record_commit_seconds_bucket[$__rate_interval])))`, "median {{namespace}}"},
			{`histogram_quantile(0.95, sum by (namespace, le) (rate(plumbline_record_commit_seconds_bucket[$__rate_interval])))`, "95 % {{namespace}}"},
		}},
		{title: "Trouble", queries: []query{
			{`sum by (namespace) (plumbline_record_waiting)`, "results that wait for their row {{namespace}}"},
			{`sum by (namespace) (increase(plumbline_record_failed_attempts_total[$__rate_interval]))`, "failed attempts {{namespace}}"},
			{`sum by (namespace) (plumbline_check_passed{check="database"} == bool 0)`, "hubs without a database {{namespace}}"},
		}},
	}},
	{"Cluster", []panel{
		{title: "GPU load by node", unit: "percentunit", queries: one(`max by (node, gpu) (plumbline_gpu_utilization_ratio)`, "{{node}} {{gpu}}")},
		{title: "Age of the load by node", unit: "s", about: "A node whose load is older than a minute takes no new worker.", queries: one(
			`time() - max by (node, gpu) (max_over_time(plumbline_gpu_sample_timestamp_seconds[1h]))`, "{{node}} {{gpu}}")},
		{title: "Jobs", queries: []query{
			{`max by (namespace, scaled_job) (plumbline_scaler_needed_jobs)`, "{{scaled_job}}: asked for by the backlog {{namespace}}"},
			{`max by (namespace, scaled_job, state) (plumbline_scaler_jobs)`, "{{scaled_job}}: {{state}} {{namespace}}"},
		}},
		{title: "Room", queries: []query{
			{`max by (namespace, scaled_job) (plumbline_scaler_free_slots)`, "free slots for {{scaled_job}} {{namespace}}"},
			{`max by (namespace, scaled_job, state) (plumbline_scaler_nodes)`, "nodes for {{scaled_job}}: {{state}} {{namespace}}"},
		}},
		{title: "Placements", kind: stacked, about: "Decisions in each interval, by outcome.", queries: one(`sum by (namespace, outcome) (increase(plumbline_placement_decisions_total[$__rate_interval]))`, "{{outcome}} {{namespace}}")},
		{title: "Pods without a node", queries: []query{
			{`max by (namespace) (plumbline_placement_gated_pods)`, "pods that wait for a node {{namespace}}"},
		}},
		{title: "Time to a node", unit: "s", queries: one(`histogram_quantile(0.95, sum by (namespace, le) (rate(plumbline_placement_wait_seconds_bucket[$__rate_interval])))`, "95 % {{namespace}}")},
		{title: "Load known to the controller", about: "1 while Prometheus answers the controller; what it does not tell takes no worker.", queries: one(`max by (namespace) (plumbline_control_loads_known)`, "known {{namespace}}")},
	}},
}
