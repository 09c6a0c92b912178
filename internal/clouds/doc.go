// Package clouds adds Google Cloud Storage (gs://) and Azure Blob Storage (azblob://) to package
// storage, which knows S3 by itself. The commands import it for that, and nothing else does:
//
//	import _ "github.com/pika2kvrocks/pika2kvrocks/internal/clouds"
//
// The libraries of these two clouds are three quarters of a binary. A test of an engine is compiled
// and linked without them. With the race detector they are left out of the commands' tests as well.
package clouds
