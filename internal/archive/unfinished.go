package archive

import (
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

func whyIncomplete(dir storage.Store) string {
	if in, err := ReadInfo(dir); err == nil {
		return "it has dump.json but no manifest.json: " + howToFinish(in, dir.Path(""))
	}
	if one, err := isBegun(dir, deltaDir(1)+"/"); err == nil && one {
		return "it is a chain of deltas: give one of them, such as " + shellword.Quote(storage.Join(dir.Path(""), "000001")) + "; kvload get, cat, stats and report take it with its --base, and kvload merge makes one dump of both"
	}
	return "it has neither dump.json nor manifest.json; give the directory that pikadump --out wrote"
}

// howToFinish says with which command an unfinished dump at a place is finished.
func howToFinish(in *format.Info, place string) string {
	switch {
	case in.Delta != nil && in.Delta.Made == format.MadeByBinlog:
		return "pikadump follow has not finished it, and makes it anew when it continues the chain"
	case in.Delta != nil:
		return fmt.Sprintf("pikadump has not finished it: pikadump dump --uri redis://%s --base BASE --out %s --resume", in.Source.Address, shellword.Quote(place))
	case strings.HasPrefix(in.Tool, "kvload "):
		return "kvload has not finished it: run the command again that was to make it"
	}
	return fmt.Sprintf("pikadump has not finished it: pikadump dump --uri redis://%s --out %s --resume does, and kvload load --follow loads it as it comes",
		in.Source.Address, shellword.Quote(place))
}
