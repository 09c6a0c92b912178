package reader

import "context"

// Setting reads a parameter of the source; empty if it has none of that name.
func (s *Scanner) Setting(ctx context.Context, name string) (string, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return "", err
	}
	defer c.close()
	return c.config(ctx, name)
}

// Set sets a parameter of the source and makes sure that it took. It is all that ever
// changes anything there.
func (s *Scanner) Set(ctx context.Context, name, value string) error {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer c.close()
	if err := setConfig(ctx, c.do, name, value); err != nil {
		return err
	}
	if name == "cache-model" {
		s.source.CacheModel = value
	}
	return nil
}

// Hold has a setting looked at after each restart of the source, and changed again, before
// anything is read there; nil: none is.
func (s *Scanner) Hold(h *Held) { s.held.Store(h) }
