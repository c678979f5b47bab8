package chat

import (
	"net/url"

	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// EncodeModels returns a model list. The vendor's list has no pages. Codex, which
// tells its version, wants a list in a form of its own as well, and without it
// logs an error; what is in there would replace what it knows of models, prompts
// of the vendor included, so it stays empty.
func (*Codec) EncodeModels(cards []protocol.ModelCard, query url.Values) []byte {
	b := append(make([]byte, 0, 64+96*len(cards)), `{"object":"list","data":[`...)
	for _, card := range cards {
		b = appendModel(next(b), card)
	}
	b = append(b, ']')
	if query.Has("client_version") {
		b = append(b, `,"models":[]`...)
	}
	return append(b, '}')
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
