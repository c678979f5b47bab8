package journal

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	// MaxPayload is the most that one record may hold, in bytes. It bounds
	// what a reader must look at to tell a record from noise.
	MaxPayload = 16 << 10

	frameHead  = 8 // length and checksum
	frameFixed = frameHead + 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Payload is the content of a record. AppendTo is called with the journal
// locked and in the order of the numbers, so that what a payload contains may
// depend on the one before. It must not call the journal.
type Payload interface {
	AppendTo(dst []byte, number uint64) []byte
}

// Record is a record as it was read. Payload is valid until the next read.
type Record struct {
	Number  uint64 // counts the records of a folder from 1
	Payload []byte
}

// salt makes checksums differ between chains, so that old blocks of another
// file can not pass for records of this one.
func salt(chain string) uint32 { return crc32.Checksum([]byte(chain), castagnoli) }

// appendFrame appends a record:
//
//	length   u32  of what follows the checksum
//	checksum u32  CRC32C of what follows
//	number   u64
//	payload
func appendFrame(dst []byte, salt uint32, number uint64, p Payload) []byte {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = p.AppendTo(dst, number)
	sealFrame(dst[start:], salt)
	return dst
}

func sealFrame(frame []byte, salt uint32) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-frameHead))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Update(salt, castagnoli, frame[frameHead:]))
}

type verdict uint8

const (
	whole verdict = iota // a record
	short                // perhaps the beginning of one
	bad                  // none
)

// parseFrame reads the record at the beginning of b and returns its size.
func parseFrame(b []byte, salt uint32) (Record, int, verdict) {
	if len(b) < frameHead {
		return Record{}, 0, short
	}
	n := binary.LittleEndian.Uint32(b)
	if n < frameFixed-frameHead || n > MaxPayload+frameFixed-frameHead {
		return Record{}, 0, bad
	}
	size := frameHead + int(n)
	if len(b) < size {
		return Record{}, 0, short
	}
	if crc32.Update(salt, castagnoli, b[frameHead:size]) != binary.LittleEndian.Uint32(b[4:]) {
		return Record{}, 0, bad
	}
	number := binary.LittleEndian.Uint64(b[frameHead:])
	if number == 0 {
		return Record{}, 0, bad
	}
	return Record{Number: number, Payload: b[frameFixed:size:size]}, size, whole
}
