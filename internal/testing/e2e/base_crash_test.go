package e2e

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/livewriter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// baseRounds is how many sources of each version are moved, at the least (SOAK).
const baseRounds = 1

// baseDeltas is how many deltas each of them has. During the last the writers are at rest.
const baseDeltas = 3

// TestBaseCrash: a source is moved by a dump and by deltas that are compared with it, while writers
// change it in every way. Every run is killed at random instants and run again, over connections
// that are cut. When the writers rest, one more delta makes the target hold what the source holds,
// element by element, and nothing else. No replication port is there.
func TestBaseCrash(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v)+" to redis", func(t *testing.T) {
			parallel(t)
			baseCrashes(t, func() (source, target) {
				return simulate(t, pikasim.Options{Version: v, Databases: 2}), startRedis(t)
			})
		})
	}
	eachRealSource(t, func(t *testing.T, s source) {
		eachTarget(t, func(t *testing.T, to target) {
			baseCrashes(t, func() (source, target) {
				emptied(t, "PIKA_ADDR", s.addr)
				emptied(t, "the target", to.addr)
				return s, to
			})
		})
	})
}

// baseCrashes moves one source after another, as servers gives them.
func baseCrashes(t *testing.T, servers func() (source, target)) {
	for round, until := 0, soaking(t); round < baseRounds || time.Now().Before(until); round++ {
		seed := uint64(time.Now().UnixNano())
		s, to := servers()
		m := &liveMove{t: t, s: s, to: to, rng: rand.New(rand.NewPCG(seed, 0)), home: t.TempDir(), seed: seed}
		t.Logf("round %d: seed %d", round, seed)
		m.runByBase()
		if t.Failed() {
			t.Fatalf("round %d: %s is kept as it is", round, m.keep())
		}
	}
}

func (m *liveMove) runByBase() {
	m.t.Helper()
	m.commands, m.loads = m.proxy(m.s.addr), m.proxy(m.to.addr)
	writing := livewriter.Options{Addr: m.s.addr, Databases: m.databases(), Seed: m.seed, Rate: 1500, Names: 30, Grow: 40}
	filled := writing
	filled.Commands, filled.Rate = 600, 1_000_000
	if _, err := livewriter.Write(m.t.Context(), filled); err != nil {
		m.t.Fatal(err)
	}
	for n := range baseDeltas + 1 {
		writing.Seed++
		stop := livewriter.Start(m.t, writing)
		switch n {
		case 0:
			m.again("pikadump", m.dump(m.base())...)
			m.again("kvload", m.load("load", m.base())...)
		case baseDeltas:
			time.Sleep(m.moment())
			stop()
			time.Sleep(3100 * time.Millisecond) // what lives a second or two is gone by then
			fallthrough
		default:
			m.again("pikadump", append(m.dump(archive.DeltaPath(m.chain(), n)), "--base", m.base(), "--page-keys", "16")...)
		}
		if n < baseDeltas {
			stop()
		}
	}
	m.again("kvload", m.load("load", m.chain(), "--base", m.base())...)
	m.t.Logf("%d runs killed", m.kills)
	m.compare("fresh")
	m.verify(m.chain(), "--base", m.base())
}
