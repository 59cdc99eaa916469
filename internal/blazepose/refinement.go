package blazepose

const (
	heatCells = 64 // of a heat map's side
	// heatReach is how many cells to each side of a landmark are looked at. The graph says kernel_size 7, which would be 3,
	// but the wheels from 0.10.5 to 0.10.21 look at 9 x 9 cells.
	heatReach = 4
	minHeat   = 0.5 // below this everywhere around, the landmark is left where it is (min_confidence_to_refine)
)

// refine moves a landmark (x, y as fractions of the crop) to the centre of gravity of its heat map (64 x 64, before the
// sigmoid) around it. It mirrors RefineLandmarksFromHeatmapCalculator.
func refine(heat []float32, x, y float32) (refinedX, refinedY float32) {
	column, row := int(x*heatCells), int(y*heatCells) // towards zero, as C++ converts
	if column < 0 || column >= heatCells || row < 0 || row >= heatCells {
		return x, y
	}
	var total, columns, rows, highest float32
	for r := max(0, row-heatReach); r < min(heatCells, row+heatReach+1); r++ {
		for c := max(0, column-heatReach); c < min(heatCells, column+heatReach+1); c++ {
			h := sigmoid(heat[r*heatCells+c])
			total += h
			highest = max(highest, h)
			columns += float32(float32(c) * h)
			rows += float32(float32(r) * h)
		}
	}
	if highest < minHeat || total <= 0 {
		return x, y
	}
	return columns / heatCells / total, rows / heatCells / total
}
