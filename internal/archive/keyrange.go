package archive

import "bytes"

// A Range is a range of keys: from Start, nil for the first, to before End, nil for the last.
type Range struct{ Start, End []byte }

// Within returns what of r lies in o, and false if nothing does.
func (r Range) Within(o Range) (Range, bool) {
	if bytes.Compare(r.Start, o.Start) < 0 {
		r.Start = o.Start
	}
	if r.End == nil || o.End != nil && bytes.Compare(o.End, r.End) < 0 {
		r.End = o.End
	}
	return r, r.End == nil || bytes.Compare(r.Start, r.End) < 0
}

// Has reports whether a key lies in r.
func (r Range) Has(key []byte) bool {
	return bytes.Compare(key, r.Start) >= 0 && (r.End == nil || bytes.Compare(key, r.End) < 0)
}

// after returns the key that follows in byte order.
func after(key []byte) []byte { return append(bytes.Clone(key), 0) }
