// Package progress counts what a run does, and shows it: as lines that are redrawn on a terminal,
// as a line now and then in a log, or as JSON.
//
//	m := progress.NewMeter()
//	m.Show = progress.Display{Mode: progress.Auto, Log: log}.Show // or nil: nothing is shown
//	end := m.Begin("load", 8)
//	m.Part(progress.Name{DB: 0, Type: "hash"}).Add(keys, bytes, work)
//	end()
//
// An engine fills a Meter and never prints how far it is. What is shown is a pure function of a
// Snapshot: Frame and Line. The cursor is never hidden, and the terminal's mode is changed only
// within one write, so that there is nothing to restore when the process is killed.
package progress
