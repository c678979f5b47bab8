package bpe

import "container/heap"

// merger joins the bytes of a piece to tokens, always the pair of lowest rank
// first and of equals the first one. The work grows with n·log n, so that a
// long piece is no way to keep the gateway busy.
type merger struct {
	parts []part
	queue pairs
}

// part is a token so far. A part of size 0 has become part of another.
type part struct {
	at, size   int
	prev, next int // parts beside it, -1: none
}

// pair may be joined: two parts side by side that make a token.
type pair struct {
	rank, left int
	size       int // of both, when the pair was found; otherwise it is outdated
}

type pairs []pair

func (p pairs) Len() int      { return len(p) }
func (p pairs) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p pairs) Less(i, j int) bool {
	return p[i].rank < p[j].rank || p[i].rank == p[j].rank && p[i].left < p[j].left
}
func (p *pairs) Push(x any) { *p = append(*p, x.(pair)) }
func (p *pairs) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

// count returns how many tokens a piece becomes.
func (m *merger) count(v *vocabulary, piece string) int64 {
	m.parts, m.queue = m.parts[:0], m.queue[:0]
	for i := range len(piece) {
		m.parts = append(m.parts, part{at: i, size: 1, prev: i - 1, next: i + 1})
	}
	m.parts[len(piece)-1].next = -1
	for i := range len(piece) - 1 {
		if p, ok := m.pair(v, piece, i); ok {
			m.queue = append(m.queue, p)
		}
	}
	heap.Init(&m.queue)
	n := int64(len(piece))
	for m.queue.Len() > 0 {
		best := heap.Pop(&m.queue).(pair)
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
		for _, i := range [...]int{left.prev, best.left} {
			if p, ok := m.pair(v, piece, i); ok {
				heap.Push(&m.queue, p)
			}
		}
	}
	return n
}

// pair looks at a part and the next one.
func (m *merger) pair(v *vocabulary, piece string, left int) (pair, bool) {
	if left < 0 || m.parts[left].next < 0 {
		return pair{}, false
	}
	at, size := m.parts[left].at, m.parts[left].size+m.parts[m.parts[left].next].size
	rank := v.rank(piece[at : at+size])
	return pair{rank: rank, left: left, size: size}, rank >= 0
}
