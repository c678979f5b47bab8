package ledger

import "encoding/binary"

// The kinds of journal record.
const (
	opening byte = iota + 1
	entry
	closing
	nothing
)

// slip is a journal record being made. It is used again and again.
type slip struct {
	kind   byte
	record *Record
	entry  Entry
	row    []byte
	last   bool   // entry: the call is over
	from   uint64 // opening: the number it had before
	ended  bool   // the record has closed the call
}

// AppendTo appends the record:
//
//	opening  number it had before or 0, attempts so far, row
//	entry    number of the opening, 1 if the call is over, seq, hash, row
//	closing  number of the opening
func (s *slip) AppendTo(dst []byte, number uint64) []byte {
	l, r := s.record.ledger, s.record
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case s.kind == opening && s.from != 0 && r.number != s.from: // closed meanwhile
		return append(dst, nothing)
	case s.kind == opening:
		l.unlink(r)
		r.number = number
		l.link(r)
		dst = append(dst, opening)
		dst = binary.AppendUvarint(dst, s.from)
		dst = binary.AppendUvarint(dst, uint64(r.attempts))
		return append(dst, s.row...)
	case s.kind == entry:
		l.chain, l.scratch = l.chain.next(s.row, l.scratch)
		l.appended.Store(l.chain.seq)
		dst = appendEntry(dst, r.number, s.last, l.chain, s.row)
	default:
		dst = append(dst, closing)
		dst = binary.AppendUvarint(dst, r.number)
	}
	if (s.kind == closing || s.last) && r.number != 0 {
		l.unlink(r)
		r.number = 0
		s.ended = true
	}
	return dst
}

// appendEntry appends the record of a row at its place in the chain.
func appendEntry(dst []byte, opening uint64, last bool, at chain, row []byte) []byte {
	over := byte(0)
	if last {
		over = 1
	}
	dst = append(dst, entry)
	dst = binary.AppendUvarint(dst, opening)
	dst = append(dst, over)
	dst = binary.AppendUvarint(dst, uint64(at.seq))
	dst = append(dst, at.hash[:]...)
	return append(dst, row...)
}

// link puts a record at the end of the open ones, which are in the order of
// their numbers.
func (l *Ledger) link(r *Record) {
	r.prev = l.newest
	if l.newest != nil {
		l.newest.next = r
	} else {
		l.oldest = r
	}
	l.newest = r
	l.opens++
}

// unlink takes a record out of the open ones, if it is there.
func (l *Ledger) unlink(r *Record) {
	if r.number == 0 {
		return
	}
	if r.prev != nil {
		r.prev.next = r.next
	} else {
		l.oldest = r.next
	}
	if r.next != nil {
		r.next.prev = r.prev
	} else {
		l.newest = r.prev
	}
	r.prev, r.next = nil, nil
	l.opens--
}

// slip returns a slip to fill in.
func (l *Ledger) slip() *slip {
	if s, ok := l.slips.Get().(*slip); ok {
		return s
	}
	return &slip{row: make([]byte, 0, 512)}
}

// put gives a slip back, and the room of a call that has ended.
func (l *Ledger) put(s *slip) {
	if s.ended {
		s.record.journal.Unreserve(roomPerCall)
	}
	*s = slip{row: s.row[:0]}
	l.slips.Put(s)
}

// parsed is a journal record that was read.
type parsed struct {
	kind     byte
	opening  uint64 // entry, closing: the opening it belongs to; opening: the number it had before
	attempts int
	last     bool
	entry    Entry // opening: the row of the crash
	place    chain
}

func parse(chainName string, payload []byte) (p parsed, err error) {
	if len(payload) == 0 {
		return p, errRow
	}
	p.kind = payload[0]
	rest := payload[1:]
	uvarint := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			err = errRow
			return 0
		}
		rest = rest[n:]
		return v
	}
	switch p.kind {
	case opening:
		p.opening, p.attempts = uvarint(), int(min(uvarint(), 1<<20))
	case entry:
		p.opening = uvarint()
		if len(rest) == 0 {
			return p, errRow
		}
		p.last, rest = rest[0] == 1, rest[1:]
		p.place.seq = int64(uvarint())
		if len(rest) < len(p.place.hash) {
			return p, errRow
		}
		rest = rest[copy(p.place.hash[:], rest):]
	case closing:
		p.opening = uvarint()
		return p, err
	case nothing:
		return p, nil
	default:
		return p, errRow
	}
	if err != nil {
		return p, err
	}
	w := reading(rest)
	w.row(&p.entry)
	p.entry.Chain, p.entry.Seq, p.entry.Hash = chainName, p.place.seq, p.place.hash
	return p, w.end()
}
