package storage

import "strings"

// lockName is the file that a run locks. The kernel lets go of the lock when the run ends, however
// it ends: a file that is left over means nothing. Shards hold it together, and each one that
// begins with shardLock alone.
const (
	lockName  = ".lock"
	shardLock = lockName + "-"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".tmp-"

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
	return strings.HasPrefix(base, ".nfs") || strings.HasPrefix(base, "._") || strings.HasPrefix(base, tempPrefix) || base == lockName || strings.HasPrefix(base, shardLock) || base == SettingsName || base == ShardsName
}
