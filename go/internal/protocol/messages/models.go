package messages

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// maxPage is the most models a list may hold, and what it holds when the
// client names no limit.
const maxPage = 1000

// EncodeModels returns one page of the list of models. The query may hold
// limit (1 to 1000), after_id and before_id.
func (*Codec) EncodeModels(cards []protocol.ModelCard, query url.Values) []byte {
	page, more := paginate(cards, query)
	out := []byte(`{"data":[`)
	for i, card := range page {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendModel(out, card)
	}
	out = append(out, `],"has_more":`...)
	out = strconv.AppendBool(out, more)
	if len(page) == 0 {
		return append(out, `,"first_id":null,"last_id":null}`...)
	}
	out = append(out, `,"first_id":`...)
	out = jsonscan.AppendString(out, page[0].ID)
	out = append(out, `,"last_id":`...)
	out = jsonscan.AppendString(out, page[len(page)-1].ID)
	return append(out, '}')
}

// EncodeModel returns one model.
func (*Codec) EncodeModel(card protocol.ModelCard) []byte { return appendModel(nil, card) }

// paginate cuts the page out of cards and reports whether there is more
// beyond it, in the direction of the walk.
func paginate(cards []protocol.ModelCard, query url.Values) (page []protocol.ModelCard, more bool) {
	limit := maxPage
	if n, err := strconv.Atoi(query.Get("limit")); err == nil && n > 0 {
		limit = min(n, maxPage)
	}
	place := func(id string) int {
		return slices.IndexFunc(cards, func(c protocol.ModelCard) bool { return c.ID == id })
	}
	if before := query.Get("before_id"); before != "" {
		end := max(0, place(before))
		start := max(0, end-limit)
		return cards[start:end], start > 0
	}
	start := 0
	if after := query.Get("after_id"); after != "" {
		if start = place(after) + 1; start == 0 {
			start = len(cards)
		}
	}
	end := min(len(cards), start+limit)
	return cards[start:end], end < len(cards)
}

func appendModel(dst []byte, card protocol.ModelCard) []byte {
	name := card.DisplayName
	if name == "" {
		name = card.ID
	}
	dst = append(dst, `{"type":"model","id":`...)
	dst = jsonscan.AppendString(dst, card.ID)
	dst = append(dst, `,"display_name":`...)
	dst = jsonscan.AppendString(dst, name)
	created := card.Created
	if created.IsZero() {
		created = time.Unix(0, 0) // what the protocol says for an unknown date
	}
	dst = append(dst, `,"created_at":"`...)
	dst = created.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","max_input_tokens":`...)
	dst = appendCount(dst, card.MaxInput)
	dst = append(dst, `,"max_tokens":`...)
	dst = appendCount(dst, card.MaxOutput)
	return append(dst, `,"capabilities":null}`...)
}

// appendCount writes an unknown count as null.
func appendCount(dst []byte, n int) []byte {
	if n == 0 {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
