// Package objectstore speaks to buckets of S3, Google Cloud Storage and Azure Blob Storage, with
// one set of five requests.
//
//	b, err := objectstore.Open(ctx, u, wait) // s3://BUCKET?…, gs://BUCKET?… or azblob://CONTAINER?…
//	err = b.Put(ctx, "a/b", body, objectstore.Object{Size: n, SHA256: sum}, objectstore.Nothing)
//
// It uses S3 and Azure through their own libraries, and Google's JSON API by itself: Google's
// library would double the binaries, for gRPC. It never keeps an object in memory, never splits one
// into parts, and leaves it to its caller to try again.
package objectstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Object is what a store knows of an object beside what is in it.
type Object struct {
	Size   int64
	SHA256 []byte // from its metadata; nil: it has none
	// Version is what Put can be told to replace: each Put makes another. Only Stat returns it.
	Version string
}

// What Put may replace, beside the Version of an object.
const (
	Nothing  = ""
	Anything = "*"
)

// A Bucket holds objects under their keys. Errors of its methods are of type *Error.
type Bucket interface {
	// Stat asks for what is known of an object.
	Stat(ctx context.Context, key string) (Object, error)
	// Get reads so many bytes from an offset; length < 0: to the end. It returns the size of the
	// whole object as well.
	Get(ctx context.Context, key string, offset, length int64) (body io.ReadCloser, size int64, err error)
	// Put sends an object in one request. The store makes it visible when all of it has arrived.
	// If there is another object of that key than it may replace, the error is fs.ErrExist; if
	// there is none of the Version that it is to replace, fs.ErrExist or fs.ErrNotExist.
	Put(ctx context.Context, key string, body io.ReadSeeker, o Object, replaces string) error
	// Delete removes an object. The error is fs.ErrNotExist if it was not there.
	Delete(ctx context.Context, key string) error
	// List returns the keys that begin with a prefix. It ends after an error.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// schemes are those of URLs, each with what makes a Bucket of one.
var schemes = map[string]func(context.Context, *url.URL, time.Duration) (Bucket, error){
	"s3": openS3, "gs": openGoogle, "azblob": openAzure,
}

// Has reports whether the scheme of a URL is that of a store.
func Has(scheme string) bool { return schemes[scheme] != nil }

// Open makes a client for a bucket. It sends the bucket no request. The context is for credentials,
// as long as the bucket is used. An error that is no *Error is about the URL, and repeats nothing
// of its query but names: somebody may have put a secret there. S3's library tries a request three
// times, with waits that grow to a multiple of wait.
func Open(ctx context.Context, u *url.URL, wait time.Duration) (Bucket, error) {
	open := schemes[u.Scheme]
	if open == nil {
		return nil, fmt.Errorf("unsupported URL scheme %s://", u.Scheme)
	}
	return open(ctx, u, wait)
}

// An Error is that a request failed.
type Error struct {
	Status int    // of the answer; 0: there was none
	Code   string // that the store gave; empty: none
	Region string // of S3: where the bucket is, if the answer says so
	Err    error
}

// newError returns the Error of a request without an answer. A file that is not there, of
// credentials, is no object that is not there.
func newError(err error) *Error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		err = errors.New(err.Error())
	}
	return &Error{Err: err}
}

// Error is one line, whatever the library says.
func (e *Error) Error() string {
	words := slices.DeleteFunc(strings.Fields(e.Err.Error()), func(word string) bool { return strings.Trim(word, "-") == "" })
	return strings.Join(words, " ")
}

func (e *Error) Unwrap() error { return e.Err }

// Is knows fs.ErrExist and fs.ErrNotExist.
func (e *Error) Is(target error) bool {
	switch target {
	case fs.ErrExist:
		return e.Status == http.StatusPreconditionFailed || e.Code == azureExists
	case fs.ErrNotExist:
		return e.Status == http.StatusNotFound
	}
	return false
}

const (
	contentType = "application/octet-stream"
	// sumKey is the metadata of an object that holds its SHA-256 in hexadecimal.
	sumKey = "sha256"
)

// parseSum returns a hash from metadata; nil if it is none.
func parseSum(text string) []byte {
	sum, err := hex.DecodeString(text)
	if err != nil || len(sum) != 32 {
		return nil
	}
	return sum
}

// byteRange returns the header Range; empty: all is wanted.
func byteRange(offset, length int64) string {
	switch {
	case length >= 0:
		return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0:
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return ""
}

// wholeSize returns the size of an object, of which a part has come: Content-Range ends with it.
func wholeSize(contentRange string, contentLength int64) int64 {
	_, total, _ := strings.Cut(contentRange, "/")
	if n, err := strconv.ParseInt(total, 10, 64); err == nil {
		return n
	}
	return contentLength
}
