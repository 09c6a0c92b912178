package reader

import (
	"context"
)

// Setting reads a parameter of the source; empty if it has none of that name.
func (s *Scanner) Setting(ctx context.Context, name string) (string, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return "", err
	}
	defer c.close()
	return c.config(ctx, name)
}

// Change sets a parameter of the source and makes sure that it took. It is all that ever
// changes anything there.
func (s *Scanner) Change(ctx context.Context, name, value string) error {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer c.close()
	p, err := c.do(ctx, "CONFIG", "SET", name, value)
	if err != nil {
		return err
	}
	p.Answers("CONFIG SET "+name+" "+value, nil)
	if err := p.Status(); err != nil {
		return err
	}
	now, err := c.config(ctx, name)
	if err != nil {
		return err
	}
	if now != value {
		return &ReplyError{Command: p.Asked(), Reply: "OK, but it is " + now}
	}
	if name == "cache-model" {
		s.source.CacheModel = now
	}
	return nil
}
