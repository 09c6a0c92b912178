package pikasim

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// scanStep is how many keys one step inside SCAN and KEYS takes at most.
const scanStep = 1000

// anyKind stands for all types in a scan.
const anyKind = kinds

// scanTag is the letter of a kind in the cursor table: an untyped scan stores
// its positions under 'a'.
func scanTag(k kind) byte { return "khlzsxa"[k] }

// tagKind is the kind of a letter.
func tagKind(tag byte) kind { return kind(strings.IndexByte("khlzsxa", tag)) }

// scanOrder is the order in which an untyped scan goes through the types.
func (v Version) scanOrder() []kind {
	switch {
	case v == V236:
		return []kind{strKind, hashKind, listKind, zsetKind, setKind}
	case v.old():
		return []kind{strKind, hashKind, setKind, listKind, zsetKind}
	case v == V355:
		return []kind{strKind, hashKind, setKind, listKind, streamKind, zsetKind}
	}
	return []kind{strKind, hashKind, setKind, listKind, zsetKind, streamKind}
}

// scan is SCAN cursor [MATCH p] [COUNT n] [TYPE t].
func scan(c *call) {
	cursor := c.number(1)
	pattern, typeWord, count := "*", "", int64(10)
	options := map[string]any{"match": &pattern, "count": &count}
	if !c.version().old() {
		options["type"] = &typeWord
	}
	c.options(2, 1, options)
	k := anyKind
	if typeWord != "" {
		if k = kindNamed(strings.ToLower(typeWord)); k == noKind {
			c.fail(syntax)
		}
	}
	found, cursor := c.scanPages(k, cursor, pattern, count)
	c.out.list(strconv.FormatInt(cursor, 10), found)
}

// keys is KEYS pattern [type]: a scan in steps through the same cursor table.
func keys(c *call) {
	k := anyKind
	if len(c.args) == 3 {
		k = kindNamed(c.word(2))
		if c.word(2) == "stream" && !c.version().old() {
			k = streamKind
		}
	}
	if k == noKind || len(c.args) > 3 {
		c.fail(syntax)
	}
	found, _ := c.scanPages(k, 0, c.str(1), math.MaxInt64)
	c.out.texts(found)
}

// scanPages scans so many keys from a cursor on, in steps, within max-client-response-size.
func (c *call) scanPages(k kind, cursor int64, pattern string, count int64) (found []string, next int64) {
	limit, err := strconv.Atoi(c.server.config["max-client-response-size"])
	for bytes := 0; ; {
		step := min(count, scanStep)
		count -= step
		var page []string
		page, cursor = c.scanPage(k, cursor, pattern, step)
		for _, key := range page {
			bytes += len("$\r\n\r\n") + decimals(len(key)) + len(key)
		}
		if err == nil && bytes >= limit {
			c.fail("ERR Response exceeds the max-client-response-size limit")
		}
		if found = append(found, page...); cursor == 0 || count == 0 {
			return found, cursor
		}
	}
}

// scanPage is one step of a scan from a cursor. A cursor that is not in the
// table starts again from the beginning, without an error.
func (c *call) scanPage(k kind, cursor int64, pattern string, count int64) (found []string, next int64) {
	if cursor < 0 {
		return nil, 0
	}
	prefix := tailPrefix(pattern)
	first := k
	if k == anyKind {
		first = strKind
	}
	start := prefix
	at, ok := c.db.scans.load(scanIndex(k, cursor))
	switch {
	case !ok:
		cursor = 0
	case c.db.oneType && len(at) < 3:
		// 4.0 does not take a position at a name of one byte or none: what
		// it uses is uninitialised, and the scan never ends.
		start = ""
	default:
		first, start = tagKind(at[0]), at[1:]
	}
	store := func(under, resume kind, key string) int64 {
		if c.version() == V236 { // numbers are unique
			return c.db.scans.storeFree(under, cursor+count, string(scanTag(resume))+key)
		}
		c.db.scans.store(scanIndex(under, cursor+count), string(scanTag(resume))+key)
		return cursor + count
	}
	order := c.version().scanOrder()
	left := count
	for i := slices.Index(order, first); i >= 0 && i < len(order); i++ {
		t := order[i]
		under := k
		if t == streamKind && c.version() == V355 {
			under = streamKind // of an untyped scan too, which so loses its place
		}
		page, resume, more := c.walk(t, start, pattern, &left)
		found = append(found, page...)
		switch {
		case more:
			return found, store(under, t, resume)
		case k == t || i+1 == len(order):
			return found, 0
		case left == 0 && t == streamKind && !c.db.oneType:
			return found, store(under, strKind, prefix)
		case left == 0 && !c.db.oneType:
			return found, store(under, order[i+1], prefix)
		}
		start = prefix
	}
	return found, 0
}

