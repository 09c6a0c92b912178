package conn

import "bytes"

// SlotCount is how many slots a cluster has, on Redis and Kvrocks alike.
const SlotCount = 16384

// NoSlot is of commands that are about no key.
const NoSlot = -1

// slotOf returns the slot of a key: CRC16 of its name, or of its hash tag if it has one (SERVERS.md
// K14).
func slotOf(key []byte) int {
	if _, rest, ok := bytes.Cut(key, []byte{'{'}); ok {
		if tag, _, ok := bytes.Cut(rest, []byte{'}'}); ok && len(tag) > 0 {
			key = tag
		}
	}
	crc := uint16(0)
	for _, b := range key {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^b]
	}
	return int(crc % SlotCount)
}

// crcTable is of CRC-16/XMODEM: polynomial 0x1021, beginning with 0.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			top := crc & 0x8000
			crc <<= 1
			if top != 0 {
				crc ^= 0x1021
			}
		}
		table[i] = crc
	}
	return table
}()

// keyOf returns the key that a command is about, by what is sent. Every command that goes to a
// cluster has one at the most.
func keyOf(args [][]byte) ([]byte, bool) {
	at := 1
	if name := string(args[0]); name == "XGROUP" || name == "XINFO" {
		at = 2
	}
	if at >= len(args) {
		return nil, false
	}
	return args[at], true
}
