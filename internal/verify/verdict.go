package verify

// A Verdict is what one key of the dump turned out to be on the server.
type Verdict struct {
	Key    []byte // as the dump has it; until the call returns
	Absent bool   // there is no such key
	Equal  bool   // it is there, and differs in nothing that is not explained
	Part   bool   // it is there, and holds nothing but what the dump has: elements behind, bytes behind, or the expiry may lack
	Found  []Difference
}
