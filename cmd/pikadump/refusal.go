package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// refusedAtOpen says what a failure of the first commands means: other credentials are
// needed, or there is no Pika that can be read.
func refusedAtOpen(err error) error {
	var reply *reader.ReplyError
	if !errors.As(err, &reply) {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls), or be no Pika, or a proxy such as twemproxy: then give the address of each Pika behind it", err)
		}
		return err
	}
	switch {
	case errors.Is(err, reader.ErrAuth), errors.Is(err, reader.ErrRefused), errors.Is(err, reader.ErrUnavailable):
		return err
	}
	return fmt.Errorf("%w: %w; if this is a proxy, such as Codis, give the address of each Pika behind it", reader.ErrRefused, err)
}

// refusedOutput says what a failure to begin a dump means: unless it says so itself, that --out
// cannot be written to.
func refusedOutput(err error, out string) error {
	for _, known := range []error{archive.ErrExists, archive.ErrFinished, archive.ErrDiffers, storage.ErrLocked, storage.ErrDenied, storage.ErrUnavailable, storage.ErrLocation, encryption.ErrIdentity, encryption.ErrMixed} {
		if errors.Is(err, known) {
			return err
		}
	}
	if errors.As(err, new(*format.CorruptError)) {
		return err
	}
	return fmt.Errorf("%w: --out %s cannot be written to: %w", reader.ErrRefused, out, err)
}
