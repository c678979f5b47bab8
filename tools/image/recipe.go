package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// recipe carries out a Dockerfile for one platform. It knows what needs no
// engine, COPY foremost, and refuses everything else.
type recipe struct {
	stages   []instructions.Stage
	lex      *shell.Lex
	context  string            // folder that COPY takes from
	args     map[string]string // values of ARG
	platform v1.Platform
	created  time.Time
	done     map[string]v1.Image
}

// newRecipe reads a Dockerfile. Nothing of it has been carried out then.
func newRecipe(text []byte) (*recipe, error) {
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	stages, general, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, err
	}
	if len(general) > 0 {
		return nil, errors.New("ARG before FROM is not known here")
	}
	return &recipe{stages: stages, lex: shell.NewLex(parsed.EscapeToken), done: make(map[string]v1.Image)}, nil
}

// readRecipe reads a Dockerfile to be carried out for one platform.
func readRecipe(file, context string, platform v1.Platform, build buildInfo) (*recipe, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r, err := newRecipe(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r.context, r.platform, r.created = context, platform, build.Date
	r.args = map[string]string{
		"TARGETOS": platform.OS, "TARGETARCH": platform.Architecture, "VERSION": build.Version, "REVISION": build.Commit,
	}
	return r, nil
}

// image makes the image of one stage, and those it is made from, once.
func (r *recipe) image(target string) (v1.Image, error) {
	if img := r.done[target]; img != nil {
		return img, nil
	}
	at := slices.IndexFunc(r.stages, func(s instructions.Stage) bool { return s.Name == target })
	if at < 0 {
		return nil, fmt.Errorf("no stage is named %q", target)
	}
	s := r.stages[at]
	base, err := r.base(at)
	if err != nil {
		return nil, err
	}
	config, err := base.ConfigFile()
	if err != nil {
		return nil, err
	}
	w := &work{recipe: r, image: base, config: config.Config.DeepCopy(), given: make(map[string]string)}
	for _, c := range s.Commands {
		if err := w.do(c); err != nil {
			return nil, fmt.Errorf("line %d, %s: %w", c.Location()[0].Start.Line, c.Name(), err)
		}
	}
	img, err := mutate.Config(w.image, *w.config)
	if err != nil {
		return nil, err
	}
	r.done[target] = img
	return img, nil
}

// base is what a stage starts from: nothing, or a stage before it.
func (r *recipe) base(at int) (v1.Image, error) {
	name := r.stages[at].BaseName
	if name != "scratch" {
		if !slices.ContainsFunc(r.stages[:at], func(s instructions.Stage) bool { return s.Name == name }) {
			return nil, fmt.Errorf("FROM %s: only scratch and earlier stages are known here", name)
		}
		return r.image(name)
	}
	config, err := empty.Image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = r.platform.OS, r.platform.Architecture
	config.Created = v1.Time{Time: r.created}
	return mutate.ConfigFile(empty.Image, config)
}

// work is a stage that is being carried out.
type work struct {
	*recipe

	image  v1.Image
	config *v1.Config
	given  map[string]string // by ARG
}

// do carries out one instruction.
func (w *work) do(c instructions.Command) error {
	if e, ok := c.(instructions.SupportsSingleWordExpansion); ok {
		if err := e.Expand(w.expand); err != nil {
			return err
		}
	}
	var layer v1.Layer
	switch c := c.(type) {
	case *instructions.ArgCommand:
		w.arg(c)
		return nil
	case *instructions.CopyCommand:
		var err error
		if layer, err = w.copy(c); err != nil {
			return err
		}
	default:
		if err := configure(w.config, c); err != nil {
			return err
		}
	}
	var err error
	w.image, err = mutate.Append(w.image, mutate.Addendum{Layer: layer, History: v1.History{
		Created: v1.Time{Time: w.created}, CreatedBy: fmt.Sprint(c), EmptyLayer: layer == nil,
	}})
	return err
}

// arg gives a variable its value: ours, else its default, else none.
func (w *work) arg(c *instructions.ArgCommand) {
	for _, a := range c.Args {
		if value, ok := w.args[a.Key]; ok {
			w.given[a.Key] = value
		} else if a.Value != nil {
			w.given[a.Key] = *a.Value
		}
	}
}

func (w *work) expand(word string) (string, error) {
	env := slices.Clone(w.config.Env)
	for _, name := range slices.Sorted(maps.Keys(w.given)) {
		if _, ok := lookUp(w.config.Env, name); !ok { // ENV wins over ARG
			env = append(env, name+"="+w.given[name])
		}
	}
	out, _, err := w.lex.ProcessWord(word, shell.EnvsFromSlice(env))
	return out, err
}

func lookUp(env []string, name string) (at int, ok bool) {
	at = slices.IndexFunc(env, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
	return at, at >= 0
}
