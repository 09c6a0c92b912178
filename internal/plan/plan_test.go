package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// makePlan forecasts a dump of the source at addr, and returns what people see of it.
func makePlan(t *testing.T, addr string, set ...func(*Options)) (*Forecast, string) {
	t.Helper()
	o := Options{Reader: reader.Options{Addr: addr}}
	for _, f := range set {
		f(&o)
	}
	f, err := Make(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for columns, width := range map[int]int{0: 80, 60: 60, 200: 80} {
		text.Reset()
		f.Show(&text, columns)
		for line := range strings.Lines(text.String()) {
			if utf8.RuneCountInString(line) > width+1 && !strings.Contains(line, "db0: ") { // where shards begin
				t.Errorf("a line of more than %d columns: %s", width, line)
			}
		}
	}
	text.Reset()
	f.Show(&text, 0)
	return f, text.String()
}

// makeDump makes what was forecast. Names in several types leave keys out whose expiry cannot be
// told.
func makeDump(t *testing.T, addr, out string, set ...func(*dump.Options)) {
	t.Helper()
	o := dump.Options{Reader: reader.Options{Addr: addr}, Location: out, Tool: "test", Log: io.Discard}
	for _, f := range set {
		f(&o)
	}
	if err := dump.Run(t.Context(), o); err != nil && !errors.As(err, new(*exitcode.LeftOutError)) {
		t.Fatal(err)
	}
}

// versions returns those that a test walks through.
func versions(t *testing.T, all ...pikasim.Version) []pikasim.Version {
	if testing.Short() {
		return all[:1]
	}
	return all
}

// TestMake holds the forecast against the dump that is then made: keys and bytes within a quarter.
func TestMake(t *testing.T) {
	for _, v := range versions(t, pikasim.V355, pikasim.V340, pikasim.V401) {
		t.Run(string(v), func(t *testing.T) {
			srv := smallpika.StartEmpty(t, pikasim.Options{Version: v, Config: map[string]string{"cache-model": "1"}})
			fill(t, srv.Addr(), v)
			f, text := makePlan(t, srv.Addr())
			out := t.TempDir()
			makeDump(t, srv.Addr(), out)
			m, _ := smallpika.Dumped(t, out)
			var keys, raw, stored int64
			for _, total := range m.Totals {
				if total.Type == format.TypeStream && v == pikasim.V401 {
					continue // not in the forecast
				}
				keys, raw, stored = keys+total.Keys, raw+total.Raw, stored+total.Stored
			}
			for what, n := range map[string][2]int64{"keys": {f.Keys, keys}, "raw bytes": {f.Raw, raw}, "stored bytes": {f.Stored, stored}} {
				if ratio := float64(n[0]) / float64(n[1]); ratio < 0.75 || ratio > 1.25 {
					t.Errorf("forecast %d %s, the dump has %d", n[0], what, n[1])
				}
			}
			if f.TTL[2] == 0 || len(f.Largest) == 0 || string(f.Largest[0].Key) != "huge" || f.Largest[0].Length != 3000 {
				t.Errorf("expiries %v, largest %+v", f.TTL, f.Largest)
			}
			if v == pikasim.V355 && (f.Conflicts == 0 || f.HyperLogLog == 0) {
				t.Errorf("%d conflicts and %d hyperloglogs seen", f.Conflicts, f.HyperLogLog)
			}
			says := []string{"estimates from a sample", "within a day", "largest keys", `"huge"`, "over one connection"}
			if v != pikasim.V340 { // has no cache
				says = append(says, "cache-model 1")
			}
			for _, want := range says {
				if !strings.Contains(text, want) {
					t.Errorf("it does not say %q:\n%s", want, text)
				}
			}
			for _, never := range []string{"dbsize", "hgetall", "zrange", "scan"} {
				if srv.Commands()[never] > 0 {
					t.Errorf("plan or dump sent %s", never)
				}
			}
		})
	}
}

func fill(t *testing.T, addr string, v pikasim.Version) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	ctx := t.Context()
	p := c.Pipeline()
	for i := range 20_000 {
		p.Do(ctx, "SET", fmt.Sprintf("user:%05d:name", i), strings.Repeat("v", 20+i%50))
		if i%10 == 0 {
			p.Do(ctx, "EXPIRE", fmt.Sprintf("user:%05d:name", i), 40_000)
			p.Do(ctx, "HMSET", fmt.Sprintf("h%d", i), "field", i, "other", "value")
			p.Do(ctx, "SADD", fmt.Sprintf("s:%x", i*7919), "a", "b", "c")
		}
	}
	for i := range 3000 {
		p.Do(ctx, "RPUSH", "huge", strings.Repeat("e", 100)+fmt.Sprint(i))
	}
	if v != pikasim.V401 {
		for i := range 100 {
			p.Do(ctx, "HSET", fmt.Sprintf("both%d", i), "f", "v")
			p.Do(ctx, "SET", fmt.Sprintf("both%d", i), "v")
			p.Do(ctx, "PFADD", fmt.Sprintf("log%d", i), i)
		}
	}
	if v != pikasim.V340 {
		p.Do(ctx, "XADD", "stream", "1-1", "f", "v")
	}
	if _, err := p.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestSums: expiries add up to the keys, and the keys of the types to all, whatever the sample
// stands for. A name of two types is one name.
func TestSums(t *testing.T) {
	srv := smallpika.StartEmpty(t, pikasim.Options{Databases: 2})
	fill(t, srv.Addr(), pikasim.V355)
	smallpika.Send(t, srv.Addr(), "HSET one f v", "SET one v")
	f, _ := makePlan(t, srv.Addr())
	var keys, expiring, classes int64
	for _, typ := range f.Types {
		keys, expiring = keys+typ.Keys, expiring+typ.Expiring
	}
	for _, n := range f.TTL {
		classes += n
	}
	if keys != f.Keys || classes != f.Keys || expiring != f.Keys-f.TTL[0] {
		t.Errorf("%d keys; of the types %d; expiries %v, together %d, of the types %d", f.Keys, keys, f.TTL, classes, expiring)
	}
	few := smallpika.StartEmpty(t, pikasim.Options{})
	smallpika.Send(t, few.Addr(), "HSET one f v", "SET one v", "SADD one m", "SET other v")
	f, text := makePlan(t, few.Addr())
	if f.Keys != 4 || f.Conflicts != 1 || !strings.Contains(text, "1 name with several types, which is a key of each") {
		t.Errorf("%d keys, %d names in several types:\n%s", f.Keys, f.Conflicts, text)
	}
	if !strings.Contains(text, "needs --on-conflict") {
		t.Error(text)
	}
}

func TestDivide(t *testing.T) {
	for _, x := range []struct {
		n     int64
		parts []float64
		want  []int64
	}{
		{10, []float64{1, 1, 1}, []int64{3, 4, 3}},
		{7, []float64{0, 0}, []int64{7, 0}},
		{0, []float64{1, 2}, []int64{0, 0}},
		{100, []float64{0, 49.5, 0, 0.5}, []int64{0, 99, 0, 1}},
	} {
		if got := divide(x.n, x.parts); !slices.Equal(got, x.want) {
			t.Errorf("%d by %v: %v, want %v", x.n, x.parts, got, x.want)
		}
	}
}

// TestStreams: of streams as many are looked at as of other types: the few that have most count.
func TestStreams(t *testing.T) {
	srv := smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V355})
	c := redis.NewClient(&redis.Options{Addr: srv.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	p, all := c.Pipeline(), int64(0)
	for i := range 20 {
		n := 1 + i%10*i%10*40
		for range n {
			p.Do(t.Context(), "XADD", fmt.Sprintf("stream%d", i), "*", "f", "v")
		}
		all += int64(n)
	}
	if _, err := p.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, _ := makePlan(t, srv.Addr())
	for _, got := range f.Types {
		if got.Type == format.TypeStream && got.DB == 0 && (got.Keys != 20 || got.Elements != all) {
			t.Errorf("%+v of %d elements", got, all)
		}
	}
}

// TestUnselected: keys in databases that are not asked for are said, by a plan and by a dump.
func TestUnselected(t *testing.T) {
	srv := smallpika.Start(t, pikasim.Options{Databases: 4})
	for _, db := range []int{2, 3} {
		c := redis.NewClient(&redis.Options{Addr: srv.Addr(), Protocol: 2, DisableIdentity: true, DB: db})
		defer c.Close()
		if err := c.Do(t.Context(), "ZADD", "z", 1, "m").Err(); err != nil {
			t.Fatal(err)
		}
	}
	_, all := makePlan(t, srv.Addr())
	if strings.Contains(all, "are not in") || !strings.Contains(all, "db2, db3 hold keys: a Kvrocks has namespaces instead") {
		t.Errorf("of all databases:\n%s", all)
	}
	only := dump.Selection{}
	only.DBs = []int{0}
	if _, text := makePlan(t, srv.Addr(), func(o *Options) { o.Selection = only }); !strings.Contains(text, "warning: keys in db2, db3 are not in this plan") {
		t.Errorf("of one:\n%s", text)
	}
	var log bytes.Buffer
	makeDump(t, srv.Addr(), t.TempDir(), func(o *dump.Options) { o.Selection, o.Log = only, &log })
	if !strings.Contains(log.String(), "warning: keys in db2, db3 are not in this dump") {
		t.Errorf("a dump of one:\n%s", &log)
	}
}

// TestCacheOff: a plan has the source's cache off while it reads, and sets it back. After a plan
// that was killed the next one does.
func TestCacheOff(t *testing.T) {
	var mu sync.Mutex
	var changes []string
	took := func() []string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { changes = nil }()
		return changes
	}
	srv := smallpika.Start(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		mu.Lock()
		defer mu.Unlock()
		line := strings.ToLower(smallpika.Line(args))
		if value, ok := strings.CutPrefix(line, "config set cache-model "); ok {
			changes = append(changes, value)
		} else if smallpika.IsOfScan(args, "LRANGE") && !slices.Contains(changes, "read") {
			changes = append(changes, "read")
		}
		return nil, false, false
	}})
	dir := t.TempDir()
	var log bytes.Buffer
	off := func(off bool) func(*Options) {
		return func(o *Options) {
			o.Cache = dump.CacheSwitch{Off: off, Dir: dir, Again: "run pikadump plan again", Log: &log}
		}
	}
	_, text := makePlan(t, srv.Addr(), off(true))
	if got := took(); strings.Contains(text, "warning") || !slices.Equal(got, []string{"0", "read", "1"}) {
		t.Errorf("changed to %v\n%s%s", got, &log, text)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("left %v, %v", files, err)
	}
	makePlan(t, srv.Addr(), off(false))
	if got := took(); !slices.Equal(got, []string{"read"}) {
		t.Errorf("without the flag: %v", got)
	}

	own := filepath.Join(dir, srv.Addr())
	left := fmt.Sprintf(`[{"address":%q,"name":"cache-model","was":"1","set":"0"}]`, srv.Addr())
	if err := errors.Join(os.Mkdir(own, 0o700), os.WriteFile(filepath.Join(own, storage.SettingsName), []byte(left), 0o600)); err != nil {
		t.Fatal(err)
	}
	smallpika.Send(t, srv.Addr(), "CONFIG SET cache-model 0")
	took()
	log.Reset()
	makePlan(t, srv.Addr(), off(false))
	if got := took(); !slices.Equal(got, []string{"read", "1"}) || !strings.Contains(log.String(), "it is set back to 1 at the end") {
		t.Errorf("after one that was killed: %v\n%s", got, &log)
	}
}

