package objectstore

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/emulator"
)

func open(t *testing.T, location string) (Bucket, error) {
	t.Helper()
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	return Open(t.Context(), u, 10*time.Millisecond)
}

// alone takes away what the environment says of the stores.
func alone(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY",
		"AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_DOMAIN"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
}

// TestParameters: each parameter that the documents name is taken; what is unknown, twice there or
// no value of its kind is refused, and its value not repeated.
func TestParameters(t *testing.T) {
	alone(t)
	for _, location := range []string{
		"s3://b?region=eu-west-1&profile=&anonymous=true&dualstack=true&fips=true&accelerate=true&ssetype=aws:kms&kmskeyid=k",
		"s3://b?endpoint=https://h:1&region=r&use_path_style=true&disable_https=false&request_checksum_calculation=when_supported",
		"s3://b?response_checksum_validation=when_required&ssetype=aes256&s3ForcePathStyle=true&role=arn:aws:iam::1:role/r&region=r",
		"gs://b?anonymous=true", "gs://b?access_id=-", "gs://b?endpoint=https://h&anonymous=true&universe_domain=example.com", "gs://b?endpoint=http://h:1&anonymous=1",
		"azblob://c?storage_account=a&domain=blob.core.chinacloudapi.cn&protocol=https", "azblob://c?storage_account=a&localemu=true&protocol=http&domain=h:1", "azblob://c?storage_account=a&domain=cdn.example.com&cdn=true",
	} {
		if _, err := open(t, location); err != nil {
			t.Errorf("%s: %v", location, err)
		}
	}
	for location, says := range map[string]string{
		"s3://b?nosuch=hidden":                    `unknown parameter "nosuch": s3:// takes accelerate, anonymous, `,
		"s3://b?awssdk=hidden":                    `unknown parameter "awssdk"`,
		"s3://b?use_path_style=hidden":            "use_path_style is neither true nor false",
		"s3://b?region=r&region=hidden":           "region is there twice",
		"s3://b?endpoint=hidden:9000":             "endpoint does not begin with http:// or https://",
		"s3://b?ssetype=hidden":                   "ssetype is none of AES256, ",
		"s3://b?role=hidden":                      "role is no ARN",
		"gs://b?grpc=hidden":                      `unknown parameter "grpc": gs:// takes access_id, anonymous, endpoint, universe_domain`,
		"gs://b?private_key_path=hidden":          `unknown parameter "private_key_path"`,
		"gs://b?access_id=hidden":                 "access_id can be - only",
		"gs://b?endpoint=http://hidden":           "access token in clear text",
		"azblob://c?sas=hidden":                   `unknown parameter "sas": azblob:// takes cdn, domain, `,
		"azblob://c?storage_account=a&cdn=hidden": "cdn is neither true nor false",
		"azblob://c":                              "set AZURE_STORAGE_ACCOUNT",
		"ftp://hidden":                            "unsupported URL scheme ftp://",
	} {
		_, err := open(t, location)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", location, err)
		}
	}
}

