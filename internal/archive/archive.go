package archive

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrIncomplete: there is no dump, or one that was not finished.
var ErrIncomplete = exitcode.New(exitcode.NoDump, "no finished dump")

// ErrDelta: a delta stands where only a full dump will do.
var ErrDelta = exitcode.New(exitcode.Refused, "this is a delta dump")

// An Archive is a finished dump.
type Archive struct {
	Manifest *format.Manifest

	dump   *format.Info // of which all files are
	dir    storage.Store
	codec  *format.Codec
	frames *frameCache // nil: each unit is read for itself
	above  *above      // nil: there is nothing above it
}

// above is what lies above the base of an Archive that OpenChain has opened.
type above struct {
	members []Member
	deltas  []*Archive                  // the oldest first: the members, or what some of them amount to
	chunks  map[string]format.ChunkInfo // of the base, as its manifest has them
	remove  func() error                // removes temporary deltas; nil: there are none

	encrypted bool // one of the members is
}

// Open reads the manifest of the full dump at location, a directory or the URL of a prefix in a
// bucket; ErrDelta: a delta is there. The context is for all that is done with the archive. Threads
// is how many frames are decompressed at once; 0 means one per core. Identities are for a dump that
// is encrypted; the error is encryption.ErrIdentity if they do not open it.
func Open(ctx context.Context, location string, threads int, identities ...age.Identity) (*Archive, error) {
	a, err := OpenAny(ctx, location, threads, identities...)
	if err == nil {
		if err = mustBeFull(&a.Manifest.Info, a.Path()); err != nil {
			a.Close()
			return nil, err
		}
	}
	return a, err
}

// mustBeFull returns ErrDelta for a delta at that path.
func mustBeFull(in *format.Info, path string) error {
	if in.Delta == nil {
		return nil
	}
	return fmt.Errorf("%w: %s has what changed after dump %s, and means something only together with its base, dump %s; this command takes full dumps, and kvload merge makes one",
		ErrDelta, path, in.Delta.After, in.Delta.Base)
}

// OpenAny is Open that opens a delta as well. Whoever calls it must know what deleted records are.
func OpenAny(ctx context.Context, location string, threads int, identities ...age.Identity) (*Archive, error) {
	dir, err := openDir(ctx, location, identities)
	if err != nil {
		return nil, err
	}
	return OpenIn(dir, threads)
}

// openDir returns the store in which the dump at location can be read.
func openDir(ctx context.Context, location string, identities []age.Identity) (storage.Store, error) {
	dir, err := openStore(ctx, location)
	if err != nil {
		return nil, err
	}
	if dir, err = encryption.Open(dir, identities); err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	return dir, nil
}

// openStore returns the store at location, from which a dump is to be read.
func openStore(ctx context.Context, location string) (storage.Store, error) {
	dir, err := storage.Open(ctx, location)
	if err != nil && !errors.Is(err, storage.ErrLocation) {
		err = fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return dir, err
}

// OpenIn is OpenAny in a store that is not encrypted, or decrypts by itself.
func OpenIn(dir storage.Store, threads int) (*Archive, error) {
	m, err := openManifest(dir)
	if err != nil {
		return nil, err
	}
	codec, err := format.NewCodec(0, threads)
	if err != nil {
		return nil, err
	}
	return &Archive{Manifest: m, dump: &m.Info, dir: dir, codec: codec}, nil
}

func checkVersion(h format.Header, dump *format.Info) error {
	if h.Version != dump.Version {
		return fmt.Errorf("it is of format version %d, and its dump of version %d", h.Version, dump.Version)
	}
	return nil
}

func openManifest(dir storage.Store) (*format.Manifest, error) {
	data, err := storage.ReadFile(dir, format.ManifestName, format.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: %s", ErrIncomplete, dir.Path(""), whyIncomplete(dir))
	}
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", inDir(dir, err))
	}
	m, err := format.ParseManifest(data)
	return m, inDir(dir, err)
}

// ReadInfo reads dump.json of the dump in a store.
func ReadInfo(dir storage.Store) (*format.Info, error) {
	data, err := storage.ReadFile(dir, format.InfoName, format.MaxManifest)
	if err != nil {
		return nil, inDir(dir, err)
	}
	info, err := format.ParseInfo(data)
	return info, inDir(dir, err)
}

