package archive

// Share is the old name of CacheFrames. It goes when nothing uses it.
func (a *Archive) Share(readers int, maxBytes int64) { a.CacheFrames(readers, maxBytes) }
