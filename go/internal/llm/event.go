package llm

import "time"

// Event is one step of an answer, streamed or not:
//
//	Start { BlockStart { BlockDelta } BlockEnd } ( Finish | Failed )
//
// Blocks of different Index may interleave. Metered may come anywhere after
// Start and always carries totals. Failed may come first.
type Event struct {
	Type  EventType
	Index int // of the block, counted by the reader from 0

	// Block says at BlockStart what opens: its kind, call id and name, no
	// content. At BlockEnd it is nil, or the finished block where the wire
	// gave more than the deltas (citations, a whole Opaque).
	Block Block

	// Delta is JSON string content as received, still escaped and without
	// the quotes; valid until the next call. A surrogate pair or an escape
	// may be split over two deltas, so a delta is never unescaped alone.
	Delta []byte

	Seal  string // BlockEnd of a Thought or a ToolCall
	Meta  *Meta  // Start
	Usage *Usage // Metered
	Stop  Stop   // Finish
	Err   *Error // Failed
}

// EventType is the kind of an Event.
type EventType uint8

// The kinds of event.
const (
	Start EventType = iota + 1
	BlockStart
	BlockDelta
	BlockEnd
	Metered
	Finish
	Failed
)

// Meta is what an upstream says of an answer as a whole.
type Meta struct {
	ID       string
	Model    string // the model that served, as the upstream names it
	Created  time.Time
	Protocol Protocol // spoken by the upstream
	Origin   string   // where seals of this answer are valid; set by the proxy
	Tier     string   // service tier used
}

// StopReason says why the model stopped.
type StopReason string

// The reasons to stop.
const (
	StopEnd      StopReason = "end"
	StopSequence StopReason = "sequence"
	StopTools    StopReason = "tools"
	StopLength   StopReason = "length"
	StopContext  StopReason = "context" // the context window is full
	StopRefusal  StopReason = "refusal"
	StopPause    StopReason = "pause" // send the turn back to go on
)

// Stop is the end of an answer. Raw is the upstream's own word for it.
type Stop struct {
	Reason   StopReason
	Sequence string // the stop sequence that fired, if told
	Raw      string
	Details  []byte // Messages: stop_details, raw JSON
}
