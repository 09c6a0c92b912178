package format

// Versions of the format that this package writes and reads. The ledger of versions is in
// docs/FORMAT.md §9.
const (
	Version1 = 1 // of a full dump
	Version2 = 2 // of a delta
)

// Limits of the format (docs/FORMAT.md §8). A writer never exceeds them and a
// reader refuses what does.
const (
	// MaxBulk is the most bytes of one key, field, value, member or element,
	// and of one part of a string: what the Redis protocol can carry.
	MaxBulk = 512 << 20
	// MaxFrame is the most bytes that one zstd frame decompresses to: a key, a
	// field and a value of MaxBulk each, and their heads.
	MaxFrame = 1<<31 - 1
	// MaxElements is the most values in the array of one record.
	MaxElements = 1 << 20
	// MaxFrames is the most zstd frames of one chunk, header and footer included.
	MaxFrames = 1 << 20
	// MaxWindow is the largest window a frame may ask a decoder for. The window of a
	// single-segment frame is its content.
	MaxWindow = 8 << 20
	// MaxDatabase is the largest database number.
	MaxDatabase = 65535
	// MaxNumber is the largest number of a chunk within its database and type.
	MaxNumber = 1<<31 - 1
	// MaxManifest is the most bytes of dump.json or manifest.json.
	MaxManifest = 256 << 20
	// MaxDelta is the largest number of a delta in its chain.
	MaxDelta = 999999
)

// Sizes that a writer aims at (docs/FORMAT.md §4): not limits.
const (
	// FrameTarget is how many bytes of records a frame is filled with.
	FrameTarget = 512 << 10
	// indexTarget is how many bytes of keys a footer may index before
	// the writer calls its chunk full.
	indexTarget = 4 << 20
)
