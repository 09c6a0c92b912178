package storage

import (
	"context"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // s3://; the others are in package clouds

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// ErrLocation: the query of a URL, or what the environment says of the store, is not as it must be.
var ErrLocation = exitcode.New(exitcode.Refused, "the bucket cannot be used as it is given")

// IsURL reports whether a location is meant as a URL, not as a local path.
func IsURL(location string) bool { return strings.Contains(location, "://") }

// Check reports what is wrong with a location, as far as its text tells.
func Check(location string) error {
	if !IsURL(location) {
		return nil
	}
	_, err := parseURL(location)
	return err
}

// HasPrefix reports whether a location is the URL of a prefix in a bucket, not of the whole bucket.
func HasPrefix(location string) bool {
	if !IsURL(location) {
		return false
	}
	p, err := parseURL(location)
	return err == nil && p.prefix != ""
}

// A bucketURL is a prefix in a bucket.
type bucketURL struct {
	bucket url.URL // as gocloud.dev takes it: the query says how to get there
	prefix string  // without slashes at its ends; empty: the whole bucket
}

// parseURL reads SCHEME://BUCKET/PREFIX?QUERY. Errors do not repeat what may be a secret.
func parseURL(location string) (bucketURL, error) {
	shown, _, _ := strings.Cut(location, "?")
	u, err := url.Parse(location)
	if err != nil {
		if strings.Contains(shown, "@") { // a password, perhaps
			shown = shown[:strings.Index(shown, "://")] + "://…"
		}
		return bucketURL{}, fmt.Errorf("%q cannot be read as a URL", shown)
	}
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return bucketURL{}, fmt.Errorf("unsupported URL scheme %s://: a dump is in a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or azblob://CONTAINER/PREFIX", u.Scheme)
	}
	if u.User != nil {
		return bucketURL{}, fmt.Errorf("%s:// takes no credentials: they come from the environment and the files of the cloud's own tools", u.Scheme)
	}
	p := bucketURL{bucket: *u, prefix: strings.Trim(u.Path, "/")}
	if u.Host == "" || u.Fragment != "" {
		return bucketURL{}, fmt.Errorf("%q is not %s://BUCKET/PREFIX", shown, u.Scheme)
	}
	if p.prefix != "" && !fs.ValidPath(p.prefix) || strings.ContainsFunc(p.prefix, unicode.IsControl) {
		return bucketURL{}, fmt.Errorf("%q is not the prefix of a dump", p.prefix)
	}
	p.bucket.Path, p.bucket.RawPath = "", ""
	return p, nil
}

// credentials says for each scheme whether there are any.
var credentials = map[string]func(context.Context, url.Values) error{}

// RequireCredentials has a scheme refused where has finds no credentials for the query of its URL:
// for libraries that go on without.
func RequireCredentials(scheme string, has func(context.Context, url.Values) error) {
	credentials[scheme] = has
}

// open connects to the bucket, which asks it nothing.
func (p *bucketURL) open(ctx context.Context) (*blob.Bucket, error) {
	u := p.bucket
	if q := u.Query(); u.Scheme == "s3" && q.Get("endpoint") != "" && !q.Has("request_checksum_calculation") {
		q.Set("request_checksum_calculation", "when_required") // many stores refuse the checksums that AWS's library adds
		u.RawQuery = q.Encode()
	}
	if has := credentials[u.Scheme]; has != nil {
		if err := has(ctx, u.Query()); err != nil {
			return nil, &RequestError{Op: "open", Path: p.String(), Kind: ErrDenied, Err: err}
		}
	}
	b, err := blob.DefaultURLMux().OpenBucketURL(ctx, &u)
	if err != nil {
		// The library repeats the query, in which somebody may have put a secret.
		return nil, fmt.Errorf("%w: %s", ErrLocation, strings.ReplaceAll(err.Error(), u.String(), p.String()))
	}
	return b, nil
}

// String returns the URL without its query.
func (p *bucketURL) String() string { return p.path("") }

func (p *bucketURL) path(name string) string {
	s := p.bucket.Scheme + "://" + p.bucket.Host
	if key := p.key(name); key != "" {
		s += "/" + key
	}
	return s
}

// key returns the key of an object.
func (p *bucketURL) key(name string) string {
	switch {
	case p.prefix == "":
		return name
	case name == "":
		return p.prefix
	}
	return p.prefix + "/" + name
}

// Join returns the location of what lies below another, by a name with slashes.
func Join(location, name string) string {
	if !IsURL(location) {
		return filepath.Join(location, filepath.FromSlash(name))
	}
	path, query, has := strings.Cut(location, "?")
	path = strings.TrimRight(path, "/") + "/" + name
	if has {
		path += "?" + query
	}
	return path
}
