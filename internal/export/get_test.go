package export

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// counted is a store that counts the bytes that are read.
type counted struct {
	storage.Store
	n *atomic.Int64
}

func (c counted) Open(name string) (storage.Reader, error) {
	r, err := c.Store.Open(name)
	return countedReader{r, c.n}, err
}

type countedReader struct {
	storage.Reader
	n *atomic.Int64
}

func (r countedReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	r.n.Add(int64(n))
	return n, err
}

func (r countedReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}

// TestGetReadsLittle: one key out of a million is had with less than 2 MiB, from a directory and
// from a bucket, of whatever type it is, when the values cannot be compressed.
func TestGetReadsLittle(t *testing.T) {
	keys := 1_000_000
	if testing.Short() {
		keys = 50_000
	}
	server := s3server.Start(t)
	dir := filepath.Join(t.TempDir(), "dump")
	makeLarge(t, dir, keys)
	store, err := storage.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	copyTo(t, store, server.URL("dump"))
	var local atomic.Int64
	for _, k := range []int{0, 1, 2, 3, keys - 1} {
		name := []byte(keyName(k))
		local.Store(0)
		a, err := archive.OpenIn(counted{store, &local}, 1)
		if err != nil {
			t.Fatal(err)
		}
		get(t, a, name)
		a.Close()
		before := server.Sent()
		if a, err = archive.Open(t.Context(), server.URL("dump"), 1); err != nil {
			t.Fatal(err)
		}
		get(t, a, name)
		a.Close()
		n, far := local.Load(), server.Sent()-before
		t.Logf("key %s: %d bytes of the directory and %d of the bucket", name, n, far)
		if n >= 2<<20 || far >= 2<<20 || n == 0 || far == 0 {
			t.Errorf("key %s: %d bytes of the directory and %d of the bucket were read", name, n, far)
		}
	}
}

func get(t *testing.T, a *archive.Archive, name []byte) {
	t.Helper()
	var out bytes.Buffer
	x, err := New(t.Context(), a, &out, Options{Format: JSON})
	if err == nil {
		err = x.Get([][]byte{name})
	}
	if err != nil || x.keys != 1 || !strings.Contains(out.String(), `"`+string(name)+`"`) {
		t.Fatalf("%q: %v, %d keys: %.100s", name, err, x.keys, &out)
	}
}

func keyName(i int) string { return fmt.Sprintf("key:%08d", i) }

// makeLarge makes a dump of so many keys of four types, with values at random.
func makeLarge(t *testing.T, dir string, keys int) {
	t.Helper()
	types := []format.Type{format.TypeString, format.TypeHash, format.TypeSet, format.TypeList}
	kinds := []format.Kind{format.String, format.Hash, format.Set, format.List}
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: 1}
	w, err := archive.Create(t.Context(), dir, format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: types}), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	random := rand.NewChaCha8([32]byte{1})
	value := make([]byte, 64)
	for i, typ := range types {
		seg := w.Segment(0, typ, nil)
		for k := i; k < keys; k += len(types) {
			random.Read(value)
			r := format.Record{Kind: kinds[i], Key: []byte(keyName(k)), Part: format.PartWhole}
			if i == 0 {
				r.Value = value
			} else {
				r.Elems = [][]byte{value[:32], value[32:]}
			}
			if err := seg.Record(&r); err != nil {
				t.Fatal(err)
			}
		}
		if err := seg.Close(nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Finish(nil, false); err != nil {
		t.Fatal(err)
	}
}

// copyTo copies a dump into a bucket.
func copyTo(t *testing.T, from storage.Store, url string) {
	t.Helper()
	to, err := storage.Create(context.Background(), url, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := from.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := storage.ReadFile(from, name, 1<<30)
		if err == nil {
			err = storage.WriteFile(to, name, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestGet: names that several types have, that one of several databases has, that none has, and
// that come twice; in any order, and from a list in pieces.
func TestGet(t *testing.T) {
	a := open(t, smalldump.Make(t, smalldump.Options{ChunkBytes: 1 << 20},
		[]format.Record{smalldump.String("a", "1"), smalldump.Hash("a", "f", "v"), smalldump.String("\xff", "2")},
		[]format.Record{smalldump.String("a", "3"), smalldump.String("z", "4")}))
	var out bytes.Buffer
	var log bytes.Buffer
	x, err := New(t.Context(), a, &out, Options{Format: JSON, Log: &log})
	if err != nil {
		t.Fatal(err)
	}
	err = x.GetList(strings.NewReader("eg==\n/w==\nbm9uZQ==\nYQ==\nYQ==\n"), true)
	want := `{"db":0,"type":"string","key":"a","expire":null,"value":"1"}
{"db":0,"type":"hash","key":"a","expire":null,"value":[["f","v"]]}
{"db":0,"type":"string","key":{"base64":"/w=="},"expire":null,"value":"2"}
{"db":1,"type":"string","key":"a","expire":null,"value":"3"}
{"db":1,"type":"string","key":"z","expire":null,"value":"4"}
`
	if err != nil || out.String() != want || log.String() != "not in the dump: \"none\"\n" {
		t.Errorf("%v, %s\n%s", err, &log, &out)
	}
	var sizes []int
	long := strings.Repeat("k", 3<<20) + "\n"
	err = readKeys(strings.NewReader(long+long+long+"end"), false, func(keys [][]byte) error {
		sizes = append(sizes, len(keys))
		return nil
	})
	if err != nil || len(sizes) != 2 || sizes[0]+sizes[1] != 4 {
		t.Errorf("a list of 9 MiB in pieces of %v keys, %v", sizes, err)
	}
}
