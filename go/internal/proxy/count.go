package proxy

import (
	"io"
	"net/http"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
)

// encodeFor writes a request in the candidate's protocol.
func (t *try) encodeFor(req *llm.Request) ([]byte, []llm.Finding, error) {
	codec := t.proxy.codecs[t.cand.Protocol]
	if t.call.Head.Operation != llm.CountTokens {
		return codec.EncodeRequest(req, t.cand.Target)
	}
	counter, ok := codec.(protocol.Counter)
	if !ok {
		return nil, nil, llm.Errorf(llm.Invalid, "Tokens cannot be counted in %s.", t.cand.Protocol)
	}
	return counter.EncodeCountRequest(req, t.cand.Target)
}

// relayCount answers with what an upstream of another protocol counted.
func (t *try) relayCount(body io.Reader, header http.Header) *llm.Error {
	whole, failure := t.readWhole(body, header)
	if failure != nil {
		return failure
	}
	from, _ := t.proxy.codecs[t.cand.Protocol].(protocol.Counter)
	to, ok := t.call.Codec.(protocol.Counter)
	if from == nil || !ok {
		return llm.Errorf(llm.Internal, "tokens cannot be counted in %s for %s", t.cand.Protocol, t.call.Codec.Name())
	}
	n, ok := from.DecodeCount(whole)
	if !ok {
		return t.blame(llm.Errorf(llm.BadUpstream, "The upstream %s answered a count with none.", t.row.Provider))
	}
	t.first()
	answer := to.EncodeCount(n)
	if failure := t.settle(len(answer)); failure != nil {
		return failure
	}
	h := t.reply(header, "application/json")
	contentLength(h, len(answer))
	t.ans.prepare(http.StatusOK, h)
	_, _ = t.ans.Write(answer)
	return nil
}
