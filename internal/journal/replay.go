package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Read reads the journal in a store, also while a run has it locked; it may not have begun.
func Read(s storage.Store) (*Journal, error) {
	j := &Journal{store: s, state: newState()}
	_, _, err := j.read()
	return j, err
}

// open reads the log, if there is one, and cuts off what is behind its whole lines.
func (j *Journal) open() error {
	whole, size, err := j.read()
	if err != nil {
		return err
	}
	if j.log, err = storage.OpenLog(j.store, Name); err != nil {
		return NoPlace(err)
	}
	j.synced, j.appended = time.Now(), whole
	if whole < size {
		err := j.log.Rewrite(func(w io.Writer) error {
			r, err := storage.ReadLog(j.store, Name)
			if err != nil {
				return err
			}
			_, err = io.CopyN(w, r, whole)
			return errors.Join(err, r.Close())
		})
		if err != nil {
			return NoPlace(err)
		}
	}
	return nil
}

// read takes up the log, and returns how many bytes of it are whole lines, and how many it has.
func (j *Journal) read() (whole, size int64, err error) {
	r, err := storage.ReadLog(j.store, Name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if errors.Is(err, storage.ErrGap) {
		return 0, 0, j.damaged(err)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read journal: %w", err)
	}
	src := &sourceErrors{r: r}
	whole, size, err = parse(src, j.take)
	if err == nil && j.load == nil {
		err = errors.New("it is empty")
	}
	if cerr := errors.Join(src.err, r.Close()); cerr != nil {
		return 0, 0, fmt.Errorf("read journal: %w", cerr)
	}
	if err != nil {
		err = j.damaged(err)
	}
	return whole, size, err
}

func (j *Journal) damaged(err error) error {
	return fmt.Errorf("%w: %s: %w; remove it and load again with --on-exists replace", ErrDamaged, j.store.Path(Name), err)
}

// sourceErrors keeps the error of a read, which is no damage.
type sourceErrors struct {
	r   io.Reader
	err error
}

func (s *sourceErrors) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (j *Journal) take(l *line) error {
	switch {
	case l.Load != nil:
		if l.Load.Version != version {
			return fmt.Errorf("its version is %d, this tool knows %d", l.Load.Version, version)
		}
		j.load = l.Load
		if h := l.Load.History; h != nil {
			j.recorder.History, l.Load.History = *h, nil
		} else {
			j.recorder.begin(l.Load.Began)
		}
	case l.Content != nil:
		j.unit(l.Content.Unit).content = l.Content.SHA256
	case l.Point != nil:
		u := j.unit(l.Point.Unit)
		u.position = l.Point.Position
		j.recorder.reach(&u.noted, u.position.Stats, l.Point.At)
	case l.Found != nil:
		j.unit(l.Found.Unit).found(l.Found.Asked, l.Found.Runs)
	case l.Sending != nil:
		u := j.unit(l.Sending.Unit)
		u.sent = max(u.sent, l.Sending.Sent)
	case l.Done != nil:
		u := j.unit(l.Done.Unit)
		u.position.Stats = l.Done.Stats
		u.end()
		j.recorder.reach(&u.noted, u.position.Stats, l.Done.At)
	case l.Unsure != "":
		j.unsure = l.Unsure
	case !l.Sure.IsZero():
		j.unsure = ""
	case l.Run != nil:
		if j.runs[l.Run.Address] = l.Run.ID; l.Run.ID == "" { // it serves no longer
			delete(j.runs, l.Run.Address)
		}
	case !l.Running.IsZero():
		j.idle = false
		j.recorder.begin(l.Running)
	case !l.Idle.IsZero():
		j.idle = true
		j.recorder.end(l.Idle, l.Retries)
	case !l.Finished.IsZero():
		j.finished = l.Finished
		j.recorder.end(l.Finished, 0)
	case l.Next != nil:
		j.next = l.Next
	case l.Deleted != nil:
		j.deleted = l.Deleted
	case !l.Undoing.IsZero():
		j.undoing, j.undone, j.kept = true, time.Time{}, 0
	case !l.Undone.IsZero():
		j.undone, j.kept = l.Undone, l.Kept
	default:
		return errors.New("a line says nothing that is known")
	}
	return nil
}

// maxLine bounds a line: mostRuns runs and a name need much less.
const maxLine = 16 << 20

// parse reads a journal, and returns how many bytes it has, and how many of them are whole lines.
// What follows those is a line that was being written when a run was killed. Losing it means only
// that something is sent twice: a run waits for a line on which more depends.
func parse(r io.Reader, each func(*line) error) (whole, size int64, err error) {
	br := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		text, err := readLine(br)
		size += int64(len(text))
		if err == io.EOF {
			return whole, size, nil
		}
		if err != nil {
			return whole, size, err
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			rest, zeros, rerr := look(br)
			size += rest
			if rerr == nil && !zeros && bytes.IndexByte(text, 0) < 0 { // no zeros of a power cut; one that is torn has no end
				rerr = fmt.Errorf("line %d is damaged: %w", n, err)
			}
			return whole, size, rerr
		}
		if (l.Load != nil) != (n == 1) {
			return whole, size, errors.New("it does not begin as a journal does")
		}
		if err := each(&l); err != nil {
			return whole, size, err
		}
		whole = size
	}
}

// look reads to the end, and reports how much there was, and whether zeros were in it.
func look(r io.Reader) (size int64, zeros bool, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		size += int64(n)
		zeros = zeros || bytes.IndexByte(buf[:n], 0) >= 0
		if err == io.EOF {
			return size, zeros, nil
		}
		if err != nil {
			return size, zeros, err
		}
	}
}

// readLine reads a line with its end, or what there is up to io.EOF.
func readLine(r *bufio.Reader) (text []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		text = append(text, part...)
		if err != bufio.ErrBufferFull {
			return text, err
		}
		if len(text) > maxLine {
			return text, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
	}
}
