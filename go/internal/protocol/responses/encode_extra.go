package responses

import (
	"strconv"
	"strings"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// rest writes what concerns state, and the fields of this protocol only.
func (e *encoder) rest() {
	switch {
	case e.own["include"] != nil:
		e.raw("include", e.own["include"])
	case e.reasoned:
		e.raw("include", []byte(`["`+includeReasoning+`"]`))
	}
	e.raw("store", strconv.AppendBool(nil, e.req.Store != nil && *e.req.Store))
	for _, x := range e.req.Extra {
		top := !strings.Contains(x.Field, ".") && x.Field != "include" && x.Field != "tool_choice"
		if x.Origin == llm.Responses && top {
			e.raw(x.Field, x.Raw)
		}
	}
}

// sortExtra tells the fields of this protocol from those of others.
func (e *encoder) sortExtra() {
	for _, x := range e.req.Extra {
		if x.Origin == llm.Responses {
			e.own[x.Field] = x.Raw
			continue
		}
		class := llm.Lost
		switch x.Field {
		case "context_management", "prediction", "inference_geo", "stream_options", "safetySettings", "labels",
			"cachedContent", "store", "anthropic_beta":
			class = llm.Dropped
		}
		e.found(class, x.Field, reasonUnsupported)
	}
}

func (e *encoder) hasOwn(prefix string) bool {
	for name := range e.own {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// appendOwn appends the members kept under "prefix.name".
func (e *encoder) appendOwn(obj []byte, prefix string) []byte {
	for _, x := range e.req.Extra {
		if name, ok := strings.CutPrefix(x.Field, prefix); ok && x.Origin == llm.Responses {
			obj = appendMember(obj, []byte(name), x.Raw)
		}
	}
	return obj
}
