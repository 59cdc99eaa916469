package monitoring

// The parts of Grafana's dashboard model that are used here, as Grafana 8 to 12 read them.
// https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
const (
	schemaVersion   = 39
	sharedCrosshair = 1
	withTimeRange   = 2 // a variable's values are asked for anew
)

type dashboard struct {
	Title      string      `json:"title"`
	UID        string      `json:"uid"`
	Tags       []string    `json:"tags"`
	Schema     int         `json:"schemaVersion"`
	Editable   bool        `json:"editable"`
	Time       span        `json:"time"`
	Refresh    string      `json:"refresh"`
	Tooltip    int         `json:"graphTooltip"`
	Templating templating  `json:"templating"`
	Panels     []panelJSON `json:"panels"`
}

type span struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type templating struct {
	List []variable `json:"list"`
}

type variable struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Type  string `json:"type"`
	Query string `json:"query"`
	*choice
}

// choice is what a variable that may have several values has besides.
type choice struct {
	Datasource source  `json:"datasource"`
	Refresh    int     `json:"refresh"`
	Multi      bool    `json:"multi"`
	IncludeAll bool    `json:"includeAll"`
	AllValue   string  `json:"allValue"`
	Current    current `json:"current"`
}

type current struct {
	Text  []string `json:"text"`
	Value []string `json:"value"`
}

type panelJSON struct {
	ID          int          `json:"id"`
	Type        string       `json:"type"`
	Title       string       `json:"title"`
	Description string       `json:"description,omitempty"`
	Datasource  *source      `json:"datasource,omitempty"`
	Grid        grid         `json:"gridPos"`
	Targets     []target     `json:"targets,omitempty"`
	Fields      *fields      `json:"fieldConfig,omitempty"`
	Panels      *[]panelJSON `json:"panels,omitempty"` // of a folded row
}

type source struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type grid struct {
	H int `json:"h"`
	W int `json:"w"`
	X int `json:"x"`
	Y int `json:"y"`
}

type target struct {
	Ref    string `json:"refId"`
	Expr   string `json:"expr"`
	Legend string `json:"legendFormat"`
}

type fields struct {
	Defaults  defaults `json:"defaults"`
	Overrides []string `json:"overrides"`
}

type defaults struct {
	Unit       string      `json:"unit,omitempty"`
	Min        *float64    `json:"min,omitempty"`
	Custom     *custom     `json:"custom,omitempty"`
	Mappings   []mapping   `json:"mappings,omitempty"`
	Thresholds *thresholds `json:"thresholds,omitempty"`
}

type custom struct {
	Stacking stacking `json:"stacking"`
	Fill     int      `json:"fillOpacity"`
}

type stacking struct {
	Mode string `json:"mode"`
}

type mapping struct {
	Type    string          `json:"type"`
	Options map[string]text `json:"options"`
}

type text struct {
	Text  string `json:"text"`
	Color string `json:"color"`
}

type thresholds struct {
	Mode  string `json:"mode"`
	Steps []step `json:"steps"`
}

type step struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"` // null: from the beginning
}

// prometheus is the one that is chosen at the top of the dashboard.
var prometheus = source{"prometheus", "${datasource}"}

// variables are chosen at the top of the dashboard. All installations are those without a namespace, too, outside of Kubernetes.
func variables() []variable {
	return []variable{
		{Name: "datasource", Label: "Prometheus", Type: "datasource", Query: "prometheus"},
		{Name: "namespace", Label: "Namespace", Type: "query", Query: "label_values(plumbline_ready, namespace)", choice: &choice{
			Datasource: prometheus, Refresh: withTimeRange, Multi: true, IncludeAll: true, AllValue: ".*", Current: current{[]string{"All"}, []string{"$__all"}},
		}},
	}
}

func (p panel) json() panelJSON {
	made := panelJSON{
		Type: "timeseries", Title: p.title, Description: p.about, Datasource: &prometheus,
		Grid: grid{H: plotHeight, W: columns / 2}, Fields: &fields{Defaults: defaults{Unit: p.unit}, Overrides: []string{}},
	}
	d := &made.Fields.Defaults
	switch p.kind {
	case stat:
		made.Type, made.Grid = "stat", grid{H: statHeight, W: columns / 6}
		d.Thresholds = &thresholds{Mode: "absolute", Steps: []step{{Color: "green"}}}
		if p.alarm > 0 {
			d.Thresholds.Steps = append(d.Thresholds.Steps, step{"red", &p.alarm})
		}
	case yesNo:
		made.Type, made.Grid = "stat", grid{H: statHeight, W: columns / 6}
		d.Mappings = []mapping{{"value", map[string]text{"0": {"no", "red"}, "1": {"yes", "green"}}}}
	case stacked:
		d.Custom, d.Min = &custom{stacking{"normal"}, 60}, new(float64)
	case plot:
		d.Custom = &custom{stacking{"none"}, 10}
	}
	for i, q := range p.queries {
		made.Targets = append(made.Targets, target{Ref: string(rune('A' + i)), Expr: q.chosen(), Legend: q.legend})
	}
	return made
}
