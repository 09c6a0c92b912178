package pikasim

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/btree"
)

// kind is a data type.
type kind int

// In the order of INFO keyspace and of TYPE's search on ≤3.5.
const (
	strKind kind = iota
	hashKind
	listKind
	zsetKind
	setKind
	streamKind
	kinds
	noKind kind = -1
)

// String is the name TYPE answers.
func (k kind) String() string {
	return [...]string{"string", "hash", "list", "zset", "set", "streams"}[k]
}

// kindNamed is the kind of a type word in an argument.
func kindNamed(word string) kind {
	if i := slices.Index([]string{"string", "hash", "list", "zset", "set"}, word); i >= 0 {
		return kind(i)
	}
	return noKind
}

// value is what a record holds: *text, *hash, *list, *zset, *set, *stream, or gone.
type value interface {
	kind() kind
	// size is 0 for a collection that reads as absent.
	size() int
}

// gone is left of a deleted collection: Pika keeps the meta record, so that
// TYPE on 4.0 still names it and INFO keyspace counts it as invalid.
type gone struct{}

func (gone) kind() kind { return noKind }
func (gone) size() int  { return 0 }

// record is one name of one type.
type record struct {
	expire int64 // ticks; 0 is never
	value  value
}

// alive tells whether a record can be read at a time. Pika's test is
// etime < now: a record lives through the tick it expires in.
func (r *record) alive(now int64) bool {
	return (r.expire == 0 || r.expire >= now) && r.value.size() > 0
}

// keyspace is the names of one type in byte order, dead ones included.
type keyspace = btree.Map[string, *record]

// database is one numbered database.
type database struct {
	name    string
	oneType bool
	names   [kinds]*keyspace
	scans   *cursors        // of SCAN and KEYS
	members [kinds]*cursors // of HSCAN, SSCAN and ZSCAN
	binlog  binlog
	census  census
	// cached is the expiry in seconds which the cache took over for keys
	// whose stored expiry overflowed, see expiry.go.
	cached map[string]int64
	// buried are the names of deleted streams, of which XINFO still tells.
	buried map[string]bool
	// orphans counts the names with a NUL inside, see stored.
	orphans uint64
}

func newDatabase(name string, v Version) *database {
	db := &database{name: name, buried: map[string]bool{}, oneType: v.oneType(), scans: newCursors()}
	for k := range db.members {
		db.members[k] = newCursors()
	}
	db.flush()
	return db
}

// flush empties the database. Cursors stay, as the counts of the census do.
func (db *database) flush() {
	for k := range db.names {
		db.names[k] = new(keyspace)
	}
	db.cached = map[string]int64{}
}

// shown is the name listed for a stored name: 4.0 cuts names after a NUL.
func (db *database) shown(name string) string {
	if db.oneType {
		if i := strings.IndexByte(name, 0); i >= 0 {
			return name[:i+1]
		}
	}
	return name
}

// stored is the name to write a record under. On 4.0 a NUL with bytes after it
// makes a record whose tail is stack garbage: it is listed under the cut name
// and no read finds it, as GET and HGETALL showed.
func (db *database) stored(name string) string {
	cut := db.shown(name)
	if cut == name {
		return name
	}
	db.orphans++
	return cut + string(binary.BigEndian.AppendUint64(nil, db.orphans))
}

// record is the record of a name, dead or alive, or nil.
func (db *database) record(k kind, name string) *record {
	if db.shown(name) != name {
		return nil
	}
	r, _ := db.names[k].Get(name)
	return r
}

// live is the record of a name if it can be read, or nil.
func (db *database) live(k kind, name string, now int64) *record {
	if r := db.record(k, name); r != nil && r.alive(now) {
		return r
	}
	return nil
}

// clash is the other kind a name lives as, where a name has one type only.
func (db *database) clash(k kind, name string, now int64) kind {
	if !db.oneType {
		return noKind
	}
	for other := range kinds {
		if other != k && db.names[other].Len() > 0 && db.live(other, name, now) != nil {
			return other
		}
	}
	return noKind
}

// put stores a fresh record in place of whatever dead is left of the name.
func (db *database) put(k kind, name string, v value) *record {
	r := &record{value: v}
	if db.oneType {
		for other := range kinds {
			if other != k && db.names[other].Len() > 0 {
				db.names[other].Delete(name)
			}
		}
	}
	delete(db.cached, name)
	db.names[k].Set(db.stored(name), r)
	return r
}

// remove deletes a name of one type. Of a collection the empty record stays.
func (db *database) remove(k kind, name string) {
	if k == streamKind {
		db.buried[name] = true
	}
	delete(db.cached, name)
	if k == strKind {
		db.names[k].Delete(name)
		return
	}
	r, _ := db.names[k].Get(name)
	r.expire, r.value = 0, gone{}
}

// census is the last count of keys, which INFO keyspace 1 orders. A real Pika
// counts in the background; here it is done when it is asked for, and like
// there the numbers of the one before are shown first.
type census struct {
	taken  time.Time
	counts [kinds]keyCount
}

type keyCount struct{ keys, expires, invalid int64 }

// take counts the database.
func (db *database) take(now int64, at time.Time) {
	db.census = census{taken: at}
	for k := range kinds {
		n := &db.census.counts[k]
		db.names[k].Scan(func(_ string, r *record) bool {
			switch {
			case !r.alive(now):
				n.invalid++
			case r.expire != 0:
				n.expires++
				n.keys++
			default:
				n.keys++
			}
			return true
		})
	}
}
