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
func read[V any, T pointer[V]](c *call) (v T, found bool) { return readName[V, T](c, c.str(1)) }

func readName[V any, T pointer[V]](c *call, name string) (v T, found bool) {
	v, other := find[V, T](c, name)
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
	if _, other := find[V, T](c, c.str(1)); other != noKind {
		c.failSpelled(c.str(1), kindOf[V, T](), other)
	}
	return read[V, T](c)
}

func (c *call) failSpelled(name string, want, got kind) {
	expect, get := ", expect type: ", ", get type: "
	if want == zsetKind || want == streamKind {
		expect, get = ", expected type: ", ", got type: "
	}
	c.fail("ERR Invalid argument: WRONGTYPE, key: " + name + expect + want.String() + get + got.String())
}

// edit is the live value of the call's key to change, made if there is none.
func edit[V any, T pointer[V]](c *call) T { return editName[V, T](c, c.str(1)) }

func editName[V any, T pointer[V]](c *call, name string) T {
	v, found := readName[V, T](c, name)
	if !found {
		c.db.put(v.kind(), name, v)
	}
	return v
}

// remove takes members out of a collection, and answers how many were there: HDEL, SREM and ZREM.
func remove[V any, T interface {
	pointer[V]
	drop(member string)
}](c *call) {
	v, _ := read[V, T](c)
	before := v.size()
	for i := 2; i < len(c.args); i++ {
		v.drop(c.str(i))
	}
	c.out.integer(int64(before - v.size()))
}

// length answers the size of a collection.
func length[V any, T pointer[V]](c *call) {
	v, _ := read[V, T](c)
	c.out.integer(int64(v.size()))
}
