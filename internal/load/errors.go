package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// IsLost reports whether an error is of a connection that ended, or did not come about.
func IsLost(err error) bool {
	var network *net.OpError // not net.Error, which errors of files are as well
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}

// ErrorKind says which errors of a writer are retried. A key that is not as the load left it is
// written anew, but not often: what was in flight may have been run in part, or late.
func ErrorKind(err error) retry.Kind {
	switch {
	case errors.Is(err, writer.ErrUnequal):
		return retry.Doubtful
	case errors.Is(err, writer.ErrTransient):
		return retry.Transient
	}
	return retry.Fatal
}

// MayWantTLS adds to an error what a connection that ends at once may mean.
func MayWantTLS(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls)", err)
	}
	return err
}
