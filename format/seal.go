package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Sealed JSON (docs/FORMAT.md §6.1): one JSON object whose last member is the SHA-256
// of all bytes before that member, so that a file can be checked as it stands,
// with sha256sum, and is JSON to every other program.
const (
	sealHead = ",\n  \"sha256\": \""
	sealTail = "\"\n}\n"
	sealSize = len(sealHead) + 2*sha256.Size + len(sealTail)
)

// A sealed is what a file of sealed JSON holds.
type sealed interface{ validate() error }

// marshal checks v, which errors call what, and returns it as sealed JSON.
func marshal(what string, v sealed) ([]byte, error) {
	if err := v.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return seal(v)
}

// seal returns v as sealed JSON.
func seal(v any) ([]byte, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	data, ok := bytes.CutSuffix(data, []byte("\n}"))
	if !ok {
		return nil, errors.New("an empty object cannot be sealed")
	}
	sum := sha256.Sum256(data)
	data = append(data, sealHead...)
	data = hex.AppendEncode(data, sum[:])
	data = append(data, sealTail...)
	if len(data) > MaxManifest {
		return nil, fmt.Errorf("%d bytes: %w", len(data), ErrLimit)
	}
	return data, nil
}

// unseal checks the seal of data, which must be of the format what and of a version up to newest,
// and returns what it holds. The name is for errors.
func unseal[T any, P interface {
	*T
	sealed
}](data []byte, name, what string, newest int) (*T, error) {
	if len(data) > MaxManifest {
		return nil, &CorruptError{name, 0, fmt.Errorf("%d bytes: %w", len(data), ErrLimit)}
	}
	at := len(data) - sealSize
	if at < 0 {
		return nil, &CorruptError{name, 0, errors.New("cut short")}
	}
	body, tail := data[:at], data[at:]
	sum := sha256.Sum256(body)
	if string(tail) != sealHead+hex.EncodeToString(sum[:])+sealTail {
		return nil, &CorruptError{name, int64(at), fmt.Errorf("%w: the file is damaged, cut short or was edited", ErrChecksum)}
	}
	object := append(body[:at:at], "\n}"...)
	var probe struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	if err := json.Unmarshal(object, &probe); err != nil {
		return nil, &CorruptError{name, 0, err}
	}
	if probe.Format != what {
		return nil, &CorruptError{name, 0, fmt.Errorf("format is %q: this is no dump", short([]byte(probe.Format)))}
	}
	if probe.Version < 1 || probe.Version > newest {
		return nil, &CorruptError{name, 0, unknownVersion(probe.Version, newest)}
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	dec.DisallowUnknownFields()
	v := new(T)
	err := dec.Decode(v)
	if err == nil {
		err = P(v).validate()
	}
	if err != nil {
		return nil, &CorruptError{name, 0, err}
	}
	return v, nil
}
