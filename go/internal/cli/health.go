package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokligence/tokligence-gateway/go/internal/config"
)

const healthTimeout = 3 * time.Second

// healthcheckCommand asks the daemon of this configuration whether it is
// ready; it is what containers and service managers call.
func (c *command) healthcheckCommand() *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use: "healthcheck", Short: "Exit with 0 if the daemon is ready, else with 1", Args: cobra.NoArgs,
		RunE: c.withConfig(func(cmd *cobra.Command, cfg *config.Config, _ []string) error {
			if url == "" {
				url = localURL(cfg.Listen)
			}
			status, body, err := askReady(cmd.Context(), url)
			if err != nil {
				err = fmt.Errorf("the gateway does not answer: %w", err)
				if c.flags.json {
					err = errors.Join(err, c.printJSON(map[string]string{"status": "down", "error": err.Error()}))
				}
				return err
			}
			if c.flags.json && json.Valid(body) {
				if err := c.printJSON(json.RawMessage(body)); err != nil {
					return err
				}
			} else {
				fmt.Fprintf(c.out, "%s\n", body)
			}
			if status != http.StatusOK {
				return errTold
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&url, "url", "", "where the gateway is (default: where the configuration says)")
	return cmd
}

// askReady asks a daemon whether it is ready.
func askReady(ctx context.Context, url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return 0, nil, usageError{err}
	}
	direct := http.Transport{DisableKeepAlives: true} // a proxy for the world knows nothing of this machine
	resp, err := direct.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, body, err
}

// localURL is how to reach an address of this machine.
func localURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
