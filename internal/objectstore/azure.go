package objectstore

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// azureExists is what Azure calls, with status 409, an object that is there.
const azureExists = string(bloberror.BlobAlreadyExists)

// An azureBucket is a container of Azure Blob Storage.
type azureBucket struct{ client *container.Client }

// An azureService is where the service of an account is.
type azureService struct {
	account, domain, protocol string
	cdn, emulator             bool
}

// url returns that of the service.
func (s *azureService) url() (string, error) {
	domain, protocol := cmp.Or(s.domain, "blob.core.windows.net"), cmp.Or(s.protocol, "https")
	switch {
	case s.account == "":
		return "", errors.New("no account is named: set AZURE_STORAGE_ACCOUNT, or put storage_account=ACCOUNT into the URL")
	case protocol != "http" && protocol != "https":
		return "", errors.New("the protocol is neither http nor https")
	case s.emulator, strings.HasPrefix(domain, "127.0.0.1"), strings.HasPrefix(domain, "localhost"):
		return protocol + "://" + domain + "/" + s.account, nil
	case s.cdn:
		return protocol + "://" + domain, nil
	}
	return protocol + "://" + s.account + "." + domain, nil
}

// azureEnvironment returns what the environment says of the service.
func azureEnvironment() (s azureService, err error) {
	s = azureService{account: os.Getenv("AZURE_STORAGE_ACCOUNT"), domain: os.Getenv("AZURE_STORAGE_DOMAIN"), protocol: os.Getenv("AZURE_STORAGE_PROTOCOL")}
	for name, on := range map[string]*bool{"AZURE_STORAGE_IS_CDN": &s.cdn, "AZURE_STORAGE_IS_LOCAL_EMULATOR": &s.emulator} {
		if text := os.Getenv(name); text != "" {
			if *on, err = strconv.ParseBool(text); err != nil {
				return s, fmt.Errorf("%s is neither true nor false", name)
			}
		}
	}
	return s, nil
}

func openAzure(_ context.Context, u *url.URL, _ time.Duration) (Bucket, error) {
	env, err := azureEnvironment()
	if err != nil {
		return nil, err
	}
	q := newQuery(u)
	moved := len(q.rest) > 0 // all of its parameters say where the service is
	s := env
	s.account = cmp.Or(q.text("storage_account"), s.account)
	s.domain = cmp.Or(q.text("domain"), s.domain)
	s.protocol = cmp.Or(q.text("protocol"), s.protocol)
	s.cdn, s.emulator = q.flag("cdn", s.cdn), q.flag("localemu", s.emulator)
	if err := q.end(); err != nil {
		return nil, err
	}
	o := &container.ClientOptions{}
	o.Retry = policy.RetryOptions{MaxRetries: -1} // its caller does
	o.Telemetry.Disabled = true
	client, err := openContainer(env, s, u.Host, moved, o)
	if err != nil {
		return nil, err
	}
	return &azureBucket{client}, nil
}

// openContainer connects with the credentials that are there: a key, a token, a connection string,
// or an identity.
func openContainer(env, s azureService, name string, moved bool, o *container.ClientOptions) (*container.Client, error) {
	key, token := os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	connection := cmp.Or(os.Getenv("AZURE_STORAGE_CONNECTION_STRING"), os.Getenv("AZURE_STORAGEBLOB_CONNECTIONSTRING"))
	if connection != "" && (key == "" || env.account == "") && token == "" {
		if moved {
			return nil, errors.New("the connection string in the environment says where the service is: the URL takes no parameters beside it")
		}
		return container.NewClientFromConnectionString(connection, name, o)
	}
	at, err := s.url()
	if err != nil {
		return nil, err
	}
	where, err := url.JoinPath(at, name)
	if err != nil {
		return nil, errors.New("account and domain make no URL")
	}
	switch {
	case key != "":
		shared, err := container.NewSharedKeyCredential(s.account, key)
		if err != nil {
			return nil, errors.New("AZURE_STORAGE_KEY is no key of an account: it is not in base64")
		}
		return container.NewClientWithSharedKeyCredential(where, shared, o)
	case token != "":
		if was, err := env.url(); err != nil || was != at { // it must not be sent elsewhere
			return nil, errors.New("the URL cannot say where the service is when AZURE_STORAGE_SAS_TOKEN is set: set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_DOMAIN")
		}
		return container.NewClientWithNoCredential(where+"?"+strings.TrimPrefix(token, "?"), o)
	}
	identity, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, err
	}
	return container.NewClient(where, identity, o)
}

func (b *azureBucket) Stat(ctx context.Context, key string) (Object, error) {
	p, err := b.client.NewBlobClient(key).GetProperties(ctx, nil)
	if err != nil {
		return Object{}, azureError(err)
	}
	o := Object{Size: value(p.ContentLength), Version: string(value(p.ETag))}
	for name, text := range p.Metadata { // it comes in the spelling of headers
		if strings.EqualFold(name, sumKey) {
			o.SHA256 = parseSum(value(text))
		}
	}
	return o, nil
}

func (b *azureBucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, int64, error) {
	part := blob.HTTPRange{Offset: offset, Count: max(0, length)} // a Count of 0 is all
	answer, err := b.client.NewBlobClient(key).DownloadStream(ctx, &blob.DownloadStreamOptions{Range: part})
	if err != nil {
		return nil, 0, azureError(err)
	}
	return answer.Body, wholeSize(value(answer.ContentRange), value(answer.ContentLength)), nil
}

// Put sends one Put Blob: blocks would be held in memory, and left in the container when we are
// killed.
func (b *azureBucket) Put(ctx context.Context, key string, body io.ReadSeeker, o Object, replaces string) error {
	kind, sum, tag := contentType, hex.EncodeToString(o.SHA256), azcore.ETag(cmp.Or(replaces, string(azcore.ETagAny)))
	in := &blockblob.UploadOptions{HTTPHeaders: &blob.HTTPHeaders{BlobContentType: &kind}, Metadata: map[string]*string{sumKey: &sum}}
	switch replaces {
	case Nothing:
		in.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: &tag}}
	case Anything:
	default:
		in.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: &tag}}
	}
	_, err := b.client.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(body), in)
	return azureError(err)
}

func (b *azureBucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.NewBlobClient(key).Delete(ctx, nil)
	return azureError(err)
}

func (b *azureBucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		pages := b.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix})
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", azureError(err))
				return
			}
			for _, o := range page.Segment.BlobItems {
				if o.Properties != nil && value(o.Properties.ResourceType) == "directory" {
					continue // of an account with a hierarchical namespace
				}
				if !yield(value(o.Name), nil) {
					return
				}
			}
		}
	}
}

// azureError says in a line what the library says in seven.
func azureError(err error) error {
	if err == nil {
		return nil
	}
	answer := (*azcore.ResponseError)(nil)
	if !errors.As(err, &answer) {
		return newError(err)
	}
	e := &Error{Status: answer.StatusCode, Code: answer.ErrorCode, Err: fmt.Errorf("%d %s", answer.StatusCode, answer.ErrorCode)}
	if r := answer.RawResponse; r != nil {
		e.Err = fmt.Errorf("%s: %s", answer.ErrorCode, r.Status)
	}
	return e
}

// value returns what p points to, or nothing.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