// TestNoCredentials: without credentials gs:// is refused before a request is sent.
func TestNoCredentials(t *testing.T) {
	alone(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
	_, err := open(t, "gs://b")
	if e := (*Error)(nil); !errors.As(err, &e) || e.Status != http.StatusUnauthorized || !strings.Contains(err.Error(), "GOOGLE_APPLICATION_CREDENTIALS") {
		t.Error(err)
	}
}

// TestUnknownHost: a host whose name cannot be looked up is none whose objects are not there, and
// the library does not try for long.
func TestUnknownHost(t *testing.T) {
	alone(t)
	t.Setenv("AZURE_STORAGE_KEY", "a2V5")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	b, err := open(t, "azblob://c?storage_account=a&domain=nosuch.invalid")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(ctx, "x"); !errors.As(err, new(*net.DNSError)) || errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

// TestAzureCredentials: a key, a connection string and a token each open the container; a token is
// sent nowhere else.
func TestAzureCredentials(t *testing.T) {
	s := emulator.Azure(t)
	alone(t)
	host := s.Addr()
	works := func(what, location string) {
		t.Helper()
		b, err := open(t, location)
		if err == nil {
			err = b.Put(t.Context(), what, strings.NewReader("x"), Object{Size: 1}, Nothing)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused := func(location, says string) {
		t.Helper()
		if _, err := open(t, location); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", location, err)
		}
	}
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", fmt.Sprintf("DefaultEndpointsProtocol=http;AccountName=%s;AccountKey=%s;BlobEndpoint=http://%s/%[1]s;", emulator.Account, emulator.Key, host))
	works("connection string", "azblob://dumps")
	refused("azblob://dumps?domain=example.com", "the URL takes no parameters beside it")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "")

	t.Setenv("AZURE_STORAGE_KEY", emulator.Key)
	works("key", "azblob://dumps?protocol=http&storage_account="+emulator.Account+"&domain="+host)
	t.Setenv("AZURE_STORAGE_KEY", "no base64")
	refused("azblob://dumps?storage_account=a", "AZURE_STORAGE_KEY is no key")
	t.Setenv("AZURE_STORAGE_KEY", "")

	shared, err := container.NewSharedKeyCredential(emulator.Account, emulator.Key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := sas.AccountSignatureValues{
		Protocol: sas.ProtocolHTTPSandHTTP, ExpiryTime: time.Now().Add(time.Hour), Permissions: (&sas.AccountPermissions{Read: true, Write: true, Create: true}).String(),
		ResourceTypes: (&sas.AccountResourceTypes{Object: true}).String(),
	}.SignWithSharedKey(shared)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", token.Encode())
	t.Setenv("AZURE_STORAGE_ACCOUNT", emulator.Account)
	t.Setenv("AZURE_STORAGE_DOMAIN", host)
	t.Setenv("AZURE_STORAGE_PROTOCOL", "http")
	works("token", "azblob://dumps?domain="+host)
	refused("azblob://dumps?domain=example.com", "the URL cannot say where the service is")
}

// TestEmulatorHost: STORAGE_EMULATOR_HOST is where gs:// is, with or without its scheme, and needs
// no credentials.
func TestEmulatorHost(t *testing.T) {
	s := emulator.Google(t)
	alone(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nonexistent")
	for i, host := range []string{s.Addr(), "http://" + s.Addr() + "/"} {
		t.Setenv("STORAGE_EMULATOR_HOST", host)
		b, err := open(t, "gs://dumps")
		if err == nil {
			err = b.Put(t.Context(), fmt.Sprint(i), strings.NewReader("x"), Object{Size: 1}, Nothing)
		}
		if err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestGooglePages: a list of several pages is one, and what Google says of a failure is kept.
func TestGooglePages(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if prefix := r.URL.Query().Get("prefix"); prefix != "a/" {
			t.Errorf("the prefix is %q", prefix)
		}
		switch r.URL.Query().Get("pageToken") {
		case "":
			fmt.Fprint(w, `{"items":[{"name":"a/1"},{"name":"a/2"}],"nextPageToken":"2"}`)
		case "2":
			fmt.Fprint(w, `{"nextPageToken":"3"}`)
		case "3":
			fmt.Fprint(w, `{"items":[{"name":"a/3"}],"nextPageToken":"4"}`)
		default:
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"error":{"code":403,"message":"The user project\nis over its rate","errors":[{"reason":"rateLimitExceeded"}]}}`)
		}
	}))
	defer srv.Close()
	b, err := open(t, "gs://b?anonymous=true&endpoint="+srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var failed error
	for key, err := range b.List(t.Context(), "a/") {
		if failed = err; err == nil {
			keys = append(keys, key)
		}
	}
	if e := (*Error)(nil); !errors.As(failed, &e) || e.Code != "rateLimitExceeded" || !strings.HasSuffix(e.Error(), "The user project is over its rate") {
		t.Errorf("%v", failed)
	}
	if !slices.Equal(keys, []string{"a/1", "a/2", "a/3"}) {
		t.Error(keys)
	}
}

// TestGoogleEndlessAnswer: an answer that goes on and on is given up.
func TestGoogleEndlessAnswer(t *testing.T) {
	sent := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, `{"nextPageToken":"`)
		for ; err == nil && sent < 4*maxAnswer; sent += 1 << 20 {
			_, err = w.Write(bytes.Repeat([]byte("x"), 1<<20))
		}
	}))
	b, err := open(t, "gs://b?anonymous=true&endpoint="+srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, err = range b.List(t.Context(), "a/") {
	}
	if srv.Close(); err == nil || sent >= 4*maxAnswer {
		t.Errorf("%v, %d bytes were sent", err, sent)
	}
}

// TestGoogleRangeIgnored: an answer that is not the part that was asked for is not taken for it.
func TestGoogleRangeIgnored(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "all of it") }))
	defer srv.Close()
	b, err := open(t, "gs://b?anonymous=true&endpoint="+srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Get(t.Context(), "x", 3, 2); err == nil || !strings.Contains(err.Error(), "asked for bytes=3-4") {
		t.Error(err)
	}
}

// TestS3Requests: what the URL and the environment say of S3 arrives there: who asks, how an object
// is encrypted, that none is replaced.
func TestS3Requests(t *testing.T) {
	alone(t)
	var last http.Header
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // STS
			fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASSUMED</AccessKeyId><SecretAccessKey>s</SecretAccessKey>`+
				`<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
			return
		}
		last = r.Header.Clone()
	}))
	defer srv.Close()
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	put := func(query string) error {
		t.Helper()
		b, err := open(t, "s3://b?region=eu-west-1&use_path_style=true&endpoint="+srv.URL+query)
		if err != nil {
			return err
		}
		return b.Put(t.Context(), "x", strings.NewReader("x"), Object{Size: 1, SHA256: make([]byte, 32)}, Nothing)
	}
	t.Setenv("AWS_CONFIG_FILE", write("config", "[profile other]\nregion = r\naws_access_key_id = OTHER\naws_secret_access_key = s\n"))
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_ENDPOINT_URL_STS", srv.URL)
	var unknown x509.UnknownAuthorityError
	if err := put("&profile=other"); !errors.As(err, &unknown) {
		t.Errorf("an unknown authority: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))))
	for query, who := range map[string]string{"&profile=other": "OTHER/", "&profile=other&role=arn:aws:iam::1:role/r": "ASSUMED/", "&anonymous=true": ""} {
		if err := put(query + "&ssetype=AWS:KMS&kmskeyid=key"); err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		for name, want := range map[string]string{"X-Amz-Server-Side-Encryption": "aws:kms", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key", "If-None-Match": "*", "X-Amz-Meta-Sha256": strings.Repeat("0", 64)} {
			if got := last.Get(name); got != want {
				t.Errorf("%s: %s is %q", query, name, got)
			}
		}
		if got := last.Get("Authorization"); who == "" && got != "" || !strings.Contains(got, who) {
			t.Errorf("%s: Authorization %q", query, got)
		}
	}
}

// TestMissingFile: a file of credentials that is not there is no object that is not there.
func TestMissingFile(t *testing.T) {
	alone(t)
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent")
	b, err := open(t, "s3://b?region=r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(t.Context(), "x"); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("S3: %v", err)
	}
	path := filepath.Join(t.TempDir(), "credentials.json")
	text := `{"type":"external_account","audience":"a","subject_token_type":"urn:ietf:params:oauth:token-type:jwt","token_url":"http://127.0.0.1:1/","credential_source":{"file":"/nonexistent"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{path: "the credentials of Google give no access token", "/nonexistent": "there are no credentials of Google"} {
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
		b, err := open(t, "gs://b")
		if err == nil {
			_, err = b.Stat(t.Context(), "x")
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "/nonexistent") {
			t.Errorf("Google, %s: %v", file, err)
		}
	}
}
