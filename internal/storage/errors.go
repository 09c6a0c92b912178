package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/objectstore"
)

// What a RequestError can be, beside fs.ErrExist and fs.ErrNotExist.
var (
	// ErrDenied: there are no credentials, or they do not allow it.
	ErrDenied = exitcode.NewWithHint(exitcode.Auth, "not allowed",
		"check the credentials of the object store, which come from its own variables and files, and what they may do (docs/STORAGE.md)")
	// ErrUnavailable: the store did not answer, or not as it should. It may pass by itself.
	ErrUnavailable = exitcode.New(exitcode.TryAgain, "the object store cannot be reached")
	errTLS         = exitcode.NewWithHint(exitcode.Refused, "TLS with the object store failed",
		"AWS_CA_BUNDLE or SSL_CERT_FILE name the file of its authority")
	// errUnsupported: the store does not know what was asked for.
	errUnsupported = errors.New("not supported by this object store")
)

// A RequestError is that a request to an object store failed.
type RequestError struct {
	Op, Path string
	Kind     error // why; nil: for what is not listed above
	Err      error // what the store or the network said
}

func (e *RequestError) Error() string {
	if e.Kind == nil {
		return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s: %v: %v", e.Op, e.Path, e.Kind, e.Err)
}

func (e *RequestError) Unwrap() []error { return []error{e.Kind, e.Err} }

// answer returns what the store said; empty: nothing.
func answer(err error) *objectstore.Error {
	if e := (*objectstore.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &objectstore.Error{Err: err}
}

// refusals are codes of S3 that no other try can mend and that do not come with the status of a
// refusal.
var refusals = []string{"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}

// passing are codes of what passes by itself, but comes with the status of a refusal: S3 says so of
// a request whose body came too slowly, not whole, or not as it was sent; Google of too many.
var passing = []string{
	"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch",
	"rateLimitExceeded", "userRateLimitExceeded",
}

// explained returns what a store says of a request whose answer had no room for it: a LIST that
// fails for the same reason has. It asks only until a request has succeeded, for what is wrong with
// account, region or bucket shows at the first.
func (b *Bucket) explained(ctx context.Context, err error) error {
	said := answer(err)
	if b.reached.Load() || said.Code != "" || said.Status != http.StatusMovedPermanently && (said.Status < 400 || said.Status >= 500) {
		return err
	}
	for _, cause := range b.b.List(ctx, b.key("")) {
		if answer(cause).Code != "" {
			return cause
		}
		break
	}
	return err
}

// advice says of some errors what to do; nil: nothing more than the error says.
func (b *Bucket) advice(err error) error {
	text := err.Error()
	said := answer(err)
	switch code := said.Code; {
	case code == "NoSuchBucket", code == "ContainerNotFound":
		return fmt.Errorf("there is no bucket %s: make it, or correct the URL", b.bucket.Host)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException", said.Status == http.StatusMovedPermanently:
		return fmt.Errorf("the bucket is in another region: put region=%s into the URL", cmp.Or(said.Region, "REGION"))
	case code == "ExpiredToken", code == "TokenRefreshRequired":
		return errors.New("the credentials have expired: fetch new ones")
	case strings.Contains(text, "Missing Region"), strings.Contains(text, "A region must be set"), strings.Contains(text, "Invalid region"):
		return errors.New("no region is set: put region=REGION into the URL, or set AWS_REGION")
	}
	return nil
}

// failure says what an error of a request means.
func (b *Bucket) failure(op, name string, err error) error {
	if errors.As(err, new(*RequestError)) || errors.As(err, new(*format.CorruptError)) {
		return err
	}
	e := &RequestError{Op: op, Path: b.Path(name), Err: err}
	advice := b.advice(err)
	if advice != nil {
		e.Err = fmt.Errorf("%w (%w)", advice, e.Err)
	}
	said := answer(err)
	switch status, code := said.Status, said.Code; {
	case errors.Is(err, fs.ErrExist):
		e.Kind = fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = fs.ErrNotExist
	case slices.Contains(passing, code):
		e.Kind = ErrUnavailable
	case status == http.StatusUnauthorized, status == http.StatusForbidden, slices.Contains(refusals, code), advice != nil:
		e.Kind = ErrDenied
	case status == http.StatusNotImplemented, code == "NotImplemented":
		e.Kind = errUnsupported
	case exitcode.IsTLS(err):
		e.Kind = errTLS
	case status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusConflict && status != http.StatusTooManyRequests:
	case !b.reached.Load() && strings.Contains(err.Error(), "credentials"): // there are none
		e.Kind = ErrDenied
	default:
		e.Kind = ErrUnavailable
	}
	return e
}
