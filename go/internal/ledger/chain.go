package ledger

import (
	"crypto/sha256"
	"encoding/binary"
)

// chain is where a chain of rows stands.
type chain struct {
	seq  int64
	hash [32]byte
}

// newChain returns the beginning of a chain. Its name is in its first hash,
// and by that in all.
func newChain(name string) chain {
	return chain{hash: sha256.Sum256([]byte("tokligence ledger chain 1\n" + name))}
}

// next returns the chain after one more row, given as its bytes. scratch is
// returned to be used again.
func (c chain) next(row, scratch []byte) (chain, []byte) {
	b := append(scratch[:0], c.hash[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(c.seq+1))
	b = append(b, row...)
	return chain{seq: c.seq + 1, hash: sha256.Sum256(b)}, b
}
