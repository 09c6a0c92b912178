package e2e

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// pipeKeys is how many keys are sent through a pipe.
const pipeKeys = 5000

// simulated runs a test with a Pika whose names can have several types, and with one whose cannot,
// filled.
func simulated(t *testing.T, keys int, test func(t *testing.T, s source, m *model)) {
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v), func(t *testing.T) {
			s := simulate(t, pikasim.Options{Version: v})
			m := newModel(seed, keys, s)
			m.fill(t, client(t, s.addr, 0))
			test(t, s, m)
		})
	}
}

// toStream is the command that dumps a source to a stream, through a spool that must be gone at the
// end.
func toStream(t *testing.T, s source, flags ...string) *exec.Cmd {
	t.Helper()
	args := append([]string{"dump", "--quiet", "--uri", "redis://" + s.addr, "--out", "-", "--spool", spool(t),
		"--chunk-size", "64KiB", "--reply-size", "64KiB"}, flags...)
	return exec.Command(tool(t, "pikadump"), args...)
}

func spool(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%v is left in the spool", left)
		}
	})
	return dir
}

// fromStream is the command that loads a stream.
func fromStream(t *testing.T, stream io.Reader, to target, state string, flags ...string) *exec.Cmd {
	t.Helper()
	args := append([]string{"load", "--quiet", "--uri", "redis://" + to.addr, "--in", "-", "--state", state, "--checkpoint", "10ms"}, flags...)
	cmd := exec.Command(tool(t, "kvload"), args...)
	cmd.Stdin = stream
	return cmd
}

// stream dumps a source to a stream.
func stream(t *testing.T, s source, flags ...string) []byte {
	t.Helper()
	r := finish(t, toStream(t, s, flags...))
	r.mustBe(t, 0, "pikadump", flags)
	return []byte(r.stdout)
}

// TestPipe: pikadump | kvload is a whole migration, encrypted or not.
func TestPipe(t *testing.T) {
	parallel(t)
	test := func(t *testing.T, s source, m *model) {
		l := newLocked(t)
		for name, flags := range map[string][2][]string{
			"plain":     {},
			"encrypted": {{"--encrypt-to", l.id.Recipient().String()}, {"--identity", l.path}},
		} {
			t.Run(name, func(t *testing.T) {
				eachTarget(t, func(t *testing.T, to target) {
					from := toStream(t, s, flags[0]...)
					r, w, err := os.Pipe()
					if err != nil {
						t.Fatal(err)
					}
					from.Stdout = w
					dumping := startCommand(t, from)
					w.Close()
					into := finish(t, fromStream(t, r, to, filepath.Join(t.TempDir(), "state"), append(flags[1], "--db", "0", "--spool", spool(t))...))
					r.Close()
					if code, stderr := dumping.wait(t); code != 0 {
						t.Fatalf("exit code %d\n%s", code, stderr)
					}
					into.mustBe(t, 3, "kvload", nil) // hyperloglogs
					if waits := strings.Contains(into.stderr, "begins when the whole dump has come"); waits == s.oneType() {
						t.Errorf("from %s: %s", s.version, into.stderr)
					}
					m.verify(t, to, 0)
				})
			})
		}
	}
	simulated(t, pipeKeys, test)
	eachRealSource(t, func(t *testing.T, s source) {
		m := newModel(seed, pipeKeys, s)
		m.fill(t, client(t, s.addr, 0))
		test(t, s, m)
	})
}

// TestPipeCut: a stream that is cut, or whose bits were flipped, is never a finished load, and goes
// on when it is sent again.
func TestPipeCut(t *testing.T) {
	parallel(t)
	simulated(t, 1500, func(t *testing.T, s source, m *model) {
		whole := stream(t, s)
		rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
		for range 2 {
			to, state := startRedis(t), filepath.Join(t.TempDir(), "state")
			var flags []string
			for range 3 {
				at := rng.IntN(len(whole))
				bad := bytes.Clone(whole[:at])
				r := finish(t, fromStream(t, bytes.NewReader(bad), to, state, flags...))
				if r.code != 10 && r.code != 13 {
					t.Fatalf("cut at %d of %d: exit code %d\n%s", at, len(whole), r.code, r.stderr)
				}
				flags = []string{"--resume"}
				// A bit of a chunk, which makes up nearly all of the stream.
				bad = bytes.Clone(whole)
				at = len(whole)/10 + rng.IntN(len(whole)/2)
				bad[at] ^= 1
				r = finish(t, fromStream(t, bytes.NewReader(bad), to, state, flags...))
				if r.code == 3 { // of padding, or of what a header says of times
					t.Logf("a bit at %d of %d means nothing", at, len(whole))
					break
				}
				if r.code != 13 {
					t.Fatalf("a bit flipped at %d of %d: exit code %d\n%s", at, len(whole), r.code, r.stderr)
				}
			}
			r := finish(t, fromStream(t, bytes.NewReader(whole), to, state, "--resume"))
			if r.code != 3 && !strings.Contains(r.stderr, "nothing is left to be done") {
				t.Fatalf("exit code %d\n%s", r.code, r.stderr)
			}
			m.verify(t, to, 0)
		}
		other := stream(t, s)
		to, state := startRedis(t), filepath.Join(t.TempDir(), "state")
		if r := finish(t, fromStream(t, bytes.NewReader(whole[:len(whole)-3000]), to, state)); r.code != 10 && r.code != 13 {
			t.Fatalf("exit code %d\n%s", r.code, r.stderr)
		}
		if s.oneType() { // the other kind has not begun to load
			if r := finish(t, fromStream(t, bytes.NewReader(other), to, state, "--resume")); r.code != 5 {
				t.Errorf("another dump: exit code %d\n%s", r.code, r.stderr)
			}
		}
	})
}

