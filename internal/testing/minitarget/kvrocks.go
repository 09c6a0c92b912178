package minitarget

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Options say what a Kvrocks is.
type Options struct {
	Version  string // "2.10.1" if empty
	Password string // with one there may be namespaces
	// Before, if not nil, sees each command first. True: it has answered.
	Before server.Hook
}

// A Kvrocks is a miniredis that answers as a Kvrocks does, APPLYBATCH too: the write batch is
// decoded and kept row by row, and what its rows mean is what the other commands show. Commands are
// run one at a time.
//
// Not simulated: clusters; records of a batch other than put, delete and log data; metadata in the
// encoding of 32 bits; consumer groups in a batch; the beginning of a malformed batch, which 2.10
// applies; the size in the metadata (what is there is counted; a difference is a fault). A list
// that a command changed gets no more elements from a batch without metadata. Keys expire up to 0.1
// s late, and in 292 years if not before. MULTI is that of miniredis, and an EXEC runs no XSETID
// and no HRANGEBYLEX.
type Kvrocks struct {
	*miniredis.Miniredis
	server *server.Server // Server is nil once it is closed, when a pipeline may still be answered

	options Options
	clients clients
	own     *server.Peer                // runs what a batch means
	inside  atomic.Pointer[server.Peer] // its command is run now

	mu      sync.Mutex
	ticked  time.Time
	ahead   time.Duration // of this host's clock
	store   store
	streams map[name]*format.StreamState
	broken  string // the error of all writes
	dbs     map[string]int
	tokens  map[string]string // namespaces
	peers   map[*server.Peer]*session
	config  map[string]string
	writes  int // so far: the number of the last one

	countings map[string]counting // by namespace
}

// A session is one connection.
type session struct {
	namespace string // empty: before AUTH
	multi     bool
}

const defaultNamespace = "__namespace"

// StartKvrocks starts a Kvrocks on a free port of the loopback interface, until the test ends.
func StartKvrocks(t testing.TB, o Options) *Kvrocks {
	t.Helper()
	o.Version = cmp.Or(o.Version, "2.10.1")
	k := &Kvrocks{
		Miniredis: miniredis.RunT(t), options: o, store: store{heads: map[name]head{}, subs: map[place]map[string]string{}},
		streams: map[name]*format.StreamState{},
		own:     server.NewPeer(bufio.NewWriter(io.Discard)), dbs: map[string]int{defaultNamespace: 0},
		tokens: map[string]string{}, peers: map[*server.Peer]*session{}, countings: map[string]counting{},
		config: map[string]string{
			"proto-max-bulk-len": "536870912", "log-level": "info", "workers": "8",
			"cluster-enabled": "no", "max-db-size": "0", "maxclients": "10000",
			"rocksdb.max_background_jobs": "4",
		},
	}
	k.tick()
	k.server = k.Server()
	k.server.SetPreHook(k.hook)
	return k
}

// Faults returns what was written by batches that no command reads as it was meant: rows whose keys
// are no keys, a size that is not the number of elements, a list with a hole. A real Kvrocks takes
// them silently.
func (k *Kvrocks) Faults() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.store.faults)
}

// SetPassword sets the password that connections to come need; with one there may be namespaces.
func (k *Kvrocks) SetPassword(password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.options.Password = password
}

// SetConfig sets a setting, as somebody else does.
func (k *Kvrocks) SetConfig(name, value string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.config[name] = value
}

// Config returns a setting.
func (k *Kvrocks) Config(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.config[name]
}

// AddNamespace makes a namespace, as NAMESPACE ADD does.
func (k *Kvrocks) AddNamespace(namespace, token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tokens[token] = namespace
}

// Namespace returns where the keys of a namespace are.
func (k *Kvrocks) Namespace(namespace string) *miniredis.RedisDB {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.db(namespace)
}

func (k *Kvrocks) db(namespace string) *miniredis.RedisDB { return k.DB(k.dbOf(namespace)) }

func (k *Kvrocks) dbOf(namespace string) int {
	if _, ok := k.dbs[namespace]; !ok {
		k.dbs[namespace] = len(k.dbs)
	}
	return k.dbs[namespace]
}