// isBegun reports whether there is a dump.json, encrypted or not, below a prefix.
func isBegun(dir storage.Store, prefix string) (bool, error) {
	for _, name := range []string{format.InfoName, format.InfoName + format.EncryptedSuffix} {
		if there, err := storage.Exists(dir, prefix+name); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// inDir puts where the dump is before the name in a CorruptError.
func inDir(dir storage.Store, err error) error {
	if ce, ok := errors.AsType[*format.CorruptError](err); ok {
		ce.Name = dir.Path(ce.Name)
	}
	return err
}

// Close frees what the archive holds.
func (a *Archive) Close() {
	if a.above != nil {
		a.above.close()
	}
	a.codec.Close()
}

// close closes the deltas, and removes temporary ones.
func (ab *above) close() {
	for _, d := range ab.deltas {
		d.Close()
	}
	if ab.remove != nil {
		_ = ab.remove()
	}
}

// Deltas returns the deltas whose records are merged into those of the base.
func (a *Archive) Deltas() []Member {
	if a.above == nil {
		return nil
	}
	return a.above.members
}

// IsEncrypted reports whether the dump, or a delta above it, is encrypted.
func (a *Archive) IsEncrypted() bool {
	_, encrypted := a.dir.(*encryption.Store)
	return encrypted || a.above != nil && a.above.encrypted
}

// Path returns where the dump is.
func (a *Archive) Path() string { return a.dir.Path("") }

// A ChunkSource reads the records of one chunk and checks the chunk against the manifest.
type ChunkSource struct {
	f    storage.Reader
	cr   *format.ChunkReader
	name string
	info format.ChunkInfo
	rec  format.Record
}

// OpenChunk opens a chunk of the manifest. Of what OpenChain has opened it is that of the base.
func (a *Archive) OpenChunk(c format.ChunkInfo) (*ChunkSource, error) {
	if a.above != nil {
		c = a.above.chunks[c.Name]
	}
	f, err := openListed(a.dir, c.Name)
	if err != nil {
		return nil, err
	}
	s := &ChunkSource{f: f, name: a.dir.Path(c.Name), info: c}
	if s.cr, err = format.NewChunkReader(f, a.codec, s.name); err == nil {
		if err = a.checkHeader(s.cr.Header(), c); err != nil {
			err = &format.CorruptError{Name: s.name, Err: err}
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// openListed opens a file that the manifest lists.
func openListed(dir storage.Store, name string) (storage.Reader, error) {
	f, err := dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &format.CorruptError{Name: dir.Path(name), Err: errors.New("the manifest lists this file, but it is not there")}
	}
	return f, inDir(dir, err)
}

// openAt opens a chunk that the manifest lists, of the size that is listed, to be read at random.
func (a *Archive) openAt(c format.ChunkInfo) (storage.Reader, *format.Chunk, error) {
	f, err := openListed(a.dir, c.Name)
	if err != nil {
		return nil, nil, err
	}
	path := a.dir.Path(c.Name)
	chunk, err := format.OpenChunk(f, c.Size, a.codec, path)
	if err == nil && f.Size() != c.Size {
		err = &format.CorruptError{Name: path, Offset: c.Size, Err: fmt.Errorf("bytes follow the end of the chunk: it has %d, not %d", f.Size(), c.Size)}
	}
	if err == nil {
		if err = a.checkHeader(chunk.Header, c); err == nil && !isListed(&c, &chunk.Footer) {
			err = errors.New("it is not the chunk that the manifest lists: its footer counts otherwise, or ends elsewhere")
		}
		if err != nil {
			err = &format.CorruptError{Name: path, Err: err}
		}
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, chunk, nil
}

// isListed reports whether a footer says what the manifest does.
func isListed(c *format.ChunkInfo, f *format.Footer) bool {
	return f.Stats == c.Stats && string(f.End) == string(c.End) && (f.End == nil) == (c.End == nil) && f.Open == c.Open
}

func (a *Archive) checkHeader(h format.Header, c format.ChunkInfo) error {
	if h.Dump != a.dump.Dump {
		return fmt.Errorf("it belongs to dump %s, not to %s", h.Dump, a.dump.Dump)
	}
	if err := checkVersion(h, a.dump); err != nil {
		return err
	}
	if format.ChunkName(h.DB, h.Type, h.Number) != c.Name || string(h.Start) != string(c.Start) || h.Continues != c.Continues {
		return errors.New("its header is not that of the chunk that the manifest lists under this name")
	}
	return nil
}

// Next returns the next record, valid until the next call, and io.EOF at the end, when
// the whole chunk has been found to be what the manifest says.
func (s *ChunkSource) Next() (*format.Record, error) {
	if err := s.cr.Next(&s.rec); err != nil {
		return nil, s.ended(err)
	}
	return &s.rec, nil
}

// Seek goes on to the next record whose key is not before key, and reads those before it.
func (s *ChunkSource) Seek(key []byte) ([]byte, error) {
	for {
		r, err := s.Next()
		if err != nil {
			return nil, err
		}
		if bytes.Compare(r.Key, key) >= 0 {
			return r.Key, nil
		}
	}
}

// Record returns the record at hand.
func (s *ChunkSource) Record() *format.Record { return &s.rec }

// nextFrame returns the next frame, as format.ChunkReader.NextFrame does, and io.EOF as Next does.
func (s *ChunkSource) nextFrame() ([]byte, error) {
	frame, err := s.cr.NextFrame()
	return frame, s.ended(err)
}

// ended compares the whole chunk with the manifest, if err is that it has ended.
func (s *ChunkSource) ended(err error) error {
	if err == io.EOF {
		f := s.cr.Footer()
		got := format.NewChunkInfo(s.cr.Header(), f, s.cr.Size(), s.cr.SHA256())
		if got.File != s.info.File || !isListed(&s.info, &f) {
			err = &format.CorruptError{Name: s.name, Err: fmt.Errorf("%w: it is not the chunk that the manifest lists (sha256 %s)", format.ErrChecksum, hex.EncodeToString(s.cr.SHA256()))}
		}
	}
	return err
}

// reserveGiants is that of format.ChunkReader.
func (s *ChunkSource) reserveGiants(reserve func(bytes int64) error) { s.cr.ReserveGiants(reserve) }

// Read returns how many bytes of the chunk have been read.
func (s *ChunkSource) Read() int64 { return s.cr.Size() }

func (s *ChunkSource) Close() error { return s.f.Close() }
