package progress

// almost is the largest share of what is not done.
const almost = 0.999

// share returns the share that is done; nil: not known. All is done only if somebody said so.
func share(work, whole int64, done bool) *float64 {
	switch {
	case done:
		return new(1.0)
	case whole < 0:
		return nil
	}
	return new(min(almost, max(0, float64(work)/float64(max(1, whole)))))
}
