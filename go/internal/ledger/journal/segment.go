package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	magic       = "TOKJRNL\n"
	version     = 1
	headerSize  = 64
	maxChainLen = 40
	segSuffix   = ".seg"
)

// ErrNewer is returned for a journal that a newer program wrote.
var ErrNewer = errors.New("the journal was written by a newer version of the program")

// segment is one file of the journal. All but file are guarded by the
// journal's lock.
type segment struct {
	index int
	path  string
	file  File
	size  int64  // bytes written or about to be
	last  uint64 // number of the last record in it
}

// segName returns the name of the file of a segment.
func segName(index int) string { return fmt.Sprintf("%08d%s", index, segSuffix) }

// appendHeader appends the head of a segment file:
//
//	magic    8 bytes
//	version  u32
//	index    u32
//	chain    u8 length, padded to 41 bytes
//	zeros    3 bytes
//	checksum u32
func appendHeader(dst []byte, chain string, index int) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.LittleEndian.AppendUint32(dst, version)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(index))
	dst = append(dst, byte(len(chain)))
	dst = append(dst, chain...)
	dst = append(dst, make([]byte, headerSize-4-(len(dst)-start))...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// checkHeader reports whether b begins with the head of a segment of chain,
// and whether this program can read what follows.
func checkHeader(b []byte, chain string) (ok bool, err error) {
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return false, nil
	}
	if crc32.Checksum(b[:headerSize-4], castagnoli) != binary.LittleEndian.Uint32(b[headerSize-4:]) {
		return false, nil
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v > version {
		return false, fmt.Errorf("%w (format %d, known is %d)", ErrNewer, v, version)
	}
	n := int(b[16])
	return n <= maxChainLen && string(b[17:17+n]) == chain, nil
}

// segments returns the indices of the segment files in dir in order. A folder
// that is gone has none.
func segments(dir string) ([]int, error) {
	files, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing a journal: %w", err)
	}
	var all []int
	for _, f := range files {
		digits, ok := strings.CutSuffix(f.Name(), segSuffix)
		if !ok {
			continue
		}
		if index, err := strconv.Atoi(digits); err == nil && index > 0 && segName(index) == f.Name() {
			all = append(all, index)
		}
	}
	slices.Sort(all)
	return all, nil
}

func segPath(dir string, index int) string { return filepath.Join(dir, segName(index)) }