// TestPipeKill: a load from a stream that is killed goes on when the stream is sent again.
func TestPipeKill(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	m := newModel(seed, pipeKeys, s)
	m.fill(t, client(t, s.addr, 0))
	whole := stream(t, s)
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	to, state := startRedis(t), filepath.Join(t.TempDir(), "state")
	killed := 0
	for i := 0; ; i++ {
		p := startCommand(t, fromStream(t, bytes.NewReader(whole), to, state, "--resume", "--spool", t.TempDir()))
		if i < 8 {
			defer time.AfterFunc(time.Duration(rng.IntN(400))*time.Millisecond, p.kill).Stop()
		}
		code, stderr := p.wait(t)
		if code == 0 || code == 3 {
			break
		}
		if code != -1 {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		killed++
	}
	t.Logf("killed %d times", killed)
	m.verify(t, to, 0)
}

// TestPipeEnds: a dump whose stream nobody reads any more says so, and leaves nothing in its spool.
func TestPipeEnds(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	newModel(seed, pipeKeys, s).fill(t, client(t, s.addr, 0))
	from := toStream(t, s)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from.Stdout = w
	p := startCommand(t, from)
	w.Close()
	if _, err := io.CopyN(io.Discard, r, 3000); err != nil {
		t.Error(err)
	}
	r.Close()
	p.mustSay(t, 75, "whoever reads the stream has ended")
}

// TestPipeStalled: a dump whose reader does not read ends at the first signal, whether it waits
// with the first bytes or in the middle, and leaves nothing in its spool.
func TestPipeStalled(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	newModel(seed, pipeKeys, s).fill(t, client(t, s.addr, 0))
	t.Run("at its beginning", func(t *testing.T) {
		dir := spool(t)
		stopStalled(t, toStream(t, s, "--spool", dir), true, func() bool {
			begun, _ := filepath.Glob(filepath.Join(dir, "*", "*", format.InfoName)) // the pattern is right
			return len(begun) > 0
		})
	})
	t.Run("in the middle", func(t *testing.T) {
		dir := spool(t)
		stopStalled(t, toStream(t, s, "--spool", dir), false, func() bool { // one is being sent, another waits
			chunks, _ := filepath.Glob(filepath.Join(dir, "*", "*", "chunks", "*", "*", "[0-9]*"))
			return len(chunks) > 1
		})
	})
}

// stopStalled runs a command that writes a stream to a pipe that nobody reads, which may be full
// already, and stops it.
func stopStalled(t *testing.T, cmd *exec.Cmd, full bool, began func() bool) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if full {
		err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		for err == nil {
			_, err = w.Write(make([]byte, 4096))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	cmd.Stdout = w
	p := startCommand(t, cmd)
	w.Close()
	waitFor(t, "the stream", began)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.mustSay(t, 143, "stopped by terminated")
}

// TestFollow: a load follows a dump that stands still now and then; both are killed and resumed.
func TestFollow(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dump")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			follow(t, v, dir, dir, nil)
		})
	}
}

// TestFollowBucket is TestFollow with the dump in a bucket, encrypted.
func TestFollowBucket(t *testing.T) {
	parallel(t)
	server := s3server.Start(t)
	follow(t, pikasim.V401, server.Dir("dump"), server.URL("dump"), newLocked(t))
}

