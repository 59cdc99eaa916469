package blazepose

// detectorSide is the side of the detector's input in pixels.
const detectorSide = 224

// anchor is the centre of a cell of the detector's feature maps, as a fraction of its input. All anchors have the size 1
// (fixed_anchor_size).
type anchor struct{ x, y float32 }

// makeAnchors lists the detector's anchors: two a cell on the 28 x 28 map, two on the 14 x 14 one and six on the 7 x 7 one
// (its three layers of stride 32), 2254 in all. It mirrors SsdAnchorsCalculator with the options of
// modules/pose_detection/pose_detection_cpu.pbtxt.
func makeAnchors() []anchor {
	var anchors []anchor
	for _, layer := range []struct{ stride, perCell int }{{8, 2}, {16, 2}, {32, 6}} {
		cells := detectorSide / layer.stride
		for y := range cells {
			for x := range cells {
				for range layer.perCell {
					anchors = append(anchors, anchor{(float32(x) + 0.5) / float32(cells), (float32(y) + 0.5) / float32(cells)})
				}
			}
		}
	}
	return anchors
}
