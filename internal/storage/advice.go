package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// explained returns what a store says of a request whose answer had no room for it: a LIST that
// fails for the same reason has. It asks only until a request has succeeded, for what is wrong with
// account, region or bucket shows at the first.
func (b *Bucket) explained(ctx context.Context, err error) error {
	said := answer(err)
	if b.reached.Load() || said.Code != "" || said.Status != http.StatusMovedPermanently && (said.Status < 400 || said.Status >= 500) {
		return err
	}
	for _, cause := range b.b.List(ctx, b.key("")) {
		if answer(cause).Code != "" {
			return cause
		}
		break
	}
	return err
}

// advice says of some errors what to do; nil: nothing more than the error says.
func (b *Bucket) advice(err error) error {
	text := err.Error()
	said := answer(err)
	switch code := said.Code; {
	case code == "NoSuchBucket", code == "ContainerNotFound":
		return fmt.Errorf("there is no bucket %s: make it, or correct the URL", b.bucket.Host)
	case code == "PermanentRedirect", code == "AuthorizationHeaderMalformed", code == "IllegalLocationConstraintException", said.Status == http.StatusMovedPermanently:
		return fmt.Errorf("the bucket is in another region: put region=%s into the URL", cmp.Or(said.Region, "REGION"))
	case code == "ExpiredToken", code == "TokenRefreshRequired":
		return errors.New("the credentials have expired: fetch new ones")
	case strings.Contains(text, "Missing Region"), strings.Contains(text, "A region must be set"), strings.Contains(text, "Invalid region"):
		return errors.New("no region is set: put region=REGION into the URL, or set AWS_REGION")
	}
	return nil
}
