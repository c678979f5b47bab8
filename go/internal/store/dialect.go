package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	modernc "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect is all in which the two databases differ.
type dialect interface {
	fmt.Stringer // where it is, in words, without a secret
	kind() string
	patience() time.Duration // for one operation
	open(ctx context.Context) (write, read *gorm.DB, err error)
	goose() goose.Dialect
	// lock waits until no other process migrates.
	lock(ctx context.Context, write *sql.DB) (unlock func() error, err error)
	// appendOnly returns the statements that keep rows of a table from being
	// changed or deleted.
	appendOnly(table string) []string
}

const (
	fileName = "tokligence.db"
	kindLite = "sqlite"
)

// choose returns the dialect that a URL asks for.
func choose(o Options) (dialect, error) {
	address := o.URL.Reveal()
	scheme, rest, _ := strings.Cut(address, ":")
	switch {
	case address == "" && o.DataDir == "":
		return nil, errors.New("neither a database URL nor a data folder is given")
	case address == "":
		return lite{path: filepath.Join(o.DataDir, fileName)}, nil
	case scheme == "postgres" || scheme == "postgresql":
		return server(address, o.MaxConns)
	case scheme == "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" || path == ":memory:" {
			return nil, errors.New("the database URL sqlite: needs the path of a file")
		}
		return lite{path: path}, nil
	}
	// Not quoted: it may be a password in the wrong place.
	return nil, errors.New("the database URL is neither postgres://… nor sqlite:PATH")
}

func gormConfig() *gorm.Config {
	return &gorm.Config{
		SkipDefaultTransaction: true,
		TranslateError:         true,
		DisableAutomaticPing:   true,
		QueryFields:            true,           // what a row type leaves out is not read
		Logger:                 logger.Discard, // errors are returned
		NowFunc:                func() time.Time { return time.Now().UTC() },
	}
}

// lite is a SQLite file.
type lite struct{ path string }

func (lite) kind() string            { return kindLite }
func (lite) patience() time.Duration { return 10 * time.Second } // twice the busy timeout
func (lite) goose() goose.Dialect    { return goose.DialectSQLite3 }
func (l lite) String() string        { return "SQLite file " + l.path }

const (
	readers     = 4
	busyTimeout = "busy_timeout(5000)" // ms
	pageSize    = "page_size(8192)"    // bytes, of a new file: a page is three writes, and rows come in hundreds
)

// open gives writes one connection, since SQLite has one writer, and reads
// some of their own, which the write-ahead log keeps out of the writer's way.
// Commits are synchronous: the journal forgets what the database has taken.
func (l lite) open(ctx context.Context) (write, read *gorm.DB, err error) {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return nil, nil, err
	}
	if err := private(l.path); err != nil {
		return nil, nil, err
	}
	common := url.Values{
		"_pragma":      {busyTimeout, "foreign_keys(1)", "synchronous(FULL)"},
		"_time_format": {"sqlite"},
	}
	writing := url.Values{"_txlock": {"immediate"}, "_time_format": common["_time_format"]}
	// What a statement of many rows might have to undo is kept in memory: by
	// default it goes to a file, and is thrown away.
	writing["_pragma"] = append([]string{pageSize, "journal_mode(WAL)", "temp_store(MEMORY)"}, common["_pragma"]...)
	common["_pragma"] = append(common["_pragma"], "query_only(1)")

	if write, err = l.pool(ctx, writing, 1); err != nil {
		return nil, nil, err
	}
	if read, err = l.pool(ctx, common, readers); err != nil {
		return nil, nil, errors.Join(err, closePool(write))
	}
	return write, read, nil
}

// pool opens a pool and one connection in it. The first of several processes
// that open a new file turns on the write-ahead log, for which SQLite does not
// let the others wait: they try again.
func (l lite) pool(ctx context.Context, options url.Values, size int) (*gorm.DB, error) {
	pool, err := sql.Open("sqlite", l.dsn(options))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		var db *gorm.DB
		if err = pool.PingContext(ctx); err == nil {
			db, err = gorm.Open(liteDialector{
				sqlite.New(sqlite.Config{DriverName: "sqlite", Conn: pool}).(*sqlite.Dialector),
			}, gormConfig())
		}
		if err == nil {
			return db, nil
		}
		if !busy(err) || !sleep(ctx, wait) {
			return nil, errors.Join(err, pool.Close())
		}
	}
}

// dsn returns the file as a URI, which is where SQLite itself looks at the
// path. A Windows path gets the slash that a URI has before the drive.
func (l lite) dsn(options url.Values) string {
	path := strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(filepath.ToSlash(l.path))
	if filepath.VolumeName(l.path) != "" {
		path = "/" + path
	}
	return "file:" + path + "?" + options.Encode()
}

