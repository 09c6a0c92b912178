package pikasim

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

const maxScore = math.MaxFloat64

// formatScore prints a score as Pika does: whole numbers within 2^52 as such,
// all else as %.17g in C's spelling, with -0, inf, -inf and nan.
func formatScore(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0 && math.Signbit(f):
		return "-0"
	case math.Abs(f) < 1<<52 && f == math.Trunc(f):
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 17, 64)
}

// parseScore reads what C's strtod reads in full: also inf, nan and
// hexadecimal, and numbers beyond the range as infinite.
func parseScore(s string) (float64, bool) {
	if strings.Contains(s, "_") {
		return 0, false // Go's alone
	}
	t := strings.ToLower(s)
	if unsigned := strings.TrimLeft(t, "+-"); unsigned == "nan" && len(t)-len(unsigned) <= 1 {
		return math.NaN(), true
	} else if strings.HasPrefix(unsigned, "0x") && !strings.Contains(t, "p") {
		t += "p0"
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// score reads a score.
func (c *call) score(i int) float64 {
	f, ok := parseScore(c.str(i))
	if !ok {
		c.fail(notFloat)
	}
	return f
}
