package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// filters and the keys that each chooses, of those that fillForFilters writes.
var filters = []struct {
	flags  []string
	chosen func(db int, typ format.Type, prefix string) bool
}{
	{[]string{"--db", "1"}, func(db int, _ format.Type, _ string) bool { return db == 1 }},
	{[]string{"--db", "0", "--type", "hash,stream"}, func(db int, typ format.Type, _ string) bool {
		return db == 0 && (typ == format.TypeHash || typ == format.TypeStream)
	}},
	{[]string{"--db", "0", "--match", "user:*"}, func(db int, _ format.Type, prefix string) bool { return db == 0 && prefix == "user:" }},
	{[]string{"--db", "0", "--match", "*:?et"}, func(db int, typ format.Type, prefix string) bool {
		return db == 0 && typ == format.TypeSet && strings.HasSuffix(prefix, ":")
	}},
	{[]string{"--db", "1", "--match", `\**`, "--type", "zset,set,list,string"}, func(db int, typ format.Type, prefix string) bool {
		return db == 1 && prefix == "*" && typ != format.TypeHash && typ != format.TypeStream
	}},
	{[]string{"--db", "1", "--match", "nothing like it"}, func(int, format.Type, string) bool { return false }},
}

var filterPrefixes = []string{"user:", "user;", "use", "*", "\xff\xff", "order:"}

// fillForFilters writes a key of each type with each prefix to both databases.
func fillForFilters(t *testing.T, s source) (types []format.Type) {
	types = format.Types
	if s.version == "3.4.0" {
		types = slices.DeleteFunc(slices.Clone(types), func(t format.Type) bool { return t == format.TypeStream })
	}
	commands := map[format.Type][]any{
		format.TypeString: {"SET", "", "v"}, format.TypeHash: {"HMSET", "", "f", "v"}, format.TypeList: {"RPUSH", "", "v"},
		format.TypeSet: {"SADD", "", "v"}, format.TypeZset: {"ZADD", "", "1", "v"}, format.TypeStream: {"XADD", "", "1-1", "f", "v"},
	}
	for db := range 2 {
		f := newFiller(t, client(t, s.addr, db))
		for _, typ := range types {
			for _, prefix := range filterPrefixes {
				cmd := slices.Clone(commands[typ])
				cmd[1] = prefix + string(typ)
				f.do(cmd...)
			}
		}
		f.flush()
	}
	return types
}

// TestFilters: what dump leaves out, load cannot load, and what load leaves out is not on
// the target: the same flags, the same keys.
func TestFilters(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		types := fillForFilters(t, s)
		whole := dump(t, 0, s)
		for i, f := range filters {
			var want []string
			for db := range 2 {
				for _, typ := range types {
					for _, prefix := range filterPrefixes {
						if f.chosen(db, typ, prefix) {
							want = append(want, prefix+string(typ))
						}
					}
				}
			}
			t.Run(fmt.Sprint(i, " dump ", f.flags), func(t *testing.T) {
				to := startRedis(t)
				load(t, 0, dump(t, 0, s, f.flags...), to)
				mustHold(t, to, 0, want...)
			})
			t.Run(fmt.Sprint(i, " load ", f.flags), func(t *testing.T) {
				to := startRedis(t)
				load(t, 0, whole, to, f.flags...)
				mustHold(t, to, 0, want...)
			})
		}
	})
}
