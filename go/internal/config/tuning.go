package config

import "time"

// The settings that few need to change: the other half of the table.

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	day    = 24 * hour
	kib    = int64(1) << 10
	mib    = int64(1) << 20
	gib    = int64(1) << 30
	tib    = int64(1) << 40
)

func routingKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "routing.attempts", Default: "2", Min: 1, Max: 10, Doc: "How often one target is tried for one call."}, func(c *c) any { return &c.Routing.Attempts }},
		{Key{Name: "routing.backoff", Default: "250ms", Min: int64(time.Millisecond), Max: minute, Doc: "Pause before the second try of a target; it doubles with each further one."}, func(c *c) any { return &c.Routing.Backoff }},
		{Key{Name: "routing.backoff_max", Default: "8s", Min: int64(time.Millisecond), Max: 10 * minute, Doc: "The longest such pause."}, func(c *c) any { return &c.Routing.BackoffMax }},
		{Key{Name: "routing.failures", Default: "3", Min: 1, Max: 1000, Doc: "Failures in a row after which a target is left alone for a while."}, func(c *c) any { return &c.Routing.Failures }},
		{Key{Name: "routing.cooldown", Default: "5s", Min: int64(time.Millisecond), Max: hour, Doc: "How long it is first left alone; it doubles while the target keeps failing."}, func(c *c) any { return &c.Routing.Cooldown }},
		{Key{Name: "routing.cooldown_max", Default: "5m", Min: int64(time.Millisecond), Max: day, Doc: "The longest that it is left alone for."}, func(c *c) any { return &c.Routing.CooldownMax }},
		{Key{Name: "routing.key_cooldown", Default: "10m", Min: second, Max: day, Doc: "How long a key is not used after the provider refused it or its account ran empty."}, func(c *c) any { return &c.Routing.KeyCooldown }},
		{Key{Name: "routing.retry_after_wait", Default: "5s", Min: int64(time.Millisecond), Max: 10 * minute, Doc: "The longest `retry-after` of a provider that is waited for within a call. A longer one is passed to the client."}, func(c *c) any { return &c.Routing.RetryAfterWait }},
		{Key{Name: "routing.retry_after_max", Default: "10m", Min: second, Max: day, Doc: "The longest that a target is left alone because it said so in `retry-after`."}, func(c *c) any { return &c.Routing.RetryAfterMax }},
		{Key{Name: "routing.probe", Default: "30s", Min: second, Max: hour, Doc: "How long one trial call to a target that failed keeps further calls away from it."}, func(c *c) any { return &c.Routing.Probe }},
		{Key{Name: "translation.mode", Default: "auto", Values: []string{"auto", "passthrough", "translation"}, Doc: "`auto` passes bytes when client and provider speak one protocol and translates otherwise. `passthrough` never translates, `translation` always does."}, func(c *c) any { return &c.Translation.Mode }},
		{Key{Name: "translation.strict", Default: "false", Doc: "Refuse with 400 what a translation cannot carry, instead of naming it in `x-tokligence-loss`."}, func(c *c) any { return &c.Translation.Strict }},
	}
}

func loopKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "loop_breaker.enabled", Default: "true", Doc: "Look for agents that make one tool call again and again, with the same arguments and the same result."}, func(c *c) any { return &c.LoopBreaker.Enabled }},
		{Key{Name: "loop_breaker.tell", Default: "3", Min: 2, Max: 1000, Doc: "Repeats in a row, the first call counted, after which the model is told."}, func(c *c) any { return &c.LoopBreaker.Tell }},
		{Key{Name: "loop_breaker.stop", Default: "5", Min: 2, Max: 1000, Doc: "Repeats in a row after which the turn ends, without asking a provider."}, func(c *c) any { return &c.LoopBreaker.Stop }},
		{Key{Name: "loop_breaker.exempt", Default: "BashOutput,TaskOutput,write_stdin,wait,wait_agent", Doc: "Tools that may repeat themselves, such as those that poll, by their exact names."}, func(c *c) any { return &c.LoopBreaker.Exempt }},
	}
}

func streamKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "stream.hold", Default: "10s", Min: int64(time.Millisecond), Max: 10 * minute, Doc: "How long the beginning of a stream is kept back while it has no content, so that another target can still be tried."}, func(c *c) any { return &c.Stream.Hold }},
		{Key{Name: "stream.keepalive", Default: "15s", Min: second, Max: hour, Doc: "Silence after which a streaming client gets a sign of life."}, func(c *c) any { return &c.Stream.KeepAlive }},
		{Key{Name: "stream.write_timeout", Default: "30s", Min: second, Max: hour, Doc: "A client that takes nothing for so long counts as gone."}, func(c *c) any { return &c.Stream.WriteTimeout }},
		{Key{Name: "stream.on_disconnect", Default: Drain, Values: []string{Drain, Abort}, Doc: "When a client leaves: `drain` reads the answer on for its usage, within the bounds below; `abort` cancels it."}, func(c *c) any { return &c.Stream.OnDisconnect }},
		{Key{Name: "stream.drain_time", Default: "10s", Min: int64(time.Millisecond), Max: hour, Doc: "How long to read on."}, func(c *c) any { return &c.Stream.DrainTime }},
		{Key{Name: "stream.drain_bytes", Default: "256KiB", Min: kib, Max: gib, Doc: "How much to read on."}, func(c *c) any { return &c.Stream.DrainBytes }},
		{Key{Name: "stream.max_drains", Default: "64", Min: 1, Max: 100_000, Doc: "How many answers may be read on at a time; further ones are cancelled."}, func(c *c) any { return &c.Stream.MaxDrains }},
	}
}

func limitKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "limits.body_bytes", Default: "50MiB", Min: kib, Max: 4 * gib, Doc: "Largest request body, after unpacking. A larger one gets 413."}, func(c *c) any { return &c.Limits.BodyBytes }},
		{Key{Name: "limits.body_memory", Default: "1GiB", Min: mib, Max: tib, Doc: "Memory for all request bodies at a time, and for answers on their way to the database or in the making in the background. Beyond it requests get 503."}, func(c *c) any { return &c.Limits.BodyMemory }},
		{Key{Name: "limits.body_idle", Default: "15s", Min: second, Max: hour, Doc: "How long a client may pause while it sends a body."}, func(c *c) any { return &c.Limits.BodyIdle }},
		{Key{Name: "limits.header_time", Default: "10s", Min: second, Max: hour, Restart: true, Doc: "How long a client may take to send the head of a request."}, func(c *c) any { return &c.Limits.HeaderTime }},
		{Key{Name: "limits.idle_time", Default: "2m", Min: second, Max: day, Restart: true, Doc: "How long a connection is kept open between two requests."}, func(c *c) any { return &c.Limits.IdleTime }},
		{Key{Name: "limits.answer_bytes", Default: "64MiB", Min: kib, Max: 4 * gib, Doc: "Largest answer of a provider that is not streamed."}, func(c *c) any { return &c.Limits.AnswerBytes }},
		{Key{Name: "limits.frame_bytes", Default: "16MiB", Min: kib, Max: gib, Doc: "Largest single event of a stream."}, func(c *c) any { return &c.Limits.FrameBytes }},
		{Key{Name: "limits.models_cache", Default: "5m", Min: second, Max: day, Doc: "How long a provider's list of models is kept."}, func(c *c) any { return &c.Limits.ModelsCache }},
	}
}

func keepingKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "ledger.durability", Default: DurabilityNormal, Values: []string{DurabilityNormal, DurabilitySync}, Restart: true, Doc: "`normal`: before the end of an answer leaves, its record is written so that it survives the death of the process; at most 10 ms later it survives the loss of power. `sync` waits for the latter."}, func(c *c) any { return &c.Ledger.Durability }},
		{Key{Name: "ledger.journal_bytes", Default: "1GiB", Min: mib, Max: tib, Restart: true, Doc: "Disk space for records on their way to the database. When it is full, calls get 503 before a provider is asked."}, func(c *c) any { return &c.Ledger.JournalBytes }},
		{Key{Name: "responses.ttl", Default: "7d", Min: 0, Max: 3650 * day, Restart: true, Doc: "How long an answer on `/v1/responses` that the gateway translates is kept in the database with its input, for `previous_response_id` and to be read again, and how long it is remembered whose an answer is that a provider keeps. Requests with `store: false` leave nothing. 0 keeps and remembers none."}, func(c *c) any { return &c.Responses.TTL }},
		{Key{Name: "responses.max_bytes", Default: "8MiB", Min: 1024, Max: 1024 * mib, Restart: true, Doc: "Size of an answer with its input beyond which it is not kept, and of a conversation beyond which it is not continued by `previous_response_id`."}, func(c *c) any { return &c.Responses.MaxBytes }},
		{Key{Name: "responses.max_per_key", Default: "10000", Min: 1, Max: 10_000_000, Restart: true, Doc: "How many answers on `/v1/responses` of one API key are kept or, where the provider keeps them, remembered. Beyond it the oldest are removed, every ten minutes."}, func(c *c) any { return &c.Responses.MaxKept }},
		{Key{Name: "responses.bytes_per_key", Default: "512MiB", Min: mib, Max: tib, Restart: true, Doc: "Size of all answers and conversations on `/v1/responses` that are kept of one API key. Beyond it the oldest are removed, every ten minutes."}, func(c *c) any { return &c.Responses.BytesPerKey }},
		{Key{Name: "responses.bytes", Default: "16GiB", Min: mib, Max: 1024 * tib, Restart: true, Doc: "Size of all that are kept, of whatever key. Beyond it the oldest are removed, every ten minutes."}, func(c *c) any { return &c.Responses.Bytes }},
		{Key{Name: "responses.background", Default: "100", Min: 1, Max: 100_000, Restart: true, Doc: "How many answers on `/v1/responses` the gateway makes in the background at a time, for requests with `background: true`. Beyond it they get 503."}, func(c *c) any { return &c.Responses.Background }},
		{Key{Name: "responses.background_per_key", Default: "10", Min: 1, Max: 100_000, Restart: true, Doc: "How many of these one API key may have at a time. Beyond it requests get 429."}, func(c *c) any { return &c.Responses.BackgroundPerKey }},
		{Key{Name: "prices.file", Path: true, example: "prices.yaml", Doc: "File with prices of your own, over the built-in table."}, func(c *c) any { return &c.Prices.File }},
	}
}

func logKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "log.level", Default: "info", Values: []string{"debug", "info", "warn", "error"}, Doc: "The least that is logged."}, func(c *c) any { return &c.Log.Level }},
		{Key{Name: "log.file", Default: "true", Restart: true, Doc: "Write log files: `gatewayd.log` for the daemon, `gateway.log` for the command line."}, func(c *c) any { return &c.Log.File }},
		{Key{Name: "log.format", Default: "json", Values: []string{"json", "text"}, Restart: true, Doc: "How log files are written."}, func(c *c) any { return &c.Log.Format }},
		{Key{Name: "log.dir", Path: true, Restart: true, example: "/var/log/tokligence", Doc: "Folder of the log files. Not set, `logs` in the data folder."}, func(c *c) any { return &c.Log.Dir }},
		{Key{Name: "log.max_size", Default: "64MiB", Min: mib, Max: tib, Restart: true, Doc: "Size at which a log file is put aside; each day begins a new one as well. Whole MiB."}, func(c *c) any { return &c.Log.MaxSize }},
		{Key{Name: "log.max_age", Default: "30d", Min: 0, Max: 3650 * day, Restart: true, Doc: "Age at which files put aside are deleted. Whole days; 0 keeps them for ever."}, func(c *c) any { return &c.Log.MaxAge }},
		{Key{Name: "log.max_files", Default: "60", Min: 0, Max: 100_000, Restart: true, Doc: "How many files put aside are kept; 0 keeps all."}, func(c *c) any { return &c.Log.MaxFiles }},
		{Key{Name: "log.stderr", Default: "text", Values: []string{"off", "text", "json"}, Restart: true, Doc: "What the daemon writes to standard error besides."}, func(c *c) any { return &c.Log.Stderr }},
	}
}

func edgeKeys() []entry[Config] {
	type c = Config
	return []entry[c]{
		{Key{Name: "metrics.enabled", Default: "true", Restart: true, Doc: "Serve Prometheus metrics on `/metrics`."}, func(c *c) any { return &c.Metrics.Enabled }},
		{Key{Name: "proxy.https", AltEnv: []string{"HTTPS_PROXY", "https_proxy"}, example: "http://proxy.lan:3128", Doc: "Proxy for providers with https addresses: http, https or socks5 URL."}, func(c *c) any { return proxyURL{&c.Proxy.HTTPS} }},
		{Key{Name: "proxy.http", AltEnv: []string{"HTTP_PROXY", "http_proxy"}, example: "http://proxy.lan:3128", Doc: "Proxy for providers with http addresses."}, func(c *c) any { return proxyURL{&c.Proxy.HTTP} }},
		{Key{Name: "proxy.exclude", AltEnv: []string{"NO_PROXY", "no_proxy"}, example: "[.lan, 10.0.0.0/8]", Doc: "Hosts, domains and networks that are reached without a proxy. Loopback addresses always are."}, func(c *c) any { return &c.Proxy.Exclude }},
		{Key{Name: "shutdown.delay", Default: "0s", Min: 0, Max: 10 * minute, Doc: "How long to go on serving after a signal to stop while `/readyz` already says no, for balancers to notice."}, func(c *c) any { return &c.Shutdown.Delay }},
		{Key{Name: "shutdown.grace", Default: "5m", Min: 0, Max: day, Doc: "How long calls in flight may then go on. A second signal cuts them short."}, func(c *c) any { return &c.Shutdown.Grace }},
		{Key{Name: "update_check.enabled", Default: "true", Doc: "Ask once a day for the latest release, telling a random installation id, the version, the platform and the kind of database, and nothing else. With `false` nothing is ever sent; so it is too where `CI` or `DO_NOT_TRACK` is set, unless this setting says otherwise."}, func(c *c) any { return &c.UpdateCheck.Enabled }},
		{Key{Name: "update_check.url", Default: "https://updates.tokligence.ai/v1/check", Doc: "Whom to ask."}, func(c *c) any { return &c.UpdateCheck.URL }},
		{Key{Name: "update_check.delay", Default: "10m", Min: 0, Max: day, Restart: true, Doc: "How long a gateway must have been running before it asks for the first time, so that those that live shortly ask nobody."}, func(c *c) any { return &c.UpdateCheck.Delay }},
	}
}
