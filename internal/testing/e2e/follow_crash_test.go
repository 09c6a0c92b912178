package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/livewriter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// followMoves is how many migrations of each pair of servers there are, at the least (SOAK). Each
// cuts over twice.
const followMoves = 4

// TestFollowCrash: a source is moved while writers change it in every way. Everything that moves it
// is killed at random instants and run again, and connections are cut. When the writers rest, the
// target holds what the source holds, element by element, and nothing else.
func TestFollowCrash(t *testing.T) {
	parallel(t)
	var all sync.WaitGroup // most of the time they wait
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		all.Go(func() {
			t.Run("from pikasim "+string(v)+" to redis", func(t *testing.T) {
				followCrashes(t, true, v == pikasim.V401 && os.Getenv("SOAK") != "", func(t *testing.T) (source, target) { return simulateMaster(t, v), startRedis(t) })
			})
		})
	}
	all.Go(func() {
		t.Run("from pikasim 3.5.5 to simulated kvrocks, raw", func(t *testing.T) {
			followCrashes(t, true, false, func(t *testing.T) (source, target) {
				k := minitarget.StartKvrocks(t, minitarget.Options{})
				return simulateMaster(t, pikasim.V355), target{addr: k.Addr(), kvrocks: true}
			})
		})
	})
	all.Wait()
	eachRealSource(t, func(t *testing.T, s source) {
		eachTarget(t, func(t *testing.T, to target) {
			followCrashes(t, false, false, func(t *testing.T) (source, target) {
				emptied(t, "PIKA_ADDR", s.addr)
				emptied(t, "the target", to.addr)
				return s, to
			})
		})
	})
}

// simulateMaster starts a simulated Pika that takes replicas.
func simulateMaster(t *testing.T, v pikasim.Version) source {
	return simulate(t, pikasim.Options{Version: v, Databases: 2, Replication: true})
}

// followCrashes moves sources, as servers gives them: beside each other, or one after another.
func followCrashes(t *testing.T, beside, bucket bool, servers func(t *testing.T) (source, target)) {
	var moves sync.WaitGroup
	for n, until := 0, soaking(t); !t.Failed() && (n < followMoves || time.Now().Before(until)); n++ {
		if testing.Short() && n > 0 {
			break
		}
		move := func() {
			t.Run(fmt.Sprint("move ", n), func(t *testing.T) {
				seed := uint64(time.Now().UnixNano())
				s, to := servers(t)
				m := &liveMove{t: t, s: s, to: to, rng: rand.New(rand.NewPCG(seed, 0)), home: t.TempDir(), seed: seed}
				t.Logf("seed %d", seed)
				if bucket {
					m.bucket = s3server.Start(t)
					m.bucket.SetFault(faults(rand.New(rand.NewPCG(seed, 1)), 30))
				}
				defer func() {
					if t.Failed() {
						t.Logf("%s is kept as it is", m.keep())
					}
				}()
				m.run()
			})
		}
		if beside {
			moves.Go(move)
		} else {
			move()
		}
		if n%followMoves == followMoves-1 {
			moves.Wait()
		}
	}
	moves.Wait()
}

// liveMove moves a source while it is written to.
type liveMove struct {
	t    *testing.T
	s    source
	to   target
	rng  *rand.Rand
	home string
	seed uint64

	bucket *s3server.Server // has the chain; nil: a directory has

	commands, replicas, loads *faultproxy.Proxy // the two ports of the source, and the target
	kills, cuts               int
}

func (m *liveMove) base() string  { return filepath.Join(m.home, "base") }
func (m *liveMove) state() string { return filepath.Join(m.home, "state") }

// chain is where the deltas are: in a directory or a bucket.
func (m *liveMove) chain() string {
	if m.bucket != nil {
		return m.bucket.URL("chain")
	}
	return m.chainDir()
}

// chainDir is a directory with the files of the deltas.
func (m *liveMove) chainDir() string {
	if m.bucket != nil {
		return m.bucket.Dir("chain")
	}
	return filepath.Join(m.home, "chain")
}

// databases are those that are moved: a target of Kvrocks has one.
func (m *liveMove) databases() []int {
	if m.to.kvrocks {
		return []int{0}
	}
	return []int{0, 1}
}

