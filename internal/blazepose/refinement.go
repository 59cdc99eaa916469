package blazepose

const (
	heatCells = 64 // of a heat map's side
	// heatReach is how many cells to each side of a landmark are looked at. The graph says kernel_size 7, which would be 3,
	// but the wheels from 0.10.5 to 0.10.21 look at 9 x 9 cells.
	heatReach = 4
	minHeat   = 0.5 // below this everywhere around, the landmark is left where it is (min_confidence_to_refine)
)

// layout is how far numbers of the heat maps lie apart: from a landmark's to the next one's, from a row, from a column.
type layout struct{ landmark, row, column int }

// planes is one heat map after the other.
var planes = layout{heatCells * heatCells, heatCells, 1}

// refine moves a landmark (x, y as fractions of the crop) to the centre of gravity of its heat map (64 x 64, before the
// sigmoid) around it. It mirrors RefineLandmarksFromHeatmapCalculator.
func refine(heat []float32, at layout, x, y float32) (refinedX, refinedY float32) {
	column, row := int(x*heatCells), int(y*heatCells) // towards zero, as C++ converts
	if column < 0 || column >= heatCells || row < 0 || row >= heatCells {
		return x, y
	}
	top, bottom := max(0, row-heatReach), min(heatCells, row+heatReach+1)
	left, right := max(0, column-heatReach), min(heatCells, column+heatReach+1)
	var around [(2*heatReach + 1) * (2*heatReach + 1)]float32
	sigmoids(heat[top*at.row+left*at.column:], at, bottom-top, right-left, around[:])
	var total, columns, rows, highest float32
	for i, h := range around[:(bottom-top)*(right-left)] {
		total += h
		highest = max(highest, h)
		columns += float32(float32(left+i%(right-left)) * h)
		rows += float32(float32(top+i/(right-left)) * h)
	}
	if highest < minHeat || total <= 0 {
		return x, y
	}
	return columns / heatCells / total, rows / heatCells / total
}
