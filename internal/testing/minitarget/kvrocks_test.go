package minitarget

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A wire is one connection, whose replies are taken as bytes.
type wire struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

func connect(t *testing.T, k *Kvrocks) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", k.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &wire{t, conn, bufio.NewReader(conn)}
}

func (w *wire) do(args ...string) string {
	w.t.Helper()
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
	return w.reply()
}

func (w *wire) reply() string {
	w.t.Helper()
	line, err := w.r.ReadString('\n')
	if err != nil {
		w.t.Fatal(err)
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch line[0] {
	case '$':
		if n >= 0 {
			b := make([]byte, n+2)
			if _, err := io.ReadFull(w.r, b); err != nil {
				w.t.Fatal(err)
			}
			line += string(b)
		}
	case '*':
		for range n {
			line += w.reply()
		}
	}
	return line
}

// want fails unless a command is answered so.
func (w *wire) want(reply string, args ...string) {
	w.t.Helper()
	if got := w.do(args...); got != reply {
		w.t.Errorf("%.80q: %.300q, want %.300q", args, got, reply)
	}
}

// A step is a command to a real Kvrocks, its reply, and the batches that it made of it.
type step struct {
	Cmd     []string
	Reply   string
	Batches []string
}

// recorded reads testdata/writebatch.
func recorded(t *testing.T) map[string][]step {
	t.Helper()
	files, err := filepath.Glob("../../../testdata/writebatch/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	latin1 := func(s string) string {
		b := []byte{}
		for _, r := range s {
			b = append(b, byte(r))
		}
		return string(b)
	}
	all := map[string][]step{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			s := step{}
			if err := json.Unmarshal([]byte(line), &s); err != nil {
				t.Fatal(err)
			}
			for i := range s.Cmd {
				s.Cmd[i] = latin1(s.Cmd[i])
			}
			for i := range s.Batches {
				s.Batches[i] = latin1(s.Batches[i])
			}
			s.Reply = latin1(s.Reply)
			all[filepath.Base(file)] = append(all[filepath.Base(file)], s)
		}
	}
	return all
}

// startRecorded starts a Kvrocks as those that were recorded.
func startRecorded(t *testing.T) (*Kvrocks, *wire) {
	k := StartKvrocks(t, Options{Password: "secret"})
	w := connect(t, k)
	w.want("-NOAUTH Authentication required.\r\n", "GET", "s")
	w.want("+OK\r\n", "AUTH", "secret")
	w.want("+OK\r\n", "NAMESPACE", "ADD", "ns1", "tok")
	return k, w
}

// ask compares what is answered with what the real server answered. It shows an empty value of a
// stream as nil (SERVERS.md K11).
func ask(w *wire, s *step) {
	w.t.Helper()
	got, want := w.do(s.Cmd...), s.Reply
	if strings.HasPrefix(s.Cmd[0], "X") {
		want = strings.ReplaceAll(want, "$-1\r\n", "$0\r\n\r\n")
		got = strings.ReplaceAll(got, "$-1\r\n", "$0\r\n\r\n")
	}
	if got != want {
		w.t.Errorf("%q:\n%q, and the real one\n%q", s.Cmd, got, want)
	}
}

// TestRecorded applies what real servers wrote. What is read is what they answered.
func TestRecorded(t *testing.T) {
	for file, steps := range recorded(t) {
		t.Run(file, func(t *testing.T) {
			k, w := startRecorded(t)
			for _, s := range steps {
				for _, b := range s.Batches {
					w.want(fmt.Sprintf(":%d\r\n", len(b)), "APPLYBATCH", b)
				}
				if s.Batches == nil {
					ask(w, &s)
				}
			}
			if f := k.Faults(); len(f) > 0 {
				t.Errorf("faults: %q", f)
			}
		})
	}
}

// TestCommands gives it the commands themselves.
func TestCommands(t *testing.T) {
	for file, steps := range recorded(t) {
		t.Run(file, func(t *testing.T) {
			_, w := startRecorded(t)
			for _, s := range steps {
				ask(w, &s)
			}
		})
	}
}

// TestDamaged cuts every recorded batch at every byte: writes stop, nothing panics.
func TestDamaged(t *testing.T) {
	for _, steps := range recorded(t) {
		for _, s := range steps {
			for _, b := range s.Batches {
				for n := range len(b) {
					if _, err := decodeBatch([]byte(b[:n])); err == nil {
						t.Fatalf("%q: cut at %d of %d and taken", s.Cmd, n, len(b))
					}
				}
			}
		}
	}
}

