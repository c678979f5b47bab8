package main

import (
	"errors"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

var (
	errUnknown = errors.New("this instruction needs an engine, or is not known here")
	errShell   = errors.New("there is no shell in the image: write it as a JSON list")
)

// configure carries out an instruction that says how the image is run.
func configure(to *v1.Config, c instructions.Command) error {
	switch c := c.(type) {
	case *instructions.EnvCommand:
		for _, pair := range c.Env {
			if at, ok := lookUp(to.Env, pair.Key); ok {
				to.Env[at] = pair.Key + "=" + pair.Value
			} else {
				to.Env = append(to.Env, pair.Key+"="+pair.Value)
			}
		}
	case *instructions.LabelCommand:
		if to.Labels == nil {
			to.Labels = make(map[string]string)
		}
		for _, pair := range c.Labels {
			to.Labels[pair.Key] = pair.Value
		}
	case *instructions.UserCommand:
		to.User = c.User
	case *instructions.WorkdirCommand:
		if !path.IsAbs(c.Path) {
			return errors.New("the path has to be absolute")
		}
		to.WorkingDir = path.Clean(c.Path)
	case *instructions.VolumeCommand:
		to.Volumes = addTo(to.Volumes, c.Volumes)
	case *instructions.ExposeCommand:
		to.ExposedPorts = addTo(to.ExposedPorts, ports(c.Ports))
	case *instructions.HealthCheckCommand:
		return health(to, c)
	case *instructions.EntrypointCommand:
		if c.PrependShell {
			return errShell
		}
		to.Entrypoint = c.CmdLine
	case *instructions.CmdCommand:
		if c.PrependShell {
			return errShell
		}
		to.Cmd = c.CmdLine
	default:
		return errUnknown
	}
	return nil
}

func health(to *v1.Config, c *instructions.HealthCheckCommand) error {
	h := c.Health
	if h.StartInterval != 0 {
		return errors.New("--start-interval is not known here")
	}
	if len(h.Test) > 0 && h.Test[0] == "CMD-SHELL" {
		return errShell
	}
	to.Healthcheck = &v1.HealthConfig{
		Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries,
	}
	return nil
}

func ports(all []string) []string {
	var out []string
	for _, port := range all {
		if !strings.Contains(port, "/") {
			port += "/tcp"
		}
		out = append(out, port)
	}
	return out
}

func addTo(set map[string]struct{}, names []string) map[string]struct{} {
	if set == nil {
		set = make(map[string]struct{})
	}
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}
