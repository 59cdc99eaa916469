// Package helm writes a Helm chart of what manifest deploys. No template is written by hand: the chart is what the manifests become
// when an option changes. An option that only stands somewhere in them is set to a mark, and where the mark comes out its value is
// put in; one that changes what is there is set both ways, and the difference stands under a condition.
//
//	values --marks--> manifest.Objects --+--> tree --> templates
//	variants ------> manifest.Objects --differences--^
//
// The package refuses to put Secrets into a chart: whoever may read releases could read them. They are made beside it.
package helm
