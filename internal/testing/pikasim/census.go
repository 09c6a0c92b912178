package pikasim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// censusTitles names the lines, by kind. 3.5 does not count streams.
var censusTitles = [kinds]string{"Strings", "Hashes", "Lists", "Zsets", "Sets", "Streams"}

// keyspaceSection is INFO keyspace [0|1|off [db0,db1]].
func (c *call) keyspaceSection(t *infoText) {
	dbs := c.allDBs()
	if len(c.args) == 4 {
		named := strings.Split(c.str(3), ",")
		dbs = slices.DeleteFunc(dbs, func(i int) bool { return !slices.Contains(named, "db"+strconv.Itoa(i)) })
	}
	count := false
	if len(c.args) > 2 {
		switch c.word(2) {
		case "1":
			count = true
		case "off":
			c.out.text("OK\r\n")
			return
		case "0":
		default:
			c.fail(syntax)
		}
	}
	c.infoKeyspace(t, dbs)
	c.out.text(t.String())
	if count {
		at := c.server.opt.Clock()
		for _, i := range dbs {
			c.server.dbs[i].take(c.now, at)
		}
	}
}

// allDBs is the numbers of the databases.
func (c *call) allDBs() (list []int) {
	for i := range c.server.dbs {
		list = append(list, i)
	}
	return list
}

// infoKeyspace writes the last counts of databases. Since 3.5 plain INFO keyspace shows none.
func (c *call) infoKeyspace(t *infoText, dbs []int) {
	t.line("# Keyspace")
	if !c.version().old() {
		if len(c.args) == 3 {
			t.line("# Start async statistics")
		} else {
			t.line(`# Use "info keyspace 1" to do async statistics`)
		}
		if len(c.args) < 3 {
			dbs = nil
		}
	}
	for _, i := range dbs {
		last := c.server.dbs[i].census
		c.censusHead(t, last)
		for k := range kinds {
			if k == streamKind && !c.db.oneType {
				continue
			}
			n := last.counts[k]
			t.line("db%d %s_keys=%d, expires=%d, invalid_keys=%d", i, censusTitles[k], n.keys, n.expires, n.invalid)
			if k == setKind || k == streamKind {
				t.line("")
			}
		}
	}
}

// censusHead tells when a count was taken; before the first one in the words recorded.
func (c *call) censusHead(t *infoText, last census) {
	switch {
	case !last.taken.IsZero():
		t.line("# Time:%s", last.taken.UTC().Format(time.DateTime))
		t.line("# Duration: 0s")
	case c.version().old():
		t.line("# Time:1970-01-01 08:00:00")
	default:
		t.line("# Time:0")
	}
}

// dbSize is DBSIZE: the keys of the last count, 0 before the first.
func dbSize(c *call) {
	var n int64
	for _, count := range c.db.census.counts[:] {
		n += count.keys
	}
	if !c.db.oneType {
		n -= c.db.census.counts[streamKind].keys
	}
	c.out.integer(n)
}
