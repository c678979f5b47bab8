package app

import (
	"net"
	"path/filepath"
	"time"

	"github.com/tokligence/tokligence-gateway/go/internal/api"
	"github.com/tokligence/tokligence-gateway/go/internal/catalog"
	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/guard"
	"github.com/tokligence/tokligence-gateway/go/internal/proxy"
	"github.com/tokligence/tokligence-gateway/go/internal/route"
	"github.com/tokligence/tokligence-gateway/go/internal/server"
)

// JournalDir is where processes keep their journals.
func JournalDir(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "journal") }

// routing says to the router what the configuration says.
func routing(cfg *config.Config, ups *Upstreams, known *catalog.Catalog) route.Options {
	o := route.Options{
		Builtin: len(cfg.Routes) == 0, Mode: cfg.Translation.Mode, Providers: ups.Infos, Catalog: known, Codecs: ups.codecs,
		Retry: route.Retry{
			Attempts: cfg.Routing.Attempts, BackoffBase: cfg.Routing.Backoff, BackoffMax: cfg.Routing.BackoffMax,
			Failures: cfg.Routing.Failures, CooldownBase: cfg.Routing.Cooldown, CooldownMax: cfg.Routing.CooldownMax,
			KeyCooldown: cfg.Routing.KeyCooldown, RetryAfterMax: cfg.Routing.RetryAfterMax, ProbeTime: cfg.Routing.Probe,
		},
	}
	for _, r := range cfg.Routes {
		o.Routes = append(o.Routes, route.Rule{Match: r.Match, Targets: r.Targets})
	}
	for _, a := range cfg.Aliases {
		o.Aliases = append(o.Aliases, route.Alias{From: a.From, To: a.To})
	}
	return o
}

func policy(cfg *config.Config) proxy.Policy {
	return proxy.Policy{
		Strict: cfg.Translation.Strict, Mode: cfg.Translation.Mode, MaxRetryAfter: cfg.Routing.RetryAfterWait,
		Hold: cfg.Stream.Hold, KeepAlive: cfg.Stream.KeepAlive, WriteTimeout: cfg.Stream.WriteTimeout,
		Abort: cfg.Stream.OnDisconnect == config.Abort, DrainTime: cfg.Stream.DrainTime,
		DrainBytes: int64(cfg.Stream.DrainBytes), MaxDrains: int64(cfg.Stream.MaxDrains),
		MaxAnswer: int64(cfg.Limits.AnswerBytes), MaxFrame: int(cfg.Limits.FrameBytes), Loop: loop(cfg),
	}
}

func loop(cfg *config.Config) guard.Loop {
	b := cfg.LoopBreaker
	if !b.Enabled {
		return guard.Loop{}
	}
	return guard.Loop{Tell: b.Tell, Stop: b.Stop, Exempt: b.Exempt}
}

func limits(cfg *config.Config) api.Limits {
	return api.Limits{
		BodyBytes: int64(cfg.Limits.BodyBytes), BodyMemory: int64(cfg.Limits.BodyMemory),
		BodyIdle: int(cfg.Limits.BodyIdle / time.Second), ModelsCache: int(cfg.Limits.ModelsCache / time.Second),
	}
}

// access says which names the gateway answers to. A team's gateway is behind
// authentication, so it checks names only if it was given some.
func access(cfg *config.Config) server.Access {
	a := server.Access{
		CheckHosts: cfg.Mode == config.ModePersonal || len(cfg.AllowedHosts) > 0,
		Hosts:      append([]string(nil), cfg.AllowedHosts...),
	}
	if host, _, err := net.SplitHostPort(cfg.Listen); err == nil && host != "" {
		a.Hosts = append(a.Hosts, host)
	}
	return a
}
