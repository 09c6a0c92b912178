package command

// The categories of flags.
const (
	Dump       = "Dump"
	Keys       = "Which keys"
	Written    = "What is written"
	Comparison = "Comparison"
	Repeat     = "Resume and retry"
	Speed      = "Speed and size"
	Bucket     = "Bucket or stream"
	Encryption = "Encryption"
	Shards     = "Shards"
	Output     = "Output"     // what is said, and how
	Monitoring = "Monitoring" // for machines that watch a run

	configuration = "Configuration"
)

// topics are the categories in the order of the help; others stand behind them.
var topics = []string{Dump, "Connection", Keys, Written, Comparison, Repeat, Speed,
	Bucket, Encryption, Shards, Output, Monitoring, configuration}