// Lag sets the number of the last write back, as it is on a replica that lags.
func (k *Kvrocks) Lag(writes int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.writes -= writes
}

// Repair is what a restart does: writes are taken again after a malformed batch.
func (k *Kvrocks) Repair() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.broken = ""
}

// hook runs a command alone: it is called once more for the same command by Dispatch.
func (k *Kvrocks) hook(c *server.Peer, cmd string, args ...string) bool {
	if c == k.own || c == k.inside.Load() {
		return false
	}
	if k.options.Before != nil && k.options.Before(c, cmd, args...) {
		return true
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.clients.isKilled(c) || cmd == "CLIENT" && k.clients.answer(c, args) {
		return true
	}
	k.tick()
	s := k.session(c)
	if s.namespace == "" && cmd != "AUTH" && cmd != "HELLO" {
		c.WriteError("NOAUTH Authentication required.")
		return true
	}
	if k.admin(c, s, cmd, args) || k.write(c, s, cmd, args) {
		return true
	}
	k.run(c, cmd, args...)
	s.multi = cmd == "MULTI" || s.multi && cmd != "EXEC" && cmd != "DISCARD"
	if !s.multi && !k.server.IsReadOnlyCommand(cmd) {
		k.observe(s.namespace, cmd, args)
	}
	return true
}

func (k *Kvrocks) run(c *server.Peer, cmd string, args ...string) {
	k.inside.Store(c)
	defer k.inside.Store(nil)
	k.server.Dispatch(c, append([]string{cmd}, args...))
}

func (k *Kvrocks) session(c *server.Peer) *session {
	s := k.peers[c]
	if s == nil {
		s = &session{}
		if k.options.Password == "" {
			s.namespace = defaultNamespace
		}
		k.peers[c] = s
		c.OnDisconnect(func() {
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.peers, c)
		})
	}
	return s
}

// SetTime sets the server's clock, which goes on from there.
func (k *Kvrocks) SetTime(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ahead = time.Until(now)
}

// tick lets time pass. Miniredis stores how long a key lives still, and so nothing may come between
// its two steps.
func (k *Kvrocks) tick() {
	const step = 100 * time.Millisecond
	now := time.Now().Add(k.ahead).Round(0) // the monotonic clock differs from that of SetTime by parts of a ms
	passed := now.Sub(k.ticked)
	if passed < step {
		return
	}
	if !k.ticked.IsZero() {
		k.FastForward(passed)
	}
	k.Miniredis.SetTime(now)
	k.ticked = now
	for n, h := range k.store.heads {
		if h.isOver(now) {
			delete(k.store.heads, n)
		}
	}
}

// plain commands change no key.
var plain = []string{
	"AUTH", "HELLO", "SELECT", "PING", "ECHO", "CLIENT", "INFO", "COMMAND", "CONFIG", "NAMESPACE",
	"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "QUIT", "TIME", "XINFO", "COMPACT",
}

// write answers the writes that miniredis does not know, or takes where a Kvrocks refuses.
func (k *Kvrocks) write(c *server.Peer, s *session, cmd string, args []string) bool {
	if s.multi {
		switch cmd {
		case "APPLYBATCH":
			c.WriteError("ERR Can't execute applybatch in MULTI")
		case "XSETID", "HRANGEBYLEX":
			c.WriteInline("QUEUED")
		default:
			return false
		}
		return true
	}
	isWrite := cmd == "APPLYBATCH" || cmd == "XSETID" || k.server.IsRegisteredCommand(cmd) &&
		!k.server.IsReadOnlyCommand(cmd) && !slices.Contains(plain, cmd)
	if isWrite || cmd == "EXEC" {
		k.writes++
	}
	switch {
	case isWrite && k.broken != "":
		c.WriteError(k.broken)
	case cmd == "APPLYBATCH":
		k.applyBatch(c, args)
	case cmd == "XSETID":
		k.setID(c, s, args)
	case cmd == "XINFO" && len(args) == 2 && strings.EqualFold(args[0], "STREAM"):
		k.streamInfo(c, name{s.namespace, args[1]})
	case cmd == "HRANGEBYLEX" && len(args) == 6:
		k.fieldRange(c, s, args)
	case cmd == "ZADD":
		refusal := refusedScore(args)
		if refusal != "" {
			c.WriteError(refusal)
		}
		return refusal != ""
	default:
		return false
	}
	return true
}

