package writer

// A Point is how far the records of one Source are on the target: every reply that has to do with
// those before it was read, and was good or has been reported.
type Point struct {
	// Records is how many records lie before the point.
	Records int64
	// Open is the key whose records go on behind the point; nil when none does.
	Open *OpenKey
	// Stats is what was done up to the point, of this Source only.
	Stats Stats
}

// An OpenKey is a key of which a point lies in the middle.
type OpenKey struct {
	// First is the number of its first record; the Source's first has number 0.
	First int64
	// Taken is how many of its elements the target has acknowledged.
	Taken int64
	// Bytes is what those count in Stats.
	Bytes int64
	// Out is set when nothing more of it is to be sent: it expired, or was left out.
	Out bool
}

// Beginning returns the point before the key that is open at p, or p when none is.
func (p Point) Beginning() Point {
	if p.Open == nil {
		return p
	}
	b := Point{Records: p.Open.First, Stats: p.Stats}
	b.Stats.Elements -= p.Open.Taken
	b.Stats.Bytes -= p.Open.Bytes
	return b
}

// A Job is a Source that is loaded from some point on, by Worker.LoadFrom.
type Job struct {
	// Source hands out the records behind From. It ends with the last part of a key.
	Source Source
	// From is where an earlier run was. Zero for the beginning.
	From Point
	// Sent is up to which record an earlier run may have sent some: keys that begin before are
	// written anew, whatever the target holds of them. Sending, if it is not nil, is told before more may be sent,
	// in steps. Only if it keeps that for good does a later run know. Both are not for Skip, which has Asked.
	Sent    int64
	Sending func(sent int64) error
	// Began is when the first run began, Unix ms: keys whose expiry was over by then were never sent. Zero is not known.
	Began int64
	// Reached is told of each new point, after each pipeline. Its error ends the load.
	Reached func(Point) error

	// Report, if it is not nil, is told in place of Options.Report. What it is told of belongs before the point that
	// Reached is told next, whose Stats count it.
	Report func(LeftOut)

	// Asked, Existed and Found are for Skip. The target was asked by earlier runs whether it holds
	// the keys that begin before record Asked, but for those that begin with the records for which
	// Existed is true: it held them, or they were passed over and not asked about, so that no run has sent any of them.
	// Found is told of a new Asked, and of what is new in Existed, before any of these keys is written. Only if it keeps that for good can a later run tell the
	// keys that this one wrote from those that were there before.
	Asked   int64
	Existed func(record int64) bool
	Found   func(asked int64, existed []int64) error
}
