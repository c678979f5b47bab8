// Package pgtest gives tests a real PostgreSQL of their own. It is for tests
// only and knows nothing of what they keep in it.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Off is the environment variable that, set to off, skips the tests that need
// PostgreSQL. Without it a machine that has none fails them.
const Off = "TOKLIGENCE_TEST_POSTGRES"

const startTimeout = 60 * time.Second

// Mode says how a server stops.
type Mode string

// The modes of pg_ctl.
const (
	Fast      Mode = "fast"      // cut the connections, shut down in order
	Immediate Mode = "immediate" // die at once, recover at the next start
)

// Option changes how a server runs.
type Option func(*Server)

// Durable lets the server write to stable storage, which tests that kill it
// need. Without it a commit is fast and lives in the page cache.
func Durable() Option { return func(s *Server) { s.durable = true } }

// Server is a private PostgreSQL server, reached by a Unix socket.
type Server struct {
	URL string // of a fresh database, with user and password

	t       testing.TB
	bin     string
	dir     string
	durable bool
	watch   io.Closer // closing it, or our end, ends the server
}

// Start runs a server for one test. The test may stop it and start it again.
func Start(t testing.TB, options ...Option) *Server {
	t.Helper()
	bin := find(t)
	s, err := launch(bin, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.remove)
	s.t = t
	s.URL = s.createDatabase(t, false)
	return s
}

// Database returns the URL of a fresh database on a server shared by all
// tests of the process. It is dropped when the test ends.
func Database(t testing.TB) string {
	t.Helper()
	bin := find(t)
	s, err := shared(bin)
	if err != nil {
		t.Fatal(err)
	}
	return s.createDatabase(t, true)
}

// The one server of the process lives until the process ends.
var (
	sharedOnce   sync.Once
	sharedServer *Server
	errShared    error
)

func shared(bin string) (*Server, error) {
	sharedOnce.Do(func() { sharedServer, errShared = launch(bin) })
	return sharedServer, errShared
}

// find returns the folder of the newest server on this machine.
func find(t testing.TB) string {
	t.Helper()
	if os.Getenv(Off) == "off" {
		t.Skipf("%s=off", Off)
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql*/bin/initdb",
	} {
		found, err := filepath.Glob(pattern)
		if err == nil && len(found) > 0 {
			return filepath.Dir(slices.MaxFunc(found, func(a, b string) int {
				return len(a)*1000 - len(b)*1000 + strings.Compare(a, b)
			}))
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	t.Fatalf("these tests need a PostgreSQL server: run tools/install-test-deps.sh, or set %s=off to skip them", Off)
	return ""
}

// launch makes a new server in a temporary folder and starts it.
func launch(bin string, options ...Option) (*Server, error) {
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir}
	for _, o := range options {
		o(s)
	}
	if err := own(dir); err != nil {
		return nil, err
	}
	if err := s.run("initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
		"--no-sync", "--no-instructions"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.guard(); err != nil {
		return nil, err
	}
	if err := s.start(); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// Start starts a stopped server on the same data and address.
func (s *Server) Start() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// Stop stops the server.
func (s *Server) Stop(mode Mode) {
	s.t.Helper()
	if err := s.run("pg_ctl", "stop", "-D", s.data(), "-m", string(mode), "-w", "-s"); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) start() error {
	// A time zone far from UTC shows times that lose theirs on the way.
	settings := []string{
		"listen_addresses=", "unix_socket_directories=" + s.dir, "max_connections=100",
		"timezone=Asia/Kolkata", "shared_buffers=32MB", "autovacuum=off",
	}
	if !s.durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	var line strings.Builder
	for _, setting := range settings {
		fmt.Fprintf(&line, "-c %s ", setting)
	}
	return s.run("pg_ctl", "start", "-D", s.data(), "-w", "-s", "-t", "60",
		"-l", filepath.Join(s.dir, "log"), "-o", line.String())
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// run runs a program of the server as the user who owns the data, since
// PostgreSQL refuses to run as root.
func (s *Server) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	if err := unprivileged(cmd); err != nil {
		return err
	}
	// A file, not a pipe: the server inherits it and would keep a pipe open.
	out, err := os.CreateTemp("", "pgtest-out")
	if err != nil {
		return err
	}
	defer func() {
		_ = out.Close()
		_ = os.Remove(out.Name())
	}()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s: %w\n%s\n%s", name, err, said, log)
	}
	return nil
}

// guard starts a shell that ends the server when this process ends, however
// it ends: that closes the pipe from which the shell reads.
func (s *Server) guard() error {
	cmd := exec.Command("/bin/sh", "-c", //nolint:gosec // fixed script, our own paths as arguments
		`trap '' INT TERM; read end; "$1" stop -D "$2" -m immediate -s; rm -rf "$3"`,
		"sh", filepath.Join(s.bin, "pg_ctl"), s.data(), s.dir)
	cmd.Dir = "/"
	if err := unprivileged(cmd); err != nil {
		return err
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.watch = closer(func() error {
		_ = pipe.Close()
		return cmd.Wait()
	})
	return nil
}

type closer func() error

func (c closer) Close() error { return c() }

// remove ends the server and its data.
func (s *Server) remove() {
	if s.watch != nil {
		_ = s.watch.Close()
	}
	_ = os.RemoveAll(s.dir)
}

func (s *Server) url(database string) string {
	return "postgres://postgres@/" + database + "?sslmode=disable&host=" + url.QueryEscape(s.dir)
}

func (s *Server) createDatabase(t testing.TB, drop bool) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", time.Now().UnixNano())
	s.exec(t, "CREATE DATABASE "+name)
	if drop {
		t.Cleanup(func() { s.exec(t, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	}
	return s.url(name)
}

func (s *Server) exec(t testing.TB, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, query); err != nil {
		t.Fatal(err)
	}
}
