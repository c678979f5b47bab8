package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const readSize = 64 << 10

// Damage is a stretch of a segment that could not be read, and the numbers of
// the records that are missing for it.
type Damage struct {
	Chain    string
	Segment  int
	From, To uint64
}

func (d Damage) String() string {
	return fmt.Sprintf("journal %s: records %d to %d are lost in segment %d", d.Chain, d.From, d.To, d.Segment)
}

// Cursor reads the records of a folder in order, each number once. It may
// follow a journal that is being written.
type Cursor struct {
	dir, chain string
	salt       uint32
	from       uint64 // the first record has this number at most, 0: not known
	expect     uint64 // the number that must come next, 0: none has come
	final      bool
	damaged    func(Damage)

	index  int // of the segment being read, 0: none yet
	file   *os.File
	mem    []byte
	buf    []byte // the part of mem that is read but not parsed
	pos    int64  // in the file, of the end of buf
	headed bool   // the head of the segment has been read
	sealed bool   // the owner has gone on to another segment
	broken int    // the segment in which something unreadable came last
}

// NewCursor returns a cursor at the first record there is. Missing records
// are told to damaged, which may be nil; from is the number that the first
// record may have at most, 0 if that is not known.
func NewCursor(root, chain string, from uint64, damaged func(Damage)) *Cursor {
	if damaged == nil {
		damaged = func(Damage) {}
	}
	return &Cursor{
		dir: filepath.Join(root, chain), chain: chain, salt: salt(chain), from: from, damaged: damaged,
	}
}

// Cursor returns a cursor over the whole folder.
func (f *Folder) Cursor(from uint64, damaged func(Damage)) *Cursor {
	return NewCursor(f.root, f.chain, from, damaged)
}

// Final tells the cursor that nobody writes any more: an unreadable end of
// the last segment is then searched for records that come after it.
func (c *Cursor) Final() { c.final = true }

// Segment returns the index of the segment that the last record came from.
func (c *Cursor) Segment() int { return c.index }

// Expect returns the number that the next record should have, 0 if none has
// been seen.
func (c *Cursor) Expect() uint64 { return c.expect }

// Next returns the next record, or io.EOF when there is none at present; it
// may be called again then.
func (c *Cursor) Next() (Record, error) {
	for {
		if c.file == nil {
			if err := c.open(); err != nil {
				return Record{}, err
			}
		}
		rec, ok, err := c.parse()
		if err != nil {
			return Record{}, err
		}
		if ok {
			if c.take(rec.Number) {
				return rec, nil
			}
			continue
		}
		grown, err := c.read()
		if err != nil {
			return Record{}, err
		}
		if grown {
			continue
		}
		if again, err := c.atEnd(); err != nil || !again {
			return Record{}, err
		}
	}
}

// take decides whether a record is new, and notices missing ones. Records
// that were written again after a failed sync come twice.
func (c *Cursor) take(number uint64) bool {
	if number < c.expect {
		return false
	}
	if want := cmp.Or(c.expect, c.from); want != 0 && number > want {
		c.damaged(Damage{Chain: c.chain, Segment: cmp.Or(c.broken, c.index), From: want, To: number - 1})
	}
	c.expect, c.broken = number+1, 0
	return true
}

// open goes on to the next segment there is.
func (c *Cursor) open() error {
	all, err := segments(c.dir)
	if err != nil {
		return err
	}
	i, _ := slices.BinarySearch(all, c.index+1)
	if i == len(all) {
		return io.EOF
	}
	file, err := os.Open(segPath(c.dir, all[i]))
	if errors.Is(err, os.ErrNotExist) {
		return io.EOF // just removed: look again
	}
	if err != nil {
		return fmt.Errorf("opening a journal segment: %w", err)
	}
	c.file, c.index, c.buf, c.pos, c.headed, c.sealed = file, all[i], c.mem[:0], 0, false, false
	return nil
}

// parse takes a record off the buffer.
func (c *Cursor) parse() (Record, bool, error) {
	if !c.headed {
		if len(c.buf) < headerSize {
			return Record{}, false, nil
		}
		ok, err := checkHeader(c.buf, c.chain)
		if err != nil {
			return Record{}, false, err
		}
		if !ok {
			return Record{}, false, nil
		}
		c.headed = true
		c.buf = c.buf[headerSize:]
	}
	rec, size, v := parseFrame(c.buf, c.salt)
	if v != whole {
		return Record{}, false, nil
	}
	c.buf = c.buf[size:]
	return rec, true, nil
}

// read gets more of the file. It reports whether there was any.
func (c *Cursor) read() (bool, error) {
	rest := len(c.buf)
	if rest > 2*MaxPayload && !c.sealed {
		return false, nil // this is no record cut short, and more will not help
	}
	if cap(c.buf)-rest < readSize {
		if len(c.mem) < rest+readSize {
			mem := make([]byte, max(2*len(c.mem), rest+readSize))
			copy(mem, c.buf)
			c.mem = mem
		} else {
			copy(c.mem, c.buf)
		}
		c.buf = c.mem[:rest]
	}
	n, err := c.file.ReadAt(c.buf[rest:rest+readSize], c.pos)
	c.buf, c.pos = c.buf[:rest+n], c.pos+int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading a journal segment: %w", err)
	}
	return n > 0, nil
}

// atEnd is called when what is in the buffer is no record and the file has no
// more. It reports whether to go on: with the next segment, or behind what
// can not be read.
func (c *Cursor) atEnd() (again bool, err error) {
	if !c.sealed {
		if c.sealed, err = c.left(); err != nil {
			return false, err
		}
		if !c.sealed {
			c.forget()
			return false, io.EOF
		}
		c.forget() // it may have been half written when it was read
		return true, nil
	}
	if c.resync() {
		return true, nil
	}
	err = c.file.Close()
	c.file = nil
	return true, err
}

// forget drops what was read but not understood, to be read again.
func (c *Cursor) forget() {
	c.pos -= int64(len(c.buf))
	c.buf = c.buf[:0]
}

// left reports whether nothing more will be written to the segment being read.
func (c *Cursor) left() (bool, error) {
	if c.final {
		return true, nil
	}
	all, err := segments(c.dir)
	if err != nil {
		return false, err
	}
	for _, index := range all {
		if index > c.index && begun(segPath(c.dir, index), c.salt) {
			return true, nil
		}
	}
	return false, nil
}

// begun reports whether a segment holds a record. Segments are made ahead of
// their use.
func begun(path string, salt uint32) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, headerSize+frameFixed+MaxPayload)
	n, _ := f.ReadAt(b, 0)
	if n <= headerSize {
		return false
	}
	_, _, v := parseFrame(b[headerSize:n], salt)
	return v == whole
}

// resync looks for the next record behind something unreadable, and reports
// whether there is one. It must not be used before all has been read.
func (c *Cursor) resync() bool {
	c.headed = true
	if len(c.buf) > 0 {
		c.broken = c.index
	}
	for i := 1; i+frameFixed <= len(c.buf); i++ {
		if _, _, v := parseFrame(c.buf[i:], c.salt); v == whole {
			c.buf = c.buf[i:]
			return true
		}
	}
	c.buf = c.buf[:0]
	return false
}

// Close ends the reading.
func (c *Cursor) Close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// MarkOf returns the mark of a folder that need not be locked. It may be
// older than the truth.
func MarkOf(root, chain string) (Mark, bool) {
	f, err := os.Open(filepath.Join(root, chain, markName))
	if err != nil {
		return Mark{}, false
	}
	defer f.Close()
	return readMark(f)
}
