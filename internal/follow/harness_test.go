package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A stand is a simulated source, a base that was made of it, and where the deltas go.
type stand struct {
	*pikasim.Server
	base, chain string
}

// newStand makes the base of what the commands write.
func newStand(t *testing.T, o pikasim.Options, commands ...string) *stand {
	t.Helper()
	o.Replication = true
	s := &stand{Server: smallpika.StartEmpty(t, o), base: filepath.Join(t.TempDir(), "base"), chain: filepath.Join(t.TempDir(), "chain")}
	smallpika.Send(t, s.Addr(), commands...)
	s.dump(t, s.base)
	return s
}

// dump makes a full dump.
func (s *stand) dump(t *testing.T, out string, set ...func(*dump.Options)) {
	t.Helper()
	o := dump.Options{Reader: reader.Options{Addr: s.Addr()}, Location: out, Tool: "test", Log: io.Discard}
	for _, f := range set {
		f(&o)
	}
	if err := dump.Run(t.Context(), o); err != nil && !errors.As(err, new(*exitcode.LeftOutError)) {
		t.Fatal(err)
	}
}

// A lockedBuffer takes messages of many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// follow is run, for which what is left out is no error: names in several types, whose expiry
// cannot be told.
func (s *stand) follow(ctx context.Context, set ...func(*Options)) (string, error) {
	log, err := s.run(ctx, set...)
	if errors.As(err, new(*exitcode.LeftOutError)) {
		err = nil
	}
	return log, err
}

// run makes a run that ends when nothing is written any more, unless set says otherwise.
func (s *stand) run(ctx context.Context, set ...func(*Options)) (string, error) {
	var log lockedBuffer
	o := Options{
		Reader: reader.Options{Addr: s.Addr(), RetryFor: time.Minute}, Base: s.base, Chain: s.chain, Interval: 100 * time.Millisecond, UntilIdle: 50 * time.Millisecond,
		Tool: "test", Log: &log, lookEvery: 5 * time.Millisecond,
	}
	for _, f := range set {
		f(&o)
	}
	err := Run(ctx, o)
	return log.String(), err
}

func once(o *Options) { o.Once, o.UntilIdle = true, 0 }

// holds reads what dumps amount to, the deltas behind the base.
func holds(t *testing.T, dumps ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, location := range dumps {
		a, err := archive.OpenAny(t.Context(), location, 1)
		if err != nil {
			t.Fatal(err)
		}
		for u, r := range smalldump.Records(t, a) {
			name := fmt.Sprintf("db%d %s %q", u[0].DB, u[0].Type, r.Key)
			if r.Part&format.PartFirst != 0 {
				delete(all, name)
			}
			if r.Kind != format.Deleted {
				all[name] += smalldump.Text(r)
			}
		}
		a.Close()
	}
	return all
}

// deltas are the locations of those of the chain.
func (s *stand) deltas(t *testing.T) (all []string) {
	t.Helper()
	members, err := archive.Chain(t.Context(), s.chain)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if !m.Finished {
			t.Errorf("%s is not finished", m.Location)
		}
		all = append(all, m.Location)
	}
	return all
}

// equal checks that base and deltas amount to what the source holds.
func (s *stand) equal(t *testing.T) {
	t.Helper()
	now := filepath.Join(t.TempDir(), "now")
	s.dump(t, now)
	want, got := holds(t, now), holds(t, append([]string{s.base}, s.deltas(t)...)...)
	if maps.Equal(want, got) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			t.Errorf("%s is %.200q, at the source %.200q", name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, has := want[name]; !has {
			t.Errorf("%s is %.200q, and the source has none", name, got[name])
		}
	}
}

// A writer writes at random, in every way that a version knows.
type writer struct {
	c    *redis.Client
	rand *rand.Rand
}

// ways are commands: N is a name, H one of hyperloglogs, which 3.x does not tell from strings, V a
// value, I a small number, M a member.
var ways = strings.Split(`SET N V
SET N V EX 5000
SETEX N 4000 V
PSETEX N 9000000 V
SETNX N V
APPEND N V
GETSET N V
INCR N
INCRBYFLOAT N 1.5
SETRANGE N I V
SETBIT N I 1
MSET N V N V
MSETNX N V N V
BITOP AND N N N
PFADD H V
PFMERGE H H H
DEL N
DEL N N N
EXPIRE N 3000
EXPIREAT N 99999999999
PERSIST N
HSET N M V
HMSET N M V M V
HDEL N M
HINCRBY N M 3
HSETNX N M V
RPUSH N V V
LPUSH N V
RPOP N
LPOP N
RPOPLPUSH N N
LTRIM N 0 I
LREM N 0 V
LSET N 0 V
LINSERT N BEFORE V V
SADD N M M M
SREM N M
SPOP N
SMOVE N N M
SUNIONSTORE N N N
SDIFFSTORE N N N
ZADD N I M
ZINCRBY N I M
ZREM N M
ZREMRANGEBYRANK N 0 0
ZUNIONSTORE N 2 N N
XADD N * M V
XTRIM N MAXLEN I
XDEL N 1-1`, "\n")

func (w *writer) write(t *testing.T) {
	words := strings.Fields(ways[w.rand.IntN(len(ways))])
	args := make([]any, len(words))
	for i, word := range words {
		switch {
		case i == 0:
			args[i] = word
		case word == "N":
			args[i] = []string{"k%d", "key:\x00%d", "\xff\r\n%d"}[min(2, w.rand.IntN(12))%3]
			args[i] = fmt.Sprintf(args[i].(string), w.rand.IntN(12))
		case word == "H":
			args[i] = fmt.Sprint("hll", w.rand.IntN(4))
		case word == "V":
			args[i] = strings.Repeat(fmt.Sprint(w.rand.IntN(1000)), 1+w.rand.IntN(3))
		case word == "M":
			args[i] = fmt.Sprint("m", w.rand.IntN(5))
		case word == "I":
			args[i] = w.rand.IntN(20)
		default:
			args[i] = word
		}
	}
	err := w.c.Do(context.Background(), args...).Err()
	if re := redis.Error(nil); err != nil && !errors.As(err, &re) { // else the version has another opinion of it
		t.Errorf("%q: %v", args, err)
	}
}
