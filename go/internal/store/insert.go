package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// row gives the values of its columns in the order of gorm's schema.
type row interface {
	appendTo(args *arguments)
}

// arguments are the values of several rows, one after the other.
type arguments struct {
	list  []any
	width int // values of a row
}

// text adds a text. Most are the same as in the row before, and need not be
// put on the heap again to become an any.
func (a *arguments) text(s string) {
	if above := len(a.list) - a.width; above >= 0 {
		if old, ok := a.list[above].(string); ok && old == s {
			a.list = append(a.list, a.list[above])
			return
		}
	}
	a.list = append(a.list, s)
}

func (a *arguments) texts(all ...string) {
	for _, s := range all {
		a.text(s)
	}
}

func (a *arguments) number(n int64) { a.list = append(a.list, n) }

// counts adds counts, NULL for those that are absent.
func (a *arguments) counts(all ...count) {
	for _, c := range all {
		a.list = append(a.list, c.arg())
	}
}

// bulk adds many rows at a time to one table, past gorm: the ledger's rows
// cost three times as much by way of its callbacks. What the table looks like
// is gorm's to say all the same.
type bulk[R row] struct {
	table    *schema.Schema
	texts    map[int]string // statements by number of rows
	prepare  bool
	mu       sync.Mutex
	prepared map[int]*sql.Stmt
}

// newBulk reads what R looks like. Key are the columns that may be there
// already.
func newBulk[R row](db *gorm.DB, numbered, prepare bool, key ...string) (*bulk[R], error) {
	table, err := schema.Parse(new(R), &sync.Map{}, db.NamingStrategy)
	if err != nil {
		return nil, fmt.Errorf("read the columns of %T: %w", *new(R), err)
	}
	b := &bulk[R]{table: table, prepare: prepare, texts: make(map[int]string), prepared: make(map[int]*sql.Stmt)}
	for rows := 1; rows <= maxChunk; rows *= 2 {
		b.texts[rows] = b.text(rows, numbered, key)
	}
	return b, nil
}

// text writes the statement for a number of rows.
func (b *bulk[R]) text(rows int, numbered bool, key []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "INSERT INTO %s (%s) VALUES ", b.table.Table, strings.Join(b.table.DBNames, ","))
	n := 0
	for at := range rows {
		if at > 0 {
			s.WriteByte(',')
		}
		for column := range b.table.DBNames {
			s.WriteByte("(,"[min(column, 1)])
			if n++; numbered {
				s.WriteByte('$')
				s.WriteString(strconv.Itoa(n))
			} else {
				s.WriteByte('?')
			}
		}
		s.WriteByte(')')
	}
	fmt.Fprintf(&s, " ON CONFLICT (%s) DO NOTHING", strings.Join(key, ","))
	return s.String()
}

// insertNew adds the rows whose key is not there yet and returns how many.
func (b *bulk[R]) insertNew(tx *gorm.DB, rows []R) (int64, error) {
	conn, ok := tx.Statement.ConnPool.(*sql.Tx)
	if !ok {
		return 0, fmt.Errorf("rows are added in a %T, not in a transaction", tx.Statement.ConnPool)
	}
	ctx, added := tx.Statement.Context, int64(0)
	args := arguments{width: len(b.table.DBNames)}
	args.list = make([]any, 0, min(len(rows), maxChunk)*args.width)
	for chunk := range chunks(rows) {
		args.list = args.list[:0]
		for i := range chunk {
			chunk[i].appendTo(&args)
		}
		result, err := b.exec(ctx, conn, len(chunk), args.list)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		added += n
	}
	return added, nil
}

// exec runs the statement for a number of rows, prepared where that lasts. A
// server keeps prepared statements with a connection, which a pooler between
// may change; there the driver sees to it.
func (b *bulk[R]) exec(ctx context.Context, conn *sql.Tx, rows int, args []any) (sql.Result, error) {
	if !b.prepare {
		return conn.ExecContext(ctx, b.texts[rows], args...)
	}
	b.mu.Lock()
	stmt := b.prepared[rows]
	b.mu.Unlock()
	if stmt == nil {
		return conn.ExecContext(ctx, b.texts[rows], args...)
	}
	return conn.StmtContext(ctx, stmt).ExecContext(ctx, args...)
}

// ready prepares what the rows will need. It comes before the transaction,
// which takes the one connection there is.
func (b *bulk[R]) ready(ctx context.Context, db *gorm.DB, rows []R) error {
	if !b.prepare {
		return nil
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for chunk := range chunks(rows) {
		if b.prepared[len(chunk)] != nil {
			continue
		}
		stmt, err := pool.PrepareContext(ctx, b.texts[len(chunk)])
		if err != nil {
			return err
		}
		b.prepared[len(chunk)] = stmt
	}
	return nil
}

// close lets the prepared statements go.
func (b *bulk[R]) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for rows, stmt := range b.prepared {
		_ = stmt.Close() // the connection is closed next
		delete(b.prepared, rows)
	}
}
