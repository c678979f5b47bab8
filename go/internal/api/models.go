package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/protocol"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
)

// modelWriter is a codec that has a form for model lists.
type modelWriter interface {
	EncodeModels(cards []protocol.ModelCard, query url.Values) []byte
	EncodeModel(card protocol.ModelCard) []byte
}

// listing picks the form: the path's, or that of Anthropic or Google where the
// client says that it speaks it.
func (d *Door) listing(r *http.Request, name llm.Protocol) protocol.Codec {
	switch {
	case r.Header.Get("Anthropic-Version") != "":
		name = llm.Messages
	case fromGoogle(r):
		name = llm.Gemini
	}
	return d.codecs[name]
}

// keepLists is how long what a provider reported is not asked again.
func (d *Door) keepLists() time.Duration {
	return time.Duration(d.limits.Load().ModelsCache) * time.Second
}

func (d *Door) listModels(name llm.Protocol) gin.HandlerFunc {
	return func(c *gin.Context) {
		who, err := d.principal(c.Request)
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		cards := d.models.Callable(c.Request.Context(), who, d.keepLists())
		send(c.Writer, http.StatusOK, d.listing(c.Request, name).(modelWriter).EncodeModels(cards, c.Request.URL.Query()))
	}
}

func (d *Door) getModel(name llm.Protocol) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := strings.TrimPrefix(c.Param("id"), "/")
		if id == "" {
			d.NotFound(c)
			return
		}
		who, err := d.principal(c.Request)
		var card protocol.ModelCard
		if err == nil {
			card, err = d.models.Find(c.Request.Context(), who, id, d.keepLists())
		}
		if known := (*llm.Error)(nil); errors.As(err, &known) && known.Code == route.CodeForbidden {
			err = llm.Errorf(llm.ModelNotFound, "The model %q does not exist or you do not have access to it.", id)
		}
		if err != nil {
			d.Refuse(c.Writer, c.Request, err)
			return
		}
		send(c.Writer, http.StatusOK, d.listing(c.Request, name).(modelWriter).EncodeModel(card))
	}
}
