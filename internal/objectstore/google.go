package objectstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
)

// A googleBucket is a bucket of Google Cloud Storage, by its JSON API:
// https://docs.cloud.google.com/storage/docs/json_api/v1/objects.
type googleBucket struct {
	client *http.Client
	host   string // with its scheme
	name   string
}

const (
	googleDomain = "googleapis.com"
	googleScope  = "https://www.googleapis.com/auth/devstorage.read_write"
	// tokenTimeout is how long one request for an access token may take: nothing else ends it.
	tokenTimeout = 30 * time.Second
)

func openGoogle(ctx context.Context, u *url.URL, _ time.Duration) (Bucket, error) {
	q := newQuery(u)
	domain, endpoint := q.text("universe_domain"), q.text("endpoint")
	anonymous := q.flag("anonymous", false)
	if access := q.text("access_id"); access == "-" {
		anonymous = true
	} else if access != "" {
		q.fail("access_id can be - only, which is the same as anonymous=true")
	}
	if endpoint != "" && !isHTTP(endpoint) {
		q.fail("endpoint does not begin with http:// or https://")
	}
	if strings.HasPrefix(endpoint, "http:") && !anonymous {
		q.fail("an endpoint with http:// would get the access token in clear text: write https://, or anonymous=true")
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	b := &googleBucket{name: u.Host, host: cmp.Or(endpoint, "https://storage."+cmp.Or(domain, googleDomain))}
	if emulator := os.Getenv("STORAGE_EMULATOR_HOST"); emulator != "" && endpoint == "" {
		anonymous, b.host = true, emulator
		if !isHTTP(emulator) {
			b.host = "http://" + emulator
		}
	}
	b.host = strings.TrimRight(b.host, "/")
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = transport.MaxIdleConns
	transport.DisableCompression = true
	b.client = &http.Client{Transport: transport}
	if anonymous {
		return b, nil
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout})
	found, err := google.FindDefaultCredentialsWithParams(ctx, google.CredentialsParams{Scopes: []string{googleScope}, UniverseDomain: domain})
	if err != nil {
		return nil, &Error{Status: http.StatusUnauthorized, Err: fmt.Errorf("there are no credentials of Google: set GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login (%v)", err)}
	}
	b.client.Transport = &oauth2.Transport{Source: tokens{found.TokenSource}, Base: transport}
	return b, nil
}

// tokens says of an error what was asked for.
type tokens struct{ oauth2.TokenSource }

func (t tokens) Token() (*oauth2.Token, error) {
	token, err := t.TokenSource.Token()
	if err != nil {
		return nil, fmt.Errorf("the credentials of Google give no access token: %w", err)
	}
	return token, nil
}

// url returns that of an object, or of all of them.
func (b *googleBucket) url(above, key string, query url.Values) string {
	s := b.host + above + "/storage/v1/b/" + url.PathEscape(b.name) + "/o"
	if key != "" {
		s += "/" + url.PathEscape(key)
	}
	return s + "?" + query.Encode()
}

// do sends a request. Of an answer that is a failure it returns the error.
func (b *googleBucket) do(r *http.Request) (*http.Response, error) {
	answer, err := b.client.Do(r)
	if err != nil {
		return nil, googleFailure(err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, googleAnswer(answer)
}

// maxAnswer is how much of an answer is read: a page of 1,000 names of 1 KiB, with what is said of
// each, is shorter.
const maxAnswer = 16 << 20

// ask sends a request without a body, and reads what comes back.
func (b *googleBucket) ask(ctx context.Context, method, where string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, where, nil)
	if err != nil {
		return &Error{Err: err}
	}
	answer, err := b.do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return &Error{Err: fmt.Errorf("read the answer: %w", err)}
	}
	return nil
}

