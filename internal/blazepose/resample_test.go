//go:build cgo

package blazepose_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"

	"plumbline/internal/blazepose"
	"plumbline/internal/posture"
	"plumbline/internal/testkit/pixels"
)

// guarded gives a frame of random pixels that ends where a page ends, followed by a page that can't be read: reading one byte
// too many kills the test.
func guarded(t *testing.T, rng *rand.Rand, width, height int) *posture.Frame {
	t.Helper()
	page := syscall.Getpagesize()
	size := width * height * 3
	pages := (size + page - 1) / page
	memory, err := syscall.Mmap(-1, 0, (pages+1)*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(memory) })
	if err := syscall.Mprotect(memory[pages*page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	pix := memory[pages*page-size : pages*page]
	for i := range pix {
		pix[i] = byte(rng.Uint32())
	}
	return &posture.Frame{Width: width, Height: height, Pix: pix}
}

// regions are squares in, over and far beyond a picture's border, turned or not, tiny and huge.
func regions(rng *rand.Rand, w, h float32) []posture.Region {
	wide := max(w, h)
	list := []posture.Region{
		{CenterX: w / 2, CenterY: h / 2, Side: wide},
		{CenterX: w / 2, CenterY: h / 2, Side: wide, Rotation: math.Pi / 2},
		{CenterX: 0, CenterY: 0, Side: wide, Rotation: math.Pi / 4},
		{CenterX: w, CenterY: h, Side: wide / 2, Rotation: -3},
		{CenterX: -50 * wide, CenterY: 9 * wide, Side: wide},
		{CenterX: w / 2, CenterY: h / 2, Side: 1e12, Rotation: 1},
		{CenterX: 3e9, CenterY: -3e9, Side: 1e3},
		{CenterX: w / 2, CenterY: h / 2, Side: 1e-6, Rotation: 2},
		{CenterX: w / 2, CenterY: h / 2},
		{CenterX: float32(math.NaN()), CenterY: h, Side: w},
		{CenterX: w, CenterY: h, Side: float32(math.Inf(1))},
	}
	for range 8 {
		list = append(list, posture.Region{
			CenterX: (rng.Float32()*2 - 0.5) * w, CenterY: (rng.Float32()*2 - 0.5) * h,
			Side: rng.Float32() * 2 * wide, Rotation: (rng.Float32()*2 - 1) * math.Pi,
		})
	}
	return list
}

// TestResampleVariants compares every variant of the C code with the Go code, bit by bit.
func TestResampleVariants(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][2]int{{1, 1}, {2, 1}, {1, 2}, {1, 700}, {700, 1}, {2, 2}, {5, 3}, {64, 48}, {641, 479}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			f := guarded(t, rng, size[0], size[1])
			for _, r := range regions(rng, float32(size[0]), float32(size[1])) {
				compareVariants(t, f, r, 256, blazepose.ReplicateBorder, blazepose.NewByteValues(0, 1))
				compareVariants(t, f, r, 224, blazepose.ZeroBorder, blazepose.NewByteValues(-1, 1))
			}
		})
	}
}

// TestPlanesAreReadAsTheirPixels compares crops out of planes with crops out of the pixels that libjpeg makes of them, bit by bit.
func TestPlanesAreReadAsTheirPixels(t *testing.T) {
	if !blazepose.ReadsPlanes() {
		t.Log("this processor reads no planes: frames come as pixels")
		return
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for _, size := range [][2]int{{5, 2}, {6, 2}, {5, 3}, {7, 700}, {701, 2}, {64, 48}, {65, 49}, {641, 480}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			planes := guardedPlanes(t, rng, size[0], size[1])
			f := posture.Frame{Width: size[0], Height: size[1], Planes: planes}
			same := posture.Frame{Width: size[0], Height: size[1], Pix: pixels.OfPlanes(planes)}
			for _, r := range regions(rng, float32(size[0]), float32(size[1])) {
				comparePlanes(t, &f, &same, r, 256, blazepose.ReplicateBorder, blazepose.NewByteValues(0, 1))
				comparePlanes(t, &f, &same, r, 224, blazepose.ZeroBorder, blazepose.NewByteValues(-1, 1))
			}
		})
	}
}

func comparePlanes(t *testing.T, planes, same *posture.Frame, r posture.Region, side int, outside blazepose.Border, values blazepose.Values) {
	t.Helper()
	got, want := make([]float32, 3*side*side), make([]float32, 3*side*side)
	blazepose.Sample(planes, r, side, outside, &values, got)
	blazepose.Sample(same, r, side, outside, &values, want)
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%+v, value %d: %v of planes, %v of pixels", r, i, got[i], want[i])
		}
	}
}

