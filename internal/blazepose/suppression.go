package blazepose

import (
	"cmp"
	"slices"
)

// minOverlap is the intersection over union above which two detections are taken for the same person.
const minOverlap = 0.3

// suppress merges the best candidate with all that overlap it, weighted by their scores. It mirrors
// NonMaxSuppressionCalculator (WEIGHTED, INTERSECTION_OVER_UNION), of whose result MediaPipe Pose uses the first detection
// only. There must be a candidate.
func (d *detector) suppress() detection {
	slices.SortStableFunc(d.candidates, func(a, b detection) int { return cmp.Compare(b.score, a.score) })
	best := d.candidates[0]
	d.merged = d.merged[:0]
	for _, c := range d.candidates {
		if overlap(c, best) > minOverlap {
			d.merged = append(d.merged, c)
		}
	}
	if len(d.merged) == 0 { // the best one has no area and does not even overlap itself
		return best
	}
	return weightedMean(d.merged)
}

// weightedMean is the mean of detections weighted by score; its score is the first one's.
func weightedMean(ds []detection) detection {
	var total, left, top, right, bottom float32
	var keys [keyPoints]point
	for _, c := range ds {
		total += c.score
		left += float32(c.x * c.score)
		top += float32(c.y * c.score)
		right += float32((c.x + c.width) * c.score)
		bottom += float32((c.y + c.height) * c.score)
		for k := range keys {
			keys[k].x += float32(c.keys[k].x * c.score)
			keys[k].y += float32(c.keys[k].y * c.score)
		}
	}
	mean := detection{score: ds[0].score, x: left / total, y: top / total}
	mean.width, mean.height = right/total-mean.x, bottom/total-mean.y
	for k := range keys {
		mean.keys[k] = point{keys[k].x / total, keys[k].y / total}
	}
	return mean
}

// overlap is the area that two boxes share, as a fraction of the area that they cover together.
func overlap(a, b detection) float32 {
	width := min(a.x+a.width, b.x+b.width) - max(a.x, b.x)
	height := min(a.y+a.height, b.y+b.height) - max(a.y, b.y)
	if width <= 0 || height <= 0 {
		return 0
	}
	shared := float32(width * height)
	covered := float32(a.width*a.height) + float32(b.width*b.height) - shared
	if covered <= 0 {
		return 0
	}
	return shared / covered
}