// run moves the source, and cuts over twice: as after a rehearsal, writers go on in between.
func (m *liveMove) run() {
	m.t.Helper()
	m.commands = m.proxy(m.s.addr)
	m.replicas = m.proxy(replicationAddr(m.t, m.s.addr))
	m.loads = m.proxy(m.to.addr)
	writing := livewriter.Options{
		Addr: m.s.addr, Databases: m.databases(), Seed: m.seed, Rate: 700, Names: 30, Grow: 40,
	}
	filled := writing
	filled.Commands, filled.Rate = 600, 1_000_000
	if _, err := livewriter.Write(m.t.Context(), filled); err != nil {
		m.t.Fatal(err)
	}
	for cutOver := range 2 {
		writing.Seed++
		stop := livewriter.Start(m.t, writing)
		if cutOver == 0 {
			m.again("pikadump", m.dump(m.base())...)
			m.again("kvload", m.load("load", m.base())...)
		}
		m.disturb()
		counts := stop()
		m.settle()
		m.again("pikadump", append(m.follow(), "--until-idle", "300ms")...)
		m.again("kvload", m.load("load", m.chain(), "--base", m.base())...)
		m.t.Logf("%d writes, %d runs killed, connections cut %d times", counts.Total(), m.kills, m.cuts)
		m.compare(fmt.Sprint("fresh", cutOver))
	}
	m.verify(m.chain(), "--base", m.base(), "--state", m.state())
}