func long(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

func set(family byte, key, value string) string {
	return string(long(long([]byte{tagFamilyPut, family}, key), value))
}

func batch(rows ...string) string {
	b := binary.LittleEndian.AppendUint32(make([]byte, 8), uint32(len(rows)))
	return string(b) + strings.Join(rows, "")
}

func keyName(namespace, key string) string { return string(rune(len(namespace))) + namespace + key }

func meta(key string, kind byte, expire time.Time, numbers ...uint64) string {
	at := uint64(0)
	if !expire.IsZero() {
		at = uint64(expire.UnixMilli())
	}
	return set(metadata, keyName(defaultNamespace, key),
		string([]byte{0x80 | kind})+numberBytes(at)+numberBytes(numbers...))
}

func sub(family byte, key string, version uint64, sub, value string) string {
	n := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
	return set(family, keyName(defaultNamespace, string(n)+key+numberBytes(version)+sub), value)
}

func (w *wire) apply(rows ...string) {
	w.t.Helper()
	b := batch(rows...)
	w.want(fmt.Sprintf(":%d\r\n", len(b)), "APPLYBATCH", b)
}

func TestVersions(t *testing.T) {
	k := StartKvrocks(t, Options{})
	w := connect(t, k)
	never := time.Time{}
	w.apply(sub(subkeys, "h", 1, "a", "1"), sub(subkeys, "h", 1, "b", "2"))
	w.want(":0\r\n", "EXISTS", "h") // no metadata yet
	w.apply(meta("h", typeHash, never, 1, 2))
	w.want("*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n", "HGETALL", "h")
	w.apply(sub(subkeys, "h", 1, "a", "1"), sub(subkeys, "h", 1, "b", "2"), meta("h", typeHash, never, 1, 2))
	w.want(":2\r\n", "HLEN", "h") // the same once more

	w.want(":1\r\n", "HSET", "h", "c", "3") // a command on top
	w.want(":1\r\n", "HDEL", "h", "a")
	w.want(":1\r\n", "DEL", "h")
	w.apply(sub(subkeys, "h", 2, "z", "26"), meta("h", typeHash, never, 2, 1))
	w.want("*2\r\n$1\r\nz\r\n$2\r\n26\r\n", "HGETALL", "h") // another version hides the old one
	if f := k.Faults(); len(f) > 0 {
		t.Fatalf("faults: %q", f)
	}
	// The version before shows what a command had added to it. A size that is not so is a fault.
	w.apply(sub(subkeys, "h", 1, "a", "1"), meta("h", typeHash, never, 1, 2))
	w.want("*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n", "HGETALL", "h")
	if f := k.Faults(); len(f) != 1 || !strings.Contains(f[0], `hash "h"`) {
		t.Errorf("faults: %q", f)
	}

	w.want("+OK\r\n", "SET", "l", "x", "PX", "100000")
	w.apply(sub(subkeys, "l", 5, numberBytes(1<<63-1), "a"), sub(subkeys, "l", 5, numberBytes(1<<63), "b"),
		meta("l", typeList, never, 5, 2, 1<<63-1, 1<<63+1))
	w.want(":-1\r\n", "PTTL", "l") // another type, no expiry
	w.want(":3\r\n", "LPUSH", "l", "0")
	w.want("*3\r\n$1\r\n0\r\n$1\r\na\r\n$1\r\nb\r\n", "LRANGE", "l", "0", "-1")
}

func TestExpired(t *testing.T) {
	k := StartKvrocks(t, Options{})
	w := connect(t, k)
	past, future := time.Now().Add(-time.Second), time.UnixMilli(4102444800123)
	w.apply(meta("gone", typeSet, past, 1, 1), sub(subkeys, "gone", 1, "m", ""),
		meta("there", typeSet, future, 1, 1), sub(subkeys, "there", 1, "m", ""))
	w.want(":0\r\n", "EXISTS", "gone")
	w.want(":4102444800123\r\n", "PEXPIRETIME", "there")
	soon := time.Now().Add(300 * time.Millisecond)
	w.apply(set(metadata, keyName(defaultNamespace, "soon"), "\x81"+numberBytes(uint64(soon.UnixMilli()))+"v"))
	for w.do("EXISTS", "soon") != ":0\r\n" {
		time.Sleep(10 * time.Millisecond)
	}
	if time.Now().Before(soon) {
		t.Error("expired before its time")
	}
	w.want(":4102444800123\r\n", "PEXPIRETIME", "there") // to the ms, though time has passed
}

func TestScores(t *testing.T) {
	k := StartKvrocks(t, Options{})
	w := connect(t, k)
	for _, refused := range []string{"nan", "5e-324"} {
		if got := w.do("ZADD", "z", refused, "m"); !strings.HasSuffix(got, "is not a valid float\r\n") {
			t.Errorf("ZADD of %s: %q", refused, got)
		}
	}
	rows, members := []string{}, []string{"ZMSCORE", "z"}
	want := []float64{math.NaN(), math.SmallestNonzeroFloat64, math.Copysign(0, -1), math.Inf(-1), -1.5}
	for i, score := range want {
		m := fmt.Sprint(i)
		rows = append(rows, sub(subkeys, "z", 7, m, scoreBytes(score)), sub(scores, "z", 7, scoreBytes(score)+m, ""))
		members = append(members, m)
	}
	w.apply(append(rows, meta("z", typeZset, time.Time{}, 7, 5))...)
	lines := strings.Split(w.do(members...), "\r\n")
	for i, score := range want {
		got, err := strconv.ParseFloat(lines[2+2*i], 64)
		if err != nil || math.Float64bits(got) != math.Float64bits(score) && !math.IsNaN(score) {
			t.Errorf("score %v: %q", score, lines[2+2*i])
		}
	}
	if f := k.Faults(); len(f) > 0 {
		t.Errorf("faults: %q", f)
	}
	w.apply(sub(scores, "z", 7, scoreBytes(1)+"stray", ""))
	if len(k.Faults()) == 0 {
		t.Error("a score without a member is no fault")
	}
}

// TestMalformed: as measured, every later write of anybody gets the error of the broken batch.
func TestMalformed(t *testing.T) {
	good := set(metadata, keyName(defaultNamespace, "s"), "\x81"+numberBytes(0)+"v")
	for b, reply := range map[string]string{
		"garbage":          "-ERR Corruption: malformed WriteBatch (too small)\r\n",
		batch(good, ""):    "-ERR Corruption: WriteBatch has wrong count\r\n",
		batch(good[:9]):    "-ERR Corruption: bad WriteBatch Put\r\n",
		batch("\x77"):      "-ERR Corruption: unknown WriteBatch tag: 119\r\n",
		batch("\x05\x09a"): "-ERR Invalid argument: Invalid column family specified in write batch\r\n",
	} {
		k := StartKvrocks(t, Options{})
		w, other := connect(t, k), connect(t, k)
		w.want("+OK\r\n", "SET", "before", "v")
		w.want(reply, "APPLYBATCH", b)
		for _, cmd := range [][]string{{"SET", "x", "v"}, {"FLUSHALL"}, {"DEL", "before"}, {"APPLYBATCH", batch(good)}} {
			w.want(reply, cmd...)
			other.want(reply, cmd...)
		}
		other.want("$1\r\nv\r\n", "GET", "before")
		other.want("$-1\r\n", "GET", "s")
		k.Repair()
		w.want(fmt.Sprintf(":%d\r\n", len(batch(good))), "APPLYBATCH", batch(good), "lowpri")
		other.want("$1\r\nv\r\n", "GET", "s")
	}
}

// TestNamespace: a connection of a token sees its own keys; a batch names where it writes.
func TestNamespace(t *testing.T) {
	k, w := startRecorded(t)
	in := connect(t, k)
	in.want("+OK\r\n", "AUTH", "tok")
	in.want("-ERR admin permission required to perform the command\r\n", "CONFIG", "GET", "workers")
	if got := in.do("CLIENT", "INFO"); !strings.Contains(got, " namespace=ns1 ") {
		t.Error(got)
	}
	in.apply(set(metadata, keyName("ns1", "a"), "\x81"+numberBytes(0)+"one"),
		set(metadata, keyName(defaultNamespace, "a"), "\x81"+numberBytes(0)+"two"))
	in.want("$3\r\none\r\n", "GET", "a")
	w.want("$3\r\ntwo\r\n", "GET", "a")
	if keys := k.Namespace("ns1").Keys(); !slices.Equal(keys, []string{"a"}) {
		t.Error(keys)
	}
}

func TestIdentity(t *testing.T) {
	w := connect(t, StartKvrocks(t, Options{Version: "unstable"}))
	w.want("*2\r\n*6\r\n$10\r\napplybatch\r\n:-2\r\n*2\r\n$5\r\nwrite\r\n$8\r\nno-multi\r\n:0\r\n:0\r\n:0\r\n$-1\r\n",
		"COMMAND", "INFO", "applybatch", "nosuch")
	if got := w.do("INFO", "server"); !strings.Contains(got, "\r\nkvrocks_version:unstable\r\n") {
		t.Error(got)
	}
	w.want("+OK\r\n", "MULTI")
	w.want("-ERR Can't execute applybatch in MULTI\r\n", "APPLYBATCH", "x")
}
