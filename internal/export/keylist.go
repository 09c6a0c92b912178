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

// ParseKeys returns the keys that texts are, or are in base64.
func ParseKeys(texts []string, isBase64 bool) (keys [][]byte, err error) {
	for _, text := range texts {
		key, err := parseKey([]byte(text), isBase64)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(text []byte, isBase64 bool) ([]byte, error) {
	if !isBase64 {
		return append([]byte{}, text...), nil
	}
	key, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, exitcode.Usagef("the key %q is no base64 with padding", text)
	}
	return key, nil
}

// GetList is Get with the lines of a list, as many at a time as memory holds.
func (x *Exporter) GetList(list io.Reader, isBase64 bool) error {
	return readKeys(list, isBase64, x.Get)
}

func readKeys(r io.Reader, isBase64 bool, each func(keys [][]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*format.MaxBulk)
	var keys [][]byte
	size := 0
	for lines.Scan() {
		key, err := parseKey(lines.Bytes(), isBase64)
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
