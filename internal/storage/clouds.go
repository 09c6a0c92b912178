//go:build !race

package storage

import (
	_ "gocloud.dev/blob/azureblob" // azblob://
	_ "gocloud.dev/blob/gcsblob"   // gs://
)

// The race detector's tests do without these: to compile them takes longer than all of those tests.