// proxy forwards to a server, and now and then disturbs a connection by itself.
func (m *liveMove) proxy(addr string) *faultproxy.Proxy {
	m.t.Helper()
	seed := m.rng.Uint64()
	p, err := faultproxy.Start(addr, func(n int) faultproxy.Plan {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		plan := faultproxy.Plan{}
		if rng.IntN(6) == 0 {
			plan.ResetAfter = 1 + rng.Int64N(20_000)
		}
		return plan
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(p.Close)
	return p
}

func replicationAddr(t *testing.T, addr string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, strconv.Itoa(n+2000))
}

// dump are the arguments of a dump of the source.
func (m *liveMove) dump(dir string) []string {
	args := []string{"dump", "--quiet", "--uri", "redis://" + m.commands.Addr(), "--out", dir, "--resume",
		"--retry-for", "1m", "--chunk-size", "64KiB", "--source-cache-off"}
	if m.to.kvrocks {
		args = append(args, "--db", "0")
	}
	return args
}

func (m *liveMove) follow() []string {
	_, port, _ := net.SplitHostPort(m.replicas.Addr())
	args := []string{"follow", "--quiet", "--uri", "redis://" + m.commands.Addr(), "--replication-port", port, "--base", m.base(),
		"--out", m.chain(), "--interval", "100ms", "--delta-keys", strconv.Itoa(20 + m.rng.IntN(500)), "--retry-for", "1m", "--source-cache-off"}
	if m.bucket != nil {
		args = append(args, "--break-lock")
	}
	return args
}

// load are the arguments of a command that loads.
func (m *liveMove) load(command, in string, flags ...string) []string {
	args := append([]string{command, "--quiet", "--uri", "redis://" + m.loads.Addr(), "--in", in, "--retry-for", "1m",
		"--checkpoint", "10ms", "--timeout", "5s", "--state", m.state()}, m.rewriting()...)
	if command == "load" {
		args = append(args, "--resume")
	}
	if m.to.kvrocks {
		args = append(args, "--method", "raw")
	}
	return append(args, flags...)
}

// rewriting says what becomes of databases, and of names in several types.
func (m *liveMove) rewriting() []string {
	args := []string{"--on-conflict", "first", "--hyperloglog", "string"}
	if !m.to.kvrocks {
		args = append(args, "--map-db", "0=db:0,1=db:1")
	}
	return args
}

// moment is when something is killed or cut next.
func (m *liveMove) moment() time.Duration {
	return time.Duration(10+m.rng.IntN(150)) * time.Millisecond
}

// again runs a tool, kills it once or not at all, and lets it come to its end.
func (m *liveMove) again(name string, args ...string) {
	m.t.Helper()
	for range m.rng.IntN(2) {
		if r := runFor(m.t, m.moment(), name, args...); r.code < 0 {
			m.kills++
		} else {
			m.mustEnd(r, args)
		}
	}
	r := run(m.t, name, args...)
	for try := 0; r.code == tryAgain && try < 10; try++ { // a server that cannot be reached at first
		r = run(m.t, name, args...)
	}
	if r.code == tryAgain {
		m.t.Fatalf("%v never ends: %s", args, r.stderr)
	}
	m.mustEnd(r, args)
}

const tryAgain = 75

// mustEnd: 3 is of names that are listed, as one whose expiry may be another type's.
func (m *liveMove) mustEnd(r result, args []string) {
	m.t.Helper()
	if r.code != 0 && r.code != 3 && r.code != tryAgain {
		m.t.Fatalf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
}

// disturb follows the source and its chain for a while, in which runs are killed and begun again
// and connections are cut.
func (m *liveMove) disturb() {
	m.t.Helper()
	source := start(m.t, "pikadump", m.follow()...)
	target := start(m.t, "kvload", m.load("follow", m.chain(), "--base", m.base())...)
	for range 2 + m.rng.IntN(4) {
		time.Sleep(m.moment())
		switch m.rng.IntN(4) {
		case 0:
			m.end(source)
			source = start(m.t, "pikadump", m.follow()...)
		case 1:
			m.end(target)
			target = start(m.t, "kvload", m.load("follow", m.chain(), "--base", m.base())...)
		default:
			[]*faultproxy.Proxy{m.commands, m.replicas, m.loads}[m.rng.IntN(3)].Cut()
			m.cuts++
		}
	}
	m.end(source)
	m.end(target)
}

// end kills a run, which must not have ended but for a chain that was at its end.
func (m *liveMove) end(p *process) {
	m.t.Helper()
	p.kill()
	m.kills++
	if r := p.result(m.t); r.code >= 0 {
		m.mustEnd(r, p.cmd.Args)
	}
}

// settle waits until all is gone that lives a second or two. No binlog tells that a type of a name
// expires, for which others of that name were left out (--on-conflict first): such names are
// written once more.
func (m *liveMove) settle() {
	m.t.Helper()
	time.Sleep(3100 * time.Millisecond) // a Pika shows them a second longer
	lists, err := filepath.Glob(filepath.Join(m.chainDir(), "*", format.ConflictsName))
	if err != nil {
		m.t.Fatal(err)
	}
	for _, list := range append(lists, filepath.Join(m.base(), format.ConflictsName)) {
		data, err := os.ReadFile(list)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			m.t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var c struct {
				DB  int    `json:"db"`
				Key []byte `json:"key"`
			}
			if err := json.Unmarshal(line, &c); err != nil {
				m.t.Fatal(err)
			}
			db := client(m.t, m.s.addr, c.DB)
			if err := db.Do(m.t.Context(), "SADD", c.Key, "settled").Err(); err != nil && strings.HasPrefix(err.Error(), "WRONGTYPE") {
				do(m.t, db, "DEL", c.Key) // a 4.0, where the name changed its type during the dump
			} else if err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// compare dumps the source as it is now, and compares the target with that in both directions.
func (m *liveMove) compare(name string) {
	m.t.Helper()
	fresh := filepath.Join(m.home, name)
	m.again("pikadump", m.dump(fresh)...)
	m.verify(fresh)
}

// verify compares the target with a dump, or a chain; nothing may differ. What a preflight check
// left that was killed expires.
func (m *liveMove) verify(in string, flags ...string) {
	m.t.Helper()
	report := filepath.Join(m.t.TempDir(), "differs.jsonl")
	args := append([]string{"verify", "--quiet", "--uri", "redis://" + m.to.addr, "--in", in, "--report", report, "--reverse"}, m.rewriting()...)
	r := run(m.t, "kvload", append(args, flags...)...)
	if r.code == 0 {
		return
	}
	shown, all := 0, readDiffers(m.t, report)
	for _, d := range all {
		if d.Explained || bytes.HasPrefix(d.Key, []byte("kvload-probe-")) {
			continue
		}
		if shown++; shown <= maxShown {
			m.t.Errorf("db%d %s %.60q: %s %d %.60q %s", d.DB, d.Kind, d.Key, d.Class, d.Count, d.Member, d.Detail)
		}
	}
	if shown > 0 || len(all) == 0 {
		m.t.Errorf("%v: exit code %d\n%s", args, r.code, r.stderr)
	}
}

// keep saves what a failed round left for whoever looks into it.
func (m *liveMove) keep() string {
	kept := filepath.Join(os.TempDir(), fmt.Sprint("follow-crash-", m.seed))
	if err := os.CopyFS(kept, os.DirFS(m.home)); err != nil {
		m.t.Log(err)
	}
	return kept
}
