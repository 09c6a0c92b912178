package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestCause: what S3 can say of a HEAD only by its status is asked by a LIST, and shown with what
// to do.
func TestCause(t *testing.T) {
	for _, tc := range []struct {
		name, code, region string
		head, list         int
		want               error
		says               string
	}{
		{"expired credentials", "ExpiredToken", "", 400, 400, ErrDenied, "the credentials have expired"},
		{"another region", "PermanentRedirect", "eu-west-1", 301, 301, ErrDenied, "put region=eu-west-1 into the URL"},
		{"region in the signature", "AuthorizationHeaderMalformed", "eu-north-1", 400, 400, ErrDenied, "put region=eu-north-1 into the URL"},
		{"wrong secret", "SignatureDoesNotMatch", "", 403, 403, ErrDenied, "SignatureDoesNotMatch"},
		{"no bucket", "NoSuchBucket", "", 404, 404, fs.ErrNotExist, "there is no bucket dumps"},
		{"no object", "", "", 404, 200, fs.ErrNotExist, "does not exist"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if tc.region != "" {
					w.Header().Set("X-Amz-Bucket-Region", tc.region)
				}
				switch {
				case r.Method == http.MethodHead:
					w.WriteHeader(tc.head)
				case tc.list == 200:
					fmt.Fprint(w, `<ListBucketResult><Name>dumps</Name></ListBucketResult>`)
				default:
					w.WriteHeader(tc.list)
					fmt.Fprintf(w, `<Error><Code>%s</Code><Message>no</Message></Error>`, tc.code)
				}
			}))
			defer srv.Close()
			t.Setenv("AWS_ACCESS_KEY_ID", "id")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
			b, err := OpenBucket(t.Context(), "s3://dumps/x?use_path_style=true&region=us-east-1&endpoint="+srv.URL, Options{Wait: wait})
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.Open("manifest.json")
			if !errors.Is(err, tc.want) || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(tc.says)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestNoRegion: a URL without a region is told from a store that does not answer.
func TestNoRegion(t *testing.T) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	b, err := OpenBucket(t.Context(), "s3://dumps/x", Options{Wait: wait})
	if err == nil {
		_, err = b.Open("manifest.json")
	}
	if !errors.Is(err, ErrDenied) || !strings.Contains(err.Error(), "put region=REGION into the URL") {
		t.Errorf("got %v", err)
	}
}

// TestChecksumDefault: a store with an endpoint of its own is not sent the checksums that only AWS
// is sure to take.
func TestChecksumDefault(t *testing.T) {
	var headers http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			headers = r.Header.Clone()
		}
		if r.Method == http.MethodHead {
			w.WriteHeader(404)
		}
	}))
	defer srv.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "id")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	b, err := OpenBucket(t.Context(), "s3://dumps/x?use_path_style=true&region=us-east-1&endpoint="+srv.URL, Options{Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(b, "a", []byte("b")); err != nil {
		t.Fatal(err)
	}
	if headers.Get("X-Amz-Sdk-Checksum-Algorithm") != "" || headers.Get("X-Amz-Trailer") != "" {
		t.Errorf("a checksum was sent: %v", headers)
	}
}
