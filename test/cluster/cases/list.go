//go:build linux

package cases

import "time"

// all are the cases in their order: what others build on first, what disturbs most last.
func all() []Case {
	return []Case{
		{"a picture becomes a row by the node with the less busy GPU", 6 * time.Minute, alone, pictureToRow},
		{"loads reversed: the next Job goes to the other node", 6 * time.Minute, installed, reversed},
		{"all nodes busy: pictures wait for one that is not", 6 * time.Minute, installed, allBusy},
		{"missing samples, then old ones: nothing is placed on an unknown node", 6 * time.Minute, installed, unknown},
		{"cordoned: the less busy node is left alone", 6 * time.Minute, installed, cordoned},
		{"200 pictures at once", 8 * time.Minute, installed, burst},
		{"the leading controller killed", 6 * time.Minute, installed, controllerKilled},
		{"a worker's own load: the second node, and no Job too many", 6 * time.Minute, installed, ownLoad},
		{"a node killed with work in hand", 8 * time.Minute, installed, killed},
		{"each strategy: KEDA makes exactly the Jobs wanted", 8 * time.Minute, beside, play(setting{namespace: "strategies", addresses: 101, controllers: 1, placement: "none", nodes: equals("strategy", 60)}, everyStrategy)},
		{"both scalers away for 45 s: KEDA finds them again", 8 * time.Minute, beside, play(setting{namespace: "away", addresses: 103, controllers: 2, placement: "none", nodes: equals("away", 1)}, bothScalersAway)},
		{"one of two scalers killed", 6 * time.Minute, beside, play(setting{namespace: "one-killed", addresses: 105, controllers: 2, placement: "none", nodes: equals("one-killed", 1)}, oneScalerKilled)},
		{"patch mode: the original's ScaledJob, and what runs lives on", 6 * time.Minute, beside, patched},
		{"KEDA restarted", 6 * time.Minute, alone, kedaRestarted},
		{"500 Jobs on 1,000 nodes that only pretend", 8 * time.Minute, crowded, crowdOfNodes},
	}
}