// A resource is what Google says of an object.
type resource struct {
	Name     string            `json:"name"`
	Size     string            `json:"size,omitempty"`
	Type     string            `json:"contentType,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Version  string            `json:"generation,omitempty"`
}

func (b *googleBucket) Stat(ctx context.Context, key string) (Object, error) {
	var r resource
	if err := b.ask(ctx, http.MethodGet, b.url("", key, url.Values{"fields": {"size,metadata,generation"}}), &r); err != nil {
		return Object{}, err
	}
	size, err := strconv.ParseInt(r.Size, 10, 64)
	if err != nil {
		return Object{}, &Error{Err: fmt.Errorf("the answer has no size: %w", err)}
	}
	return Object{Size: size, SHA256: parseSum(r.Metadata[sumKey]), Version: r.Version}, nil
}

func (b *googleBucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url("", key, url.Values{"alt": {"media"}}), nil)
	if err != nil {
		return nil, 0, &Error{Err: err}
	}
	want := byteRange(offset, length)
	if want != "" {
		r.Header.Set("Range", want)
	}
	answer, err := b.do(r)
	if err != nil {
		return nil, 0, err
	}
	if offset > 0 && answer.StatusCode != http.StatusPartialContent {
		answer.Body.Close()
		return nil, 0, &Error{Err: fmt.Errorf("asked for %s, it answers with all of the object", want)}
	}
	return answer.Body, wholeSize(answer.Header.Get("Content-Range"), answer.ContentLength), nil
}

// Put sends what is known of the object and what is in it in one request.
func (b *googleBucket) Put(ctx context.Context, key string, body io.ReadSeeker, o Object, replaces string) error {
	about, err := json.Marshal(resource{Name: key, Type: contentType, Metadata: map[string]string{sumKey: hex.EncodeToString(o.SHA256)}})
	if err != nil {
		return &Error{Err: err}
	}
	boundary := rand.Text()
	before := "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" + string(about) +
		"\r\n--" + boundary + "\r\nContent-Type: " + contentType + "\r\n\r\n"
	after := "\r\n--" + boundary + "--\r\n"
	query := url.Values{"uploadType": {"multipart"}, "fields": {"size"}}
	if replaces != Anything {
		query.Set("ifGenerationMatch", cmp.Or(replaces, "0"))
	}
	all := io.MultiReader(strings.NewReader(before), body, strings.NewReader(after))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url("/upload", "", query), all)
	if err != nil {
		return &Error{Err: err}
	}
	r.ContentLength = int64(len(before)) + o.Size + int64(len(after))
	r.Header.Set("Content-Type", "multipart/related; boundary="+boundary)
	answer, err := b.do(r)
	if err != nil {
		return noBucket(err)
	}
	return answer.Body.Close()
}

func (b *googleBucket) Delete(ctx context.Context, key string) error {
	return b.ask(ctx, http.MethodDelete, b.url("", key, nil), nil)
}

func (b *googleBucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		query := url.Values{"prefix": {prefix}, "fields": {"nextPageToken,items(name)"}}
		for {
			var page struct {
				Items []resource `json:"items"`
				Next  string     `json:"nextPageToken"`
			}
			if err := b.ask(ctx, http.MethodGet, b.url("", "", query), &page); err != nil {
				yield("", noBucket(err))
				return
			}
			for _, o := range page.Items {
				if !yield(o.Name, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("pageToken", page.Next)
		}
	}
}

// googleFailure is the error of a request without an answer: of the network, or because Google
// gives no access token.
func googleFailure(err error) error {
	e := newError(err)
	if token := (*oauth2.RetrieveError)(nil); errors.As(err, &token) && token.Response != nil {
		if e.Status = token.Response.StatusCode; e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests {
			e.Status = http.StatusUnauthorized // it says 400 of an account that is no more
		}
	}
	return e
}

// googleAnswer reads why a request was refused. Of an object that is not there, no code tells
// whether its bucket is.
func googleAnswer(answer *http.Response) error {
	e := &Error{Status: answer.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	var said struct {
		Error struct {
			Message string `json:"message"`
			Errors  []struct {
				Reason string `json:"reason"`
			} `json:"errors"`
		} `json:"error"`
	}
	message := string(text)
	if json.Unmarshal(text, &said) == nil && said.Error.Message != "" {
		message = said.Error.Message
		if len(said.Error.Errors) > 0 && e.Status != http.StatusNotFound {
			e.Code = said.Error.Errors[0].Reason
		}
	}
	if message = strings.TrimSpace(message[:min(len(message), 500)]); message != "" {
		message = ": " + message
	}
	e.Err = fmt.Errorf("%s%s", strings.TrimSpace(answer.Status+" "+e.Code), message)
	return e
}

// noBucket says of a request that no missing object can fail what is missing.
func noBucket(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) && e.Status == http.StatusNotFound {
		e.Code = "NoSuchBucket" // as S3 says
	}
	return err
}
