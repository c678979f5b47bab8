package protocol_test

import (
	"encoding/json"
	"testing"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

func TestCheckState(t *testing.T) {
	block := func(origin llm.Protocol, field string) *llm.Request {
		return &llm.Request{Turns: []llm.Turn{{Role: llm.User, Blocks: []llm.Block{llm.Opaque{Origin: origin, Field: field}}}}}
	}
	extra := func(origin llm.Protocol, field, raw string) *llm.Request {
		return &llm.Request{Extra: []llm.Opaque{{Origin: origin, Field: field, Raw: json.RawMessage(raw)}}}
	}
	for name, c := range map[string]struct {
		req   *llm.Request
		field string
	}{
		"a search of the vendor's":  {block(llm.Responses, "web_search_call"), ""},
		"a part of a message":       {block(llm.Responses, "content.of_tomorrow"), ""},
		"a block":                   {block(llm.Messages, "server_tool_use"), ""},
		"an item nobody knows":      {block(llm.Responses, "of_tomorrow"), "turns[0].blocks[0]"},
		"a reference":               {block(llm.Responses, "item_reference"), "turns[0].blocks[0]"},
		"a request to compact":      {block(llm.Responses, "compaction_trigger"), "turns[0].blocks[0]"},
		"a file of the vendor's":    {block(llm.Messages, "container_upload"), "turns[0].blocks[0]"},
		"one of its own":            {block(llm.Chat, "of_tomorrow"), ""},
		"an earlier answer":         {extra(llm.Responses, "previous_response_id", `"r"`), "previous_response_id"},
		"a machine of the vendor's": {extra(llm.Messages, "container", `"c"`), "container"},
		"in the background":         {extra(llm.Responses, "background", `true`), "background"},
		"not in the background":     {extra(llm.Responses, "background", `false`), ""},
		"a field of tomorrow":       {extra(llm.Responses, "of_tomorrow", `1`), ""},
		"a field of its own":        {extra(llm.Chat, "container", `1`), ""},
	} {
		err := llm.AsError(protocol.CheckState(c.req, llm.Chat))
		if (err != nil) != (c.field != "") || err != nil && (err.Kind != llm.Invalid || err.Field != c.field) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
