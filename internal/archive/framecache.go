package archive

import (
	fifo "container/list"
	"errors"
	"io"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// CacheFrames prepares the archive for several that read its units at once, each at its own pace.
// Up to maxBytes of frames are kept for those that are behind: readers that are in step have every
// frame read, checked and decompressed once. One that is so far behind that a frame is not kept any
// more reads the chunk again. It must be called before a unit is opened.
func (a *Archive) CacheFrames(readers int, maxBytes int64) {
	a.frames = &frameCache{open: a.OpenChunk, readers: readers, max: maxBytes, begun: map[string]int{}, passes: map[string]*pass{}, kept: fifo.New()}
}

// A frameCache holds the passes over chunks that are under way, and frames of them.
type frameCache struct {
	open    func(format.ChunkInfo) (*ChunkSource, error)
	readers int
	max     int64

	mu     sync.Mutex
	begun  map[string]int   // how often each chunk was opened
	passes map[string]*pass // by chunk: the last begun of those that can give something
	kept   *fifo.List       // of *frame, the oldest first
	bytes  int64            // of them
	read   int64            // frames that were read and decompressed
}

// A pass is one reading of a chunk from its beginning, with all of its checks. Each frame is read
// by the follower that comes to it first. What the pass finds wrong, at a frame or with the whole
// chunk at its end, all that follow it come to.
type pass struct {
	s    *frameCache
	info format.ChunkInfo

	reading sync.Mutex // held by the follower that reads
	src     *ChunkSource

	// Guarded by s.mu.
	frames    map[int]*frame // that are kept
	next      int            // number of the frame that is read next
	err       error          // what stands in its place; io.EOF: the chunk is whole and sound
	followers int
}

// A frame holds records that have been checked.
type frame struct {
	pass   *pass
	number int
	data   []byte
	read   int64 // bytes of the file up to its end
	left   int   // how many have still to take it
	kept   *fifo.Element
}

// errNotKept: the frame was read, and is not kept any more.
var errNotKept = errors.New("the frame is not kept")

func (s *frameCache) follow(c format.ChunkInfo) (*follower, error) {
	s.mu.Lock()
	s.begun[c.Name]++
	s.mu.Unlock()
	p, err := s.join(c, 0)
	if err != nil {
		return nil, err
	}
	return &follower{p: p}, nil
}

// join finds or begins a pass that gives the frame of that number, with one more follower.
func (s *frameCache) join(c format.ChunkInfo, number int) (*pass, error) {
	if p := s.pass(c, number, nil); p != nil {
		return p, nil
	}
	src, err := s.open(c)
	if err != nil {
		return nil, err
	}
	return s.pass(c, number, src), nil
}

// pass finds such a pass, or begins one with src; without it, nil: there is none.
func (s *frameCache) pass(c format.ChunkInfo, number int, src *ChunkSource) *pass {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.passes[c.Name]
	switch there := p != nil && p.gives(number); {
	case !there && src == nil:
		return nil
	case !there:
		p = &pass{s: s, info: c, src: src, frames: map[int]*frame{}}
		s.passes[c.Name] = p
	case src != nil: // another was faster
		_ = src.Close()
	}
	p.followers++
	return p
}

// gives reports whether the frame is kept, or is the one that comes next.
func (p *pass) gives(number int) bool { return p.frames[number] != nil || p.next == number }

// take returns the frame of that number, which it reads if it is the first, or its error.
func (p *pass) take(number int) (*frame, error) {
	if f, err := p.look(number); f != nil || err != nil {
		return f, err
	}
	p.reading.Lock()
	defer p.reading.Unlock()
	for {
		if f, err := p.look(number); f != nil || err != nil { // another may have read it meanwhile
			return f, err
		}
		data, err := p.src.nextFrame()
		if err != nil {
			if closed := p.src.Close(); err == io.EOF && closed != nil {
				err = closed
			}
		}
		if f := p.add(data, p.src.Read(), err); f != nil && f.number == number {
			return f, nil
		}
	}
}

// look returns what is there of the frame; nil, nil if it is still to be read.
func (p *pass) look(number int) (*frame, error) {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	switch f := p.frames[number]; {
	case f != nil:
		f.taken()
		return f, nil
	case number < p.next:
		return nil, errNotKept
	case number == p.next && p.err != nil:
		return nil, p.err
	}
	return nil, nil
}

// add takes in what was read, and keeps a frame if others follow, or are still to come.
func (p *pass) add(data []byte, read int64, err error) *frame {
	s := p.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		p.err = err
		if err != io.EOF {
			p.forget() // for those to come: they may fare better
		}
		return nil
	}
	f := &frame{pass: p, number: p.next, data: data, read: read, left: max(0, s.readers-s.begun[p.info.Name]) + p.followers - 1}
	p.next++
	s.read++
	if f.left > 0 {
		p.frames[f.number] = f
		f.kept = s.kept.PushBack(f)
		s.bytes += int64(cap(data))
	}
	for s.bytes > s.max {
		s.kept.Front().Value.(*frame).drop()
	}
	return f
}

// taken counts one that has taken the frame, or will not. With the last the frame is let go.
func (f *frame) taken() {
	if f.left--; f.left <= 0 {
		f.drop()
	}
}

func (f *frame) drop() {
	p := f.pass
	delete(p.frames, f.number)
	p.s.kept.Remove(f.kept)
	p.s.bytes -= int64(cap(f.data))
	if p.followers == 0 && len(p.frames) == 0 {
		p.forget()
	}
}

// forget lets nobody join the pass any more.
func (p *pass) forget() {
	if p.s.passes[p.info.Name] == p {
		delete(p.s.passes, p.info.Name)
	}
}

// leave is the end of a follower, before the frame of that number. A pass that nobody follows goes
// no further; if it has come to the end, its frames stay for those to come.
func (p *pass) leave(number int) error {
	p.s.mu.Lock()
	defer p.s.mu.Unlock()
	p.followers--
	for n, f := range p.frames {
		if p.followers == 0 && p.err != io.EOF {
			f.drop()
		} else if n >= number {
			f.taken()
		}
	}
	if p.followers > 0 {
		return nil
	}
	if len(p.frames) == 0 {
		p.forget()
	}
	if p.err == nil {
		return p.src.Close()
	}
	return nil
}

// A follower is the source of one of the readers of a chunk.
type follower struct {
	p      *pass
	number int    // of the frame that comes next
	data   []byte // of the frame before
	off    int    // in data, of the next record
	read   int64
	rec    format.Record
}

// Next is that of a ChunkSource.
func (f *follower) Next() (*format.Record, error) {
	for f.off == len(f.data) {
		fr, err := f.p.take(f.number)
		switch {
		case err == errNotKept:
			if err := f.again(); err != nil {
				return nil, err
			}
			continue
		case err == io.EOF:
			f.read = f.p.info.Size
			return nil, err
		case err != nil:
			return nil, err
		}
		f.data, f.off, f.read = fr.data, 0, fr.read
		f.number++
	}
	n, err := format.DecodeRecord(f.data[f.off:], &f.rec)
	if err != nil {
		return nil, err
	}
	f.off += n
	return &f.rec, nil
}

// again follows another pass, which is begun unless there is one that is so far.
func (f *follower) again() error {
	p, err := f.p.s.join(f.p.info, f.number)
	if err != nil {
		return err
	}
	old := f.p
	f.p = p
	return old.leave(f.number)
}

func (f *follower) Read() int64 { return f.read }

// Close ends the following.
func (f *follower) Close() error { return f.p.leave(f.number) }
