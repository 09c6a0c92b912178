package reader

// A listing is a way in which a Pika lists its keys (SERVERS.md P1, P16).
type listing int

const (
	byRange  listing = iota // PKSCANRANGE: pages of a type, with the values of strings
	byStart                 // SCANX: pages of a type, names only
	byCursor                // SCAN: all types in one walk, whose place the server keeps and can lose
)

// The values of Options.Scan.
const (
	ScanAuto  = "auto"  // the best way that version and account allow
	ScanRange = "range" // by key range, or not at all
	ScanScan  = "scan"  // by SCAN even if there is a better way
)
