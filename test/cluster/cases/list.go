//go:build linux

package cases

import "time"

// all are the cases in their order: what others build on first, what disturbs most last.
func all() []Case {
	return []Case{
		{"a picture becomes a row by the node with the less busy GPU", 3 * time.Minute, true, pictureToRow},
		{"loads reversed: the next Job goes to the other node", 3 * time.Minute, true, reversed},
		{"all nodes busy: pictures wait for one that is not", 3 * time.Minute, true, allBusy},
		{"missing samples: nothing is placed on an unknown node", 3 * time.Minute, true, missing},
		{"stale samples: nothing is placed on an old load", 3 * time.Minute, true, stale},
		{"cordoned: the less busy node is left alone", 3 * time.Minute, true, cordoned},
		{"200 pictures at once", 5 * time.Minute, true, burst},
		{"the leading controller killed", 3 * time.Minute, true, controllerKilled},
		{"KEDA restarted", 4 * time.Minute, true, kedaRestarted},
		{"a worker's own load: the second node, and no Job too many", 6 * time.Minute, true, ownLoad},
		{"patch mode: the original's ScaledJob, and what runs lives on", 4 * time.Minute, false, patched},
		{"a node killed with work in hand", 5 * time.Minute, true, killed},
		{"each strategy: KEDA makes exactly the Jobs wanted", 6 * time.Minute, false, play(6, 1, everyStrategy)},
		{"one of two scalers killed", 3 * time.Minute, false, play(1, 2, oneScalerKilled)},
		{"both scalers away for 45 s: KEDA finds them again", 5 * time.Minute, false, play(1, 2, bothScalersAway)},
		{"500 Jobs on 1,000 nodes that only pretend", 5 * time.Minute, false, crowdOfNodes},
	}
}
