package pikasim

// pointer is how a value of type V is kept.
type pointer[V any] interface {
	*V
	value
}

// kindOf is the kind of a value of type V.
func kindOf[V any, T pointer[V]]() kind { return T(nil).kind() }

// find is the live value of a name, nil if there is none, and the kind it has instead on 4.0.
func find[V any, T pointer[V]](c *call, name string) (v T, other kind) {
	k := kindOf[V, T]()
	if r := c.db.live(k, name, c.now); r != nil {
		return r.value.(T), noKind
	}
	return nil, c.db.clash(k, name, c.now)
}

// read is the live value of the call's key, an empty one if there is none.
func read[V any, T pointer[V]](c *call) (v T, found bool) {
	v, other := find[V, T](c, c.str(1))
	if other != noKind {
		c.fail(wrongType)
	}
	if v == nil {
		return new(V), false
	}
	return v, true
}

// readSpelled is read for the commands of 4.0 that test the wrong status variable: their error
// has two spellings.
func readSpelled[V any, T pointer[V]](c *call) (v T, found bool) {
	v, other := find[V, T](c, c.str(1))
	if other != noKind {
		c.failSpelled(c.str(1), kindOf[V, T](), other)
	}
	if v == nil {
		return new(V), false
	}
	return v, true
}

func (c *call) failSpelled(name string, want, got kind) {
	expect, get := ", expect type: ", ", get type: "
	if want == zsetKind || want == streamKind {
		expect, get = ", expected type: ", ", got type: "
	}
	c.fail("ERR Invalid argument: WRONGTYPE, key: " + name + expect + want.String() + get + got.String())
}

// edit is the live value of the call's key to change, made if there is none.
func edit[V any, T pointer[V]](c *call) T {
	v, found := read[V, T](c)
	if !found {
		c.db.put(v.kind(), c.str(1), v)
	}
	return v
}

// length answers the size of a collection.
func length[V any, T pointer[V]](c *call) {
	v, _ := read[V, T](c)
	c.out.integer(int64(v.size()))
}
