// Package stats counts what is in a dump: keys, elements and bytes by database, type, size, time to
// live and prefix, the largest keys, and what their names look like.
//
//	a, err := archive.Open(ctx, dir, threads)
//	s, err := stats.Run(ctx, stats.Options{Archive: a, Workers: threads})
//
// It reads every record once, in memory that does not grow with the dump, and checks each chunk as
// kvload check does: an error says that one is damaged. It never prints, and holds no values.
package stats
