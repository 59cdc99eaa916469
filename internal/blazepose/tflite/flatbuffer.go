package tflite

import (
	"encoding/binary"
	"fmt"
)

// The flatbuffer format (https://flatbuffers.dev/internals), as far as it is needed here. All numbers are little-endian.
//
//   - A file starts with the offset of its root table, then four bytes of identifier.
//   - A table starts with the signed distance back to its vtable. The vtable holds its own size, the table's size, and for
//     each field in the schema's order the field's offset in the table, 0 where the field is absent.
//   - Vectors, strings and tables in a field are references: an offset relative to the field itself. A vector and a string
//     start with their length.

// reader walks one file. The first access beyond the file's end is kept in err and every read after it gives zero or
// nothing, so the code that walks the graph stays plain and looks at err once.
type reader struct {
	file []byte
	err  error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// span gives the n bytes at position at, or nil.
func (r *reader) span(at, n int) []byte {
	if r.err == nil && (at < 0 || n < 0 || at > len(r.file)-n) {
		r.fail("%d bytes at offset %d reach beyond the file's end at %d", n, at, len(r.file))
	}
	if r.err != nil {
		return nil
	}
	return r.file[at : at+n : at+n]
}

func (r *reader) byteAt(at int) byte {
	if b := r.span(at, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16(at int) int {
	if b := r.span(at, 2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (r *reader) uint32(at int) int {
	if b := r.span(at, 4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int32(at int) int { return int(int32(r.uint32(at))) }

// follow resolves the reference stored at position at.
func (r *reader) follow(at int) int { return at + r.uint32(at) }

// table is one table of the file; the zero table has no fields.
type table struct {
	r  *reader
	at int
}

// field gives the position of a field's value, 0 when the field is absent (its default then holds).
func (t table) field(number int) int {
	if t.r == nil {
		return 0
	}
	vtable := t.at - t.r.int32(t.at)
	slot := 4 + 2*number
	if slot+2 > t.r.uint16(vtable) {
		return 0
	}
	offset := t.r.uint16(vtable + slot)
	if offset == 0 {
		return 0
	}
	return t.at + offset
}

func (t table) byteField(number int, absent byte) int {
	if at := t.field(number); at != 0 {
		return int(t.r.byteAt(at))
	}
	return int(absent)
}

func (t table) boolField(number int) bool { return t.byteField(number, 0) != 0 }

func (t table) intField(number, absent int) int {
	if at := t.field(number); at != 0 {
		return t.r.int32(at)
	}
	return absent
}

// tableField follows a reference to another table; the zero table when it is absent.
func (t table) tableField(number int) table {
	at := t.field(number)
	if at == 0 {
		return table{}
	}
	return table{t.r, t.r.follow(at)}
}

// vector gives the bytes of a vector whose elements have the given size, and their number.
func (t table) vector(number, size int) ([]byte, int) {
	at := t.field(number)
	if at == 0 {
		return nil, 0
	}
	start := t.r.follow(at)
	count := t.r.uint32(start)
	b := t.r.span(start+4, count*size)
	if b == nil {
		return nil, 0
	}
	return b, count
}

// ints reads a vector of int32 of at most limit elements.
func (t table) ints(number, limit int) []int {
	b, count := t.vector(number, 4)
	if count > limit {
		t.r.fail("%d elements in a vector that may have %d", count, limit)
		return nil
	}
	ints := make([]int, count)
	for i := range ints {
		ints[i] = int(int32(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return ints
}

// tables reads a vector of references to tables.
func (t table) tables(number int) []table {
	b, count := t.vector(number, 4)
	if b == nil {
		return nil
	}
	first := t.r.follow(t.field(number)) + 4
	tables := make([]table, count)
	for i := range tables {
		tables[i] = table{t.r, t.r.follow(first + 4*i)}
	}
	return tables
}

// text reads a string; more than limit bytes are cut off (names serve error messages only).
func (t table) text(number, limit int) string {
	b, count := t.vector(number, 1)
	return string(b[:min(count, limit)])
}
