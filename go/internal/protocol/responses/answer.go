package responses

import (
	"strconv"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/jsonscan"
	"github.com/tokligence/tokligence-gateway/go/internal/llm"
)

// readMeta reads what a response object says of itself.
func readMeta(v []byte) llm.Meta {
	meta := llm.Meta{Protocol: llm.Responses}
	it := jsonscan.Members(v)
	for it.Next() {
		switch string(it.Key()) {
		case "id":
			meta.ID = text(it.Value())
		case "model":
			meta.Model = text(it.Value())
		case "service_tier":
			// At the start it is what was asked for, only at the end what was given.
			if tier := text(it.Value()); tier != "auto" {
				meta.Tier = tier
			}
		case "created_at":
			if sec, ok := jsonscan.Float(it.Value()); ok && sec > 0 && sec < 1e11 {
				meta.Created = time.Unix(int64(sec), 0)
			}
		}
	}
	return meta
}

// readStop says why a response of that status ended. Tools tells whether it
// holds calls, refused whether the model declined in words.
func readStop(status string, v []byte, tools, refused bool) llm.Stop {
	switch {
	case status == statusIncomplete:
		reason := text(jsonscan.Get(v, "incomplete_details", "reason"))
		if reason == reasonFilter {
			return llm.Stop{Reason: llm.StopRefusal, Raw: reason}
		}
		return llm.Stop{Reason: llm.StopLength, Raw: reason}
	case tools:
		return llm.Stop{Reason: llm.StopTools, Raw: status}
	case refused:
		return llm.Stop{Reason: llm.StopRefusal, Raw: status}
	}
	return llm.Stop{Reason: llm.StopEnd, Raw: status}
}

// The reasons of an incomplete answer.
const (
	reasonLength = "max_output_tokens"
	reasonFilter = "content_filter"
)

// response is the object that an answer is, and that several events carry.
type response struct {
	meta      llm.Meta
	maxTokens int // 0 not said
	echo      echo
}

// ending is what a response says beside its output.
type ending struct {
	status   string
	reason   string // of an incomplete answer
	code     string // of a failed one
	message  string
	usage    *llm.Usage // nil while it is not known
	finished time.Time
}

// append writes the object. Output is the finished items, separated by commas.
func (r *response) append(dst, output []byte, end ending) []byte {
	dst = append(dst, `{"id":`...)
	dst = jsonscan.AppendString(dst, r.meta.ID)
	dst = append(dst, `,"object":"response","created_at":`...)
	dst = strconv.AppendInt(dst, r.meta.Created.Unix(), 10)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, end.status...)
	dst = append(dst, '"')
	if end.status == statusCompleted {
		dst = append(dst, `,"completed_at":`...)
		dst = strconv.AppendInt(dst, end.finished.Unix(), 10)
	}
	dst = append(strconv.AppendBool(append(dst, `,"background":`...), r.echo.background), `,"error":`...)
	if end.status == statusFailed {
		dst = append(dst, `{"code":`...)
		dst = jsonscan.AppendString(dst, end.code)
		dst = append(dst, `,"message":`...)
		dst = jsonscan.AppendString(dst, end.message)
		dst = append(dst, '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"incomplete_details":`...)
	if end.status == statusIncomplete {
		dst = append(append(append(dst, `{"reason":"`...), end.reason...), `"}`...)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(append(append(dst, `,"instructions":`...), r.echo.instructions...), `,"max_output_tokens":`...)
	if r.maxTokens > 0 {
		dst = strconv.AppendInt(dst, int64(r.maxTokens), 10)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"model":`...)
	dst = jsonscan.AppendString(dst, r.meta.Model)
	dst = append(dst, `,"output":[`...)
	dst = append(dst, output...)
	dst = r.echo.appendFirst(append(dst, ']'))
	if r.meta.Tier != "" && knownTier(r.meta.Tier) {
		dst = append(dst, `,"service_tier":`...)
		dst = jsonscan.AppendString(dst, r.meta.Tier)
	}
	dst = r.echo.appendLast(dst)
	dst = append(dst, `,"usage":`...)
	if end.usage != nil {
		dst = appendUsage(dst, end.usage)
	} else {
		dst = append(dst, "null"...)
	}
	return append(append(append(dst, `,"metadata":`...), r.echo.metadata...), '}')
}

// knownTier reports whether a service tier is one of this protocol's words.
func knownTier(tier string) bool {
	switch tier {
	case "auto", "default", "flex", "scale", "priority", "fast", "ultrafast":
		return true
	}
	return false
}
