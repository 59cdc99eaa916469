//go:build linux

package cases

import "time"

// all are the cases in their order: what others build on first, what disturbs most last.
func all() []Case {
	const usual = 6 * time.Minute // a bound for a machine that is slow; most take a fraction of a minute
	return []Case{
		{"a picture becomes a row by the node with the less busy GPU", usual, alone, pictureToRow},
		{"loads reversed: the next Job goes to the other node", usual, installed, reversed},
		{"all nodes busy: pictures wait for one that is not", usual, installed, allBusy},
		{"missing samples, then old ones: nothing is placed on an unknown node", usual, installed, unknown},
		{"cordoned: the less busy node is left alone", usual, installed, cordoned},
		{"200 pictures at once", usual, installed, burst},
		{"more Jobs than pictures: the extra ones end, nothing is done twice", usual, installed, tooManyJobs},
		{"the leading controller killed", usual, installed, controllerKilled},
		{"a worker's own load: the second node, and no Job too many", usual, installed, ownLoad},
		{"rebalance: a worker is asked to leave a GPU that others took", usual, installed, rebalanced},
		{"a node killed with work in hand", usual, installed, killed},
		{"no Job too many in a hundred polls, while both nodes are busy", usual, beside, play(setting{namespace: "polls", addresses: 101, controllers: 1, placement: "gate", nodes: equals("polls", 2)}, hundredPolls)},
		{"both scalers away for 45 s: KEDA finds them again", usual, beside, play(setting{namespace: "away", addresses: 103, controllers: 2, placement: "none", nodes: equals("away", 1)}, bothScalersAway)},
		{"one of two scalers killed", usual, beside, play(setting{namespace: "one-killed", addresses: 105, controllers: 2, placement: "none", nodes: equals("one-killed", 1)}, oneScalerKilled)},
		{"each strategy: KEDA makes exactly the Jobs wanted", usual, beside, play(setting{namespace: "strategies", addresses: 107, controllers: 1, placement: "none", nodes: equals("strategy", 60)}, everyStrategy)},
		{"KEDA and the scaler show each other certificates", usual, beside, play(setting{namespace: "secure", addresses: 109, controllers: 1, placement: "none", nodes: equals("secure", 3), secure: true}, certificates)},
		{"fallback: nodes without a GPU, or busy ones, after the time", usual, beside, play(setting{namespace: "fallback", addresses: 111, controllers: 1, placement: "gate", nodes: fallbackNodes, cpu: true}, fallback)},
		{"a CPU over its threshold: the node is no candidate", usual, beside, play(setting{namespace: "cpu", addresses: 113, controllers: 1, placement: "gate", nodes: cpuNodes, cpu: true}, cpuOverThreshold)},
		{"rebalance: at most one worker a node and window", usual, beside, play(setting{namespace: "leave", addresses: 115, controllers: 1, placement: "gate", nodes: equals("leave", 2),
			args: []string{"--rebalance-window=" + leaveWindow.String()}}, oneLeaveAWindow)},
		{"a placed pod whose node goes before it is bound", usual, beside, play(setting{namespace: "lost", addresses: 117, controllers: 1, placement: "gate", nodes: equals("lost", 2)}, lostBeforeBinding)},
		{"patch mode: the original's ScaledJob, and what runs lives on", usual, beside, patched},
		{"deploy: from nothing to a row, twice, over a broken one, an upgrade", usual, alone, deploying},
		{"deploy refuses what cannot work, and leaves nothing half made", usual, beside, refusals},
		{"deploy and stop on a cluster without KEDA", usual, beside, withoutKEDA},
		{"the Helm chart by helm: installed, upgraded, uninstalled", usual, alone, charted},
		{"the kustomize base by kubectl: applied and deleted", usual, alone, based},
		{"deploy in a terminal, ESC, deploy again: no picture is lost", usual, alone, comesAndGoes(true, stoppedAndBack)},
		{"stop in the middle of a deploy, beside one that goes on, and without KEDA", usual, alone, comesAndGoes(false, stoppedHalfway)},
		{"KEDA restarted", usual, alone, kedaRestarted},
		{"500 Jobs on 1,000 nodes that only pretend", 15 * time.Minute, crowded, crowdOfNodes},
	}
}
