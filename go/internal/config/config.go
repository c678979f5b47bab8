// Package config turns one YAML file, the environment and the flags of a
// command into a Config. One table (keys.go) says what can be set; defaults,
// variables, the JSON Schema, the reference page, the example file and the
// account of where each value comes from are all made from it. It is the only
// package that reads the environment. It must not know what a provider, a
// route or a price is beyond how one is written down.
package config

import (
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/llm"
	"github.com/tokligence/tokligence-gateway/go/internal/secret"
)

// Modes of an installation.
const (
	ModePersonal = "personal" // one person on this machine
	ModeTeam     = "team"     // keys are required from the first request
)

// Config is everything that can be set, as it stands after one load. It is
// never changed once Load has returned it.
type Config struct {
	File string // the file that was read; "" none

	Listen       string // host:port; port 0 takes any free one
	Mode         string // ModePersonal, ModeTeam
	DataDir      string // absolute
	APIKey       secret.Secret
	AllowedHosts []string
	Auth         Auth
	Database     Database

	Routes    []Route // empty: the built-in ones apply
	Aliases   []Alias
	Providers []Provider // those that were mentioned, the file's first

	Routing     Routing
	Translation Translation
	LoopBreaker LoopBreaker
	Stream      Stream
	Limits      Limits
	Ledger      Ledger
	Responses   Responses
	Prices      Prices
	Log         Log
	Metrics     Metrics
	Proxy       Proxy
	Shutdown    Shutdown
	UpdateCheck UpdateCheck

	sources  map[string]Source // by key; missing: default
	warnings []Problem
	reads    []content // files this was made from
}

// Auth says whether clients are asked who they are.
type Auth struct{ Disabled bool }

// Database says where rows are kept.
type Database struct {
	URL secret.Secret // empty: SQLite in the data folder
}

// Route leads the models that Match stands for to Targets, tried in order. A
// target is "provider" or "provider/model".
type Route struct {
	Match   string
	Targets []string
}

// Alias is another name for a model.
type Alias struct{ From, To string }

// Provider is one upstream account as it was configured. Fields left zero are
// those of its preset.
type Provider struct {
	Name        string
	Preset      string
	BaseURL     string
	Keys        []secret.Secret // several are used in turn
	Protocols   []llm.Protocol  // most native first
	Models      []string
	Headers     map[string]secret.Secret
	Timeout     time.Duration // until the answer begins
	IdleTimeout time.Duration // between two parts of an answer
	Proxy       secret.Secret // URL, or "none"
	Quirks      map[string]any
	Defaults    Defaults
	Disabled    bool
}

// Defaults are the models that stand in for those of other vendors.
type Defaults struct{ Large, Small string }

// Routing says how failure of upstreams is answered.
type Routing struct {
	Attempts       int // tries of one target for one call
	Backoff        time.Duration
	BackoffMax     time.Duration
	Failures       int // in a row, that open a cool-down
	Cooldown       time.Duration
	CooldownMax    time.Duration
	KeyCooldown    time.Duration // of a refused key or an empty account
	RetryAfterWait time.Duration // longest that a client is kept waiting for
	RetryAfterMax  time.Duration // longest that an upstream is left alone for
	Probe          time.Duration // how long one trial call keeps others away
}

// Translation says what happens when client and upstream differ in protocol.
type Translation struct {
	Mode   string // auto, passthrough, translation
	Strict bool   // refuse what cannot be carried
}

// LoopBreaker says when an agent that repeats one call is told and stopped.
type LoopBreaker struct {
	Enabled bool
	Tell    int      // repeats, the first call included
	Stop    int      // repeats, the first call included
	Exempt  []string // names of tools
}

// What becomes of an upstream's answer when the client has left.
const (
	Drain = "drain" // read on for the usage, within bounds
	Abort = "abort" // cancel it
)

// Stream says how streamed answers are carried.
type Stream struct {
	Hold         time.Duration
	KeepAlive    time.Duration
	WriteTimeout time.Duration
	OnDisconnect string // Drain, Abort
	DrainTime    time.Duration
	DrainBytes   Size
	MaxDrains    int
}

// Limits bound what clients and upstreams may send.
type Limits struct {
	BodyBytes   Size
	BodyMemory  Size // of all bodies at a time
	BodyIdle    time.Duration
	HeaderTime  time.Duration
	IdleTime    time.Duration // of a connection between two requests
	AnswerBytes Size
	FrameBytes  Size
	ModelsCache time.Duration
}

// How durable a record is before its client sees the end of the answer.
const (
	DurabilityNormal = "normal" // survives the death of the process
	DurabilitySync   = "sync"   // survives the loss of power
)

// Ledger says how records are kept.
type Ledger struct {
	Durability   string
	JournalBytes Size
}

// Responses says how answers of the Responses protocol are kept.
type Responses struct {
	TTL      time.Duration // 0 keeps none
	MaxBytes Size          // of one with its input, and of a conversation
	MaxKept  int           // of one API key

	BytesPerKey Size // of what is kept of one API key
	Bytes       Size // of what is kept of all

	Background       int // answers that are made in the background at a time
	BackgroundPerKey int // of them, of one API key
}

// Prices says where prices come from.
type Prices struct {
	File string // absolute; "" none
}

// Log says what is logged, where and for how long.
type Log struct {
	Level    string
	Format   string // of the files: json, text
	File     bool
	Dir      string // absolute
	MaxSize  Size
	MaxAge   time.Duration // 0: for ever
	MaxFiles int           // 0: any number
	Stderr   string        // off, text, json
}

// Metrics says whether /metrics is served.
type Metrics struct{ Enabled bool }

// Proxy says by way of whom upstreams are reached. See ProxyFor.
type Proxy struct {
	HTTPS, HTTP secret.Secret
	Exclude     []string
}

// Shutdown says how the daemon ends.
type Shutdown struct {
	Delay time.Duration // not ready, but still serving
	Grace time.Duration // for the calls in flight
}

// UpdateCheck says whether and whom to ask once a day for the latest release.
type UpdateCheck struct {
	Enabled bool
	URL     string
	Delay   time.Duration // of the first one
}

// Warnings are what was found odd but not wrong, in the order found.
func (c *Config) Warnings() []Problem { return c.warnings }
