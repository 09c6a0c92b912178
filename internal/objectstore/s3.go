package objectstore

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// An s3Bucket is a bucket of S3, or of a store that speaks as it does.
type s3Bucket struct {
	client *s3.Client
	name   string
	sse    types.ServerSideEncryption
	kmsKey string
}

// checksums are when the library adds or checks checksums that S3 does not ask for.
var checksums = []string{"when_supported", "when_required"}

func openS3(ctx context.Context, u *url.URL, wait time.Duration) (Bucket, error) {
	q := newQuery(u)
	var o []func(*config.LoadOptions) error
	add := func(f config.LoadOptionsFunc) { o = append(o, f) }
	add(config.WithLogger(logging.Nop{})) // it writes to stderr of each object without a checksum of its own
	add(config.WithRetryer(func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.RateLimiter, o.MaxBackoff = ratelimit.None, 40*wait })
	}))
	if region := q.text("region"); region != "" {
		add(config.WithRegion(region))
	}
	if profile := q.text("profile"); profile != "" {
		add(config.WithSharedConfigProfile(profile))
	}
	if q.flag("anonymous", false) {
		add(config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	if q.flag("dualstack", false) {
		add(config.WithUseDualStackEndpoint(aws.DualStackEndpointStateEnabled))
	}
	if q.flag("fips", false) {
		add(config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled))
	}
	endpoint := q.text("endpoint")
	if endpoint != "" && !isHTTP(endpoint) {
		q.fail("endpoint does not begin with http:// or https://")
	}
	request := q.choice("request_checksum_calculation", checksums...)
	if request == checksums[1] || request == "" && endpoint != "" { // many stores refuse the checksums that AWS's library adds
		add(config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired))
	} else if request != "" {
		add(config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenSupported))
	}
	switch q.choice("response_checksum_validation", checksums...) {
	case checksums[0]:
		add(config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenSupported))
	case checksums[1]:
		add(config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired))
	}
	role := q.text("role")
	if role != "" && !strings.HasPrefix(role, "arn:") {
		q.fail("role is no ARN of a role: it does not begin with arn:")
	}
	pathStyle := q.flag("s3ForcePathStyle", false)
	pathStyle = q.flag("use_path_style", pathStyle)
	accelerate := q.flag("accelerate", false)
	noTLS := q.flag("disable_https", false)
	var kinds []string
	for _, kind := range types.ServerSideEncryption("").Values() {
		kinds = append(kinds, string(kind))
	}
	b := &s3Bucket{name: u.Host, sse: types.ServerSideEncryption(q.choice("ssetype", kinds...)), kmsKey: q.text("kmskeyid")}
	if err := q.end(); err != nil {
		return nil, err
	}
	c, err := config.LoadDefaultConfig(ctx, o...)
	if err != nil {
		return nil, err
	}
	if role != "" {
		c.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), role))
	}
	b.client = s3.NewFromConfig(c, func(o *s3.Options) {
		o.UsePathStyle, o.UseAccelerate, o.EndpointOptions.DisableHTTPS = pathStyle, accelerate, noTLS
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	return b, nil
}

func isHTTP(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func (b *s3Bucket) Stat(ctx context.Context, key string) (Object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return Object{}, s3Error(err)
	}
	return Object{Size: aws.ToInt64(out.ContentLength), SHA256: parseSum(out.Metadata[sumKey]), Version: aws.ToString(out.ETag)}, nil
}

func (b *s3Bucket) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, int64, error) {
	in := &s3.GetObjectInput{Bucket: &b.name, Key: &key}
	if r := byteRange(offset, length); r != "" {
		in.Range = &r
	}
	out, err := b.client.GetObject(ctx, in)
	if err != nil {
		return nil, 0, s3Error(err)
	}
	return out.Body, wholeSize(aws.ToString(out.ContentRange), aws.ToInt64(out.ContentLength)), nil
}

// Put sends a plain PUT: parts would be held in memory, and left in the bucket when we are killed.
func (b *s3Bucket) Put(ctx context.Context, key string, body io.ReadSeeker, o Object, replaces string) error {
	in := &s3.PutObjectInput{
		Bucket: &b.name, Key: &key, ContentType: aws.String(contentType), Body: body, ContentLength: &o.Size,
		Metadata: map[string]string{sumKey: hex.EncodeToString(o.SHA256)}, ServerSideEncryption: b.sse,
	}
	switch replaces {
	case Nothing:
		in.IfNoneMatch = aws.String("*")
	case Anything:
	default:
		in.IfMatch = &replaces
	}
	if b.kmsKey != "" {
		in.SSEKMSKeyId = &b.kmsKey
	}
	_, err := b.client.PutObject(ctx, in)
	return s3Error(err)
}

// Delete asks first: S3 says the same of an object that was not there.
func (b *s3Bucket) Delete(ctx context.Context, key string) error {
	if _, err := b.Stat(ctx, key); err != nil {
		return err
	}
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: &key})
	return s3Error(err)
}

func (b *s3Bucket) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield("", s3Error(err))
				return
			}
			for _, o := range page.Contents {
				if !yield(aws.ToString(o.Key), nil) {
					return
				}
			}
		}
	}
}

// unexplained are the codes that the library makes up for answers without a body, as those to HEAD
// are.
var unexplained = []string{"BadRequest", "Forbidden", "NotFound", "MovedPermanently", "UnknownError"}

func s3Error(err error) error {
	if err == nil {
		return nil
	}
	if operation := (*smithy.OperationError)(nil); errors.As(err, &operation) {
		err = operation // without what the library says before it
	}
	e := newError(err)
	if answer := (*smithyhttp.ResponseError)(nil); errors.As(err, &answer) {
		e.Status = answer.HTTPStatusCode()
		if answer.Response != nil {
			e.Region = answer.Response.Header.Get("X-Amz-Bucket-Region")
		}
	}
	if api := smithy.APIError(nil); errors.As(err, &api) && !slices.Contains(unexplained, api.ErrorCode()) {
		e.Code = api.ErrorCode()
	}
	return e
}
