package app

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
	"github.com/tokligence/tokligence-gateway/go/internal/update"
	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// newChecker is the daily update check on a database, by the configuration
// that applies at the time.
func newChecker(d *Data, log *slog.Logger, current func() *config.Config) *update.Checker {
	return update.New(update.Options{
		Memory: d.Store, Log: log, Delay: d.Config.UpdateCheck.Delay,
		Enabled: func() bool { return current().UpdateCheck.Enabled },
		Address: func() (update.Address, error) {
			cfg := current()
			at, err := url.Parse(cfg.UpdateCheck.URL)
			if err != nil {
				return update.Address{}, err
			}
			by, err := cfg.ProxyFor(&config.Provider{}, at)
			return update.Address{URL: cfg.UpdateCheck.URL, Proxy: http.ProxyURL(by)}, err
		},
		Facts: func(ctx context.Context) update.Facts {
			build := version.Get()
			id, err := d.Store.Installation(ctx)
			if err != nil { // a database that is not prepared has none yet
				log.Debug("the installation has no id yet", "error", err.Error())
			}
			return update.Facts{Installation: id, Version: build.Version, Platform: build.Platform, Database: d.Store.Kind()}
		},
	})
}

// CheckUpdate asks now for the latest release.
func CheckUpdate(ctx context.Context, cfg *config.Config, log *slog.Logger) (s update.State, err error) {
	d, err := OpenUnmigrated(ctx, cfg)
	if err != nil {
		return s, err
	}
	defer d.Close()
	return newChecker(d, log, func() *config.Config { return cfg }).Check(ctx)
}

// KnownUpdate returns the newer release that the last check found, "" for none
// and if that cannot be read. It asks nobody.
func KnownUpdate(ctx context.Context, cfg *config.Config) string {
	if _, err := os.Stat(cfg.DataDir); err != nil {
		return "" // nothing has run here, and to look makes no folder
	}
	d, err := OpenUnmigrated(ctx, cfg)
	if err != nil {
		return ""
	}
	defer d.Close()
	s, err := update.Recall(ctx, d.Store)
	if err != nil || !update.Newer(s.Latest, version.Version()) {
		return ""
	}
	return s.Latest
}
