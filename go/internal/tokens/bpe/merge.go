package bpe

// merger joins the bytes of a piece to tokens, always the pair of lowest rank
// first and of equals the first one. The work grows with n·log n.
type merger struct {
	parts []part
	queue []pair // a heap
}

// part is a token so far. A part of size 0 has become part of another.
type part struct {
	at, size   int32
	prev, next int32 // parts beside it, -1: none
}

// pair may be joined: two parts side by side that make a token.
type pair struct {
	rank, left int32
	size       int32 // of both, when the pair was found; otherwise it is outdated
}

func (p pair) before(q pair) bool { return p.rank < q.rank || p.rank == q.rank && p.left < q.left }

// count returns how many tokens a piece becomes.
func (m *merger) count(v *vocabulary, piece string) int64 {
	if v.rank(piece) >= 0 {
		return 1
	}
	m.parts, m.queue = m.parts[:0], m.queue[:0]
	last := int32(len(piece)) - 1
	for i := range last + 1 {
		m.parts = append(m.parts, part{at: i, size: 1, prev: i - 1, next: i + 1})
	}
	m.parts[last].next = -1
	for i := range last {
		m.look(v, piece, i)
	}
	n := int64(len(piece))
	for len(m.queue) > 0 {
		best := m.pop()
		left := &m.parts[best.left]
		if left.size == 0 || left.next < 0 || left.size+m.parts[left.next].size != best.size {
			continue
		}
		right := &m.parts[left.next]
		left.size, left.next, right.size = best.size, right.next, 0
		if left.next >= 0 {
			m.parts[left.next].prev = best.left
		}
		n--
		m.look(v, piece, left.prev)
		m.look(v, piece, best.left)
	}
	return n
}

// look queues a part and the next one, if they make a token.
func (m *merger) look(v *vocabulary, piece string, left int32) {
	if left < 0 || m.parts[left].next < 0 {
		return
	}
	at, size := m.parts[left].at, m.parts[left].size+m.parts[m.parts[left].next].size
	if rank := v.rank(piece[at : at+size]); rank >= 0 {
		m.push(pair{rank: int32(rank), left: left, size: size})
	}
}

// push and pop keep the heap. That of the library puts each pair on the heap
// of the program as well.
func (m *merger) push(p pair) {
	q := append(m.queue, p)
	i := len(q) - 1
	for up := (i - 1) / 2; i > 0 && p.before(q[up]); i, up = up, (up-1)/2 {
		q[i] = q[up]
	}
	q[i], m.queue = p, q
}

func (m *merger) pop() pair {
	q := m.queue
	top, p := q[0], q[len(q)-1]
	q = q[:len(q)-1]
	m.queue = q
	i := 0
	for down := 1; down < len(q); down = 2*i + 1 {
		if right := down + 1; right < len(q) && q[right].before(q[down]) {
			down = right
		}
		if !q[down].before(p) {
			break
		}
		q[i], i = q[down], down
	}
	if len(q) > 0 {
		q[i] = p
	}
	return top
}
