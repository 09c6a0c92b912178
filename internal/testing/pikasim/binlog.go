package pikasim

import "strconv"

// binlog is the position of the log of writes, nothing of its content.
type binlog struct {
	file, offset int64
}

// Sizes as measured: SET a 1 of 27 bytes moved the offset by 69, SET in-db1 x
// of 32 bytes by 74. An item has a block header of 8 and its own of 34 bytes.
const (
	binlogHeader   = 8 + 34
	binlogFileSize = 100 << 20
)

// log moves on by the size of one write command.
func (b *binlog) log(args [][]byte) {
	n := len("*\r\n") + decimals(len(args))
	for _, a := range args {
		n += len("$\r\n\r\n") + decimals(len(a)) + len(a)
	}
	if b.offset += int64(binlogHeader + n); b.offset >= binlogFileSize {
		b.file, b.offset = b.file+1, 0
	}
}

func decimals(n int) int { return len(strconv.Itoa(n)) }
