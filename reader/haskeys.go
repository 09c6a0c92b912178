package reader

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// HasKeys reports whether a database holds keys other than streams. It asks for the first key of
// each type; where keys are listed by SCAN alone it asks nothing, and reports false.
func (s *Scanner) HasKeys(ctx context.Context, db int) (bool, error) {
	if s.ByCursor() {
		return false, nil
	}
	c, err := s.dial(ctx, db)
	if err != nil {
		return false, err
	}
	defer c.close()
	var b resp.Batch
	var buf resp.Buffer
	for _, t := range format.Types[:5] {
		b.Reset()
		s.askPage(&b, string(t), []byte{}, []byte{}, 1)
		p := c.ask(ctx, &b, &buf)
		_, names := p.Page(nil, 1)
		if p.Err() != nil {
			return false, fmt.Errorf("look for keys in db%d: %w", db, p.Err())
		}
		if len(names) > 0 {
			return true, nil
		}
	}
	return false, nil
}