// TestShards: the shards of a plan are of about the same size.
func TestShards(t *testing.T) {
	for _, v := range versions(t, pikasim.V401, pikasim.V355) {
		t.Run(string(v), func(t *testing.T) {
			srv := smallpika.StartEmpty(t, pikasim.Options{Version: v})
			fill(t, srv.Addr(), v)
			if f, _ := makePlan(t, srv.Addr()); f.Division != nil {
				t.Errorf("a plan without shards has %v", f.Division)
			}
			f, text := makePlan(t, srv.Addr(), func(o *Options) { o.Shards = 4 })
			if !strings.Contains(text, "4 shards") || !strings.Contains(text, `db0: "`) {
				t.Error(text)
			}
			data, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			division, err := dump.ReadDivision(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "dump")
			for i := range 4 {
				makeDump(t, srv.Addr(), out, func(o *dump.Options) {
					o.Shard = &dump.Shard{Division: division, Shard: shard.Shard{Index: i, Of: 4}}
				})
			}
			makeDump(t, srv.Addr(), out, func(o *dump.Options) { o.Resume = true })
			m, _ := smallpika.Dumped(t, out)
			weights, all := map[string]float64{}, 0.0
			for _, c := range m.Chunks {
				w := float64(c.Keys*weightOfKey + c.Raw)
				weights[filepath.Base(c.Name)[:4]] += w
				all += w
			}
			for i := range 4 {
				if w := weights[fmt.Sprintf("1%03d", i)]; w < all/8 || w > all*2/5 {
					t.Errorf("shard %d is %.0f of %.0f", i, w, all)
				}
			}
		})
	}
}

// TestBinlogRoom: a plan warns when the source deletes its binlog faster than a dump is made.
func TestBinlogRoom(t *testing.T) {
	busy := func(size int) *pikasim.Server {
		var s *pikasim.Server
		var c *redis.Client
		s = smallpika.Start(t, pikasim.Options{
			Config: map[string]string{"binlog-file-size": "1024"},
			Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if c != nil && strings.EqualFold(string(args[0]), "PKSCANRANGE") {
					if err := c.Set(t.Context(), "log", strings.Repeat("v", size), 0).Err(); err != nil {
						t.Error(err)
					}
				}
				return nil, false, false
			},
		})
		c = smallpika.Client(t, s.Addr())
		return s
	}
	const says = "CONFIG SET expire-logs-nums"
	f, text := makePlan(t, busy(200<<10).Addr())
	if !slices.ContainsFunc(f.Warnings, func(w string) bool { return strings.Contains(w, says) }) || !strings.Contains(strings.Join(strings.Fields(text), " "), says) {
		t.Error(text)
	}
	s := smallpika.Start(t, pikasim.Options{})
	if _, text := makePlan(t, s.Addr()); strings.Contains(strings.Join(strings.Fields(text), " "), says) {
		t.Error(text)
	}
}
