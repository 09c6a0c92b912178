package report

// Reasons says what each reason of skipped.jsonl means.
var Reasons = map[string]string{
	"expired":            "its expiry came before it was read: nothing is lost",
	"gone":               "not there any more when it was read: deleted, or (4.0) a name with a NUL byte, which cannot be read",
	"deleted-or-expired": "the source does not have it any more: deleted, or expired, which of both cannot be told",
	"retyped":            "of another type when it was read",
	"changed":            "changed each time it was read, so that its pieces did not fit",
	"duplicate-name":     "listed under another key's name, which Pika 4.0 cuts at a NUL byte",
	"internal":           "Pika's own, of a slot migration: no data",
	"too-large":          "an element is larger than every target can hold",
	"unlisted":           "streams whose names begin so cannot be listed by the source",
	"unreadable":         "the source gives no answer about it that can be understood",
	"expiry-unknown":     "in the dump without its expiry, which the source cannot tell",
}

// LoadReasons says what each reason means for which a load leaves a key out, or a rollback leaves
// one on the target.
var LoadReasons = map[string]string{
	"conflict":    "another type of the source has the name",
	"hyperloglog": "the target has no way to take it; --hyperloglog string loads its bytes",
	"refused":     "the target refused it, or a part of it",
	"exists":      "the target has a key of that name (--on-exists skip)",
	"prefix":      "its name does not begin with --key-prefix-strip",
	"expired":     "expired since the dump",
	"short":       "it had less than --ttl-min to live",
	"changed":     "others changed it since the load",
	"older":       "the load may not have reached it before it was stopped",
}

// ShowReasons says what each reason means for which kvload cat or get leaves a key of the dump out
// of what it writes.
var ShowReasons = map[string]string{
	"conflict":    "another type of the source has the name",
	"hyperloglog": "only Pika reads its encoding; --hyperloglog string writes its bytes",
	"expired":     "expired since the dump; --ttl drop or shift writes it",
	"short":       "it has less than --ttl-min to live",
	"prefix":      "its name does not begin with --key-prefix-strip",
	"not-flat":    "csv has no form for streams; --format json has one",
	"too-large":   "csv holds no value that the dump has in parts; --format json does",
}

// Differences says what each kind of difference means.
var Differences = map[string]string{
	"missing":              "the server does not have it",
	"type":                 "it is of another type",
	"value":                "a value, score, element or byte is another one",
	"missing elements":     "fields, members, elements or entries are missing",
	"extra elements":       "fields, members, elements or entries are only there",
	"expiry differs":       "it expires at another time, or only one of both does",
	"not in the dump":      "only the target has it",
	"expired since":        "its expiry came since the dump",
	"expiry rounded":       "the server does not keep milliseconds",
	"expiry unknown":       "the dump, or the server, could not tell it",
	"sign of zero":         "the server keeps no -0",
	"conflict loser":       "another type of the source has the name",
	"renamed":              "found under its new name, and compared there",
	"left out by the load": "as its report says",
}
