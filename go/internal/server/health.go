package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/tokligence/tokligence-gateway/go/internal/version"
)

// Health tells whether the parts the gateway stands on work. Ready returns
// what is wrong by part, empty when all is well.
type Health interface {
	Ready(ctx context.Context) map[string]error
}

// readyTimeout bounds a readiness check.
const readyTimeout = 2 * time.Second

func (s *Server) mountHealth(r gin.IRouter, o Options) {
	live := func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok", "version": version.Version()}) }
	ready := func(c *gin.Context) { s.ready(c, o.Health) }
	for _, path := range []string{"/livez", "/readyz", "/health"} {
		handler := ready
		if path == "/livez" {
			handler = live
		}
		r.GET(path, handler)
		r.HEAD(path, handler)
	}
	if o.Metrics != nil {
		r.GET("/metrics", gin.WrapH(o.Metrics))
	}
}

func (s *Server) ready(c *gin.Context, health Health) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), readyTimeout)
	defer cancel()
	checks := gin.H{}
	status, word := http.StatusOK, "ok"
	for part, err := range health.Ready(ctx) {
		checks[part] = "ok"
		if err != nil {
			checks[part] = err.Error()
			status, word = http.StatusServiceUnavailable, "degraded"
		}
	}
	if s.draining.Load() {
		status, word = http.StatusServiceUnavailable, "draining"
	}
	c.JSON(status, gin.H{"status": word, "version": version.Version(), "checks": checks})
}
