package format

import "flag"

var update = flag.Bool("update", false, "write golden files and seeds anew")
