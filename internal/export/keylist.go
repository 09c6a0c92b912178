package export

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// batchBytes is how much of a list of keys is held at once.
const batchBytes = 8 << 20

// ParseKey returns the key that a text is, or is in base64.
func ParseKey(text []byte, isBase64 bool) ([]byte, error) {
	if !isBase64 {
		return append([]byte{}, text...), nil
	}
	key, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, exitcode.Usagef("the key %q is no base64 with padding", text)
	}
	return key, nil
}

// ReadKeys reads a list of keys, one on a line, and hands over as many at a time as memory holds.
// Each must not keep them.
func ReadKeys(r io.Reader, isBase64 bool, each func(keys [][]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*format.MaxBulk)
	var keys [][]byte
	size := 0
	for lines.Scan() {
		key, err := ParseKey(lines.Bytes(), isBase64)
		if err != nil {
			return err
		}
		if size += len(key) + 32; len(keys) > 0 && size > batchBytes {
			if err := each(keys); err != nil {
				return err
			}
			keys, size = nil, 0
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the list of keys: %w", err)
	}
	if len(keys) == 0 {
		return nil
	}
	return each(keys)
}
