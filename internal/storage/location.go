package storage

import (
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/objectstore"
)

// ErrLocation: the query of a URL, or what the environment says of the store, is not as it must be.
var ErrLocation = exitcode.New(exitcode.Refused, "the bucket cannot be used as it is given")

// IsURL reports whether a location is meant as a URL, not as a local path.
func IsURL(location string) bool { return strings.Contains(location, "://") }

// Abs returns a location that holds wherever it is used. None stays none. Where the working
// directory is gone, so is what is relative to it.
func Abs(location string) string {
	if whole, err := filepath.Abs(location); err == nil && location != "" && !IsURL(location) {
		return whole
	}
	return location
}

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
	bucket url.URL // the query says how to get there
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
	if !objectstore.Has(u.Scheme) {
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

// String returns the URL without its query.
func (p *bucketURL) String() string { return p.Path("") }

// Path returns where an object is, and of "" where the prefix is.
func (p *bucketURL) Path(name string) string {
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