// guardedPlanes gives random planes in one piece of memory, of which three bytes more than they have can be read, and no others.
func guardedPlanes(t *testing.T, rng *rand.Rand, width, height int) *image.YCbCr {
	t.Helper()
	columns, rows := (width+1)/2, (height+1)/2
	luma, chroma := width*height, columns*rows
	all := guarded(t, rng, 1, (luma+2*chroma+3+2)/3).Pix
	all = all[len(all)-luma-2*chroma-3:]
	return &image.YCbCr{
		Y: all[:luma], Cb: all[luma : luma+chroma], Cr: all[luma+chroma : luma+2*chroma],
		YStride: width, CStride: columns, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, width, height),
	}
}

// TestResampleOddSides takes crops whose sides are no multiple of a vector or a block.
func TestResampleOddSides(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	f := guarded(t, rng, 33, 29)
	for _, side := range []int{1, 7, 15, 63, 65, 100} {
		for _, r := range regions(rng, 33, 29) {
			compareVariants(t, f, r, side, blazepose.ZeroBorder, blazepose.NewByteValues(0, 1))
		}
	}
}

func compareVariants(t *testing.T, f *posture.Frame, r posture.Region, side int, outside blazepose.Border, v blazepose.Values) {
	t.Helper()
	m := blazepose.ToCrop(r, side)
	want := make([]float32, 3*side*side)
	blazepose.ResampleGo(f, &m, side, outside, &v, want)
	got := make([]float32, len(want))
	for name, resample := range blazepose.Resamplers() {
		clear(got)
		resample(f, &m, side, outside, &v, got)
		for i := range want {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Errorf("%s, region %+v, border %d: value %d is %v, the Go code gives %v", name, r, outside, i, got[i], want[i])
				break
			}
		}
	}
}

// TestResampleLargeFrame reads the last corner of a 50-megapixel frame: offsets there need 28 bits, and three times the
// width of a row that is 50 million pixels long must not overflow either.
func TestResampleLargeFrame(t *testing.T) {
	for _, size := range [][2]int{{8000, 6250}, {50_000_000, 1}} {
		f := &posture.Frame{Width: size[0], Height: size[1], Pix: make([]byte, 150_000_000)}
		copy(f.Pix[len(f.Pix)-3:], []byte{10, 20, 30})
		r := posture.Region{CenterX: float32(size[0]), CenterY: float32(size[1]), Side: 0.25}
		compareVariants(t, f, r, 16, blazepose.ReplicateBorder, blazepose.NewByteValues(0, 255))
	}
}

func BenchmarkResample(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	f := &posture.Frame{Width: 1920, Height: 1080, Pix: make([]byte, 1920*1080*3)}
	for i := range f.Pix {
		f.Pix[i] = byte(rng.Uint32())
	}
	v := blazepose.NewByteValues(0, 1)
	for _, c := range []struct {
		name    string
		side    int
		outside blazepose.Border
		region  posture.Region
	}{
		{"detection", 224, blazepose.ZeroBorder, posture.Region{CenterX: 960, CenterY: 540, Side: 1920}},
		{"landmarks", 256, blazepose.ReplicateBorder, posture.Region{CenterX: 900, CenterY: 500, Side: 900, Rotation: 0.2}},
	} {
		out := make([]float32, 3*c.side*c.side)
		m := blazepose.ToCrop(c.region, c.side)
		for name, resample := range blazepose.Resamplers() {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					resample(f, &m, c.side, c.outside, &v, out)
				}
			})
		}
	}
}

// TestCropsAreTheSameEverywhere pins a crop's bits: every processor and compiler must cut the same.
func TestCropsAreTheSameEverywhere(t *testing.T) {
	f := &posture.Frame{Width: 500, Height: 400, Pix: make([]byte, 500*400*3)}
	for i := range f.Pix {
		f.Pix[i] = byte(uint32(i) * 2654435761 >> 16)
	}
	sum := sha256.New()
	for _, r := range regions(rand.New(rand.NewPCG(9, 10)), 500, 400) {
		crop, err := blazepose.LandmarkCrop(f, r)
		if err != nil {
			t.Fatal(err)
		}
		if err := binary.Write(sum, binary.LittleEndian, crop); err != nil {
			t.Fatal(err)
		}
	}
	const want = "9e0a810eaf5a0c3e5071e3ef1fc2ae3bdd85a138bcb5295e7aa6d22c12fecb28"
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("the crops' check sum is %s, want %s", got, want)
	}
}
