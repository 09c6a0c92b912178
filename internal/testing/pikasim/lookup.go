package pikasim

// find is the live value of a name, and the kind it has instead on 4.0.
func find[T value](c *call, k kind, name string) (v T, found bool, other kind) {
	if r := c.db.live(k, name, c.now); r != nil {
		v, found = r.value.(T)
		return v, found, noKind
	}
	return v, false, c.db.clash(k, name, c.now)
}

// read is find with -WRONGTYPE answered; then ok is false.
func read[T value](c *call, k kind, name string) (v T, found, ok bool) {
	v, found, other := find[T](c, k, name)
	if other != noKind {
		c.fail(wrongType)
		return v, false, false
	}
	return v, found, true
}

// edit is the live value of a name to change, made if there is none. When
// -WRONGTYPE was answered ok is false.
func edit[T value](c *call, k kind, name string, fresh func() T) (v T, ok bool) {
	v, found, ok := read[T](c, k, name)
	if !ok || found {
		return v, ok
	}
	v = fresh()
	c.db.put(k, name, v)
	return v, true
}
