package frame

import "encoding/binary"

func isWebP(p []byte) bool {
	return len(p) >= 12 && string(p[:4]) == "RIFF" && string(p[8:12]) == "WEBP"
}

// readWebPHeader finds the still picture in the container (RFC 9649) and reads its sides; an extended file's canvas must
// agree with them. EXIF orientation is left alone: OpenCV 4.11 does not apply it to WebP.
func readWebPHeader(p []byte) (Header, error) {
	h := Header{Format: WebP, Orientation: Upright}
	canvasWidth, canvasHeight := 0, 0
	for kind, body := range riffChunks(p) {
		switch kind {
		case "VP8X":
			if len(body) < 10 {
				return Header{}, refuse("the WebP has a header that is too short: it is damaged")
			}
			if body[0]&0x02 != 0 {
				return Header{}, refuse("the picture is an animated WebP; only still ones can be read")
			}
			canvasWidth, canvasHeight = 1+int(uint24(body[4:])), 1+int(uint24(body[7:]))
		case "VP8 ":
			return h.fitCanvas(canvasWidth, canvasHeight, h.readLossy(body))
		case "VP8L":
			return h.fitCanvas(canvasWidth, canvasHeight, h.readLossless(body))
		}
	}
	return Header{}, refuse("the WebP holds no picture: it is truncated or damaged")
}

func (h Header) readLossy(body []byte) Header {
	if len(body) >= 10 && string(body[3:6]) == "\x9d\x01\x2a" { // RFC 6386, 9.1
		h.Width = int(binary.LittleEndian.Uint16(body[6:]) & 0x3FFF)
		h.Height = int(binary.LittleEndian.Uint16(body[8:]) & 0x3FFF)
	}
	return h
}

func (h Header) readLossless(body []byte) Header {
	if len(body) >= 5 && body[0] == 0x2F { // RFC 9649, 3.4
		bits := binary.LittleEndian.Uint32(body[1:])
		h.Width, h.Height = 1+int(bits&0x3FFF), 1+int(bits>>14&0x3FFF)
	}
	return h
}

func (Header) fitCanvas(width, height int, h Header) (Header, error) {
	if width != 0 && (width != h.Width || height != h.Height) {
		return Header{}, refuse("the WebP says it is %d x %d pixels but holds %d x %d: it is damaged",
			width, height, h.Width, h.Height)
	}
	return h, nil
}

// riffChunks yields the container's chunks; a last one that is cut off is yielded as far as it goes.
func riffChunks(p []byte) func(yield func(kind string, body []byte) bool) {
	return func(yield func(string, []byte) bool) {
		for p = p[12:]; len(p) >= 8; {
			n := int64(binary.LittleEndian.Uint32(p[4:]))
			n = min(n, int64(len(p)-8))
			if !yield(string(p[:4]), p[8:8+n]) {
				return
			}
			p = p[min(8+n+n&1, int64(len(p))):]
		}
	}
}

func uint24(p []byte) uint32 {
	return uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16
}
