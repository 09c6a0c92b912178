package resp

import (
	"errors"
	"fmt"
	"strconv"
)

// ErrUnexpected: a reply in the protocol that the command does not have.
var ErrUnexpected = errors.New("no such answer was expected")

// A Reply is what a server answers.
type Reply struct {
	Kind byte    // '+', '-', ':', '$' or '*'; 0 for nil, and before one has come
	N    int64   // of ':'
	Text string  // of '+', '-' and '$'
	List []Reply // of '*'

	at, size int // of Text or List, as long as these are with a Reader
}

// IsError reports whether the server refused the command.
func (r *Reply) IsError() bool { return r.Kind == '-' }

// IsText reports whether it is a text; nil is how some versions write an empty one.
func (r *Reply) IsText() bool { return r.Kind == '$' || r.Kind == '+' || r.Kind == 0 }

// Is reports whether it is that text.
func (r *Reply) Is(text string) bool { return (r.Kind == '+' || r.Kind == '$') && r.Text == text }

// Integer returns the number that it is.
func (r *Reply) Integer() (n int64, ok bool) { return r.N, r.Kind == ':' }

// String is the reply in an error.
func (r *Reply) String() string {
	switch r.Kind {
	case 0:
		return "(nil)"
	case ':':
		return strconv.FormatInt(r.N, 10)
	case '*':
		return fmt.Sprintf("a list of %d", len(r.List))
	}
	return r.Text
}

// Size returns how many bytes all its texts have.
func (r *Reply) Size() int {
	n := len(r.Text)
	for i := range r.List {
		n += r.List[i].Size()
	}
	return n
}

// Texts returns copies of the texts in a list.
func (r *Reply) Texts() ([][]byte, error) {
	if r.Kind != '*' {
		return nil, ErrUnexpected
	}
	out := make([][]byte, len(r.List))
	for i := range r.List {
		if !r.List[i].IsText() {
			return nil, ErrUnexpected
		}
		out[i] = []byte(r.List[i].Text)
	}
	return out, nil
}