// lock holds a lock file, by SQLite's own means: they work on every system,
// and a process that dies holds no lock. The database itself stays free.
func (l lite) lock(ctx context.Context, _ *sql.DB) (unlock func() error, err error) {
	guard := lite{path: l.path + ".lock"}
	if err := private(guard.path); err != nil {
		return nil, err
	}
	pool, err := sql.Open("sqlite", guard.dsn(url.Values{
		"_txlock": {"exclusive"}, "_pragma": {"busy_timeout(600000)"}, // the context ends it
	}))
	if err != nil {
		return nil, err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return func() error { return errors.Join(tx.Rollback(), pool.Close()) }, nil
}

func (lite) appendOnly(table string) []string {
	trigger := func(event string) string {
		return fmt.Sprintf(`CREATE TRIGGER %[1]s_no_%[2]s BEFORE %[2]s ON %[1]s
			BEGIN SELECT RAISE(ABORT, '%[1]s is append only'); END`, table, event)
	}
	return []string{trigger("update"), trigger("delete")}
}

// liteDialector tells gorm the meaning of the errors of the driver without cgo.
type liteDialector struct{ *sqlite.Dialector }

// Translate implements gorm.ErrorTranslator.
func (liteDialector) Translate(err error) error {
	var failure *modernc.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return fmt.Errorf("%w: %w", gorm.ErrDuplicatedKey, err)
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return fmt.Errorf("%w: %w", gorm.ErrForeignKeyViolated, err)
	}
	return err
}

func busy(err error) bool {
	var failure *modernc.Error
	return errors.As(err, &failure) && failure.Code()&0xff == sqlite3.SQLITE_BUSY
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// private creates a file for its owner alone, if it is not there. SQLite gives
// the files beside it the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator's own path
	if err != nil {
		return err
	}
	return f.Close()
}

// postgreSQL is a PostgreSQL server.
type postgreSQL struct {
	config *pgx.ConnConfig
	conns  int
}

const (
	connectTimeout = 3 * time.Second
	connIdle       = 5 * time.Minute
	connLife       = 30 * time.Minute // follows a changed address
	migrationLock  = 0x746f6b6c       // advisory lock key: "tokl"
	lockPoll       = 50 * time.Millisecond
	minConns       = 2 // to migrate: one holds the lock
)

// server reads the URL. Behind a pooler that cannot keep prepared statements
// the URL says default_query_exec_mode=cache_describe.
func server(address string, conns int) (dialect, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("the database URL cannot be used: %w", err) // without the password
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return postgreSQL{config: config, conns: max(minConns, cmp.Or(conns, defaultMaxConns))}, nil
}

func (postgreSQL) kind() string            { return "postgres" }
func (postgreSQL) patience() time.Duration { return 3 * time.Second }
func (postgreSQL) goose() goose.Dialect    { return goose.DialectPostgres }

func (p postgreSQL) String() string {
	return fmt.Sprintf("PostgreSQL database %s at %s:%d", p.config.Database, p.config.Host, p.config.Port)
}

func (p postgreSQL) open(context.Context) (write, read *gorm.DB, err error) {
	pool := stdlib.OpenDB(*p.config)
	pool.SetMaxOpenConns(p.conns)
	pool.SetMaxIdleConns(p.conns)
	pool.SetConnMaxIdleTime(connIdle)
	pool.SetConnMaxLifetime(connLife)
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}), gormConfig())
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	return db, db, nil
}

// lock holds an advisory lock in a transaction of its own, which unlike one of
// a session also works behind a pooler. Those who wait hold no connection: the
// one who migrates may need it.
func (postgreSQL) lock(ctx context.Context, write *sql.DB) (unlock func() error, err error) {
	for {
		tx, err := write.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var mine bool
		err = tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(migrationLock)).Scan(&mine)
		if err == nil && mine {
			return tx.Rollback, nil
		}
		if err = errors.Join(err, tx.Rollback()); err != nil {
			return nil, err
		}
		if !sleep(ctx, lockPoll) {
			return nil, ctx.Err()
		}
	}
}

func (postgreSQL) appendOnly(table string) []string {
	return []string{
		fmt.Sprintf(`CREATE FUNCTION %[1]s_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
			BEGIN RAISE EXCEPTION '%[1]s is append only'; END $$`, table),
		fmt.Sprintf(`CREATE TRIGGER %[1]s_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %[1]s
			FOR EACH STATEMENT EXECUTE FUNCTION %[1]s_append_only()`, table),
	}
}
