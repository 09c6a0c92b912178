package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// sectionBytes is about how large a section is: connections take them in turn.
const sectionBytes = 1 << 20

// A section is a part of a file of commands.
type section struct {
	Offset, Bytes int64
	Commands      int
}

// A dataSet has as many units as times says for every keys that are asked for. Figures are per
// million units.
type dataSet struct {
	make        func(keys int, emit func(args ...string)) // emit takes the arguments of a command
	times, keys int
	unit        string
}

var dataSets = map[string]dataSet{
	"mixed": {mixed, 1, 1, "mixed keys"}, "strings": {texts, 1, 1, "strings by MSET"},
	"large": {large, 1, 50, "strings of 10 KiB"}, "hash": {wide, 2, 1, "fields of one hash"},
}

// mixed is 70 % strings of about 120 bytes, the rest hashes, lists, sets and zsets of 8 to 10
// elements, a fifth with an expiry.
func mixed(keys int, emit func(...string)) {
	rnd := rand.New(rand.NewPCG(1, 2))
	expire := time.Now().Add(24 * time.Hour).Unix() // PEXPIREAT of Pika 4.0.1 deletes the key
	for i := range keys {
		id := strconv.Itoa(i)
		var key string
		if i%10 < 7 {
			key = fmt.Sprintf("user:%010d", i)
			emit("SET", key, fmt.Sprintf(`{"id":%d,"name":"%x","visits":%d,"mail":"%x@example.org"}`, i, rnd.Uint64(), rnd.IntN(1000), rnd.Uint64()))
		} else {
			t := [...]struct{ command, name string }{{"HMSET", "profile"}, {"RPUSH", "queue"}, {"SADD", "tags"}, {"ZADD", "board"}}[(i/10+i)%4]
			key = fmt.Sprintf("%s:%010d", t.name, i)
			args := []string{t.command, key}
			for e := range 8 + rnd.IntN(3) {
				switch t.command {
				case "HMSET":
					args = append(args, "field-"+strconv.Itoa(e), "value "+id+" "+strconv.FormatUint(rnd.Uint64(), 36))
				case "ZADD":
					args = append(args, strconv.Itoa(rnd.IntN(1_000_000)), "member-"+strconv.FormatUint(rnd.Uint64(), 36))
				default:
					args = append(args, "element-"+strconv.FormatUint(rnd.Uint64(), 36))
				}
			}
			emit(args...)
		}
		if rnd.IntN(5) == 0 {
			emit("EXPIREAT", key, strconv.FormatInt(expire+int64(rnd.IntN(1<<20)), 10))
		}
	}
}

// texts is strings of about 100 bytes without an expiry, a hundred in each MSET.
func texts(keys int, emit func(...string)) {
	rnd := rand.New(rand.NewPCG(7, 8))
	const together = 100
	for from := 0; from < keys; from += together {
		args := []string{"MSET"}
		for i := range min(together, keys-from) {
			args = append(args, fmt.Sprintf("user:%010d", from+i), fmt.Sprintf(`{"id":%d,"name":"%x","mail":"%x@example.org"}`, from+i, rnd.Uint64(), rnd.Uint64()))
		}
		emit(args...)
	}
}

// large is strings of 10 KiB, one for every 50 keys asked for.
func large(keys int, emit func(...string)) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := range keys / 50 {
		value := make([]byte, 0, 10<<10)
		for len(value) < 10<<10-64 {
			value = fmt.Appendf(value, `{"item":%d,"token":"%x","price":%d},`, len(value), rnd.Uint64(), rnd.IntN(100_000))
		}
		emit("SET", fmt.Sprintf("page:%08d", i), string(value))
	}
}

// wide is one hash of two fields for every key asked for.
func wide(keys int, emit func(...string)) {
	rnd := rand.New(rand.NewPCG(5, 6))
	const together = 500
	for from := 0; from < 2*keys; from += together {
		args := []string{"HMSET", "hash"}
		for i := range min(together, 2*keys-from) {
			args = append(args, fmt.Sprintf("field:%09d", from+i), "value "+strconv.FormatUint(rnd.Uint64(), 36))
		}
		emit(args...)
	}
}

// writeData is the role that writes a data set as a file of commands, and its sections beside it:
// NAME KEYS FILE.
func writeData(_ context.Context, args []string) error {
	keys, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	f, err := os.Create(args[2])
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	parts := make([]section, 1)
	var buf []byte
	dataSets[args[0]].make(keys, func(a ...string) {
		buf = appendCommand(buf[:0], a)
		_, _ = w.Write(buf) // Flush tells of an error
		p := &parts[len(parts)-1]
		p.Bytes += int64(len(buf))
		p.Commands++
		if p.Bytes >= sectionBytes && a[0] == "EXPIREAT" || p.Bytes >= sectionBytes+64<<10 { // a key and its expiry stay together
			parts = append(parts, section{Offset: p.Offset + p.Bytes})
		}
	})
	if err := w.Flush(); err != nil {
		return err
	}
	return saveSections(args[2], parts)
}

func saveSections(file string, parts []section) error {
	text, err := json.Marshal(parts)
	if err != nil {
		return err
	}
	return os.WriteFile(file+".json", text, 0o600)
}

// openSections opens a file of commands that is divided into sections.
func openSections(file string) (f *os.File, parts []section, err error) {
	text, err := os.ReadFile(file + ".json")
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err == nil {
		f, err = os.Open(file)
	}
	return f, parts, err
}
