package jsonscan

import "bytes"

// Iter walks the members of an object or the elements of an array in order.
// The zero value is an empty walk. Ranges it hands out alias the text.
type Iter struct {
	text  []byte
	pos   int
	close byte
	err   error

	key      []byte
	val      []byte
	valStart int
}

// Members returns a walk over the object v. A walk over anything but an
// object ends at once with an error.
func Members(v []byte) Iter { return open(v, '{', '}') }

// Elements returns a walk over the array v.
func Elements(v []byte) Iter { return open(v, '[', ']') }

func open(v []byte, left, right byte) Iter {
	it := Iter{text: v, close: right}
	i := space(v, 0)
	if i >= len(v) || v[i] != left {
		if left == '{' {
			it.err = syntax(i, "object expected")
		} else {
			it.err = syntax(i, "array expected")
		}
		return it
	}
	it.pos = space(v, i+1)
	if it.pos < len(v) && v[it.pos] == right {
		it.finish(it.pos + 1)
	}
	return it
}

// finish closes the walk; what follows the value must be blank.
func (it *Iter) finish(pos int) {
	if rest := space(it.text, pos); rest < len(it.text) {
		it.err = syntax(rest, "text after the end of the value")
	}
	it.text = nil
}

// Next moves on and reports whether there is a value.
func (it *Iter) Next() bool {
	if it.err != nil || it.text == nil {
		return false
	}
	b, i := it.text, it.pos
	if it.close == '}' {
		if i >= len(b) || b[i] != '"' {
			return it.fail(i, "member name expected")
		}
		end, err := stringEnd(b, i)
		if err != nil {
			it.err = err
			return false
		}
		it.key = b[i+1 : end-1]
		if bytes.IndexByte(it.key, '\\') >= 0 {
			it.key = Unescape(nil, it.key)
		}
		if i = space(b, end); i >= len(b) || b[i] != ':' {
			return it.fail(i, "':' expected")
		}
		i = space(b, i+1)
	}
	end, err := valueEnd(b, i)
	if err != nil {
		it.err = err
		return false
	}
	it.valStart, it.val = i, b[i:end]
	i = space(b, end)
	switch {
	case i >= len(b):
		return it.fail(i, "unexpected end")
	case b[i] == it.close:
		it.finish(i + 1)
		return it.err == nil
	case b[i] != ',':
		return it.fail(i, "',' expected")
	}
	it.pos = space(b, i+1)
	return true
}

func (it *Iter) fail(offset int, reason string) bool {
	it.err = syntax(offset, reason)
	return false
}

// Key is the name of the current member, without escapes.
func (it *Iter) Key() []byte { return it.key }

// Value is the text of the current value, without surrounding space.
func (it *Iter) Value() []byte { return it.val }

// Span is where the current value lies in the text: start and end offset.
func (it *Iter) Span() (start, end int) { return it.valStart, it.valStart + len(it.val) }

// Err returns what ended the walk early, if anything did.
func (it *Iter) Err() error { return it.err }

// Get follows member names down from v and returns the value found, or nil.
func Get(v []byte, path ...string) []byte {
	for _, name := range path {
		it := Members(v)
		v = nil
		for it.Next() {
			if string(it.Key()) == name {
				v = it.Value()
				break
			}
		}
		if v == nil {
			return nil
		}
	}
	return v
}
