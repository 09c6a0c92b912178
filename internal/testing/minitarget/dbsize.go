package minitarget

import (
	"fmt"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2/server"
)

// A size counts keys, and those of them that expire.
type size struct{ keys, expires int }

// A counting is a DBSIZE SCAN of a namespace, and the last one before (SERVERS.md K10). It sees the
// keys as they are when it begins, and is done when INFO has been asked for it once.
type counting struct {
	next    *size // nil: none is under way
	asked   bool
	last    size
	counted time.Time // zero: never
}

// dbSize answers DBSIZE and DBSIZE SCAN.
func (k *Kvrocks) dbSize(c *server.Peer, namespace, sub string) {
	s := k.countings[namespace]
	switch {
	case sub == "":
		c.WriteInt(s.last.keys)
		return
	case s.next != nil:
		c.WriteError("ERR scanning the db now")
		return
	}
	s.next = new(k.keys(namespace))
	k.countings[namespace] = s
	c.WriteOK()
}

// keys counts the keys of a namespace; of the default one those of all.
func (k *Kvrocks) keys(namespace string) (n size) {
	for ns := range k.dbs {
		if ns != namespace && namespace != defaultNamespace {
			continue
		}
		db := k.db(ns)
		for _, key := range db.Keys() {
			n.keys++
			if db.TTL(key) > 0 {
				n.expires++
			}
		}
	}
	return n
}

// keyspace is INFO keyspace.
func (k *Kvrocks) keyspace(namespace string) string {
	s := k.countings[namespace]
	if s.asked && s.next != nil {
		s = counting{last: *s.next, counted: time.Now()}
	}
	s.asked = s.next != nil
	k.countings[namespace] = s
	when := fmt.Sprintf("last_dbsize_scan_timestamp:%d", max(0, s.counted.Unix()))
	if strings.HasPrefix(k.options.Version, "2.10.") {
		when = "# Last DBSIZE SCAN time: " + s.counted.Format("Mon Jan _2 15:04:05 2006")
		if s.counted.IsZero() {
			when = "# WARN: DBSIZE SCAN never performed yet"
		}
	}
	return fmt.Sprintf("# Keyspace\r\n%s\r\ndb0:keys=%d,expires=%d,avg_ttl=0,expired=0\r\nsequence:%d\r\n", when, s.last.keys, s.last.expires, k.writes)
}
