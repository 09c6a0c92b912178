package format

// AppendRecord appends the msgpack of r to dst and returns the longer slice. It
// does not check r: Validate does.
func AppendRecord(dst []byte, r *Record) []byte {
	dst = append(dst, mpFixArray|byte(kinds[r.Kind].values), byte(r.Kind))
	dst = appendBin(dst, r.Key)
	if r.Kind == Deleted {
		return dst
	}
	dst = appendUint(dst, uint64(r.Expire))
	if r.Kind == HyperLogLog {
		return appendBin(dst, r.Value)
	}
	dst = append(dst, byte(r.Part))
	switch r.Kind {
	case String:
		return appendBin(dst, r.Value)
	case Zset:
		dst = appendArray(dst, 2*len(r.Elems))
		for i, m := range r.Elems {
			dst = appendFloat(appendBin(dst, m), r.Scores[i])
		}
		return dst
	case Stream:
		return appendStream(dst, r)
	}
	return appendBins(dst, r.Elems)
}

func appendBins(dst []byte, bins [][]byte) []byte {
	dst = appendArray(dst, len(bins))
	for _, b := range bins {
		dst = appendBin(dst, b)
	}
	return dst
}

func appendStream(dst []byte, r *Record) []byte {
	dst = appendArray(dst, len(r.Entries))
	for i := range r.Entries {
		e := &r.Entries[i]
		dst = appendArray(dst, 3)
		dst = appendUint(appendUint(dst, e.ID.Ms), e.ID.Seq)
		dst = appendBins(dst, e.Fields)
	}
	s := r.State
	if s == nil {
		return append(dst, mpNil)
	}
	dst = appendArray(dst, 5)
	dst = appendUint(appendUint(dst, s.LastID.Ms), s.LastID.Seq)
	dst = appendUint(appendUint(dst, s.MaxDeletedID.Ms), s.MaxDeletedID.Seq)
	return appendUint(dst, s.EntriesAdded)
}
