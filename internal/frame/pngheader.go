package frame

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// maxDeflateRatio is the most bytes that one byte of deflated data can become (zlib's technical details).
const maxDeflateRatio = 1032

// pngChannels is the number of samples a pixel has by colour type (PNG specification, 11.2.2).
var pngChannels = map[byte]int64{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

var knownCritical = map[string]bool{"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true}

func isPNG(p []byte) bool { return len(p) >= 8 && string(p[:8]) == pngSignature }

// readPNGHeader reads IHDR, looks for an eXIf chunk before or after the pixels, and refuses a file too small to hold the
// pixels that it promises.
func readPNGHeader(p []byte) (Header, error) {
	h := Header{Format: PNG, Orientation: Upright}
	var depth, compressed int64 // bits a pixel; bytes
	exifSeen := false
	for c := range pngChunks(p) {
		kind, body := c.kind(), c.body()
		switch {
		case depth == 0:
			var err error
			if depth, err = h.readIHDR(kind, body); err != nil {
				return Header{}, err
			}
		case kind == "IDAT":
			compressed += int64(len(body))
		case kind == "eXIf" && !exifSeen:
			exifSeen = true
			h.Orientation = readOrientation(body)
		case c.critical() && !knownCritical[kind]:
			return Header{}, refuse("the PNG has a part %q that is not known here but needed to read it", kind)
		}
	}
	if depth == 0 {
		return Header{}, refuse("the PNG ends within its header: it is truncated")
	}
	return h, checkPNGContent(h, depth, compressed)
}

// readIHDR sets the sides and returns how many bits a pixel has.
func (h *Header) readIHDR(kind string, body []byte) (bitsPerPixel int64, err error) {
	if kind != "IHDR" || len(body) != 13 {
		return 0, refuse("the PNG does not start with its header: it is damaged")
	}
	width, height := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
	if width > 1<<31-1 || height > 1<<31-1 {
		return 0, refuse("the PNG says it is %d x %d pixels: it is damaged", width, height)
	}
	h.Width, h.Height = int(width), int(height)
	bitsPerPixel = int64(body[8]) * pngChannels[body[9]]
	if bitsPerPixel == 0 {
		return 0, refuse("the PNG has an unknown colour type: it is damaged")
	}
	return bitsPerPixel, nil
}

// checkPNGContent refuses before anything is allocated what no deflated data of this length could hold.
func checkPNGContent(h Header, depth, compressed int64) error {
	rowBytes := (int64(h.Width)*depth + 7) / 8
	if h.Height > 0 && rowBytes > maxDeflateRatio*compressed/int64(h.Height) {
		return refuse("the PNG says it is %d x %d pixels but holds only %d bytes of them: it is truncated or lies",
			h.Width, h.Height, compressed)
	}
	return nil
}

// chunk is one of a PNG's: whole holds length, kind, body and checksum.
type chunk struct{ whole []byte }

func (c chunk) kind() string { return string(c.whole[4:8]) }
func (c chunk) body() []byte { return c.whole[8 : len(c.whole)-4] }

// critical chunks matter to the pixels (PNG specification, 5.4: bit 5 of the first letter).
func (c chunk) critical() bool { return c.whole[4]&0x20 == 0 }

func (c chunk) intact() bool {
	stored := binary.BigEndian.Uint32(c.whole[len(c.whole)-4:])
	return crc32.ChecksumIEEE(c.whole[4:len(c.whole)-4]) == stored
}

// pngChunks yields the complete chunks of a PNG up to IEND.
func pngChunks(p []byte) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		for p = p[len(pngSignature):]; len(p) >= 12; {
			n := 12 + int64(binary.BigEndian.Uint32(p))
			if n > int64(len(p)) {
				return
			}
			c := chunk{p[:n]}
			if !yield(c) || c.kind() == "IEND" {
				return
			}
			p = p[n:]
		}
	}
}
