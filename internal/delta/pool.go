package delta

import (
	"context"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Pool keeps connections to a source for those that read by names. It may be used by many
// goroutines.
type Pool struct {
	ctx     context.Context // of the connections
	scanner *reader.Scanner

	mu   sync.Mutex
	free map[int][]*reader.KeyReader // by database
}

// NewPool returns a pool without connections. Those that it makes end with the context.
func NewPool(ctx context.Context, s *reader.Scanner) *Pool {
	return &Pool{ctx: ctx, scanner: s, free: map[int][]*reader.KeyReader{}}
}

// take returns a connection to a database, which put gives back.
func (p *Pool) take(db int) (*reader.KeyReader, error) {
	p.mu.Lock()
	if free := p.free[db]; len(free) > 0 {
		k := free[len(free)-1]
		p.free[db] = free[:len(free)-1]
		p.mu.Unlock()
		return k, nil
	}
	p.mu.Unlock()
	return p.scanner.NewKeyReader(p.ctx, db)
}

// put takes a connection back, unless it ended with an error.
func (p *Pool) put(db int, k *reader.KeyReader, err error) {
	if err != nil {
		_ = k.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[db] = append(p.free[db], k)
}

// Close closes the connections that are not in use.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, free := range p.free {
		for _, k := range free {
			_ = k.Close()
		}
	}
	clear(p.free)
}
