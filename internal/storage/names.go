package storage

import (
	"fmt"
	"strings"
)

// lockName is the file that a run locks. The kernel lets go of the lock when the run ends, however
// it ends: a file that is left over means nothing. Shards hold it together, and each one that
// begins with shardLock alone.
const (
	lockName  = ".lock"
	shardLock = lockName + "-"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

// claimPrefix begins the names of files by which runs claim what has a number. List leaves them
// out.
const claimPrefix = ".claim-"

// ClaimName returns the name of such a file. Of an unfinished dump, numbers of chunks are claimed.
func ClaimName(n int) string { return fmt.Sprintf(claimPrefix+"%07d", n) }

// SettingsName is the name of a file about the server that is being dumped: it is no part of the
// dump, and List leaves it out.
const SettingsName = ".source-settings.json"

// ShardsName is the name of a file that says how an unfinished dump is divided into shards. List
// leaves it out, too.
const ShardsName = ".shares.json"

// hidden reports whether List leaves out files of that name in whatever directory: our own that are
// no part of a dump, and what file managers and network file systems leave everywhere.
func hidden(base string) bool {
	switch base {
	case ".DS_Store", "Thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasPrefix(base, ".nfs") || strings.HasPrefix(base, "._") || strings.HasPrefix(base, tempPrefix) || strings.HasPrefix(base, claimPrefix) || base == lockName || strings.HasPrefix(base, shardLock) || base == SettingsName || base == ShardsName
}