// follow loads a dump while it is made at a location, of which dir is the directory on the disk.
func follow(t *testing.T, v pikasim.Version, dir, location string, l *locked) {
	t.Helper()
	h := &hook{}
	s := simulate(t, pikasim.Options{Version: v, Intercept: h.intercept})
	m := newModel(seed, pipeKeys, s)
	m.fill(t, client(t, s.addr, 0))
	to, state := startRedis(t), filepath.Join(t.TempDir(), "state")
	stringChunks := func() int { // they can be loaded alone: each string is in one
		paths, _ := filepath.Glob(filepath.Join(dir, filepath.Dir(format.ChunkName(0, format.TypeString, 0)), "[0-9]*")) // the pattern is right
		return len(paths)
	}
	load := func() *process {
		args := []string{"load", "--quiet", "--follow", "--uri", "redis://" + to.addr, "--in", location, "--state", state,
			"--checkpoint", "10ms", "--stall-timeout", "1s", "--resume"}
		if l != nil {
			args = append(args, "--identity", l.path)
		}
		return start(t, "kvload", args...)
	}
	var dumping *process
	release := func() {}
	early := int64(0)
	for range 2 {
		if dumping != nil {
			dumping.kill()
			dumping.wait(t)
		}
		release()
		had := stringChunks()
		var blocked chan struct{}
		blocked, release = h.block(t, func(command string) bool { return command == "PKSCANRANGE" && stringChunks() > had })
		dumping = start(t, "pikadump", append([]string{"dump", "--quiet", "--uri", "redis://" + s.addr, "--out", location,
			"--chunk-size", "64KiB", "--reply-size", "64KiB", "--resume"}, l.flags()...)...)
		dumping.until(t, blocked)
		p, began := load(), client(t, to.addr, 0)
		if s.oneType() {
			waitFor(t, "a key of those that are dumped", func() bool { return began.DBSize(t.Context()).Val() > early })
		}
		time.Sleep(1200 * time.Millisecond) // longer than --stall-timeout
		p.kill()
		if code, stderr := p.wait(t); code != -1 {
			t.Fatalf("the load ended, exit code %d, before the dump\n%s", code, stderr)
		}
		early = began.DBSize(t.Context()).Val()
	}
	last := load()
	release()
	dumping.mustSay(t, 0, "done")
	r := last.result(t)
	r.mustBe(t, 3, "kvload", nil)
	m.verify(t, to, 0)
	t.Logf("%d keys were loaded while the dump ran", early)
	if (early > 0) != s.oneType() {
		t.Errorf("%d keys were loaded while the dump ran, from %s", early, s.version)
	}
}

// TestPipeMemory measures both ends of a pipe.
func TestPipeMemory(t *testing.T) {
	parallel(t)
	for _, b := range bulks(200_000, 300_000, 100) {
		t.Run(b.name, func(t *testing.T) {
			s := simulate(t, pikasim.Options{Version: pikasim.V401})
			f := newFiller(t, client(t, s.addr, 0))
			b.fill(f, b.count)
			f.flush()
			l := newLocked(t)
			from := runMeasured(t, 0, "pikadump", "dump", "--quiet", "--uri", "redis://"+s.addr, "--out", "-", "--spool", t.TempDir(), "--encrypt-to", l.id.Recipient().String())
			b.check(t, "pikadump dump --out -", from)
			to := startRedis(t)
			into := runMeasuredFrom(t, strings.NewReader(from.stdout), 0, "kvload", "load", "--quiet", "--uri", "redis://"+to.addr, "--in", "-",
				"--spool", t.TempDir(), "--identity", l.path, "--state", t.TempDir())
			b.check(t, "kvload load --in -", into)
			if n := b.size(t, client(t, to.addr, 0)); n != int64(b.count) {
				t.Errorf("the target holds %d, want %d", n, b.count)
			}
		})
	}
}

// TestPipeStopped: a load that waits for a stream ends at a signal, such as that of a terminal that
// is gone, and leaves nothing in its spool.
func TestPipeStopped(t *testing.T) {
	parallel(t)
	s := simulate(t, pikasim.Options{Version: pikasim.V401})
	newModel(seed, 2000, s).fill(t, client(t, s.addr, 0))
	whole := stream(t, s)
	heard := make(chan os.Signal, 1) // what nohup ignores, the processes of this one would ignore as well
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
	for sig, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			dir, to := spool(t), startRedis(t)
			p := startCommand(t, fromStream(t, r, to, filepath.Join(t.TempDir(), "state"), "--spool", dir))
			r.Close()
			sent := make(chan error, 1)
			go func() {
				_, err := w.Write(whole[:len(whole)*3/4])
				sent <- err
			}()
			c := client(t, to.addr, 0)
			waitFor(t, "a key", func() bool { return c.DBSize(t.Context()).Val() > 0 })
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if begun, _ := os.ReadDir(dir); len(begun) == 0 {
				t.Error("there is no spool")
			}
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			p.mustSay(t, code, "--resume")
		})
	}
}
