package protocol

import (
	"cmp"
	"slices"
	"time"
)

// ModelCard is one entry of a model list. Zero fields are not known.
type ModelCard struct {
	ID          string
	DisplayName string
	OwnedBy     string // provider
	Created     time.Time
	MaxInput    int  // tokens
	MaxOutput   int  // tokens
	Embeds      bool // makes embeddings and nothing else
}

// SortCards orders cards by id and returns them.
func SortCards(cards []ModelCard) []ModelCard {
	slices.SortFunc(cards, func(a, b ModelCard) int { return cmp.Compare(a.ID, b.ID) })
	return cards
}
