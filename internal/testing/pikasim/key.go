package pikasim

// del is DEL and UNLINK: all types of a name go, and each counts.
func del(c *call) {
	var n int64
	for i := 1; i < len(c.args); i++ {
		for k := range kinds {
			if c.db.live(k, c.str(i), c.now) != nil {
				c.db.remove(k, c.str(i))
				n++
			}
		}
	}
	c.out.integer(n)
}

// exists counts types, not names; on 3.5 it does not see streams.
func exists(c *call) {
	last := streamKind
	if c.version().oneType() {
		last = kinds
	}
	var n int64
	for i := 1; i < len(c.args); i++ {
		for k := range last {
			if c.db.live(k, c.str(i), c.now) != nil {
				n++
			}
		}
	}
	c.out.integer(n)
}

// typeOf is TYPE. On 4.0 it names keys that are dead as well; on 3.5 it does
// not see streams.
func typeOf(c *call) {
	for k := range kinds {
		r := c.db.record(k, c.str(1))
		if r == nil {
			continue
		}
		if c.db.oneType || k != streamKind && r.alive(c.now) {
			c.out.status(k.String())
			return
		}
	}
	c.out.status("none")
}

// ptype is PTYPE, all types of a name.
func ptype(c *call) {
	list := []string{}
	for k := range streamKind {
		if c.db.live(k, c.str(1), c.now) != nil {
			list = append(list, k.String())
		}
	}
	c.out.texts(list)
}
