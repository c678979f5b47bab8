package route

// rotate orders the keys within each target: those of a conversation always
// alike, so that a provider's prompt cache, which belongs to a key, goes on
// hitting; others in turn. A key that was just limited comes after its like.
func (s *snapshot) rotate(slots []slot, session string, live bool) {
	for from := 0; from < len(slots); {
		to := from + 1
		for to < len(slots) && slots[to].t == slots[from].t {
			to++
		}
		if group := slots[from:to]; len(group) > 1 {
			p := group[0].m.pool
			if session != "" {
				byAffinity(group, session)
			} else {
				turn(group, p, live)
			}
			limitedLast(group)
		}
		from = to
	}
}

// byAffinity sorts by rendezvous hash: when a key comes or goes, only the
// conversations of that key move.
func byAffinity(group []slot, session string) {
	for i := 1; i < len(group); i++ {
		for j := i; j > 0 && affinity(session, group[j].m.name) > affinity(session, group[j-1].m.name); j-- {
			group[j], group[j-1] = group[j-1], group[j]
		}
	}
}

// affinity is FNV-1a over both names, finished so that near names end far
// apart. It is the same in every process.
func affinity(session, name string) uint64 {
	h := uint64(14695981039346656037)
	for _, text := range [...]string{session, "\x00", name} {
		for i := range len(text) {
			h = (h ^ uint64(text[i])) * 1099511628211
		}
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	return h ^ h>>33
}

// turn begins with the next key of the pool.
func turn(group []slot, p *pool, live bool) {
	n := p.next.Load()
	if live {
		n = p.next.Add(1) - 1
	}
	by := int(n % uint32(len(group))) //nolint:gosec // a plan has few slots
	reverse(group[:by])
	reverse(group[by:])
	reverse(group)
}

func reverse(group []slot) {
	for i, j := 0, len(group)-1; i < j; i, j = i+1, j-1 {
		group[i], group[j] = group[j], group[i]
	}
}

func limitedLast(group []slot) {
	for i := 1; i < len(group); i++ {
		for j := i; j > 0 && group[j-1].limited && !group[j].limited; j-- {
			group[j], group[j-1] = group[j-1], group[j]
		}
	}
}
