package exitcode_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

var errOwn = errors.New("the caller's own")

func classify(err error) int {
	if errors.Is(err, errOwn) {
		return exitcode.Auth
	}
	return 0
}

// TestOf: what kind of error ends with which code, and which counts where there are several.
func TestOf(t *testing.T) {
	corrupt := &format.CorruptError{Name: "x", Err: errors.New("bad")}
	for _, tc := range []struct {
		err  error
		want int
	}{
		{errors.New("anything"), 1},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, 1},
		{exitcode.Usagef("--x"), 2},
		{&exitcode.LeftOutError{Text: "some"}, 3},
		{archive.ErrExists, 5},
		{&format.CorruptError{Name: "x", Err: format.ErrVersion}, 5},
		{&format.CorruptError{Name: "x", Err: format.ErrKind}, 5},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, 5},
		{tls.RecordHeaderError{Msg: "no TLS"}, 5},
		{tls.AlertError(116), 5},
		{archive.ErrIncomplete, 10},
		{pack.ErrNoReader, 75},
		{storage.ErrLocked, 11},
		{errOwn, 12},
		{encryption.ErrIdentity, 12},
		{&storage.RequestError{Kind: storage.ErrDenied, Err: errors.New("403")}, 12},
		{&storage.RequestError{Err: errors.New("anything")}, 1},
		{corrupt, 13},
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, 75},
		{syscall.EDQUOT, 75},
		{&exitcode.InterruptError{Signal: os.Interrupt}, 130},
		{&exitcode.InterruptError{Signal: syscall.SIGTERM}, 143},
		{fmt.Errorf("%w: %w", &exitcode.InterruptError{Signal: syscall.SIGTERM}, corrupt), 143},
		{fmt.Errorf("%w: %w", archive.ErrExists, storage.ErrUnavailable), 75},
		{errors.Join(corrupt, syscall.ENOSPC), 13},
		{errors.Join(nil, &exitcode.LeftOutError{Text: "some"}), 3},
		{errors.Join(&exitcode.DifferentError{Text: "some"}, &exitcode.LeftOutError{Text: "some"}), 4},
		{errors.Join(errOwn, &exitcode.LeftOutError{Text: "some"}), 12},
		{errors.Join(fmt.Errorf("close: %w", errors.New("anything")), &exitcode.DifferentError{Text: "some"}), 1},
		{errors.Join(&exitcode.InterruptError{Signal: os.Interrupt}, &exitcode.LeftOutError{Text: "some"}), 130},
	} {
		if got := exitcode.Of(tc.err, classify); got != tc.want {
			t.Errorf("%v: %d, want %d", tc.err, got, tc.want)
		}
		if got := exitcode.Of(fmt.Errorf("doing this: %w", tc.err), classify); got != tc.want {
			t.Errorf("wrapped, %v: %d, want %d", tc.err, got, tc.want)
		}
	}
}
