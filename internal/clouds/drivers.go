//go:build !race

package clouds

import (
	"context"
	"fmt"
	"net/url"
	"os"

	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
	"gocloud.dev/gcp"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Without credentials the library prints a warning to stdout and goes on.
func init() {
	storage.RequireCredentials("gs", func(ctx context.Context, q url.Values) error {
		if q.Has("anonymous") || q.Get("access_id") == "-" || os.Getenv("STORAGE_EMULATOR_HOST") != "" {
			return nil
		}
		if _, err := gcp.DefaultCredentials(ctx); err != nil {
			return fmt.Errorf("there are no credentials of Google: set GOOGLE_APPLICATION_CREDENTIALS, or run gcloud auth application-default login (%w)", err)
		}
		return nil
	})
}
