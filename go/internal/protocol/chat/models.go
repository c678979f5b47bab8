package chat

import (
	"net/url"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// EncodeModels returns a model list. The vendor's list has no pages, so the
// query says nothing.
func (*Codec) EncodeModels(cards []protocol.ModelCard, _ url.Values) []byte {
	b := append(make([]byte, 0, 64+96*len(cards)), `{"object":"list","data":[`...)
	for _, card := range cards {
		b = appendModel(next(b), card)
	}
	return append(b, ']', '}')
}

// EncodeModel returns one entry of the list.
func (*Codec) EncodeModel(card protocol.ModelCard) []byte { return appendModel(nil, card) }

func appendModel(b []byte, card protocol.ModelCard) []byte {
	b = append(b, '{')
	b = text(b, "id", card.ID)
	b = text(b, "object", "model")
	created := int64(0) // required; 0 is unknown
	if !card.Created.IsZero() {
		created = card.Created.Unix()
	}
	b = number(b, "created", created)
	b = text(b, "owned_by", card.OwnedBy)
	return append(b, '}')
}