// unlisted reports whether a listing leaves the name out.
func (c *call) unlisted(name string) bool {
	return c.server.opt.Unlisted != nil && c.server.opt.Unlisted(name)
}

// walk lists the names of one type from start on, until left are counted. Where more follow, ≤3.5
// promises more if the next name, which may be dead, is not behind the pattern's prefix, and 4.0 if
// any that follows matches. ≤3.5 count what they visit, 4.0 what matches.
func (c *call) walk(k kind, start, pattern string, left *int64) (found []string, next string, more bool) {
	prefix := tailPrefix(pattern)
	c.db.names[k].Ascend(start, func(name string, r *record) bool {
		shown := c.db.shown(name)
		if c.db.oneType {
			if !r.alive(c.now) || !matches(pattern, shown) {
				return true
			}
		}
		if *left == 0 {
			if more = c.db.oneType || shown <= prefix || strings.HasPrefix(shown, prefix); more {
				next = shown
			}
			return false
		}
		if !r.alive(c.now) || c.unlisted(shown) {
			return true
		}
		if c.db.oneType || matches(pattern, shown) {
			found = append(found, shown)
		}
		*left--
		return true
	})
	return found, next, more
}

// scanx is SCANX type start [MATCH p] [COUNT n], which needs no cursor.
func scanx(c *call) {
	k := kindNamed(c.word(1))
	if k == noKind {
		c.fail(badKind)
	}
	pattern, count := "*", int64(10)
	c.options(3, 1, map[string]any{"match": &pattern, "count": &count})
	found, next, _ := c.walk(k, c.str(2), pattern, &count)
	c.out.list(next, found)
}

// scanIndex is where a cursor's position is kept.
func scanIndex(k kind, cursor int64) string {
	return string(scanTag(k)) + strconv.FormatInt(cursor, 10)
}

func decimals(n int) int { return len(strconv.Itoa(n)) }

// HSCAN, SSCAN and ZSCAN: cursors into a table shared by every client, by key
// and pattern. What they list is in byte order.

// A listed is a collection that is listed so.
type listed interface {
	value
	// rows calls each for each member from start on until told to stop, with the reply it makes.
	rows(start string, each func(member string, write func(*reply)) bool)
}

func (h *hash) rows(start string, each func(string, func(*reply)) bool) {
	h.fields.Ascend(start, func(f string, v []byte) bool {
		return each(f, func(r *reply) { r.text(f); r.bulk(v) })
	})
}

func (m *members) rows(start string, each func(string, func(*reply)) bool) {
	m.Ascend(start, func(member string) bool {
		return each(member, func(r *reply) { r.text(member) })
	})
}

func (z *zset) rows(start string, each func(string, func(*reply)) bool) {
	z.scores.Ascend(start, func(m string, f float64) bool {
		return each(m, func(r *reply) { r.text(m); r.text(formatScore(f)) })
	})
}

// memberScan answers xSCAN key cursor [MATCH p] [COUNT n].
func memberScan[V any, T interface {
	pointer[V]
	listed
}](c *call) {
	cursor := c.number(2)
	pattern, count := "*", int64(10)
	c.options(3, 0, map[string]any{"match": &pattern, "count": &count})
	v, found := readSpelled[V, T](c)
	var page reply
	n, next := 0, int64(0)
	if found && cursor >= 0 && c.version() == V236 {
		n, next = offsetPage(cursor, count, v, &page)
	} else if found && cursor >= 0 {
		n, next = c.memberPage(v, cursor, pattern, count, &page)
	}
	if v.kind() != setKind {
		n *= 2 // a member, and its value or score
	}
	c.page(strconv.FormatInt(next, 10), n, page)
}

// memberPage writes one page from a cursor; one that is not in the table
// starts again from the beginning.
func (c *call) memberPage(v listed, cursor int64, pattern string, count int64, page *reply) (n int, next int64) {
	prefix := tailPrefix(pattern)
	index := func(cursor int64) string {
		return c.str(1) + "_" + pattern + "_" + strconv.FormatInt(cursor, 10)
	}
	start, ok := c.db.members[v.kind()].load(index(cursor))
	if !ok {
		start, cursor = prefix, 0
	}
	left := count
	v.rows(start, func(member string, write func(*reply)) bool {
		inside := strings.HasPrefix(member, prefix)
		if left == 0 || !inside {
			if inside || member <= prefix {
				next = cursor + count
				c.db.members[v.kind()].store(index(next), member)
			}
			return false
		}
		left--
		if matches(pattern, member) {
			write(page)
			n++
		}
		return true
	})
	return n, next
}
