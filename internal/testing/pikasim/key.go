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
		c.logsNew(words(c.str(0), c.str(i)))
	}
	c.out.integer(n)
}

// patternDelete is PKPATTERNMATCHDEL pattern type; since 4.0 PKPATTERNMATCHDEL pattern, of all
// types, whose names are logged.
func patternDelete(c *call) {
	only := noKind
	if !c.db.oneType {
		if only = kindNamed(c.word(2)); only == noKind {
			c.fail("ERR Invalid argument for 'pkpatternmatchdel' command")
		}
	} else if c.logs(); len(c.args) > 2 && c.number(2) < 1 {
		c.fail(notInteger)
	}
	var n int64
	for k := range streamKind {
		if only != noKind && k != only {
			continue
		}
		names := []string{}
		c.db.names[k].Scan(func(name string, r *record) bool {
			if r.alive(c.now) && matches(c.str(1), name) {
				names = append(names, name)
			}
			return true
		})
		for _, name := range names {
			c.db.remove(k, name)
			if only == noKind {
				c.logs(words("del", name))
			}
		}
		n += int64(len(names))
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

// typeOf is TYPE. On 4.0 it names keys that are dead as well; on 3.5 it does not see streams.
func typeOf(c *call) {
	for k := range kinds {
		r := c.db.record(k, c.str(1))
		if r != nil && (c.db.oneType || k != streamKind && r.alive(c.now)) {
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
