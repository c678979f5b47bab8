package gemini

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// Models of a page: as many as the vendor gives by itself, and at most.
const (
	usualPage = 50
	maxPage   = 1000
)

// EncodeModels returns one page of the list of models. The query may hold
// pageSize (1 to 1000) and pageToken.
func (*Codec) EncodeModels(cards []protocol.ModelCard, query url.Values) []byte {
	size := usualPage
	if n, err := strconv.Atoi(query.Get("pageSize")); err == nil && n > 0 {
		size = min(n, maxPage)
	}
	start := 0
	if token := query.Get("pageToken"); token != "" {
		at := slices.IndexFunc(cards, func(c protocol.ModelCard) bool { return c.ID == token })
		if start = at; at < 0 {
			start = len(cards)
		}
	}
	end := min(len(cards), start+size)
	list := make([][]byte, 0, end-start)
	for _, card := range cards[start:end] {
		list = append(list, modelJSON(card))
	}
	out := appendArray([]byte(`{"models":`), list)
	if end < len(cards) {
		out = jsonscan.AppendString(append(out, `,"nextPageToken":`...), cards[end].ID)
	}
	return append(out, '}')
}

// EncodeModel returns one model.
func (*Codec) EncodeModel(card protocol.ModelCard) []byte { return modelJSON(card) }

func modelJSON(card protocol.ModelCard) []byte {
	name := card.DisplayName
	if name == "" {
		name = card.ID
	}
	dst := jsonscan.AppendString([]byte(`{"name":`), "models/"+card.ID)
	dst = jsonscan.AppendString(append(dst, `,"displayName":`...), name)
	if card.MaxInput > 0 {
		dst = appendInt(append(dst, `,"inputTokenLimit":`...), int64(card.MaxInput))
	}
	if card.MaxOutput > 0 {
		dst = appendInt(append(dst, `,"outputTokenLimit":`...), int64(card.MaxOutput))
	}
	if card.Embeds {
		return append(dst, `,"supportedGenerationMethods":["embedContent","batchEmbedContents"]}`...)
	}
	return append(dst, `,"supportedGenerationMethods":["generateContent","countTokens"]}`...)
}
