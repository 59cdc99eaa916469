// Package tflitetest writes models as TensorFlow Lite files, for tests of what reads them: the opposite of package tflite, by
// the same schema.
package tflitetest

import "encoding/binary"

// fields are a table's fields by number: a byte, an int32, or anything that put writes.
type fields map[int]any

// builder writes a flatbuffer front to back: what a field refers to lies behind it.
type builder struct{ file []byte }

// put writes an object and gives its position.
func (b *builder) put(object any) int {
	b.align()
	switch v := object.(type) {
	case fields:
		return b.table(v)
	case []fields:
		objects := make([]any, len(v))
		for i, t := range v {
			objects[i] = t
		}
		at := b.uint32(len(v))
		first := len(b.file)
		b.file = append(b.file, make([]byte, 4*len(v))...)
		for i, o := range objects {
			b.refer(first+4*i, o)
		}
		return at
	case []int:
		at := b.uint32(len(v))
		for _, x := range v {
			b.uint32(x)
		}
		return at
	case counted:
		at := b.uint32(v.n)
		b.file = append(b.file, v.bytes...)
		return at
	case string:
		return b.put(counted{[]byte(v), len(v)})
	default:
		panic("tflitetest: no way to write this")
	}
}

// counted is a vector of n elements given as bytes.
type counted struct {
	bytes []byte
	n     int
}

// table writes the vtable, the table with four bytes for every field, then what the fields refer to.
func (b *builder) table(t fields) int {
	slots := 0
	for number := range t {
		slots = max(slots, number+1)
	}
	vtable := len(b.file)
	b.uint16(4 + 2*slots)
	b.uint16(4 + 4*slots)
	for number := range slots {
		offset := 0
		if _, present := t[number]; present {
			offset = 4 + 4*number
		}
		b.uint16(offset)
	}
	b.align()
	at := b.uint32(len(b.file) - vtable)
	b.file = append(b.file, make([]byte, 4*slots)...)
	for number := range slots {
		position := at + 4 + 4*number
		switch v := t[number].(type) {
		case nil:
		case byte:
			b.file[position] = v
		case int32:
			binary.LittleEndian.PutUint32(b.file[position:], uint32(v))
		default:
			b.refer(position, v)
		}
	}
	return at
}

func (b *builder) refer(from int, object any) {
	to := b.put(object)
	binary.LittleEndian.PutUint32(b.file[from:], uint32(to-from))
}

func (b *builder) align() {
	for len(b.file)%4 != 0 {
		b.file = append(b.file, 0)
	}
}

func (b *builder) uint16(v int) {
	b.file = binary.LittleEndian.AppendUint16(b.file, uint16(v))
}

func (b *builder) uint32(v int) int {
	b.file = binary.LittleEndian.AppendUint32(b.file, uint32(v))
	return len(b.file) - 4
}
