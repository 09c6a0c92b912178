// Package dumpreport shows what is in a dump, as it was counted by package stats.
//
//	s, err := stats.Run(ctx, stats.Options{Archive: a, Workers: 2})
//	dumpreport.Text(os.Stdout, s, columns)
//
// It never reads a dump, and decides nothing.
package dumpreport
