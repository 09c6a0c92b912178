package dump

import "github.com/pika2kvrocks/pika2kvrocks/reader"

// maxThreads is how many passes run at once unless the user says otherwise: one per type.
const maxThreads = 6

// Threads returns how many connections read at once: as many as the user wants, or at most half
// of the server's thread pool.
func Threads(wanted int, src *reader.ServerInfo) int {
	if wanted > 0 {
		return wanted
	}
	n := maxThreads
	if src.ThreadPool > 0 {
		n = min(n, src.ThreadPool/2)
	}
	return max(1, n)
}
