package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"

	"github.com/tokligence/tokligence-gateway/go/test/daemon"
)

// keeper is a provider that speaks Responses and keeps one answer.
func keeper(w http.ResponseWriter, r *http.Request) {
	const made = `{"id":"resp_held","object":"response","model":"gpt-5","status":"%s","output":[]}`
	w.Header().Set("Content-Type", "application/json")
	status := "queued"
	switch path := r.Method + " " + r.URL.Path; {
	case path == "POST /v1/responses":
	case path == "POST /v1/responses/resp_held/cancel":
		status = "cancelled"
	case path == "GET /v1/responses/resp_held/input_items" && r.URL.Query().Get("limit") == "1":
		_, _ = io.WriteString(w, `{"object":"list","data":[],"first_id":null,"last_id":null,"has_more":false}`)
		return
	case path == "GET /v1/responses/resp_held" && r.URL.RawQuery == "starting_after=4&stream=true":
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":5,\"response\":"+made+"}\n\n", "completed")
		return
	case path == "GET /v1/responses/resp_held" && r.URL.RawQuery == "":
		status = "in_progress"
	case path == "DELETE /v1/responses/resp_held":
		_, _ = io.WriteString(w, `{"id":"resp_held","object":"response","deleted":true}`)
		return
	default:
		http.Error(w, path+"?"+r.URL.RawQuery, http.StatusTeapot)
		return
	}
	_, _ = fmt.Fprintf(w, made, status)
}

// TestGoClientWithStateAtAProvider starts an answer in the background, follows
// it and deletes it, with a restart of the gateway in between.
func TestGoClientWithStateAtAProvider(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(keeper))
	t.Cleanup(up.Close)
	d := daemon.Start(t, "TOKLIGENCE_OPENAI_API_KEY=sk-openai", "TOKLIGENCE_OPENAI_BASE_URL="+up.URL+"/v1")
	ctx := context.Background()
	connect := func() openai.Client {
		return openai.NewClient(option.WithBaseURL(d.URL+"/v1"), option.WithAPIKey(daemon.Key), option.WithMaxRetries(0))
	}
	client := connect()
	ask := responses.ResponseNewParams{
		Model: "gpt-5", Input: responses.ResponseNewParamsInputUnion{OfString: openai.String("Hello")}, Background: openai.Bool(true),
	}
	first, err := client.Responses.New(ctx, ask)
	if err != nil || first.Status != responses.ResponseStatusQueued {
		t.Fatalf("%v, %v", first, err)
	}
	d.Stop(t)
	d.Run(t)
	client = connect()
	if got, err := client.Responses.Get(ctx, first.ID, responses.ResponseGetParams{}); err != nil || got.Status != responses.ResponseStatusInProgress {
		t.Errorf("read: %v, %v", got, err)
	}
	stream := client.Responses.GetStreaming(ctx, first.ID, responses.ResponseGetParams{StartingAfter: openai.Int(4)},
		option.WithQuery("stream", "true")) // this client says it in a body only
	var last responses.ResponseStreamEventUnion
	for stream.Next() {
		last = stream.Current()
	}
	if stream.Err() != nil || last.SequenceNumber != 5 {
		t.Errorf("streamed: %v, %v", last, stream.Err())
	}
	if _, err := client.Responses.InputItems.List(ctx, first.ID, responses.InputItemListParams{Limit: openai.Int(1)}); err != nil {
		t.Errorf("input items: %v", err)
	}
	if got, err := client.Responses.Cancel(ctx, first.ID); err != nil || got.Status != responses.ResponseStatusCancelled {
		t.Errorf("cancelled: %v, %v", got, err)
	}
	if err := client.Responses.Delete(ctx, first.ID); err != nil {
		t.Error(err)
	}
	var refused *openai.Error
	if _, err := client.Responses.Get(ctx, first.ID, responses.ResponseGetParams{}); !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound ||
		!strings.Contains(refused.Message, "not found") {
		t.Errorf("read when deleted: %v", err)
	}
}