// refusedScore says why ZADD refuses (SERVERS.md K5).
func refusedScore(args []string) string {
	for i := len(args) - 2; i > 0; i -= 2 {
		score, err := strconv.ParseFloat(args[i], 64)
		if err == nil && math.IsNaN(score) {
			return "ERR score is not a valid float"
		}
		if err == nil && score != 0 && math.Abs(score) < 0x1p-1022 {
			return "ERR value is not a valid float"
		}
	}
	return ""
}

// fieldRange answers HRANGEBYLEX key - + LIMIT 0 n, or with (field for -.
func (k *Kvrocks) fieldRange(c *server.Peer, s *session, args []string) {
	db := k.db(s.namespace)
	fields, _ := db.HKeys(args[0])
	limit, _ := strconv.Atoi(args[5])
	from, behind := strings.CutPrefix(args[1], "(")
	page := []string{}
	for _, f := range fields {
		if len(page) < 2*limit && (!behind || f > from) {
			page = append(page, f, db.HGet(args[0], f))
		}
	}
	c.WriteStrings(page)
}

func (k *Kvrocks) applyBatch(c *server.Peer, args []string) {
	switch {
	case len(args) < 1 || len(args) > 2:
		c.WriteError("ERR wrong number of arguments")
		return
	case len(args) == 2 && !strings.EqualFold(args[1], "LOWPRI"):
		c.WriteError("ERR only support LOWPRI option")
		return
	case len(args[0]) > 1<<20: // the smallest proto-max-bulk-len that can be set
		c.WriteError("ERR Protocol error: invalid bulk length")
		return
	}
	rows, err := decodeBatch([]byte(args[0]))
	if err != nil {
		k.broken = "ERR Corruption: " + err.Error()
		if errors.Is(err, errFamily) {
			k.broken = "ERR Invalid argument: Invalid column family specified in write batch"
		}
		c.WriteError(k.broken)
		return
	}
	for n := range k.store.apply(rows) {
		k.show(n)
	}
	c.WriteInt(len(args[0]))
}

// show makes miniredis hold what the rows of a key say.
func (k *Kvrocks) show(n name) {
	k.run(k.own, "SELECT", strconv.Itoa(k.dbOf(n.namespace)))
	k.run(k.own, "DEL", n.key)
	delete(k.streams, n)
	h, ok := k.store.heads[n]
	if !ok || h.isOver(k.ticked) {
		delete(k.store.heads, n)
		return
	}
	c, size := k.store.content(n, h)
	if h.kind != typeString && uint64(size) != h.size {
		k.store.faultf("%s %q: its size is %d, it has %d elements", typeNames[h.kind], n.key, h.size, size)
	}
	switch h.kind {
	case typeString:
		k.run(k.own, "SET", n.key, h.value)
	case typeHash:
		for field, value := range c.fields {
			k.run(k.own, "HSET", n.key, field, value)
		}
	case typeList, typeSet:
		if add := map[byte]string{typeList: "RPUSH", typeSet: "SADD"}; size > 0 {
			k.run(k.own, add[h.kind], append([]string{n.key}, c.members...)...)
		}
	case typeZset:
		for member, score := range c.scores {
			_, _ = k.db(n.namespace).ZAdd(n.key, score, member) // also what no ZADD takes
		}
	case typeStream:
		k.run(k.own, "XGROUP", "CREATE", n.key, "g", "0", "MKSTREAM")
		k.run(k.own, "XGROUP", "DESTROY", n.key, "g")
		for i, fields := range c.entries {
			k.run(k.own, "XADD", append([]string{n.key, c.ids[i]}, fields...)...)
		}
		k.streams[n] = new(h.stream)
	}
	if h.expire != 0 {
		k.run(k.own, "PEXPIREAT", n.key, fmt.Sprint(h.expire))
	}
}
