package storage

import (
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
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

func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// refusals are codes of S3 that no other try can mend and that do not come with the status of a
// refusal.
var refusals = []string{"ExpiredToken", "InvalidToken", "TokenRefreshRequired", "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}

// brokenOff are what S3 calls, with status 400, a request whose body came too slowly, not whole, or
// not as it was sent.
var brokenOff = []string{"RequestTimeout", "IncompleteBody", "BadDigest", "XAmzContentSHA256Mismatch"}

// httpStatus returns the status of the reply that the error is about; 0: there was none.
func httpStatus(err error) int {
	var aws interface{ HTTPStatusCode() int }
	var azure *azcore.ResponseError
	switch {
	case errors.As(err, &aws):
		return aws.HTTPStatusCode()
	case errors.As(err, &azure):
		return azure.StatusCode
	}
	return 0
}
