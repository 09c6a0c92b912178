package pikasim

import (
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/tidwall/redcon"
)

// logPosition is a place in a binlog. One is valid where an item begins.
type logPosition struct{ file, offset int64 }

func (p logPosition) before(q logPosition) bool {
	return p.file < q.file || p.file == q.file && p.offset < q.offset
}

// binlog is the log of writes of a database: files of items. The items are kept only for
// replicas; without a replication port there is nothing but the position.
type binlog struct {
	at     logPosition // where the next item begins
	first  logPosition // where the first item began
	oldest int64       // the first file that was not purged
	number uint64      // of the last item
	keep   bool
	items  []logItem
}

// logItem is a write, as it is sent to replicas.
type logItem struct {
	end    logPosition
	number uint64
	data   []byte
}

// An item is written into blocks, in fragments with a header each. SET a 1, of 27 bytes, moved the
// offset by 69 (M), and what is left of a block below a header is skipped (pika_binlog.cc).
const (
	itemHeader     = 34
	fragmentHeader = 8
	blockSize      = 64 << 10
)

// put logs one command at a time in seconds. A file is full when it is longer than size; the item
// that begins the next one says where it would have begun in the one before.
func (b *binlog) put(args [][]byte, now, size int64) {
	command := redcon.AppendArray(nil, len(args))
	for _, a := range args {
		command = redcon.AppendBulk(command, a)
	}
	b.number++
	item := logItem{number: b.number}
	if b.keep {
		little := binary.LittleEndian
		d := little.AppendUint16(make([]byte, 0, itemHeader+len(command)), 1)
		d = little.AppendUint32(d, uint32(now))
		d = little.AppendUint32(d, 0) // term
		d = little.AppendUint64(d, b.number)
		d = little.AppendUint32(d, uint32(b.at.file))
		d = little.AppendUint64(d, uint64(b.at.offset))
		d = little.AppendUint32(d, uint32(len(command)))
		item.data = append(d, command...)
	}
	if b.at.offset > size {
		b.at = logPosition{file: b.at.file + 1}
	}
	for left, begun := itemHeader+int64(len(command)), false; left > 0 || !begun; begun = true {
		room := blockSize - b.at.offset%blockSize
		if room < fragmentHeader {
			b.at.offset += room
			room = blockSize
		}
		n := min(left, room-fragmentHeader)
		b.at.offset += fragmentHeader + n
		left -= n
	}
	if b.keep {
		item.end = b.at
		b.items = append(b.items, item)
	}
}

// after is the place of the first item that ends after a position.
func (b *binlog) after(p logPosition) int {
	i, _ := slices.BinarySearchFunc(b.items, p, func(it logItem, p logPosition) int {
		if p.before(it.end) {
			return 1
		}
		return -1
	})
	return i
}

// begins reports whether an item begins at a position, or the next one will.
func (b *binlog) begins(p logPosition) bool {
	i := b.after(p)
	return p.offset == 0 || p == b.first || p == b.at || i > 0 && b.items[i-1].end == p
}

// purge removes the files before one.
func (b *binlog) purge(file int64) {
	b.oldest = max(b.oldest, min(file, b.at.file))
	b.items = b.items[b.after(logPosition{b.oldest, -1}):]
}

// PurgeBinlog removes the files of a database's binlog that come before the one that is written
// to, whatever replicas have read.
func (s *Server) PurgeBinlog(db int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.dbs[db].binlog
	b.purge(b.at.file)
}

// RewindBinlog takes the last n items from the binlog of a database, as if its files were those of
// an older copy. What is written next takes their place.
func (s *Server) RewindBinlog(db, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &s.dbs[db].binlog
	i := len(b.items) - n
	b.at, b.number = b.items[i-1].end, b.number-uint64(n)
	b.items = b.items[:i:i]
}

// log writes commands to the binlog of a database, purges as many files as expire-logs-nums says
// and no replica needs, and wakes the replicas.
func (s *Server) log(db *database, commands ...[][]byte) {
	if s.config["write-binlog"] == "no" || len(commands) == 0 {
		return
	}
	b := &db.binlog
	for _, args := range commands {
		b.put(args, s.opt.Clock().Unix(), s.config.number("binlog-file-size"))
	}
	// Ten files stay in any case (BinlogCloudPurge).
	limit := min(b.at.file+1-s.config.number("expire-logs-nums"), b.at.file-9)
	if limit > b.oldest {
		b.purge(s.master.needs(db, limit))
	}
	s.master.wake()
}

// words are the arguments of a command for the binlog.
func words(list ...string) [][]byte {
	args := make([][]byte, len(list))
	for i, w := range list {
		args[i] = []byte(w)
	}
	return args
}

// logs says what the binlog has in place of the command: these ones, perhaps none. Without it the
// command is logged as it was sent.
func (c *call) logs(commands ...[][]byte) {
	c.logged = true
	c.items = append(c.items, commands...)
}

// logsValue logs a string as ≤3.5 and 4.0 log most writes of one, with the second it expires.
func (c *call) logsValue(name string, second int64, value []byte) {
	c.logs([][]byte{[]byte("pksetexat"), []byte(name), strconv.AppendInt(nil, second, 10), value})
}

// logsNew is logs of ≥3.5 alone: earlier ones log the command as it was sent.
func (c *call) logsNew(commands ...[][]byte) {
	if !c.version().old() {
		c.logs(commands...)
	}
}

// logsCollection logs how ≥3.5 replace a collection: del, then its elements in pieces of 128 KiB.
func (c *call) logsCollection(name, add string, rows [][]string) {
	c.logsNew(words("del", name))
	for len(rows) > 0 {
		piece, size := words(add, name), 0
		for len(rows) > 0 && size < 128<<10 {
			for _, w := range rows[0] {
				piece, size = append(piece, []byte(w)), size+len(w)
			}
			rows = rows[1:]
		}
		c.logsNew(piece)
	}
}
