package storage

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// unexplained are the codes that the library makes up for answers without a body, as those to HEAD
// are.
var unexplained = []string{"BadRequest", "Forbidden", "NotFound", "MovedPermanently", "UnknownError", ""}

// explained returns what S3 says of a request whose answer had no room for it: a LIST that fails
// for the same reason has. It asks only until a request has succeeded, for what is wrong with
// account, region or bucket shows at the first.
func (b *Bucket) explained(ctx context.Context, err error) error {
	status := httpStatus(err)
	if b.s3 == nil || b.reached.Load() || status != http.StatusMovedPermanently && (status < 400 || status >= 500) || !slices.Contains(unexplained, apiCode(err)) {
		return err
	}
	_, cause := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(b.bucket.Host), Prefix: aws.String(b.key("")), MaxKeys: aws.Int32(1)})
	if cause == nil || apiCode(cause) == "" {
		return err
	}
	return cause
}

// advice says of some errors what to do; nil: nothing more than the error says.
func (b *Bucket) advice(err error) error {
	text := err.Error()
	switch code := apiCode(err); {
	case code == "NoSuchBucket":
		return fmt.Errorf("there is no bucket %s: make it, or correct the URL", b.bucket.Host)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException", httpStatus(err) == http.StatusMovedPermanently:
		region := "REGION"
		var re *smithyhttp.ResponseError
		if errors.As(err, &re) && re.Response.Header.Get("X-Amz-Bucket-Region") != "" {
			region = re.Response.Header.Get("X-Amz-Bucket-Region")
		}
		return fmt.Errorf("the bucket is in another region: put region=%s into the URL", region)
	case code == "ExpiredToken", code == "TokenRefreshRequired":
		return errors.New("the credentials have expired: fetch new ones")
	case strings.Contains(text, "Missing Region"), strings.Contains(text, "A region must be set"), strings.Contains(text, "Invalid region"):
		return errors.New("no region is set: put region=REGION into the URL, or set AWS_REGION")
	}
	return nil
}
